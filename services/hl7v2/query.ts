/**
 * Queries as messages (chapter 5, https://www.hl7.eu/HL7v2x/v251/std251/ch05.html): QPD says what is asked, RCP how the answer is wanted, DSC
 * where an earlier one ended. The original mode's QRD says all of it (5.10). Values stay in the message; nothing of them is in a problem.
 */
import { failure, type Problem, problem, type Result, success } from '../errors.ts';
import type { Message, Segment } from './message.ts';
import { recoded } from './recode.ts';

/** Message types that ask: who sends one waits for data, not for an acknowledgement. */
const ASKING: ReadonlySet<string> = new Set(['QBP', 'QRY', 'QSB', 'QVR', 'QCN']);

/** Returns true for a message that asks, whatever it asks. */
export const isQuery = ({ type }: Pick<Message, 'type'>): boolean => ASKING.has(type);

export interface AskedQuery {
  /** MSH-9.1 and .2: 'QBP^Q22'. */
  readonly message: string;
  /** QPD-1.1; '' where there is none. */
  readonly name: string;
  /** QPD-2 or QRD-4; '' where there is none. */
  readonly tag: string;
  /** What the answer repeats in QAK-3: QPD-1 with standard delimiters. */
  readonly nameField: string;
  /** Patients in one answer at most; undefined where the sender does not say. */
  readonly limit: number | undefined;
  /** DSC-1: where an earlier answer ended. */
  readonly pointer: string | undefined;
  /** QPD, or QRD and QRF, as the answer repeats them. */
  readonly echo: readonly string[];
  /** What of the query is not looked at. */
  readonly warnings: readonly Problem[];
}

const named = (message: Message, name: string): Segment | undefined => message.segments.find((each) => each.name === name);

/** Returns what a query says of itself and of its answer, or why it cannot be answered (`query-incomplete`, `query-setting`, `query-value`). */
export function readQuery(message: Message): Result<AskedQuery> {
  const definition = named(message, message.type === 'QRY' ? 'QRD' : 'QPD');
  if (definition === undefined) {
    const name = message.type === 'QRY' ? 'QRD' : 'QPD';
    return failure(problem('query-incomplete', { what: `what it asks: it has no ${name}` }, name));
  }
  return definition.name === 'QRD' ? original(message, definition) : byParameters(message, definition);
}

function byParameters(message: Message, qpd: Segment): Result<AskedQuery> {
  const rcp = named(message, 'RCP');
  const limit = limitOf(rcp, 2);
  const faults = [...settingsOf(rcp), ...limit.faults];
  if (qpd.value(1) === undefined && message.event === 'Q11')
    faults.push(problem('query-incomplete', { what: 'its name, which tells queries of this kind apart' }, 'QPD-1'));
  if (faults.length > 0) return failure(...faults);
  const dsc = message.segments.findLast((each) => each.name === 'DSC');
  return success({
    message: `${message.type}^${message.event}`,
    name: qpd.value(1) ?? '',
    tag: qpd.value(2) ?? '',
    nameField: recoded(qpd.raw(1) ?? '', message),
    limit: limit.records,
    pointer: dsc?.value(1),
    echo: [recoded(qpd.text, message)],
    warnings: [4, 6, 7].filter((n) => rcp?.has(n)).map((n) => problem('query-setting-ignored', { what: `RCP-${n}` }, `RCP-${n}`)),
  });
}

/** Tables 0091, 0394, 0395: an answer at once, in one message. */
function settingsOf(rcp: Segment | undefined): Problem[] {
  const wrong: Problem[] = [];
  const taken = (n: number, what: string, ...values: readonly string[]): void => {
    const value = rcp?.value(n);
    if (value !== undefined && !values.includes(value.toUpperCase())) wrong.push(problem('query-setting', { what }, `RCP-${n}`));
  };
  taken(1, 'An answer later than at once', 'I');
  taken(3, 'Another response modality than real time', 'R', 'T');
  taken(5, 'A change of an earlier query', 'N');
  return wrong;
}

/** A quantity of records (CQ, table 0126). */
function limitOf(
  segment: Segment | undefined,
  field: number,
): { readonly records: number | undefined; readonly faults: readonly Problem[] } {
  const place = `${segment?.name ?? 'RCP'}-${field}`;
  const quantity = segment?.value(field);
  const unit = segment?.value(field, 1, 2)?.toUpperCase();
  if (unit !== undefined && unit !== 'RD')
    return { records: undefined, faults: [problem('query-setting', { what: 'A limit that counts anything but records' }, `${place}.2`)] };
  if (quantity === undefined) return { records: undefined, faults: [] };
  if (!/^[1-9]\d{0,8}$/.test(quantity))
    return { records: undefined, faults: [problem('query-value', { reason: 'a limit is a whole number above zero' }, `${place}.1`)] };
  return { records: Number(quantity), faults: [] };
}

/** What QRY^A19 may ask for (table 0048): demographics. */
const WHAT = new Set(['DEM', 'APA']);

function original(message: Message, qrd: Segment): Result<AskedQuery> {
  const qrf = named(message, 'QRF');
  const limit = limitOf(qrd, 7);
  const faults = [...limit.faults];
  if ((qrd.value(2) ?? 'R').toUpperCase() !== 'R')
    faults.push(problem('query-setting', { what: 'An answer for display or in a table' }, 'QRD-2'));
  if ((qrd.value(3) ?? 'I').toUpperCase() !== 'I') faults.push(problem('query-setting', { what: 'An answer later than at once' }, 'QRD-3'));
  const what = Array.from({ length: qrd.repetitions(9) }, (_, n) => qrd.value(9, n + 1)?.toUpperCase() ?? '');
  if (what.length > 0 && !what.some((each) => WHAT.has(each)))
    faults.push(problem('query-setting', { what: 'Asking for anything but demographics (DEM)' }, 'QRD-9'));
  if (faults.length > 0) return failure(...faults);
  return success({
    message: `${message.type}^${message.event}`,
    name: '',
    tag: qrd.value(4) ?? '',
    nameField: '',
    limit: limit.records,
    pointer: message.segments.findLast((each) => each.name === 'DSC')?.value(1),
    echo: [recoded(qrd.text, message), ...(qrf === undefined ? [] : [recoded(qrf.text, message)])],
    warnings: [2, 3, 4, 5, 6, 7, 8, 9]
      .filter((n) => qrf?.has(n))
      .map((n) => problem('query-setting-ignored', { what: `QRF-${n}` }, `QRF-${n}`)),
  });
}
