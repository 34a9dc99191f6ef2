/** A skeleton of a map for records from a sample file (CSV, JSON): what each column seems to be. Values are never copied. */
import { stringify } from 'yaml';
import { failure, problem, type Result, success } from '../../errors.ts';
import { readCsv } from '../records/csv.ts';

type Plain = string | readonly Plain[] | { readonly [name: string]: Plain };

/** What can be declared (records/shape.ts). */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Forms of single values, the first that all values of a column have; `note`: what the author must see to. */
const FORMS: readonly { readonly test: RegExp; readonly type: Plain; readonly note?: string }[] = [
  { test: /^[+-]?(0|[1-9]\d{0,14})$/, type: 'integer' },
  { test: /^[+-]?(0|[1-9]\d*)(\.\d+)?$/, type: 'decimal' },
  // Leading zeros are part of a number of somebody or something.
  { test: /^\d+$/, type: 'code' },
  { test: /^[+-]?\d+,\d+$/, type: 'string', note: "numbers with a decimal comma: =NAME.replace(',', '.') as decimal" },
  { test: /^(true|false)$/, type: 'boolean' },
  { test: /^\d{4}-\d{2}-\d{2}$/, type: 'date' },
  { test: /^\d{4}-\d{2}-\d{2}[T ][\d:.]+(Z|[+-]\d{2}:?\d{2})$/, type: 'instant' },
  { test: /^\d{4}-\d{2}-\d{2}[T ][\d:.]+$/, type: 'dateTime' },
  { test: /^\d{1,2}\.\d{1,2}\.\d{4}$/, type: { type: 'date', format: 'DD.MM.YYYY' } },
  { test: /^(1[3-9]|2\d|3[01])\/\d{1,2}\/\d{4}$/, type: { type: 'date', format: 'DD/MM/YYYY' } },
  { test: /^\d{1,2}\/(1[3-9]|2\d|3[01])\/\d{4}$/, type: { type: 'date', format: 'MM/DD/YYYY' } },
  {
    test: /^\d{1,2}\/\d{1,2}\/\d{4}$/,
    type: 'string',
    note: 'dates: { type: date, format: MM/DD/YYYY } or DD/MM/YYYY? The sample does not say for all',
  },
  { test: /^\d{1,2}:\d{2}(:\d{2})?$/, type: 'time' },
];

interface Guess {
  readonly type: Plain;
  readonly note: string | undefined;
}

function guessed(values: readonly string[]): Guess {
  const said = values.filter((each) => each !== '');
  const form = said.length === 0 ? undefined : FORMS.find(({ test }) => said.every((each) => test.test(each)));
  const type = form?.type ?? 'string';
  if (said.length === values.length) return { type, note: form?.note };
  return { type: typeof type === 'string' ? { type, optional: 'true' } : { ...Object(type), optional: 'true' }, note: form?.note };
}

/** Rows of a sample that are looked at. */
const MOST_ROWS = 1_000;

/**
 * Returns the YAML of a map named `id` for files like this one; it passes the checker once the columns that cannot be declared are renamed.
 * Fails as reading such a file does, or with `mapping-json-sample` where it is JSON of another form.
 */
export function recordSkeleton(bytes: Uint8Array, id: string): Result<string> {
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (!text.startsWith('{') && !text.startsWith('[')) {
    const read = readCsv(bytes);
    if (!read.ok) return read;
    const { header, rows } = read.value;
    const sample = rows.slice(0, MOST_ROWS);
    const columns = header.map((name, n) => [name, guessed(sample.map(({ cells }) => (cells[n] ?? '').trim()))] as const);
    return success(written(id, { format: 'csv' }, 'columns', columns));
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return failure(problem('mapping-json-sample'));
  }
  const records = (Array.isArray(parsed) ? parsed : [parsed]).filter(isObject).slice(0, MOST_ROWS);
  if (records.length === 0) return failure(problem('mapping-json-sample'));
  return success(written(id, { format: 'json' }, 'fields', partsOf(records, 0)));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function partsOf(records: readonly Readonly<Record<string, unknown>>[], depth: number): readonly (readonly [string, Guess])[] {
  const names = [...new Set(records.flatMap((each) => Object.keys(each)))];
  return names.map(
    (name) =>
      [
        name,
        shapeOf(
          records.map((each) => (Object.hasOwn(each, name) ? each[name] : undefined)),
          depth,
        ),
      ] as const,
  );
}

function shapeOf(values: readonly unknown[], depth: number): Guess {
  const said = values.filter((each) => each !== undefined && each !== null);
  if (depth < 8 && said.length > 0 && said.every((each) => Array.isArray(each))) {
    const inner = shapeOf(said.flat(), depth + 1);
    return { type: [withoutOptional(inner.type)], note: inner.note };
  }
  if (depth < 8 && said.length > 0 && said.every(isObject)) {
    const parts = partsOf(said, depth + 1).filter(([name]) => NAME.test(name));
    return { type: Object.fromEntries(parts.map(([name, { type }]) => [name, type])), note: undefined };
  }
  if (said.some((each) => typeof each === 'object'))
    return { type: 'string', note: 'values of several forms: declare the one that is meant' };
  return guessed(values.map((each) => (each === undefined || each === null ? '' : String(each))));
}

const withoutOptional = (type: Plain): Plain =>
  typeof type === 'object' && 'optional' in type && 'type' in type && !('format' in type) ? (type.type ?? 'string') : type;

function written(id: string, source: { readonly format: string }, key: string, columns: readonly (readonly [string, Guess])[]): string {
  const declared = columns.filter(([name]) => NAME.test(name) && name !== '__proto__');
  const first = declared.find(([, { type }]) => typeof type === 'string')?.[0];
  const map: Readonly<Record<string, Plain>> = {
    map: id,
    version: '0.1.0',
    source: { ...source, authority: 'WHO-SENDS', [key]: Object.fromEntries(declared.map(([name, { type }]) => [name, type])) },
    target: { format: 'fhir', version: '4.0.1' },
    resources: { patient: { type: 'Patient', key: [first === undefined ? '1' : `=${first}`], fields: { active: 'true' } } },
  };
  const notes = columns.flatMap(([name, { note }]) => {
    if (!NAME.test(name))
      return [`# A column whose name is no word cannot be declared: ${JSON.stringify(name.slice(0, 60))}; rename it in the file.`];
    return note === undefined ? [] : [`# ${name}: ${note.replace('NAME', name)}.`];
  });
  const text = stringify(map, { lineWidth: 0 });
  return [
    '# From a sample: check the types, say whose numbers they are (authority, key), complete the rules; then: npx polyseme check',
    text.trimEnd(),
    ...notes,
    '',
  ].join('\n');
}
