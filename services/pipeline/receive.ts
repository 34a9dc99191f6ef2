/**
 * The way in: bytes to the journal by the rules of their source, and what the sender hears and when. Original mode has one answer (chapter
 * 2.9.2), enhanced mode an accept acknowledgement at the commit and an application acknowledgement after processing, each under the
 * conditions of MSH-15 and MSH-16 (chapter 2.9.3, https://www.hl7.eu/HL7v2x/v251/std251/ch02.html#Heading41).
 */
import type { SourceRules } from '../config/rules.ts';
import { type Attribution, attribute, type Origin } from '../config/sources.ts';
import type { JournalReceipt } from '../database/journal/entry.ts';
import { outcomeOf } from '../database/journal/outcomes.ts';
import { recordSettled } from '../database/journal/record.ts';
import { gravest, harmless, type Problem, problem, Refusal, type Result } from '../errors.ts';
import { type AcknowledgementCode, acknowledgement } from '../hl7v2/acknowledge.ts';
import { type ShallowKeys, shallowKeys } from '../hl7v2/keys.ts';
import type { Message } from '../hl7v2/message.ts';
import { readHeader } from '../hl7v2/parse.ts';
import { placeOf } from '../hl7v2/path.ts';
import { isQuery } from '../hl7v2/query.ts';
import { contextOf, conversionOf, type Parts, parsedBy, sourcesOf } from './parts.ts';
import { answerQuery, type QueryAnswer } from './query/answer.ts';

export interface Received {
  readonly acknowledgement: Uint8Array;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly problems: readonly Problem[];
}

/** What goes back over a connection that can answer more than once. */
export interface Exchange {
  /** Original mode: the answer. Enhanced mode: the accept acknowledgement. Undefined: the sender asked for none. */
  readonly answer: Uint8Array | undefined;
  /** Resolves with the application acknowledgement, or with undefined when none is due (any more). */
  readonly later?: Promise<Uint8Array | undefined>;
  /** Why the message was not taken; for the log. */
  readonly refused: readonly Problem[];
  /** The message was not taken and the sender asked not to be told: only the end of the connection can tell it. */
  readonly isUntold: boolean;
}

/** What is known of a message at the commit, or why there was none. */
interface Taken {
  readonly header: Message | undefined;
  readonly parsed: Result<Message> | undefined;
  readonly rules: SourceRules | undefined;
  readonly receipt: JournalReceipt | undefined;
  /** Why it is not taken, or will be neither applied nor converted. */
  readonly refused: readonly Problem[];
  /** Returns what the conversion said of it, where its source wants that and original mode will tell it. */
  readonly judged?: (() => Verdict) | undefined;
  /** Of a query: what its sender waits for. It is in the journal with what it came to. */
  readonly query?: QueryAnswer;
}

interface Verdict {
  readonly code: 'AA' | 'AE' | 'AR';
  readonly status: number;
  readonly problems: readonly Problem[];
}

const ACCEPTED: Verdict = { code: 'AA', status: 200, problems: [] };

/**
 * Stores the bytes of one message durably and returns the one answer to it (original mode, whatever MSH-15 and MSH-16 say). Rejects (Refusal)
 * when they could not be stored: the sender must then get no acceptance. A message that cannot be read is stored too, and answered AE or AR.
 */
export async function receive(
  parts: Parts,
  bytes: Uint8Array,
  channel: Origin['channel'],
  origin: Omit<Origin, 'channel'> = {},
): Promise<Received> {
  const taken = await take(parts, bytes, { ...origin, channel }, () => true);
  if (taken.query) return { ...taken.query, acknowledgement: taken.query.bytes };
  const verdict = await verdictOf(parts, taken);
  return { acknowledgement: answerOf(parts, taken, verdict.code, verdict.problems), status: verdict.status, problems: verdict.problems };
}

/**
 * Stores the bytes of one message durably and returns what its sender hears now and later, in the mode that it asks for and its source allows.
 * Never rejects for want of a database: then the answer is a refusal. `signal`: nobody waits for the later answer any more.
 */
export async function exchange(parts: Parts, bytes: Uint8Array, origin: Origin, signal?: AbortSignal): Promise<Exchange> {
  let taken: Taken;
  try {
    taken = await take(parts, bytes, origin, (head) => conditionsOf(head) === undefined);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const header = readHeader(bytes);
    taken = { header, parsed: undefined, rules: attributed(parts, origin, header)?.rules, receipt: undefined, refused: error.problems };
  }
  const conditions = conditionsOf(taken);
  if (taken.query) return queryExchange(parts, taken, taken.query, conditions);
  const refused = taken.receipt === undefined ? taken.refused : [];
  if (conditions === undefined) {
    const { code, problems } = await verdictOf(parts, taken);
    return { answer: answerOf(parts, taken, code, problems), refused, isUntold: false };
  }
  const at = acceptOf(taken);
  const isAccepted = at.code === 'CA';
  const answer = isDue(conditions.accept, isAccepted) ? answerOf(parts, taken, at.code, at.problems) : undefined;
  const isOver = taken.receipt === undefined || at.code === 'CR';
  if (!isOver) return { answer, later: applicationAnswer(parts, taken, conditions.application, signal), refused, isUntold: false };
  // Without an accept acknowledgement the application's may still tell of the refusal.
  const instead = answer === undefined && isDue(conditions.application, false) ? answerOf(parts, taken, 'AR', at.problems) : undefined;
  return { answer: answer ?? instead, refused, isUntold: taken.receipt === undefined && answer === undefined && instead === undefined };
}

/** The answer to a query is the one answer, in enhanced mode the application acknowledgement (chapter 5.2); the query is in the journal by then. */
function queryExchange(parts: Parts, taken: Taken, { bytes, code }: QueryAnswer, conditions: Conditions | undefined): Exchange {
  if (conditions === undefined) return { answer: bytes, refused: [], isUntold: false };
  const answer = isDue(conditions.accept, true) ? answerOf(parts, taken, 'CA', []) : undefined;
  const later = Promise.resolve(isDue(conditions.application, code === 'AA') ? bytes : undefined);
  return { answer, later, refused: [], isUntold: false };
}

function attributed(parts: Parts, origin: Origin, header: Message | undefined): Attribution | undefined {
  const msh = header?.segments[0];
  return attribute(sourcesOf(parts), origin, { application: msh?.value(3) ?? '', facility: msh?.value(4) ?? '' });
}

/** Stores one message; `refused` of what was not, or was stored as refused. Rejects when the database does not take it. */
async function take(
  parts: Parts,
  bytes: Uint8Array,
  origin: Origin,
  isOriginal: (head: Pick<Taken, 'header' | 'rules'>) => boolean,
): Promise<Taken> {
  const head = readHeader(bytes);
  const source = attributed(parts, origin, head);
  const not = (...refused: readonly Problem[]): Taken => ({
    header: head,
    parsed: undefined,
    rules: source?.rules,
    receipt: undefined,
    refused,
  });
  if (source === undefined) return not(problem('source-unknown'));
  const { name, rules } = source;
  if (parts.isFull?.(origin.channel)) return not(problem('backlog-full', { most: sourcesOf(parts).backlog.most }));
  if (bytes.length > rules.maxMessageBytes) return not(problem('mllp-frame-too-long', { limit: rules.maxMessageBytes }));
  const parsed = parsedBy(rules, bytes);
  const header = parsed.ok ? parsed.value : head;
  const keys = header && shallowKeys(header);
  const entry = {
    source: name,
    channel: origin.channel,
    content: bytes,
    controlId: keys?.controlId,
    messageType: keys?.messageType ?? '',
    patientKeys: orderingKeys(name, rules, header, keys),
    reused: rules.reusedControlId,
  };
  const id = header?.segments[0]?.value(11) ?? 'P';
  if (!rules.processingIds.includes(id)) {
    // MSH-11 is a code of table 0103; whatever else stands there is not repeated.
    const values = { id: /^[A-Z]$/.test(id) ? id : 'unknown', taken: rules.processingIds.join(', ') };
    const refused = [problem('source-processing-id', values, 'MSH-11')];
    await recordSettled(parts.database, entry, 'refused', refused);
    return { header, parsed, rules, receipt: undefined, refused };
  }
  if (parsed.ok && isQuery(parsed.value) && origin.channel !== 'import') {
    const query = await answerQuery(parts, { message: parsed.value, bytes, source: name, rules, channel: origin.channel });
    return { header, parsed, rules, receipt: undefined, refused: [], query };
  }
  const storing = parts.journal.append(entry);
  // While the database commits, there is time to convert; what comes of it is told only if the commit did.
  const isJudged = rules.acknowledge === 'judged' && isOriginal({ header, rules });
  const judged = isJudged && parsed.ok ? settled(() => judgedVerdict(parts, parsed.value, rules)) : undefined;
  const receipt = await storing;
  const reused = receipt.refused || (receipt.conflict && rules.reusedControlId === 'park');
  return { header, parsed, rules, receipt, judged, refused: reused ? [problem('journal-control-id-reused', {}, 'MSH-10')] : [] };
}

/** A patient's keys (they hold ^), and one without ^ where the source wants more kept in order than that. */
function orderingKeys(
  name: string,
  { orderBy }: SourceRules,
  header: Message | undefined,
  keys: ShallowKeys | undefined,
): readonly string[] {
  const patient = keys?.patientKeys ?? [];
  if (orderBy === 'patient') return patient;
  if (orderBy === 'source') return [...patient, `order:${name}`];
  const place = placeOf(orderBy);
  const segment = header?.segments.find((each) => each.name === place?.segment);
  const value = place && segment?.value(place.field, 1, place.component ?? 1, place.subcomponent ?? 1);
  return value === undefined ? patient : [...patient, `order:${name}:${orderBy}:${value.replaceAll('^', ' ')}`];
}

/** What original mode answers, as soon as the source's rules let it be known. */
async function verdictOf(parts: Parts, taken: Taken): Promise<Verdict> {
  const { receipt, refused, rules, parsed, judged } = taken;
  const worst = gravest(refused);
  if (worst !== undefined) {
    const isParked = receipt !== undefined && !receipt.refused;
    return { code: isParked ? 'AE' : worst.ack === 'AE' ? 'AE' : 'AR', status: worst.status, problems: refused };
  }
  if (receipt === undefined || rules === undefined || parsed === undefined) throw new Error('a message that was not refused was stored');
  if (rules.acknowledge === 'processed') return processedVerdict(parts, receipt, rules);
  if (!parsed.ok) return verdict('refuse', parsed.problems);
  if (rules.acknowledge === 'committed') return ACCEPTED;
  return (judged ?? (() => judgedVerdict(parts, parsed.value, rules)))();
}

/** Runs `work` now and returns what gives its value, or throws what it threw, when it is asked for. */
function settled<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** What the maps say of a message: most are taken, and that is known long before what becomes of them. */
function judgedVerdict(parts: Parts, message: Message, rules: SourceRules): Verdict {
  if (parts.maps.accepts(message, contextOf(rules))) return ACCEPTED;
  const { rung, problems } = conversionOf(parts, message, rules);
  return verdict(rung, problems);
}

function verdict(rung: string, problems: readonly Problem[]): Verdict {
  if (rung !== 'park-message' && rung !== 'refuse') return ACCEPTED;
  const faults = problems.filter((each) => !harmless([each]));
  const worst = gravest(faults);
  return { code: rung === 'refuse' ? (worst?.ack ?? 'AR') : 'AE', status: worst?.status ?? 422, problems: faults };
}

async function processedVerdict(parts: Parts, receipt: JournalReceipt, { processedWithinMs: withinMs }: SourceRules): Promise<Verdict> {
  const settled = await outcomeOf(parts.database, receipt, { withinMs });
  if (settled === undefined) {
    const late = problem('acknowledge-late', { seconds: withinMs / 1000 });
    return { code: 'AE', status: 504, problems: [late] };
  }
  if (settled.status === 'applied') return ACCEPTED;
  const faults = settled.problems.filter((each) => !harmless([each]));
  return { code: settled.status === 'refused' ? 'AR' : 'AE', status: gravest(faults)?.status ?? 422, problems: faults };
}

interface Conditions {
  readonly accept: string;
  readonly application: string;
}

/** Table 0155 of MSH-15 and MSH-16, undefined in original mode. Of two, an empty one means never (chapter 2.9.3). */
function conditionsOf({ header, rules }: Pick<Taken, 'header' | 'rules'>): Conditions | undefined {
  const msh = header?.segments[0];
  const accept = msh?.value(15) ?? '';
  const application = msh?.value(16) ?? '';
  const isAsked = accept !== '' || application !== '';
  if (rules?.mode === 'original' || (!isAsked && rules?.mode !== 'enhanced')) return undefined;
  return isAsked ? { accept: accept || 'NE', application: application || 'NE' } : { accept: 'AL', application: 'AL' };
}

/** Table 0155: AL always, NE never, ER on error or reject, SU on success; what it does not know is answered. */
const isDue = (condition: string, isGood: boolean): boolean =>
  condition === 'NE' ? false : condition === 'ER' ? !isGood : condition === 'SU' ? isGood : true;

/** What enhanced mode says at the commit: CA once the message is stored and can be read, CE when it is stored and parked, CR when not taken. */
function acceptOf({ receipt, refused, parsed }: Taken): { readonly code: 'CA' | 'CE' | 'CR'; readonly problems: readonly Problem[] } {
  if (receipt === undefined || receipt.refused) return { code: 'CR', problems: refused };
  if (refused.length > 0) return { code: 'CE', problems: refused };
  if (parsed === undefined || parsed.ok) return { code: 'CA', problems: [] };
  return { code: gravest(parsed.problems)?.ack === 'AR' ? 'CR' : 'CE', problems: parsed.problems };
}

async function applicationAnswer(
  parts: Parts,
  taken: Taken,
  condition: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  if (taken.receipt === undefined || condition === 'NE') return undefined;
  const settled = await outcomeOf(parts.database, taken.receipt, { signal });
  if (settled === undefined || !isDue(condition, settled.status === 'applied')) return undefined;
  const code = settled.status === 'applied' ? 'AA' : settled.status === 'refused' ? 'AR' : 'AE';
  return answerOf(parts, taken, code, code === 'AA' ? [] : settled.problems.filter((each) => !harmless([each])));
}

let unstored = 0;

function answerOf(parts: Parts, { header, receipt }: Taken, code: AcknowledgementCode, problems: readonly Problem[]): Uint8Array {
  const timestamp = parts.clock();
  if (receipt === undefined) unstored += 1;
  const controlId = `${timestamp.getTime().toString(36)}-${receipt === undefined ? `r${unstored}` : receipt.id}`;
  return acknowledgement(header, { code, problems, controlId, timestamp });
}
