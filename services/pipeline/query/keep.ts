/** What is kept of a query: itself in the journal, and in the audit log who was told of whom. */
import type { SourceRules } from '../../config/rules.ts';
import { audit } from '../../database/audit.ts';
import type { Channel } from '../../database/journal/entry.ts';
import { emptyMessages } from '../../database/journal/erase.ts';
import { isErased } from '../../database/journal/queries.ts';
import { recordSettled } from '../../database/journal/record.ts';
import type { Problem } from '../../errors.ts';
import { isObject } from '../../fhir/format/json.ts';
import type { Message } from '../../hl7v2/message.ts';
import type { AnsweredQuery } from '../../mapping/to-hl7v2/queries.ts';
import type { Parts } from '../parts.ts';
import type { FoundPatient } from './find.ts';

export interface IncomingQuery {
  readonly message: Message;
  readonly bytes: Uint8Array;
  /** Name of the source in the journal. */
  readonly source: string;
  readonly rules: SourceRules;
  readonly channel: Channel;
}

/** What a query came to. */
export interface Outcome {
  /** QAK-2, table 0208. */
  readonly status: 'OK' | 'NF' | 'AE' | 'AR' | 'TM';
  readonly problems: readonly Problem[];
  /** All who answer, those of this answer, those after it; undefined where nobody was looked for. */
  readonly counts: readonly [all: number, here: number, after: number] | undefined;
  readonly told: readonly FoundPatient[];
  /** Ordering keys of whom it names. */
  readonly keys: readonly string[];
  /** Patients who answer and whom this sender must not see. */
  readonly withheld: number;
}

/** The ordering keys that a Patient's numbers make, as messages about them have. */
export function keysOf({ resource }: FoundPatient): readonly string[] {
  const identifiers = Array.isArray(resource['identifier']) ? resource['identifier'].filter(isObject) : [];
  return identifiers.flatMap(({ value, system, assigner }) => {
    const display = isObject(assigner) ? assigner['display'] : undefined;
    const oid = typeof system === 'string' && system.startsWith('urn:oid:') ? [`${String(value)}^${system.slice(8)}`] : [];
    return [...(typeof display === 'string' ? [`${String(value)}^${display}`] : []), ...oid];
  });
}

/**
 * Keeps the query with what it came to, in the journal and in the audit log; returns its number. It is kept under the numbers of all whom it
 * names or was told of: erasing one of them erases it.
 */
export const keptOf = (
  { database }: Parts,
  { message, bytes, source, channel }: IncomingQuery,
  { status, problems, told, keys, counts, withheld }: Outcome,
  answered: AnsweredQuery | undefined,
): Promise<number> =>
  database.transaction(async (tx) => {
    const isAnswered = status !== 'AE' && status !== 'AR';
    const own = [...new Set([...told.flatMap(keysOf), ...keys])].filter((each) => !each.startsWith('^'));
    const entry = {
      source,
      channel,
      content: bytes,
      controlId: message.controlId,
      messageType: `${message.type}^${message.event}`,
      patientKeys: own,
    };
    const id = await recordSettled(tx, entry, isAnswered ? 'applied' : 'refused', problems);
    if (told.length === 0 && (await isErased(tx, own))) await emptyMessages(tx, [id]);
    await audit(tx, {
      actor: `source:${source}`,
      action: 'look.query',
      target: `message/${id}`,
      detail: {
        map: answered?.map.label ?? '',
        status,
        found: counts?.[0] ?? 0,
        patients: told.map(({ resource }) => resource.id),
        ...(withheld === 0 ? {} : { withheld }),
      },
    });
    return id;
  });
