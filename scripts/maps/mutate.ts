/**
 * node scripts/maps/mutate.ts [--sample N] [--seed S] [--show N]: is every rule held by a case? One rule at a time is dropped (an element, an alternative, a
 * case, a condition, a row of a table, a column), and the cases are run that reach it; the mutant is caught when one fails or the checker
 * refuses it. Prints a table by folder, and what no case holds. 0: all mutants; without --sample 400 of them, drawn with the seed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type CaseMaps, runCases } from '../../services/mapping/cases.ts';
import { type SpecFile, specFiles } from '../../services/mapping/files.ts';
import { type LoadedMaps, mapsOf } from '../../services/mapping/maps.ts';
import { entryOf, type ListNode, type SpecNode } from '../../services/mapping/read.ts';
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

/** Returns why the mutant is caught: a case, a golden file, the checker, or nothing. */
function verdict(mutant: Mutant): 'case' | 'golden' | 'checker' | 'not reached' | 'survived' {
  const { file, path } = mutant;
  if (file.read.root === undefined) return 'checker';
  const read = { ...file.read, root: withNode(file.read.root, path, undefined) };
  if (file.path.startsWith('fhir-to-omop')) {
    const maps = compileRowMaps(rows.map((each) => (each === file ? read : each.read)));
    if (maps.diagnostics.some((each) => each.severity === 'error')) return 'checker';
    return runRowCases(maps).failed > 0 ? 'case' : 'survived';
  }
  // The rule's own lines: from its first to the next entry's is near enough; a table row is one line.
  const using = isRecords(file)
    ? reached
    : reached.filter(
        (each) => each.lines.has(`${file.file}:${mutant.line}`) || (file.path.includes('/messages/') && each.lines.has(file.file)),
      );
  const maps = mapsOf(spoken.map((each) => (each === file ? { ...each, read } : each)));
  if (maps.diagnostics.some((each) => each.severity === 'error')) return 'checker';
  const at = { file: file.file, line: 1, column: 1 };
  for (const each of using) {
    const list: ListNode = { kind: 'list', at, items: [each.node] };
    if (runCases(list, maps, find).failed > 0) return 'case';
  }
  if (!isRecords(file) && becomes(maps).some((each, i) => each !== before[i])) return 'golden';
  return using.length === 0 ? 'not reached' : 'survived';
}

const all = files
  .filter((each) => !each.isCases && each.read.root !== undefined)
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
const table = new Map<string, { all: number; case: number; golden: number; checker: number; 'not reached': number; survived: number }>();
const left: string[] = [];
for (const mutant of drawn) {
  const folder = mutant.file.path.split('/').slice(0, -1).join('/');
  const row = table.get(folder) ?? { all: 0, case: 0, golden: 0, checker: 0, 'not reached': 0, survived: 0 };
  table.set(folder, row);
  const found = verdict(mutant);
  row.all += 1;
  row[found] += 1;
  if (found === 'survived' || found === 'not reached')
    left.push(`${relative(root, mutant.file.file)}:${mutant.line} ${mutant.what} (${found})`);
}
console.log(`${drawn.length} of ${all.length} rules dropped, one at a time`);
console.log(
  `${'folder'.padEnd(34)}${['rules', 'by case', 'by golden', 'by checker', 'not reached', 'survived', 'caught'].map((each) => each.padStart(12)).join('')}`,
);
let caught = 0;
for (const [folder, row] of [...table].sort()) {
  caught += row.case + row.golden + row.checker;
  const share = `${(((row.case + row.golden + row.checker) / row.all) * 100).toFixed(0)} %`;
  console.log(
    `${folder.padEnd(34)}${[row.all, row.case, row.golden, row.checker, row['not reached'], row.survived, share].map((each) => String(each).padStart(12)).join('')}`,
  );
}
console.log(`caught: ${((caught / drawn.length) * 100).toFixed(1)} %`);
for (const each of left.sort().slice(0, option('show', 40))) console.log(`  ${each}`);
