import { Decimal, type JsonValue } from '../resource.ts';

/**
 * Formats of the primitive types (http://hl7.org/fhir/R4/datatypes.html#primitive). The regular expressions are the standard's
 * where those run in linear time; dates must exist in the calendar.
 */
export type PrimitiveTest = (value: JsonValue) => boolean;

/** Characters of one string (datatypes.html#string: 1 MB). */
const MAXIMUM_STRING = 1024 * 1024;

const DATE = /^(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?$/;
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:(?:[0-5]\\d|60)(?:\\.\\d+)?';
const ZONE = '(?:Z|[+-](?:(?:0\\d|1[0-3]):[0-5]\\d|14:00))';
const TIMED = new RegExp(`^(\\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])T${TIME}${ZONE}$`);
const TIME_ONLY = new RegExp(`^${TIME}$`);
// biome-ignore lint/suspicious/noControlCharactersInRegex: no control character is part of a code.
const CODE = /^[^\s\u0000-\u001f]+(?:[ ][^\s\u0000-\u001f]+)*$/;
const ID = /^[A-Za-z0-9\-.]{1,64}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: no control character is part of a URI.
const URI = /^[^\s\u0000-\u001f]+$/;
const OID = /^urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+$/;
const UUID = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the standard forbids exactly these in strings.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

const LONG_MONTHS = 0b1010110101010;

/** Returns true when the groups year, month, day of a match name a day that exists; years start with 0001. */
function exists(match: RegExpExecArray | null): boolean {
  if (match === null || match[1] === '0000') return false;
  if (match[3] === undefined || match[3] < '29') return true;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (month === 2) return day === 29 && ((year % 4 === 0 && year % 100 !== 0) || year % 400 === 0);
  return day < 31 || ((LONG_MONTHS >> month) & 1) === 1;
}

const isString = (value: JsonValue): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAXIMUM_STRING && value.isWellFormed();
const matching =
  (pattern: RegExp): PrimitiveTest =>
  (value) =>
    isString(value) && pattern.test(value);
const integerFrom =
  (least: number): PrimitiveTest =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= 2147483647;
const text: PrimitiveTest = (value) => isString(value) && !CONTROL.test(value);
const uri = matching(URI);

const ELEMENTS = new Set(
  `a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre q
  samp small span strong sub sup table tbody td tfoot th thead tr tt ul var`.split(/\s+/),
);

/** Where a link of a narrative may lead: nothing that runs, nothing hidden behind a character reference. */
const SAFE_LINK = /^(?:https?:|mailto:|tel:|urn:|cid:|data:image\/|#)/i;

function isSafeTag(tag: string): boolean {
  const name = /^\/?([A-Za-z][\w:-]*)/.exec(tag)?.[1] ?? '';
  if (!ELEMENTS.has(name)) return false;
  const plain = tag.replace(/\s+/g, ' ');
  if (/[ "'/]on\w+ ?=/i.test(plain)) return false;
  for (const [, quoted, apostrophed, bare] of plain.matchAll(/[ "'/](?:href|src) ?= ?(?:"([^"]*)"|'([^']*)'|([^ ]*))/gi)) {
    const link = (quoted ?? apostrophed ?? bare ?? '').trim();
    if (/^[^/?#]*[:&]/.test(link) && !SAFE_LINK.test(link)) return false;
  }
  return true;
}

/** Narrative: one div of basic formatting, nothing that a browser would run (narrative.html#xhtml, txt-1). Linear in its length. */
function xhtml(value: JsonValue): boolean {
  if (typeof value !== 'string' || !/^\s*<div[\s>/]/.test(value) || CONTROL.test(value) || !value.isWellFormed()) return false;
  let tags = 0;
  for (const [, tag = ''] of value.matchAll(/<(!--[^<>]*--|[^<>]*)>/g)) {
    if (!tag.startsWith('!--') && !isSafeTag(tag)) return false;
    tags++;
  }
  return value.split('<').length - 1 === tags;
}

/** Base64 in groups of four characters; whitespace between them is allowed. */
function base64(value: JsonValue): boolean {
  if (typeof value !== 'string') return false;
  const packed = value.replace(/\s+/g, '');
  return packed.length % 4 === 0 && BASE64.test(packed);
}

export const PRIMITIVES: ReadonlyMap<string, PrimitiveTest> = new Map<string, PrimitiveTest>([
  ['boolean', (value) => typeof value === 'boolean'],
  ['integer', integerFrom(-2147483648)],
  ['unsignedInt', integerFrom(0)],
  ['positiveInt', integerFrom(1)],
  ['decimal', (value) => (typeof value === 'number' || value instanceof Decimal) && Number.isFinite(Number(value))],
  ['string', text],
  ['markdown', text],
  ['code', matching(CODE)],
  ['id', matching(ID)],
  ['uri', uri],
  ['url', uri],
  ['canonical', uri],
  ['oid', matching(OID)],
  ['uuid', matching(UUID)],
  ['base64Binary', base64],
  ['date', (value) => typeof value === 'string' && exists(DATE.exec(value))],
  ['dateTime', (value) => typeof value === 'string' && (exists(DATE.exec(value)) || exists(TIMED.exec(value)))],
  ['instant', (value) => typeof value === 'string' && exists(TIMED.exec(value))],
  ['time', matching(TIME_ONLY)],
  ['xhtml', xhtml],
]);
