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
  noSubsumption: 'media types have no subsumption',
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
