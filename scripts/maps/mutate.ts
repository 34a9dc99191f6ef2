/**
 * node scripts/maps/mutate.ts [--sample N] [--seed S] [--show N] [--only PART]: is every rule held by a case? One rule at a time is dropped (an
 * element, an alternative, a case, a condition, a row of a table, a column), and the cases are run that reach its file; the mutant is caught when
 * one fails or the checker refuses it. What cannot change meaning is not counted: reasons and titles, the display beside a code, and mutants of
 * which every compiled module is, letter by letter, the one of the map as it is. Prints a table by folder, and what no case holds.
 * --sample 0: all mutants; without it 400 of them, drawn with the seed. --only: files whose path has PART in it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type CaseMaps, runCases } from '../../services/mapping/cases.ts';
import { type SpecFile, specFiles } from '../../services/mapping/files.ts';
import { type LoadedMaps, mapsOf } from '../../services/mapping/maps.ts';
import { entryOf, type ListNode, type SpecNode, textOf } from '../../services/mapping/read.ts';
import { type NodePath, withNode } from '../../services/mapping/sites/find.ts';
import { runRowCases } from '../../services/mapping/to-rows/cases.ts';
import { compileRowMaps } from '../../services/mapping/to-rows/maps.ts';
import { chanceOf } from '../simulator/chance.ts';

const root = resolve(import.meta.dirname, '..', '..');
const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const find = (file: string): Uint8Array | undefined => (existsSync(join(root, file)) ? readFileSync(join(root, file)) : undefined);

interface Mutant {
  readonly file: SpecFile;
  readonly path: NodePath;
  /** Positions of which one must be reached for the mutant to matter. */
  readonly line: number;
  readonly what: string;
}

const SKIPPED = new Set([
  'map',
  'version',
  'source',
  'target',
  'use',
  'because',
  'notes',
  'cases',
  'params',
  'ignore',
  'vocabulary',
  'expect',
  'given',
  'is',
  'from',
  'switch',
  'each',
  'type',
  'key',
  'name',
  'title',
]);

/** Everything that can be dropped: entries of objects, items of alternatives, cases, conditions. */
function* mutantsOf(file: SpecFile, node: SpecNode, path: NodePath, depth: number): Generator<Mutant> {
  if (node.kind === 'list') {
    for (const [i, item] of node.items.entries()) {
      if (node.items.length > 1 && entryOf(item, 'else') === undefined)
        yield { file, path: [...path, i], line: item.at.line, what: 'alternative' };
      yield* mutantsOf(file, item, [...path, i], depth + 1);
    }
  } else if (node.kind === 'map') {
    for (const [i, { key, at, value }] of node.entries.entries()) {
      const isInner = depth > 0 && (key === 'cases' || key === 'from' || key === 'all' || key === 'then');
      if (SKIPPED.has(key) && !isInner) {
        if (depth > 1 && (key === 'type' || key === 'name')) yield { file, path: [...path, i], line: at.line, what: key };
        continue;
      }
      // A display beside a code is for readers: the meaning is code and system (http://hl7.org/fhir/R4/datatypes.html#Coding).
      if (key === 'display' && node.entries.some((each) => each.key === 'code')) continue;
      const isContainer = ['fields', 'resources', 'value', 'codes', 'rows', 'columns', 'override', 'route'].includes(key) && depth < 4;
      if (!isContainer && !isInner && key !== 'else') yield { file, path: [...path, i], line: at.line, what: key };
      yield* mutantsOf(file, value, [...path, i], depth + 1);
    }
  }
}

interface Reached {
  readonly node: SpecNode;
  readonly lines: ReadonlySet<string>;
}

/** What each case runs, by file and line. */
function reachedBy(files: readonly SpecFile[], maps: LoadedMaps): readonly Reached[] {
  const lists = files.map((each) => entryOf(each.read.root, 'cases')?.value).filter((each) => each?.kind === 'list');
  return lists.flatMap((list) =>
    list.items.map((node) => {
      const lines = new Set<string>();
      const table = textOf(entryOf(node, 'given')?.value, 'table');
      const tableFile = files.find((each) => textOf(each.read.root, 'map') === table)?.file;
      if (table !== undefined) return { node, lines: new Set(tableFile === undefined ? [] : [`${tableFile}:0`]) };
      const watching: CaseMaps = {
        ...maps,
        convert: (message, context) => {
          const traced = maps.trace(message, context);
          for (const { rule, ran } of traced.rules) if (ran > 0) lines.add(`${rule.at.file}:${rule.at.line}`);
          for (const each of [...traced.elements.values()].flat())
            if (each.row !== undefined) lines.add(`${each.row.file}:${each.row.line}`);
          for (const each of traced.conversion.spec === '' ? [] : maps.messageMaps.filter((map) => map.label === traced.conversion.spec))
            lines.add(each.spec.file);
          return traced.conversion;
        },
      };
      runCases({ ...list, items: [node] }, watching, find);
      return { node, lines };
    }),
  );
}

const files = specFiles(join(root, 'mappings'));
const spoken = files.filter((each) => !each.path.startsWith('fhir-to-omop'));
const rows = files.filter((each) => each.path.startsWith('fhir-to-omop') && !each.isCases);
const reached = reachedBy(spoken, mapsOf(spoken));
const isRecords = (file: SpecFile): boolean => /^(csv|json)-to/.test(file.path);

/** Fixtures with golden resources (test/mapping/golden): what they become must stay, too. */
const golden = readdirSync(join(root, 'test/mapping/golden')).flatMap((name) => {
  const parsed = parseMessage(readFileSync(join(root, 'fixtures/hl7v2', name.replace(/json$/, 'hl7'))));
  return parsed.ok ? [parsed.value] : [];
});
const becomes = (maps: LoadedMaps): readonly string[] =>
  golden.map((each) =>
    JSON.stringify(maps.convert(each, { timezone: 'UTC' }).drafts.map(({ resource, update, deletes }) => [resource, update, deletes])),
  );
const before = becomes(mapsOf(spoken));

type Verdict = 'case' | 'golden' | 'checker' | 'same' | 'not reached' | 'survived';

const rowCases = files
  .filter((each) => each.path.startsWith('fhir-to-omop') && each.isCases)
  .map((each) => entryOf(each.read.root, 'cases')?.value);
const casesIn = (file: string): readonly Reached[] => reached.filter(({ lines }) => [...lines].some((line) => line.startsWith(`${file}:`)));
const known = new Map<string, readonly Reached[]>();

/** Cases that reach a file, those that reach the mutant's own line first. */
function reaching({ file, line }: Mutant): readonly Reached[] {
  if (isRecords(file)) return reached;
  let all = known.get(file.file);
  if (all === undefined) {
    all =
      file.path.includes('/messages/') || file.path.startsWith('sites/')
        ? reached.filter(({ lines }) => lines.has(file.file))
        : casesIn(file.file);
    known.set(file.file, all);
  }
  return all.toSorted((a, b) => Number(b.lines.has(`${file.file}:${line}`)) - Number(a.lines.has(`${file.file}:${line}`)));
}

function rowVerdict(file: SpecFile, read: SpecFile['read']): Verdict {
  const maps = compileRowMaps(rows.map((each) => (each === file ? read : each.read)));
  if (maps.diagnostics.some((each) => each.severity === 'error')) return 'checker';
  if (runRowCases(maps).failed > 0) return 'case';
  const whole: CaseMaps = { ...original, families: new Map(), rowMaps: maps };
  return rowCases.some((list) => list?.kind === 'list' && runCases(list, whole, find).failed > 0) ? 'case' : 'survived';
}

const original = mapsOf(spoken);

/** True when every module of maps that use the file is the same program with the same constants. */
function isSame(maps: LoadedMaps, file: SpecFile): boolean {
  if (isRecords(file) || file.path.includes('/tables/')) return false;
  return maps.messageMaps.every((map, i) => {
    const before = original.messageMaps[i];
    if (before === undefined || before.label === map.label) return before !== undefined;
    return map.structures().every(({ version, structure }) => {
      const [was, is] = [before.module(version, structure), map.module(version, structure)];
      return was.text === is.text && meaningOf(was.constants) === meaningOf(is.constants) && before.ignored.size === map.ignored.size;
    });
  });
}

/** Constants without places and texts of specs. */
const meaningOf = (constants: readonly unknown[]): string =>
  JSON.stringify(constants, (key, value: unknown) =>
    ['at', 'file', 'root', 'version'].includes(key)
      ? undefined
      : value instanceof Map
        ? [...value]
        : value instanceof Set
          ? [...value]
          : value,
  );

/** Returns why the mutant is caught: a case, a golden file, the checker, or nothing. */
function verdict(mutant: Mutant): Verdict {
  const { file, path } = mutant;
  if (file.read.root === undefined) return 'checker';
  const read = { ...file.read, root: withNode(file.read.root, path, undefined) };
  if (file.path.startsWith('fhir-to-omop')) return rowVerdict(file, read);
  const maps = mapsOf(spoken.map((each) => (each === file ? { ...each, read } : each)));
  if (maps.diagnostics.some((each) => each.severity === 'error')) return 'checker';
  const at = { file: file.file, line: 1, column: 1 };
  const using = reaching(mutant);
  for (const each of using) {
    const list: ListNode = { kind: 'list', at, items: [each.node] };
    if (fails(list, maps)) return 'case';
  }
  if (!isRecords(file) && becomes(maps).some((each, i) => each !== before[i])) return 'golden';
  if (isSame(maps, file)) return 'same';
  return using.length === 0 ? 'not reached' : 'survived';
}

function fails(list: ListNode, maps: LoadedMaps): boolean {
  try {
    return runCases(list, maps, find).failed > 0;
  } catch {
    return true;
  }
}

const only = process.argv.includes('--only') ? (process.argv[process.argv.indexOf('--only') + 1] ?? '') : '';
const all = files
  .filter((each) => !each.isCases && each.read.root !== undefined && each.path.includes(only))
  .flatMap((file) => [...mutantsOf(file, file.read.root ?? { kind: 'list', at: { file: '', line: 1, column: 1 }, items: [] }, [], 0)]);
const wanted = option('sample', 400);
const random = chanceOf(option('seed', 1));
const drawn =
  wanted === 0
    ? all
    : all
        .map((mutant) => ({ mutant, rank: random.below(1_000_000) }))
        .sort((a, b) => a.rank - b.rank)
        .slice(0, wanted)
        .map(({ mutant }) => mutant);
const table = new Map<
  string,
  { all: number; case: number; golden: number; checker: number; same: number; 'not reached': number; survived: number }
>();
const left: string[] = [];
for (const mutant of drawn) {
  const folder = mutant.file.path.split('/').slice(0, -1).join('/');
  const row = table.get(folder) ?? { all: 0, case: 0, golden: 0, checker: 0, same: 0, 'not reached': 0, survived: 0 };
  table.set(folder, row);
  const found = verdict(mutant);
  row[found] += 1;
  if (found === 'same') continue;
  row.all += 1;
  if (found === 'survived' || found === 'not reached')
    left.push(`${relative(root, mutant.file.file)}:${mutant.line} ${mutant.what} (${found})`);
}
console.log(`${drawn.length} of ${all.length} rules dropped, one at a time`);
console.log(
  `${'folder'.padEnd(34)}${['rules', 'by case', 'by golden', 'by checker', 'not reached', 'survived', 'caught', '(same)'].map((each) => each.padStart(12)).join('')}`,
);
let caught = 0;
let counted = 0;
for (const [folder, row] of [...table].sort()) {
  caught += row.case + row.golden + row.checker;
  counted += row.all;
  const share = `${(((row.case + row.golden + row.checker) / row.all) * 100).toFixed(0)} %`;
  console.log(
    `${folder.padEnd(34)}${[row.all, row.case, row.golden, row.checker, row['not reached'], row.survived, share, row.same].map((each) => String(each).padStart(12)).join('')}`,
  );
}
console.log(`caught: ${((caught / counted) * 100).toFixed(1)} % of ${counted}; ${drawn.length - counted} cannot change meaning`);
for (const each of left.sort().slice(0, option('show', 40))) console.log(`  ${each}`);
