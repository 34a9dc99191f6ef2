/** What emitted modules of message maps call as `R.name(…)`: the expression runtime and what objects, lists and tables need. */
import type { CodeSet } from '../../fhir/definitions.ts';
import { decimal } from '../../fhir/resource.ts';
import type { Group, Segment } from '../../hl7v2/message.ts';
import { expressionRuntime, type Place } from '../expression/runtime.ts';
import type { RungName } from '../rules.ts';
import type { TableRow, TableSpec } from '../spec.ts';
import { memoryFunctions } from './memory.ts';
import { at, atPlace } from './positions.ts';
import type { MessageRun } from './run.ts';

type Apply = (p: Place, X: MessageRun) => unknown;
interface Coding {
  system?: string;
  code?: string;
  display?: string;
}
interface Concept {
  coding?: Coding[];
  text?: string;
}
interface FoundRow {
  readonly row: TableRow;
  readonly table: TableSpec;
}

const NONE: readonly never[] = [];

/** True when the place holds more than separators. */
function hasContent(p: Place): boolean {
  return p.c !== 0 || /[^\s^~&|\\]/.test(p.s.wholeText(p.f, p.r) ?? '');
}

function typed(p: Place | undefined, apply: Apply, X: MessageRun): unknown {
  if (p === undefined) return undefined;
  const before = X.problems.length + X.unmapped.length;
  const made = apply(p, X);
  if (made === undefined && X.error === undefined && X.problems.length + X.unmapped.length === before && hasContent(p))
    X.nothingMade(atPlace(p) ?? '');
  return made;
}

function typedEach(list: readonly (Place | undefined)[], apply: Apply, X: MessageRun): readonly unknown[] {
  if (list.length === 0) return NONE;
  const found: unknown[] = [];
  for (const p of list) {
    const made = typed(p, apply, X);
    if (made !== undefined) found.push(made);
  }
  return found;
}

function fails<T>(
  fits: (value: string) => T | undefined,
  code: MessageRun['error'],
): (value: string | undefined, X: MessageRun) => T | undefined {
  return (value, X) => {
    if (value === undefined) return undefined;
    const made = fits(value);
    if (made === undefined) X.error = code;
    return made;
  };
}

function row(
  table: TableSpec,
  code: string | undefined,
  X: MessageRun,
  where: () => string | undefined,
  rung: 'report' | RungName,
): FoundRow | undefined {
  if (code === undefined) return undefined;
  const found = table.codes.get(code);
  if (found !== undefined) return { row: found, table };
  X.unmappedCode(table.sourceSystem, code, where(), rung);
  return undefined;
}

function rowCoding(found: FoundRow | undefined): Coding | undefined {
  if (found === undefined) return undefined;
  const system = found.row.system ?? found.table.targetSystem;
  const coding: Coding = {};
  if (system !== undefined) coding.system = system;
  coding.code = found.row.code;
  if (found.row.display !== undefined) coding.display = found.row.display;
  return coding;
}

function rowConcept(found: FoundRow | undefined): Concept | undefined {
  const coding = rowCoding(found);
  return coding === undefined ? undefined : { coding: [coding] };
}

/** The mapped codings first, the sender's own after them, its text kept. */
function withSource(mapped: Concept | readonly Concept[] | undefined, source: Concept | undefined, many: boolean): unknown {
  const first: Concept | undefined = Array.isArray(mapped) ? mapped[0] : !isList(mapped) ? mapped : undefined;
  if (source === undefined) return mapped;
  const coding = [...(first?.coding ?? []), ...(source.coding ?? [])].filter(
    (each, i, all) => all.findIndex((other) => other.system === each.system && other.code === each.code) === i,
  );
  const both: Concept = { ...(coding.length > 0 ? { coding } : {}), ...(source.text === undefined ? {} : { text: source.text }) };
  return many ? [both] : both;
}

const segmentsBelow = (group: Group, name: string): readonly Segment[] =>
  group.children.flatMap((each) => ('children' in each ? segmentsBelow(each, name) : each.name === name ? [each] : []));

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

export const mapRuntime = {
  ...expressionRuntime,
  ...memoryFunctions,
  at,
  atPlace,
  typed,
  typedEach,
  row,
  rowCode: (found: FoundRow | undefined): string | undefined => found?.row.code,
  rowCoding,
  rowConcept,
  withSource,
  groups: (group: Group | undefined, name: string): readonly Group[] => group?.groups(name) ?? NONE,
  segmentsOf: (group: Group | undefined, name: string): readonly Segment[] => group?.segments(name) ?? NONE,
  segments: (group: Group | undefined, name: string, X: MessageRun): readonly Segment[] => {
    const found = group?.segments(name) ?? NONE;
    return found.length === 0 ? found : found.map((each) => X.reach(each));
  },
  everySegment: (group: Group | undefined, name: string, X: MessageRun): readonly Segment[] =>
    group === undefined ? NONE : segmentsBelow(group, name).map((each) => X.reach(each)),
  segment: (group: Group | undefined, name: string, occurrence: number, X: MessageRun): Segment | undefined => {
    const found = group?.segments(name)[occurrence - 1];
    return found === undefined ? undefined : X.reach(found);
  },
  /** True where the field has some text, `""` included. */
  has: (segment: Segment | undefined, field: number): boolean => segment?.has(field) === true,
  /** A condition's own failed conversions are no faults: the condition does not hold. */
  quiet: <T>(value: T, X: MessageRun): T => {
    X.error = undefined;
    return value;
  },
  some: <T>(list: readonly T[]): readonly T[] | undefined => (list.length > 0 ? list : undefined),
  oneOf: <T>(value: T | undefined): readonly T[] | undefined => (value === undefined ? undefined : [value]),
  each1: <T, U>(list: readonly T[], apply: (value: T) => U | undefined): readonly U[] => {
    if (list.length === 0) return NONE;
    const found: U[] = [];
    for (const each of list) {
      const made = apply(each);
      if (made !== undefined) found.push(made);
    }
    return found;
  },
  /** Sets parts that an object, or every object of a list, does not have yet. */
  fill: (target: unknown, parts: Readonly<Record<string, unknown>> | undefined): void => {
    if (parts === undefined) return;
    for (const each of Array.isArray(target) ? target : [target]) {
      if (typeof each !== 'object' || each === null) continue;
      for (const [name, value] of Object.entries(parts)) if (each[name] === undefined) each[name] = value;
    }
  },
  /** `multiple: first` and `last`: what is left out is told. */
  chosen: <T>(list: readonly T[], which: 'first' | 'last', where: () => string | undefined, X: MessageRun): T | undefined => {
    if (list.length > 1) X.leftOut(list.length - 1, where());
    return which === 'first' ? list[0] : list.at(-1);
  },
  /** Puts a value, or all of a list that is not empty, to the end of a list. */
  added: (list: unknown[] | undefined, value: unknown): unknown[] => {
    if (list === undefined) return Array.isArray(value) ? [...value] : [value];
    if (Array.isArray(value)) for (const each of value) list.push(each);
    else list.push(value);
    return list;
  },
  withSources: (mapped: readonly Concept[] | undefined, sources: readonly Concept[]): readonly Concept[] | undefined => {
    const all = [...(mapped ?? []), ...sources];
    return all.length > 0 ? all : undefined;
  },
  member: (value: string | undefined, set: CodeSet, X: MessageRun): string | undefined => {
    if (value === undefined || set.codes.has(value)) return value;
    X.error = 'mapping-code-not-in-set';
    return undefined;
  },
  /** FHIR has no blank strings; what is only spaces is no value. */
  string: (value: string | undefined): string | undefined => (value === undefined || value.trim() === '' ? undefined : value),
  uri: fails((value) => (/^\S+$/.test(value.trim()) ? value.trim() : undefined), 'mapping-not-a-uri'),
  id: fails((value) => (/^[A-Za-z0-9.-]{1,64}$/.test(value) ? value : undefined), 'mapping-not-a-code'),
  base64: fails((value) => (/^[A-Za-z0-9+/\s]+={0,2}$/.test(value) ? value : undefined), 'mapping-not-a-code'),
  positive: fails((value) => (/^0*[1-9]\d{0,8}$/.test(value.trim()) ? Number(value) : undefined), 'mapping-not-an-integer'),
  unsigned: fails((value) => (/^\d{1,9}$/.test(value.trim()) ? Number(value) : undefined), 'mapping-not-an-integer'),
  literalNumber: decimal,
};
