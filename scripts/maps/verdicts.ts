/** Whether a case, a golden file or the checker notices that a rule is gone. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Message } from '../../services/hl7v2/message.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type CaseMaps, runCases } from '../../services/mapping/cases.ts';
import type { Conversion, ConvertContext } from '../../services/mapping/conversion.ts';
import type { Diagnostic } from '../../services/mapping/diagnostics.ts';
import { familiesOf } from '../../services/mapping/families.ts';
import { type SpecFile, specFiles } from '../../services/mapping/files.ts';
import { type LoadedMaps, mapsOf } from '../../services/mapping/maps.ts';
import { entryOf, type ListNode, type SpecNode, textOf } from '../../services/mapping/read.ts';
import { withNode } from '../../services/mapping/sites/find.ts';
import { compileOutMaps } from '../../services/mapping/to-hl7v2/maps.ts';
import { runRowCases } from '../../services/mapping/to-rows/cases.ts';
import { compileRowMaps } from '../../services/mapping/to-rows/maps.ts';
import { claimOf, type Mutant } from './mutants.ts';

const root = resolve(import.meta.dirname, '..', '..');
const find = (file: string): Uint8Array | undefined => (existsSync(join(root, file)) ? readFileSync(join(root, file)) : undefined);

interface Reached {
  readonly node: SpecNode;
  /** What the case converts, with what it became. */
  readonly conversions: readonly { readonly message: Message; readonly context: ConvertContext; readonly became: string }[];
  readonly lines: ReadonlySet<string>;
}

/** Everything that a conversion says, but for the digest of its map. */
const becameOf = ({ drafts, problems, unmapped, unread, rung }: Conversion): string =>
  JSON.stringify([
    drafts.map(({ resource, update, deletes, kin }) => [resource, update, deletes, kin]),
    problems.map(({ code, at }) => [code, at]),
    unmapped,
    unread,
    rung,
  ]);

/** A case that fails anyhow would seem to notice every rule that is dropped. */
function assertPasses(diagnostics: readonly Diagnostic[]): void {
  const [first] = diagnostics;
  if (first !== undefined) throw new Error(`${first.file}:${first.line} fails before any rule is dropped: ${first.text}`);
}

/** What each case runs, by file and line. */
function reachedBy(files: readonly SpecFile[], maps: LoadedMaps): readonly Reached[] {
  const lists = files.map((each) => entryOf(each.read.root, 'cases')?.value).filter((each) => each?.kind === 'list');
  return lists.flatMap((list) =>
    list.items.map((node) => {
      const lines = new Set<string>();
      const conversions: Reached['conversions'][number][] = [];
      const table = textOf(entryOf(node, 'given')?.value, 'table');
      const tableFile = files.find((each) => textOf(each.read.root, 'map') === table)?.file;
      if (table !== undefined) return { node, conversions, lines: new Set(tableFile === undefined ? [] : [`${tableFile}:0`]) };
      const watching: CaseMaps = {
        ...maps,
        convert: (message, context) => {
          const traced = maps.trace(message, context);
          conversions.push({ message, context, became: becameOf(traced.conversion) });
          for (const { rule, ran } of traced.rules) if (ran > 0) lines.add(`${rule.at.file}:${rule.at.line}`);
          for (const each of [...traced.elements.values()].flat())
            if (each.row !== undefined) lines.add(`${each.row.file}:${each.row.line}`);
          for (const each of traced.conversion.spec === '' ? [] : maps.messageMaps.filter((map) => map.label === traced.conversion.spec))
            lines.add(each.spec.file);
          return traced.conversion;
        },
      };
      assertPasses(runCases({ ...list, items: [node] }, watching, find).diagnostics);
      return { node, lines, conversions };
    }),
  );
}

export const files = specFiles(join(root, 'mappings'));
const spoken = files.filter((each) => !each.path.startsWith('fhir-to-omop'));
const rows = files.filter((each) => each.path.startsWith('fhir-to-omop') && !each.isCases);
const reached = reachedBy(spoken, mapsOf(spoken));
assertPasses(runRowCases(compileRowMaps(rows.map((each) => each.read))).diagnostics);
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

export type Verdict = 'case' | 'golden' | 'checker' | 'same' | 'not reached' | 'survived' | 'equivalent';

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

function rowVerdict(mutant: Mutant, read: SpecFile['read']): Verdict {
  const { file } = mutant;
  const maps = compileRowMaps(rows.map((each) => (each === file ? read : each.read)));
  if (maps.diagnostics.some((each) => each.severity === 'error')) return 'checker';
  if (runRowCases(maps).failed > 0) return 'case';
  const whole: CaseMaps = { ...original, families: new Map(), rowMaps: maps };
  if (rowCases.some((list) => list?.kind === 'list' && runCases(list, whole, find).failed > 0)) return 'case';
  // Cases of row maps compare every column and every count: that all pass is the proof that the claim asks for.
  return claimOf(mutant) === undefined ? 'survived' : 'equivalent';
}

const original = mapsOf(spoken);

const OUT = 'fhir-to-v2';
const outFiles = files.filter((each) => each.path.startsWith(`${OUT}/`) && !each.isCases);
const isOutCase = (node: SpecNode): boolean => {
  const given = entryOf(node, 'given')?.value;
  return textOf(given, 'resource') !== undefined || textOf(given, 'table')?.startsWith(`${OUT}/`) === true;
};
const outCases: readonly ListNode[] = files.flatMap((file) => {
  const list = file.path.startsWith(`${OUT}/`) ? entryOf(file.read.root, 'cases')?.value : undefined;
  const items = list?.kind === 'list' ? list.items.filter(isOutCase) : [];
  return list?.kind === 'list' && items.length > 0 ? [{ ...list, items }] : [];
});

/** A message compared letter by letter: whoever fails names what is gone. */
function outVerdict(mutant: Mutant, read: SpecFile['read']): Verdict {
  const { file } = mutant;
  const changed = outFiles.map((each) => (each === file ? { ...each, read } : each));
  const { families, diagnostics } = familiesOf(changed);
  const outMaps = compileOutMaps(changed, families.get(OUT)?.tables ?? new Map());
  if ([...diagnostics, ...outMaps.diagnostics].some((each) => each.severity === 'error')) return 'checker';
  const maps: CaseMaps = { ...original, families, outMaps };
  if (outCases.some((list) => runCases(list, maps, find).failed > 0)) return 'case';
  // Every case compares the whole message: that all pass is the proof that the claim asks for.
  return claimOf(mutant) === undefined ? 'survived' : 'equivalent';
}

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
export function verdict(mutant: Mutant): Verdict {
  const { file, path } = mutant;
  if (file.read.root === undefined) return 'checker';
  const read = { ...file.read, root: withNode(file.read.root, path, undefined) };
  if (file.path.startsWith('fhir-to-omop')) return rowVerdict(mutant, read);
  if (file.path.startsWith(`${OUT}/`)) return outVerdict(mutant, read);
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
  if (claimOf(mutant) !== undefined && isProven(using, maps)) return 'equivalent';
  return using.length === 0 ? 'not reached' : 'survived';
}

/** True when every message that the cases hold becomes, to the last word, what it became with the rule; at least one reaches the file. */
const isProven = (using: readonly Reached[], maps: LoadedMaps): boolean =>
  using.some(({ conversions }) => conversions.length > 0) &&
  reached.every(({ conversions }) =>
    conversions.every(({ message, context, became }) => becameOf(maps.convert(message, context)) === became),
  );

function fails(list: ListNode, maps: LoadedMaps): boolean {
  try {
    return runCases(list, maps, find).failed > 0;
  } catch {
    return true;
  }
}
