import type { Filter } from '../provider.ts';
import type { Grammar } from './composed.ts';

/** Names of RFC 6838, section 4.2. */
const NAME = '[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}';
const TOKEN = "[!#$%&'*+.^_`|~A-Za-z0-9-]+";
const TYPE = new RegExp(`^(${NAME})/(${NAME})((?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))*)$`);
const LONGEST_TYPE = 1_000;

/** Media types in use in health care, for lists. */
const LISTED = [
  'application/dicom',
  'application/fhir+json',
  'application/fhir+ndjson',
  'application/fhir+xml',
  'application/hl7-v2',
  'application/hl7-v2+xml',
  'application/json',
  'application/octet-stream',
  'application/pdf',
  'application/rtf',
  'application/xml',
  'application/zip',
  'audio/basic',
  'audio/mpeg',
  'audio/ogg',
  'audio/wav',
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/svg+xml',
  'image/tiff',
  'text/cql',
  'text/csv',
  'text/fhirpath',
  'text/html',
  'text/markdown',
  'text/plain',
  'text/xml',
  'video/mp4',
  'video/mpeg',
];

interface Parts {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}
/** Parameters of which it is known that they narrow a type, and that two values exclude each other. */
const UNDERSTOOD: ReadonlySet<string> = new Set(['charset', 'format', 'delsp', 'version']);
const PARAMETER = new RegExp(`;[ \\t]*(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")`, 'g');

/** Types, names of parameters and the values of those that are understood are the same in any case (RFC 2045, section 5.1). */
function partsOf(code: string): Parts {
  const [type = ''] = code.split(';');
  const parameters = [...code.matchAll(PARAMETER)].map(([, name = '', plain, quoted = '']): readonly [string, string] => {
    const value = plain ?? quoted.replace(/\\(.)/g, '$1');
    const key = name.toLowerCase();
    return [key, UNDERSTOOD.has(key) ? value.toLowerCase() : value];
  });
  return { type: type.trim().toLowerCase(), parameters: new Map(parameters) };
}

/**
 * Media types (BCP 13, https://www.rfc-editor.org/info/bcp13): any type/subtype by the grammar, with parameters. Whether IANA has it registered
 * is not asked: unregistered ones are in use and right.
 */
export const mediaTypes = (): Grammar => ({
  url: 'urn:ietf:bcp:13',
  version: undefined,
  name: 'MimeTypes',
  title: 'Media types (BCP 13)',
  language: undefined,
  caseSensitive: true,
  properties: [{ code: 'type', description: 'What stands before the slash', type: 'string' }],
  filters: [{ code: 'type', op: ['='] }],
  listed: LISTED,
  freeDisplay: true,
  subsumes: (above, below) => {
    const [wide, narrow] = [partsOf(above.code), partsOf(below.code)];
    if (wide.type !== narrow.type) return false;
    const isWithin = [...wide.parameters].every(([name, value]) => narrow.parameters.get(name) === value);
    return isWithin && [...narrow.parameters.keys()].every((name) => wide.parameters.has(name) || UNDERSTOOD.has(name));
  },
  undetermined: (a, b) => {
    const [one, other] = [partsOf(a.code), partsOf(b.code)];
    if (one.type !== other.type) return undefined;
    const unlike = (from: Parts, to: Parts) =>
      [...from.parameters].filter(([name, value]) => to.parameters.get(name) !== value).map(([name]) => name);
    const strange = [...unlike(one, other), ...unlike(other, one)].find((name) => !UNDERSTOOD.has(name));
    return strange === undefined ? undefined : `what the parameter ${strange.slice(0, 60)} means is not known here`;
  },
  read: (code) => {
    const type = code.length > LONGEST_TYPE ? undefined : TYPE.exec(code)?.[1];
    if (type === undefined) return undefined;
    return { code, display: code, designations: [], properties: [{ code: 'type', type: 'String', value: type.toLowerCase() }] };
  },
  filter: ({ property, op, value }: Filter) => {
    if (property !== 'type' || op !== '=') return { refusal: 'not-supported', reason: 'the only filter of media types is type =' };
    return ({ properties }) => properties.some((each) => each.value === value.toLowerCase());
  },
});
