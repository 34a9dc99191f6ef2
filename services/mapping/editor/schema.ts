/** JSON Schema of the YAML, for editors that know no language server: made of the same lists that the readers use. */
import { VALUE_TYPES } from '../records/shape.ts';
import { OPTION_KEYS, RUNGS } from '../rules.ts';
import { KEYS, RESOURCE_KEYS } from '../spec-read.ts';
import { OUT_KEYS, SEGMENT_KEYS } from '../to-hl7v2/read.ts';

type Schema = { readonly [name: string]: unknown };

const text: Schema = { type: ['string', 'number', 'boolean', 'null'] };
const words = (...all: readonly string[]): Schema => ({ enum: all });
/** Editors read true where Polyseme reads the text. */
const flag: Schema = { enum: ['true', 'false', true, false] };
const textOrList: Schema = { anyOf: [text, { type: 'array', items: text }] };
const expression: Schema = { type: 'string', pattern: '^=' };
const rule: Schema = { $ref: '#/$defs/rule' };

const OPTIONS: Readonly<Record<string, Schema>> = {
  when: expression,
  map: { type: 'string', description: 'a concept map: a name under use, or a path' },
  keepSource: flag,
  default: rule,
  require: flag,
  onUnmapped: words('report', ...RUNGS),
  onError: { anyOf: [words(...RUNGS), rule] },
  multiple: words('first', 'last', 'all', 'join'),
  report: text,
  each: text,
  with: { type: 'object', additionalProperties: rule },
  because: text,
};

const FORMS: Readonly<Record<string, Schema>> = {
  from: rule,
  ...Object.fromEntries([['then', rule]]),
  all: { type: 'array', items: rule },
  switch: expression,
  cases: { type: 'array', items: rule },
};

const RESOURCE: Readonly<Record<string, Schema>> = {
  use: text,
  type: text,
  key: textOrList,
  when: expression,
  otherwise: text,
  each: text,
  update: words('merge', 'replace', 'ensure'),
  sameKey: text,
  onError: words(...RUNGS),
  fields: { type: 'object', additionalProperties: rule },
  because: text,
};

const HEADER: Readonly<Record<string, Schema>> = {
  map: { type: 'string' },
  version: { type: ['string', 'number'], pattern: '^\\d+\\.\\d+\\.\\d+$' },
  source: { type: 'object' },
  target: { type: 'object' },
  use: { type: 'object', additionalProperties: text },
  params: { type: 'object' },
  ignore: { type: 'array', items: { type: 'object', required: ['path', 'because'] } },
  cases: { type: 'array', items: { type: 'object', required: ['name', 'given', 'expect'] } },
  notes: {},
  because: text,
};

const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const named = (keys: readonly string[], from: Readonly<Record<string, Schema>>): Schema =>
  Object.fromEntries(keys.map((key) => [key, from[key] ?? {}]));

/** A document: exactly these keys. */
const documentOf = (keys: readonly string[], required: readonly string[], own: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  required,
  properties: named(keys, { ...HEADER, ...own }),
  additionalProperties: false,
});

/** Maps from FHIR to HL7v2, and their segments. */
const outgoing = (): Readonly<Record<string, Schema>> => ({
  outgoing: documentOf(OUT_KEYS, ['map', 'version', 'source', 'target'], {
    target: { type: 'object', required: ['format'], properties: { format: words('hl7v2') } },
    message: {},
    refuse: { type: 'array', items: { type: 'object', required: ['when', 'because'] } },
    linked: { type: 'object', additionalProperties: { type: 'object', required: ['ref', 'type'] } },
    segments: { type: 'array', items: ref('outgoingSegment') },
    fields: {},
    value: {},
  }),
  outgoingSegment: {
    type: 'object',
    required: ['segment'],
    properties: named(SEGMENT_KEYS, { segment: text, segments: { type: 'array', items: ref('outgoingSegment') } }),
    additionalProperties: false,
  },
});

/** Returns the schema (JSON Schema 2020-12, https://json-schema.org/draft/2020-12) of every kind of map but row maps, which have their own checker. */
export function specSchema(): Schema {
  const resources: Schema = { type: 'object', additionalProperties: ref('resource') };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A map of Polyseme',
    $comment: 'written by scripts/generate-mapping-schema.ts',
    anyOf: ['message', 'site', 'records', 'resourceMap', 'type', 'table', 'rows', 'outgoing', 'caseFile'].map(ref),
    $defs: {
      rule: {
        description: 'a literal, an =expression, alternatives, a nested map, a switch, or the long form',
        anyOf: [
          text,
          { type: 'array', items: rule },
          { type: 'object', properties: { ...named(OPTION_KEYS, OPTIONS), ...FORMS }, additionalProperties: true },
        ],
      },
      resource: { type: 'object', properties: named(['use', ...RESOURCE_KEYS], RESOURCE), additionalProperties: false },
      override: {
        type: 'object',
        properties: {
          at: text,
          remove: text,
          add: text,
          base: { type: 'string', pattern: '^sha256:[0-9a-f]{8,64}$' },
          set: rule,
          because: text,
        },
        additionalProperties: false,
      },
      segment: {
        type: 'object',
        required: ['after'],
        properties: { after: text, repeats: flag, fields: { type: 'object' }, because: text },
      },
      valueType: words(...VALUE_TYPES),
      message: documentOf(KEYS.message, ['map', 'version', 'source', 'resources'], {
        resources,
        match: { type: 'object' },
        segments: { type: 'object', additionalProperties: ref('segment') },
      }),
      site: documentOf(KEYS.site, ['map', 'version', 'extends'], {
        extends: text,
        match: { type: 'object', additionalProperties: textOrList },
        segments: { type: 'object', additionalProperties: ref('segment') },
        override: { type: 'array', items: ref('override') },
      }),
      records: documentOf(KEYS.records, ['map', 'version', 'source', 'resources'], { resources }),
      resourceMap: documentOf(KEYS.resource, ['map', 'version', 'source', 'target'], {
        ...RESOURCE,
        use: { type: 'object', additionalProperties: text },
      }),
      type: documentOf(KEYS.type, ['map', 'version', 'source', 'target'], {
        fields: { type: 'object', additionalProperties: rule },
        value: rule,
      }),
      table: documentOf(KEYS.table, ['map', 'version', 'codes'], { codes: { type: 'object' } }),
      rows: { type: 'object', anyOf: [{ required: ['rows'] }, { required: ['concepts'] }] },
      ...outgoing(),
      caseFile: { type: 'object', required: ['cases'], properties: { cases: HEADER['cases'] }, additionalProperties: false },
    },
  };
}
