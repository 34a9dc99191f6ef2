/** What the doors on messages answer. */
import type { SourcePulse } from '../../database/journal/pulse.ts';
import type { ParkedGroup } from '../../database/journal/view.ts';

export type { SourcePulse } from '../../database/journal/pulse.ts';
export type { SearchPage } from '../../database/journal/search.ts';
export type { ListedMessage } from '../../database/journal/view.ts';
export type { FieldName, MessageText, SegmentText } from '../../pipeline/message/fields.ts';
export type { Forecast } from '../../pipeline/message/forecast.ts';
export type { RulePlace, ShownColumn, ShownElement, ShownRow } from '../../pipeline/message/lineage.ts';
export type { MessageAct, MessagePage, ShownProblem, ShownResource } from '../../pipeline/message/page.ts';

export interface Sources {
  readonly at: string;
  readonly sources: readonly (SourcePulse & {
    /** Its time zone, by an IANA name. */
    readonly zone: string;
  })[];
}

/** Messages parked for one cause, and what helps. */
export interface CausedGroup extends ParkedGroup {
  readonly cure: string;
}

export interface Groups {
  readonly groups: readonly CausedGroup[];
}
