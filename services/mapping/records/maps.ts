/** Maps of CSV and JSON sources, compiled, and records through them. */
import { type Problem, problem, type Result, success } from '../../errors.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import type { Conversion, ConvertContext } from '../conversion.ts';
import type { Diagnostic, Position } from '../diagnostics.ts';
import { digestOf, specLabel } from '../digest.ts';
import type { RecordSpec, SpecBase, SpecFamily } from '../spec.ts';
import { Build } from '../to-fhir/build.ts';
import { type ResolvedMessage, resolveMessage } from '../to-fhir/resolve.ts';
import { MessageRun, type RunSettings } from '../to-fhir/run.ts';
import { mapRuntime } from '../to-fhir/runtime.ts';
import { outcomesOf, type RuleOutcome } from '../trace/lineage.ts';
import type { TracedRule } from '../trace/registry.ts';
import { type Frame, TracedRun } from '../trace/run.ts';
import { tracedRuntime } from '../trace/runtime.ts';
import { usedMaps } from '../uses.ts';
import { type CsvFile, readCsv } from './csv.ts';
import { writeRecordModule } from './module.ts';
import { typedRecord } from './typed.ts';

const NO_DELIMITERS = { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&', truncation: '' };

type RunRecord<T> = (record: unknown, X: T) => void;
/** Makes what a record is run with. */
type Begin = (settings: RunSettings) => { readonly used: MessageRun; readonly run: (record: unknown) => unknown };

/** Makes a function of a module's text, which is the expression compiler's: no author's text comes into it. */
function linked(text: string, runtime: unknown, { constants }: Build): RunRecord<MessageRun> {
  const made: unknown = new Function('R', 'K', text)(runtime, constants);
  return typeof made === 'function' ? (record, X) => void made(record, X) : () => undefined;
}

const rowsIn = ({ row, made, children }: Frame): readonly Position[] => [
  ...(row !== undefined && made ? [row] : []),
  ...children.flatMap(rowsIn),
];

export class RecordMap {
  readonly spec: RecordSpec;
  readonly label: string;
  readonly digest: string;
  /** Every map it uses. */
  readonly uses: readonly SpecBase[];
  readonly diagnostics: readonly Diagnostic[];
  readonly #reads = new Set<string>();
  readonly #run: RunRecord<MessageRun>;
  readonly #family: SpecFamily;
  readonly #resolved: ResolvedMessage;
  #traced: { readonly rules: readonly TracedRule[]; readonly run: RunRecord<TracedRun> } | undefined;

  constructor(spec: RecordSpec, family: SpecFamily) {
    this.spec = spec;
    this.#family = family;
    this.#resolved = resolveMessage(spec, family.resources);
    const build = new Build('2.8.2', family, false, true);
    const text = writeRecordModule(spec, this.#resolved.resources, build, this.#reads);
    this.diagnostics = [...this.#resolved.diagnostics, ...build.diagnostics];
    this.uses = usedMaps(spec, family, this.#resolved.used);
    this.digest = digestOf([spec.root, ...this.uses.map((each) => each.root)]);
    this.label = specLabel(spec.id, spec.version, this.digest);
    this.#run = this.#isSound ? linked(text, mapRuntime, build) : () => undefined;
  }

  get #isSound(): boolean {
    return this.diagnostics.every((each) => each.severity === 'warning');
  }

  /** The map compiled once more, to tell what each rule makes; when first asked for. */
  get #watched(): { readonly rules: readonly TracedRule[]; readonly run: RunRecord<TracedRun> } {
    if (this.#traced !== undefined) return this.#traced;
    const build = new Build('2.8.2', this.#family, true, true);
    const text = writeRecordModule(this.spec, this.#resolved.resources, build, new Set());
    this.#traced = this.#isSound
      ? { rules: build.rules ?? [], run: linked(text, tracedRuntime, build) }
      : { rules: [], run: () => undefined };
    return this.#traced;
  }

  /** Every rule of the map and of the resource maps and datatype maps that it uses. */
  get rules(): readonly TracedRule[] {
    return this.#watched.rules;
  }

  /** What became of each rule with a record, and the rows of concept maps that gave a value. */
  triedBy(raw: unknown, context: ConvertContext): { readonly rules: readonly RuleOutcome[]; readonly rows: readonly Position[] } {
    const { rules, run } = this.#watched;
    let used: TracedRun | undefined;
    this.#converted(raw, context, (settings) => {
      used = new TracedRun(settings);
      return { used, run: (record) => used !== undefined && run(record, used) };
    });
    return used === undefined ? { rules: [], rows: [] } : { rules: outcomesOf(used, rules), rows: used.frames.flatMap(rowsIn) };
  }

  /** Grouped rows: the record's own columns are those of its first row, so a fault in it is told once. */
  #whole(value: unknown): unknown {
    const rows = this.spec.group.length > 0 && typeof value === 'object' && value !== null && 'rows' in value ? value.rows : undefined;
    const first: unknown = Array.isArray(rows) ? rows[0] : undefined;
    return typeof first === 'object' && first !== null ? { ...first, rows } : value;
  }

  /** Returns what one record becomes. */
  convert(raw: unknown, context: ConvertContext): Conversion {
    return this.#converted(raw, context, (settings) => {
      const used = new MessageRun(settings);
      return { used, run: (record) => this.#run(record, used) };
    });
  }

  #converted(raw: unknown, context: ConvertContext, begin: Begin): Conversion {
    const authority = context.authority ?? this.spec.authority;
    if (authority === undefined) return stopped(this.label, [problem('mapping-record-authority', {}, this.spec.id)]);
    const timezone =
      [...this.spec.params.values()].find((each) => each.type === 'timezone' && each.value !== undefined)?.value ?? context.timezone;
    const params = new Map([...this.spec.params].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value] as const])));
    const message = { segments: [], delimiters: NO_DELIMITERS };
    const settings = { authority, timezone, messageOffset: undefined, params, spec: this.label, message, version: '2.8.2' };
    const { used: run, run: begun } = begin(settings);
    const typed = typedRecord(raw, this.spec.shape, run);
    run.problems.push(...typed.problems);
    begun(this.#whole(typed.value));
    const drafts = run.drafts();
    if (drafts.length === 0 && run.problems.length === 0) return stopped(this.label, [problem('mapping-record-nothing', {}, this.spec.id)]);
    const ignored = new Set(this.spec.ignore.map((each) => each.path));
    const reads = new Set([...this.#reads].map(columnOf));
    const valued = [...typed.valued].map(columnOf).filter((path) => !reads.has(path));
    const unread = new Set([...typed.undeclared.map(columnOf), ...valued].filter((path) => !ignored.has(path)));
    return {
      drafts,
      problems: run.problems,
      unmapped: run.unmapped,
      unread: [...unread].map((path) => ({ path, count: 1 })),
      rung: run.rung,
      spec: this.label,
    };
  }
}

/** A column of grouped rows is one column, asked of the first row or of each. */
const columnOf = (path: string): string => path.replace(/^rows\./, '');

const stopped = (spec: string, problems: readonly Problem[]): Conversion => ({
  drafts: [],
  problems,
  unmapped: [],
  unread: [],
  rung: 'park-message',
  spec,
});

export interface ConvertedRecord {
  /** 'line 12', or '' for the one record of a JSON object. */
  readonly from: string;
  /** The record as it came, as JSON: what is kept of it. */
  readonly raw: JsonObject;
  readonly conversion: Conversion;
}

/** Returns the records of a CSV file converted; fails when it cannot be read or no map, or several, take its header. */
export function convertTable(maps: readonly RecordMap[], bytes: Uint8Array, context: ConvertContext): Result<Iterable<ConvertedRecord>> {
  const read = readCsv(bytes);
  if (!read.ok) return read;
  const file = read.value;
  const header = new Set(file.header);
  const fit = maps.filter(({ spec }) => spec.format === 'csv' && required(spec).every((name) => header.has(name)));
  const chosen = theMost(fit, (map) => [...map.spec.shape.parts.keys()].filter((name) => header.has(name)).length);
  if ('problem' in chosen) return { ok: false, problems: [chosen.problem] };
  return success(recordsOf(chosen.map, file, context));
}

/** As convertTable, of one JSON object that is no FHIR resource. */
export function convertObject(maps: readonly RecordMap[], raw: JsonObject, context: ConvertContext): Result<ConvertedRecord> {
  const fit = maps.filter(
    ({ spec }) =>
      spec.format === 'json' &&
      spec.jsonMatch.every(({ path, values }) => values.has(String(valueAt(raw, path)))) &&
      required(spec).every((name) => Object.hasOwn(raw, name)),
  );
  const chosen = theMost(
    fit,
    ({ spec }) => spec.jsonMatch.length * 1000 + [...spec.shape.parts.keys()].filter((name) => Object.hasOwn(raw, name)).length,
  );
  if ('problem' in chosen) return { ok: false, problems: [chosen.problem] };
  return success({ from: '', raw, conversion: chosen.map.convert(raw, context) });
}

function valueAt(raw: unknown, path: string): unknown {
  let here: unknown = raw;
  for (const name of path.split('.'))
    here = typeof here === 'object' && here !== null && Object.hasOwn(here, name) ? Reflect.get(here, name) : undefined;
  return here;
}

const required = (spec: RecordSpec): readonly string[] =>
  [...spec.shape.parts].flatMap(([name, part]) => (part.optional || name === 'rows' ? [] : [name]));

function theMost(
  fit: readonly RecordMap[],
  count: (map: RecordMap) => number,
): { readonly map: RecordMap } | { readonly problem: Problem } {
  const highest = Math.max(...fit.map(count));
  const best = fit.filter((each) => count(each) === highest);
  const [only] = best;
  if (only === undefined) return { problem: problem('mapping-no-record-map') };
  return best.length === 1
    ? { map: only }
    : { problem: problem('mapping-ambiguous', { specs: best.map((each) => each.spec.id).join(', ') }) };
}

/** Rows that follow each other with the same group are one record: the first row's columns, and all of them under `rows`. */
function* recordsOf(map: RecordMap, { header, rows }: CsvFile, context: ConvertContext): Generator<ConvertedRecord> {
  let group: { readonly key: string; readonly line: number; readonly rows: Record<string, string>[] } | undefined;
  const done = (found: NonNullable<typeof group>): ConvertedRecord => {
    const raw = map.spec.group.length === 0 ? (found.rows[0] ?? {}) : { rows: found.rows };
    return { from: `line ${found.line}`, raw, conversion: map.convert(raw, context) };
  };
  for (const { line, cells } of rows) {
    if (cells.length !== header.length) {
      const conversion = stopped(map.label, [
        problem('mapping-csv-cells', { found: cells.length, expected: header.length }, `line ${line}`),
      ]);
      yield { from: `line ${line}`, raw: { cells }, conversion };
      continue;
    }
    const row = Object.fromEntries(header.map((name, i) => [name, cells[i] ?? ''] as const));
    const key = map.spec.group.length === 0 ? `${line}` : JSON.stringify(map.spec.group.map((name) => row[name] ?? ''));
    if (group !== undefined && group.key === key) group.rows.push(row);
    else {
      if (group !== undefined) yield done(group);
      group = { key, line, rows: [row] };
    }
  }
  if (group !== undefined) yield done(group);
}
