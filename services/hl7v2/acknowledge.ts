/**
 * Answers to messages: MSH, MSA, and one ERR per problem (chapter 2.9, https://www.hl7.eu/HL7v2x/v251/std251/ch02.html#Heading48), in the
 * delimiters, version and character set of the message that is answered.
 */
import { ERRORS, type ErrorRow, type IssueType, type Problem } from '../errors.ts';
import { encode } from './charset.ts';
import { versionIndex } from './definitions.ts';
import { escapeText, withoutControls } from './escape.ts';
import type { Delimiters, Message } from './message.ts';
import { placeOf } from './path.ts';
import { recoded, STANDARD } from './recode.ts';

/** Table 0008: original mode AA AE AR, enhanced mode CA CE CR. */
export type AcknowledgementCode = 'AA' | 'AE' | 'AR' | 'CA' | 'CE' | 'CR';

export interface Answer {
  readonly code: AcknowledgementCode;
  readonly problems: readonly Problem[];
  /** MSH-10 of the answer itself. */
  readonly controlId: string;
  readonly timestamp: Date;
}

/** Table 0357 by kind of problem (https://terminology.hl7.org/CodeSystem-v2-0357.html). */
const CONDITIONS: Partial<Record<IssueType, readonly [code: string, text: string]>> = {
  structure: ['100', 'Segment sequence error'],
  required: ['101', 'Required field missing'],
  value: ['102', 'Data type error'],
  invalid: ['102', 'Data type error'],
  'too-long': ['102', 'Data type error'],
  'code-invalid': ['103', 'Table value not found'],
  'not-supported': ['200', 'Unsupported message type'],
  'not-found': ['204', 'Unknown key identifier'],
  duplicate: ['205', 'Duplicate key identifier'],
  conflict: ['206', 'Application record locked'],
};
const INTERNAL = ['207', 'Application internal error'] as const;

/** More ERR segments than this help nobody: the last one says how many were left out. */
const MOST_ERRORS = 50;

/** 20260302091542+0000 */
const timestampOf = (date: Date): string => `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}+0000`;

/** Table 0516. */
const severityOf = (row: ErrorRow): string => (row.severity === 'warning' ? 'W' : row.severity === 'information' ? 'I' : 'E');

/** Writes values between the delimiters of one message. */
class Writer {
  readonly #delimiters: Delimiters;
  constructor(delimiters: Delimiters) {
    this.#delimiters = delimiters;
  }
  text(value: string | number | undefined): string {
    return value === undefined ? '' : escapeText(String(value), this.#delimiters);
  }
  components(...values: readonly (string | number | undefined)[]): string {
    return joined(
      values.map((each) => this.text(each)),
      this.#delimiters.component,
    );
  }
  /** ERR-1 of 2.4 and before: its fourth component is a coded element, whose parts are subcomponents. */
  location(values: readonly (string | number | undefined)[], coded: readonly string[]): string {
    const { component, subcomponent } = this.#delimiters;
    return [...values.map((each) => this.text(each)), coded.map((each) => this.text(each)).join(subcomponent)].join(component);
  }
  segment(...fields: readonly string[]): string {
    return joined(fields, this.#delimiters.field);
  }
}

/** Parts with separators between them, and none after the last that says something. */
function joined(parts: readonly string[], separator: string): string {
  let end = parts.length;
  while (end > 0 && parts[end - 1] === '') end -= 1;
  return parts.slice(0, end).join(separator);
}

/** ERR of one problem: ERR-2 to ERR-8 from 2.5 on, ERR-1 before. */
function errorSegment(problem: Problem, write: Writer, modern: boolean): string {
  const row: ErrorRow = ERRORS[problem.code];
  const [code, text] = CONDITIONS[row.issue] ?? INTERNAL;
  const place = problem.at === undefined ? undefined : placeOf(problem.at);
  const field = place?.field === 0 ? undefined : place?.field;
  const condition = [code, text, 'HL70357'];
  if (!modern) return write.segment('ERR', write.location([place?.segment, place?.occurrence, field], condition));
  const at = place ? [place.segment, place.occurrence, field, place.repetition, place.component, place.subcomponent] : [];
  const diagnostic = place || problem.at === undefined ? '' : problem.at;
  return write.segment(
    'ERR',
    '',
    write.components(...at),
    write.components(...condition),
    severityOf(row),
    write.components(problem.code, row.cure.slice(0, 190), 'L'),
    '',
    write.text(diagnostic.slice(0, 200)),
    write.text(problem.text.slice(0, 240)),
  );
}

function errorSegments(problems: readonly Problem[], write: Writer, modern: boolean): string[] {
  const told = problems.filter(({ code }) => {
    const { severity } = ERRORS[code];
    return severity === 'error' || severity === 'fatal' || (modern && severity === 'warning');
  });
  const segments = told.slice(0, MOST_ERRORS).map((each) => errorSegment(each, write, modern));
  const left = told.length - segments.length;
  if (left > 0 && modern)
    segments.push(write.segment('ERR', '', '', write.components(...INTERNAL, 'HL70357'), 'I', '', '', '', `${left} more problems`));
  return segments;
}

/**
 * Returns the acknowledgement of `message` as bytes; of nothing readable (undefined) with an empty MSA-2, as 2.5.1. Sender and receiver
 * change places; MSH-11, MSH-12 and MSH-18 are those of the message. Warnings are told from version 2.5 on, where ERR-4 can call them so.
 */
export function acknowledgement(message: Message | undefined, answer: Answer): Uint8Array {
  const delimiters = message?.delimiters ?? STANDARD;
  const write = new Writer(delimiters);
  const msh = message?.segments[0];
  // A line that belongs to no segment is the rest of the one before it: of MSH it must not begin a segment of the answer.
  const raw = (field: number): string => withoutControls(msh?.raw(field) ?? '', delimiters);
  const version = versionIndex(message?.version ?? '2.5.1');
  const event = message?.event ?? '';
  const parts = version >= versionIndex('2.3.1') ? ['ACK', event, 'ACK'] : ['ACK', event];
  const { field, component, repetition, escape: mark, subcomponent, truncation } = delimiters;
  const header = write.segment(
    `MSH${field}${component}${repetition}${mark}${subcomponent}${truncation}`,
    raw(5) || 'POLYSEME',
    raw(6),
    raw(3),
    raw(4),
    timestampOf(answer.timestamp),
    '',
    event === '' ? 'ACK' : write.components(...parts),
    write.text(answer.controlId),
    raw(11) || 'P',
    raw(12) || '2.5.1',
    '',
    '',
    '',
    '',
    '',
    raw(18),
  );
  const modern = version >= versionIndex('2.5');
  const first = answer.problems.find(({ code }) => ERRORS[code].ack !== 'AA');
  const text = modern || first === undefined ? '' : write.text(`${first.code}: ${first.text}`.slice(0, 80));
  const lines = [header, write.segment('MSA', answer.code, raw(10), text), ...errorSegments(answer.problems, write, modern)];
  const whole = `${lines.join('\r')}\r`;
  return encode(whole, message?.charset ?? 'utf-8') ?? Buffer.from(whole.replace(/[^\r -~]/g, '?'), 'latin1');
}

/** What an answer with data has beside MSA and ERR. */
export interface AnswerBody {
  /** MSH-9: 'RSP^K22^RSP_K21'. */
  readonly type: string;
  /** MSH-21, or ''. */
  readonly profile: string;
  /** Segments after ERR, written with standard delimiters. */
  readonly lines: readonly string[];
}

/**
 * Returns the answer to a query as bytes (chapter 5.2): MSH, MSA, ERR, and what `body` holds, with standard delimiters and in the version of
 * the query; in its character set where that can write every letter, else in UTF-8, and MSH-18 says so.
 */
export function queryAnswer(query: Message, answer: Answer, { type, profile, lines }: AnswerBody): Uint8Array {
  const write = new Writer(STANDARD);
  const msh = query.segments[0];
  const raw = (field: number): string => recoded(msh?.raw(field) ?? '', query);
  const isModern = versionIndex(query.version) >= versionIndex('2.5');
  const first = answer.problems.find(({ code }) => ERRORS[code].ack !== 'AA');
  const text = isModern || first === undefined ? '' : write.text(`${first.code}: ${first.text}`.slice(0, 80));
  const header = (charset: string): string =>
    write.segment(
      'MSH|^~\\&',
      raw(5) || 'POLYSEME',
      raw(6),
      raw(3),
      raw(4),
      timestampOf(answer.timestamp),
      '',
      type,
      write.text(answer.controlId),
      raw(11) || 'P',
      raw(12) || '2.5.1',
      ...['', '', '', '', ''],
      charset,
      ...['', ''],
      profile,
    );
  const rest = [write.segment('MSA', answer.code, raw(10), text), ...errorSegments(answer.problems, write, isModern), ...lines];
  const whole = (charset: string): string => `${[header(charset), ...rest].join('\r')}\r`;
  const own = whole(raw(18));
  // Where MSH-18 is empty only ASCII is sure to be read.
  const bytes = raw(18) === '' && /[^\r -~]/.test(own) ? undefined : encode(own, query.charset);
  return bytes ?? Buffer.from(whole('UNICODE UTF-8'), 'utf8');
}
