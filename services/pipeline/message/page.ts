/** Everything about one message: its text, what it became, where each part came from, what was said of it. */
import { auditRecords } from '../../database/audit.ts';
import { rowsOfResources } from '../../database/cdm/message-rows.ts';
import { type MessageState, messageById } from '../../database/journal/take.ts';
import { cureOf, type MadeResource, traceOf } from '../../database/journal/view.ts';
import { readResources, readVersion } from '../../database/resources/resources.ts';
import { ERRORS, type Problem } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import { acknowledgement } from '../../hl7v2/acknowledge.ts';
import { decode } from '../../hl7v2/charset.ts';
import { readHeader } from '../../hl7v2/parse.ts';
import type { TracedConversion } from '../../mapping/trace/lineage.ts';
import { dateOf } from '../apply/rows.ts';
import { contextOf, type Parts, parsedBy, rulesFor } from '../parts.ts';
import { type MessageText, messageText } from './fields.ts';
import { type ShownElement, type ShownRow, shownElements, shownRows } from './lineage.ts';

export interface ShownProblem {
  readonly code: string;
  readonly severity: string;
  readonly text: string;
  readonly at: string | undefined;
  readonly cure: string;
}

export interface ShownResource {
  readonly reference: string;
  /** Undefined: not stored, this is what the maps of today would make. */
  readonly version: number | undefined;
  /** False: a later message changed it. */
  readonly isCurrent: boolean;
  readonly elements: readonly ShownElement[];
  readonly rows: readonly ShownRow[];
}

export interface MessagePage {
  readonly id: number;
  readonly source: string;
  readonly channel: string;
  readonly type: string;
  readonly controlId: string | undefined;
  readonly status: string;
  readonly bytes: number;
  readonly attempts: number;
  readonly repeats: number;
  readonly receivedAt: string;
  readonly settledAt: string | undefined;
  /** What may tell who it is about is masked. */
  readonly isMasked: boolean;
  /** id@version#digest of the map that made what is stored, and of the one of today; they differ after a new release. */
  readonly spec: string;
  readonly specNow: string;
  /** Undefined when it is no HL7v2 message, or none that can be read. */
  readonly text: MessageText | undefined;
  /** The whole text, lines for segments; revealed only, and not of what is huge. */
  readonly raw: string | undefined;
  readonly problems: readonly ShownProblem[];
  /** True: stored. False: a preview by the maps of today. */
  readonly isStored: boolean;
  readonly resources: readonly ShownResource[];
  /** How many there are; more than `resources` where there are many. */
  readonly resourceCount: number;
  /** The acknowledgement of that outcome, segment by segment; it is not kept, this is how it is written. */
  readonly acknowledgement: readonly string[];
  /** What people did with it, newest first: reveal, retry, skip, resend. */
  readonly acts: readonly MessageAct[];
  /** True: they are the newest of more. */
  readonly areActsCut: boolean;
  /** True: looking for what it made took too long; that is not to say that it made nothing. */
  readonly isMadeUnknown: boolean;
}

export interface MessageAct {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly reason: string;
}

const MOST_RESOURCES = 60;
const MOST_ACTS = 50;
const MOST_RAW_BYTES = 200_000;

/** Returns the page of a message; undefined when the journal does not hold it. `isWhole`: nothing masked; whoever asks for that has to be recorded. */
export async function messagePage(parts: Parts, id: number, isWhole: boolean): Promise<MessagePage | undefined> {
  const [message, trace, acts] = await Promise.all([
    messageById(parts.database, id),
    traceOf(parts.database, id),
    auditRecords(parts.database, { action: 'message.', target: `message/${id}`, limit: MOST_ACTS + 1 }),
  ]);
  if (message === undefined || trace === undefined) return undefined;
  const rules = rulesFor(parts, message.source);
  const parsed = message.channel === 'fhir' ? undefined : parsedBy(rules, message.content);
  const read = parsed?.ok ? parsed.value : undefined;
  const traced = read && parts.maps.trace(read, contextOf(rules));
  const made = trace.made ?? [];
  const isStored = made.length > 0 || message.status === 'applied';
  const resources = isStored
    ? await storedResources(parts, made.slice(0, MOST_RESOURCES), traced, isWhole)
    : previewed(parts, message, traced, isWhole);
  return {
    id,
    source: message.source,
    channel: message.channel,
    type: message.messageType,
    controlId: message.controlId,
    status: message.status,
    bytes: message.content.length,
    attempts: message.attempts,
    repeats: trace.repeats,
    receivedAt: message.receivedAt,
    settledAt: trace.settledAt,
    isMasked: !isWhole,
    spec: message.spec,
    specNow: traced?.conversion.spec ?? '',
    text: read && messageText(read, isWhole),
    raw: isWhole ? rawText(message.content, read?.charset) : undefined,
    problems: message.problems.map(shownProblem),
    isStored,
    resources,
    resourceCount: isStored ? made.length : (traced?.conversion.drafts.length ?? 0),
    acknowledgement: acknowledged(message),
    areActsCut: acts.length > MOST_ACTS,
    isMadeUnknown: trace.made === undefined,
    acts: acts.slice(0, MOST_ACTS).map(({ at, actor, action, reason }) => ({ at, actor, action, reason })),
  };
}

function rawText(content: Uint8Array, charset: string | undefined): string | undefined {
  if (content.length > MOST_RAW_BYTES) return undefined;
  const decoded = charset === undefined ? undefined : decode(content, charset);
  const text = decoded !== undefined && 'text' in decoded ? decoded.text : new TextDecoder().decode(content);
  return text.replace(/\r\n?/g, '\n');
}

const shownProblem = ({ code, text, at }: Problem): ShownProblem => ({
  code,
  severity: Object.hasOwn(ERRORS, code) ? ERRORS[code].severity : 'error',
  text,
  at,
  cure: cureOf(code),
});

const rowContext = (parts: Parts, asOf: Date) => ({
  vocabulary: parts.live?.current ?? parts.vocabulary,
  timezone: parts.cdmTimezone,
  asOf: dateOf(parts, asOf),
});

async function storedResources(
  parts: Parts,
  made: readonly MadeResource[],
  traced: TracedConversion | undefined,
  isWhole: boolean,
): Promise<readonly ShownResource[]> {
  const current = await readResources(parts.database, made);
  const currentOnes = made.flatMap((each) => (each.isCurrent ? (current.get(`${each.type}/${each.id}`) ?? []) : []));
  const rows = await rowsOfResources(parts.database, currentOnes);
  return Promise.all(
    made.map(async ({ type, id, version, isCurrent }) => {
      const reference = `${type}/${id}`;
      const now = current.get(reference);
      const kept = isCurrent ? now : await readVersion(parts.database, type, id, version);
      const body = readJson(kept?.body ?? '');
      if (!body.ok || kept === undefined) return { reference, version, isCurrent, elements: [], rows: [] };
      const resource: Resource = { ...body.value, resourceType: type, id };
      return {
        reference,
        version,
        isCurrent,
        elements: shownElements(resource, traced?.elements.get(reference) ?? [], isWhole),
        rows: isCurrent
          ? shownRows(
              parts.maps,
              resource,
              rows.filter((each) => each.resourceKey === kept.resourceKey),
              rowContext(parts, new Date(kept.updated)),
              isWhole,
            )
          : [],
      };
    }),
  );
}

/** What the maps of today make of a message that is not applied. */
function previewed(parts: Parts, message: MessageState, traced: TracedConversion | undefined, isWhole: boolean): readonly ShownResource[] {
  return (traced?.conversion.drafts ?? []).slice(0, MOST_RESOURCES).map(({ resource }) => {
    const reference = `${resource.resourceType}/${resource.id}`;
    return {
      reference,
      version: undefined,
      isCurrent: true,
      elements: shownElements(resource, traced?.elements.get(reference) ?? [], isWhole),
      rows: shownRows(parts.maps, resource, undefined, rowContext(parts, new Date(message.receivedAt)), isWhole),
    };
  });
}

const CODES = { applied: 'AA', parked: 'AE', refused: 'AR' } as const;

function acknowledged({ status, problems, content, channel, receivedAt }: MessageState): readonly string[] {
  if (channel === 'fhir' || status === 'received') return [];
  const bytes = acknowledgement(readHeader(content), {
    code: CODES[status],
    problems: status === 'applied' ? [] : problems,
    controlId: 'ANSWER',
    timestamp: new Date(receivedAt),
  });
  return new TextDecoder()
    .decode(bytes)
    .split('\r')
    .filter((line) => line !== '');
}
