/**
 * What the cases of specs try: of each map its rules, of each row map its columns, of each concept map its codes, and which of them no case ever had
 * a value from. A rule that runs and makes nothing is not tried: no assertion could tell that it is wrong.
 */
import { caseMessage, caseRecords, type FindBytes } from './cases.ts';
import type { Position } from './diagnostics.ts';
import type { SpecFile } from './files.ts';
import type { LoadedMaps } from './maps.ts';
import { entryOf, type ListNode, textOf, texts } from './read.ts';
import { triedByOutCase } from './to-hl7v2/cases.ts';
import { rowCaseGiven } from './to-rows/cases.ts';

export interface SpecCoverage {
  readonly file: string;
  readonly of: 'rules' | 'columns' | 'codes';
  readonly all: number;
  readonly tried: number;
  /** Lines of those that no case tries, in order. */
  readonly untried: readonly number[];
}

/** One rule, column or code, by its place. */
interface Tried {
  readonly line: number;
  readonly of: SpecCoverage['of'];
  isTried: boolean;
}

/**
 * Returns what the cases among `files` try of the maps of HL7v2 messages and of records, the maps to HL7v2 (those of queries with them), the row maps
 * and the concept maps. Of concept maps that only row maps use the cases of the map itself count.
 */
export function coverageOf(files: readonly SpecFile[], maps: LoadedMaps, find: FindBytes): readonly SpecCoverage[] {
  const tally = new Tally();
  for (const { rules } of [...maps.messageMaps.flatMap(tracedModules), ...maps.recordMaps])
    for (const { at } of rules) tally.add('rules', at);
  for (const at of maps.outMaps.rules) tally.add('rules', at);
  for (const family of maps.families.values())
    for (const table of family.tables.values()) for (const { at } of table.codes.values()) tally.add('codes', at);
  for (const list of files.flatMap(listsOf)) {
    tryMessages(list, maps, find, tally);
    tryRecords(list, maps, find, tally);
    for (const at of list.items.flatMap((node) => [...triedByOutCase(node, maps.outMaps)])) tally.made(at);
  }
  tryTables(files, maps, tally);
  tryRows(maps, tally);
  return tally.told();
}

/** Of the newest version that has each structure: what older ones have besides is little. */
function tracedModules(map: LoadedMaps['messageMaps'][number]) {
  const newest = new Map(map.structures().map(({ version, structure }) => [structure, version]));
  return [...newest].map(([structure, version]) => map.module(version, structure, 'traced'));
}

function listsOf({ read }: SpecFile): readonly ListNode[] {
  const list = entryOf(read.root, 'cases')?.value;
  return list?.kind === 'list' ? [list] : [];
}

function tryMessages(list: ListNode, maps: LoadedMaps, find: FindBytes, tally: Tally): void {
  for (const node of list.items) {
    const given = caseMessage(node, find);
    if (given === undefined) continue;
    const { rules, elements } = maps.trace(given.message, given.context);
    for (const { rule, made } of rules) if (made > 0) tally.tried('rules', rule.at);
    for (const all of elements.values()) for (const { row } of all) if (row !== undefined) tally.tried('codes', row);
  }
}

function tryRecords(list: ListNode, maps: LoadedMaps, find: FindBytes, tally: Tally): void {
  for (const node of list.items) {
    const { records, context } = caseRecords(node, maps, find);
    for (const { raw, conversion } of records) {
      const map = conversion.drafts.length === 0 ? undefined : maps.recordMaps.find(({ label }) => label === conversion.spec);
      const { rules, rows } = map?.triedBy(raw, context) ?? { rules: [], rows: [] };
      for (const { rule, made } of rules) if (made > 0) tally.tried('rules', rule.at);
      for (const at of rows) tally.tried('codes', at);
    }
  }
}

/** Cases that name a concept map name its codes. */
function tryTables(files: readonly SpecFile[], { families, rowMaps }: LoadedMaps, tally: Tally): void {
  const tables = [...families.values()].flatMap((each) => [...each.tables.values()]);
  for (const node of files.flatMap(listsOf).flatMap(({ items }) => items)) {
    const name = textOf(entryOf(node, 'given')?.value, 'table');
    if (name === undefined) continue;
    const concepts = rowMaps.tables.get(name)?.rows;
    for (const { at } of concepts?.values() ?? []) tally.add('codes', at);
    const rows: ReadonlyMap<string, { readonly at: Position }> | undefined = concepts ?? tables.find(({ id }) => id === name)?.codes;
    const expected = entryOf(node, 'expect')?.value;
    const codes = expected?.kind === 'map' ? expected.entries.flatMap(({ value }) => texts(value)) : [];
    for (const { value } of codes) {
      const row = rows?.get(value);
      if (row !== undefined) tally.tried('codes', row.at);
    }
  }
}

function tryRows({ rowMaps }: LoadedMaps, tally: Tally): void {
  for (const { spec } of rowMaps.maps.values()) {
    for (const { at, target, columns } of spec.rows) {
      // The concept that chooses the table fills columns as well.
      if (target.kind === 'route') tally.add('columns', at);
      for (const column of columns) tally.add('columns', column.at);
    }
    const list = entryOf(spec.root, 'cases')?.value;
    for (const node of list?.kind === 'list' ? list.items : []) {
      const given = rowCaseGiven(node, spec);
      if ('code' in given) continue;
      const { rows } = rowMaps.trace(given.resource, given.context);
      for (const { at } of rows.flatMap(({ columns }) => columns)) if (at !== undefined) tally.tried('columns', at);
    }
  }
}

class Tally {
  readonly #files = new Map<string, Map<string, Tried>>();

  add(of: SpecCoverage['of'], at: Position): Tried {
    const file = this.#files.get(at.file) ?? new Map<string, Tried>();
    this.#files.set(at.file, file);
    const key = `${at.line}:${at.column}`;
    const known = file.get(key) ?? { line: at.line, of, isTried: false };
    file.set(key, known);
    return known;
  }

  /** What was not counted is counted now: a rule that only an older version of a structure has. */
  tried(of: SpecCoverage['of'], at: Position): void {
    this.add(of, at).isTried = true;
  }

  /** Of what was counted before, whatever it is. */
  made(at: Position): void {
    const known = this.#files.get(at.file)?.get(`${at.line}:${at.column}`);
    if (known !== undefined) known.isTried = true;
  }

  told(): readonly SpecCoverage[] {
    return [...this.#files].map(([file, places]) => {
      const all = [...places.values()];
      const lines = all.filter(({ isTried }) => !isTried).map(({ line }) => line);
      const untried = [...new Set(lines)].toSorted((a, b) => a - b);
      return { file, of: all[0]?.of ?? 'rules', all: all.length, tried: all.length - lines.length, untried };
    });
  }
}
