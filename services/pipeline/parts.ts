/** What stands behind the doors, and how a message of one source is read and converted. */
import type { TerminologySources } from '../../terminology/provider.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import type { OutgoingRules } from '../config/outgoing.ts';
import { type SourceRules, standardRules } from '../config/rules.ts';
import { type Origin, openSources, rulesNamed, type SourceBook, type Sources } from '../config/sources.ts';
import type { FourEyes } from '../config.ts';
import type { Database } from '../database/connect.ts';
import type { Journal } from '../database/journal/journal.ts';
import type { Result } from '../errors.ts';
import type { Resource } from '../fhir/resource.ts';
import type { Message } from '../hl7v2/message.ts';
import { parseMessage } from '../hl7v2/parse.ts';
import type { Conversion, ConvertContext } from '../mapping/conversion.ts';
import type { LoadedMaps } from '../mapping/maps.ts';
import type { Annotator } from '../omop/annotate.ts';
import type { OmopChoices } from '../omop/options.ts';
import type { LiveVocabulary } from './apply/rows.ts';
import type { VocabularyImage } from './specs/image.ts';
import type { LiveSpecs } from './specs/live.ts';

export interface Parts {
  readonly database: Database;
  readonly journal: Journal;
  readonly maps: LoadedMaps;
  /** Where specs are published while this process runs: `maps` is the same then. */
  readonly specs?: LiveSpecs | undefined;
  readonly vocabulary: Vocabulary;
  /** Where it changes while this process runs: what it is now, counted before `vocabulary`. */
  readonly live?: LiveVocabulary | undefined;
  /** The vocabulary as a thread can share it; undefined where it cannot be. */
  readonly vocabularyImage?: (() => Promise<VocabularyImage>) | undefined;
  /** Goes on with an upgrade of the vocabulary that is not finished; resolves when none is, or `stopped` says so. */
  readonly upgrade?: ((stopped: () => boolean) => Promise<void>) | undefined;
  /** IANA zones: of CDM datetimes, and of local times in messages without offset. */
  readonly cdmTimezone: string;
  /** What was chosen where sources of OMOP's conventions disagree; the defaults when undefined. */
  readonly choices?: OmopChoices | undefined;
  /** Finds what notes name, in place of the project's own list of words. */
  readonly annotator?: Annotator | undefined;
  readonly sourceTimezone: string;
  /** Acts that need a second person, whatever who asks for them says; none when undefined. */
  readonly fourEyes?: FourEyes | undefined;
  /** Namespace of the ids made from messages; each message's own MSH-4 or MSH-3 when undefined. */
  readonly sourceAuthority?: string | undefined;
  /** Who may send and by which rules; everybody, by the standard rules, when undefined. */
  readonly sources?: SourceBook | undefined;
  /** Returns true while so many messages wait that no more should be taken from this channel. */
  readonly isFull?: ((channel: Origin['channel']) => boolean) | undefined;
  /** Of the time, what plans and replays take while messages wait to be applied: 0.15 when undefined. */
  readonly backgroundShare?: number | undefined;
  readonly clock: () => Date;
  /** Where subscriptions may send to; nowhere when undefined. */
  readonly outgoing?: OutgoingRules | undefined;
  /** Of a rebuild: the day on which the original store wrote a resource. */
  readonly writtenOn?: ((resource: Resource) => string | undefined) | undefined;
  /** Releases that the FHIR terminology operations answer from, beside the stored resources. */
  readonly terminologies?: (() => TerminologySources) | undefined;
}

/** Returns the sources that hold now. */
export const sourcesOf = ({ sources, sourceTimezone, sourceAuthority }: Parts): Sources =>
  sources?.current ?? openSources(standardRules({ timezone: sourceTimezone, authority: sourceAuthority }));

/** Returns the rules for a message that the journal holds under the name `source`. */
export const rulesFor = (parts: Parts, source: string): SourceRules => rulesNamed(sourcesOf(parts), source);

/** Reads a message in the character set that its source is known to send. */
export const parsedBy = ({ charset }: SourceRules, bytes: Uint8Array): Result<Message> =>
  charset === undefined ? parseMessage(bytes) : parseMessage(bytes, { charset });

/** Returns what maps know of the source of a message: its time zone, authority and site. */
export const contextOf = ({ timezone, authority, site }: SourceRules): ConvertContext => ({
  timezone,
  ...(authority === undefined ? {} : { authority }),
  ...(site === undefined ? {} : { site }),
});

/** Converts a message by the maps of its source's site, with the source's time zone and authority. */
export const conversionOf = ({ maps }: Pick<Parts, 'maps'>, message: Message, rules: SourceRules): Conversion =>
  maps.convert(message, contextOf(rules));
