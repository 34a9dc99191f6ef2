/**
 * Measures the conversions against 222 pairs of message and FHIR that others published, and against the messages themselves.
 *   node scripts/maps/pairs.ts [FOLDER] [--kinds N]
 * First table: per resource type and element, how many values of the others' resources ours have too (ids, references' targets, narrative and
 * meta aside). Second table: what the message says without interpretation (names, dates, codes, values), and whether ours says the same.
 * The exit status is 1 when the second table is not whole.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { loadMaps } from '../../services/mapping/maps.ts';
import { corpusFolder } from './corpus.ts';
import { disagreementsWith, FACTS } from './facts.ts';
import { becauseOf, type Evidence, evidenceOf, KINDS, type Kind, kindOf } from './kinds.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
interface Count {
  theirs: number;
  same: number;
  /** We have the element with another value. */
  other: number;
  readonly kinds: Map<Kind, number>;
}

const ASIDE = new Set(['id', 'meta', 'text', 'fullUrl', 'reference', 'resourceType', 'contained', 'div']);
const isObject = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Yields 'code.coding.code' and its value as text for every leaf; dates without their offsets, spaces and letters' case levelled. */
function* leaves(value: Json, path = ''): Generator<readonly [string, string]> {
  if (Array.isArray(value)) for (const each of value) yield* leaves(each, path);
  else if (isObject(value)) {
    for (const [name, each] of Object.entries(value)) if (!ASIDE.has(name)) yield* leaves(each, path === '' ? name : `${path}.${name}`);
  } else if (value !== null) yield [path, normal(String(value))];
}

const normal = (value: string): string => {
  const date = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})/.exec(value);
  if (date !== null) return `${date[1] ?? ''}`;
  return value
    .trim()
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/^(\d+)\.0+$/, '$1');
};

/** Returns the resources in a Bundle, a list, or one. */
function resourcesIn(value: Json): readonly { readonly [key: string]: Json }[] {
  if (Array.isArray(value)) return value.flatMap(resourcesIn);
  if (!isObject(value)) return [];
  const { entry, resource, resourceType } = value;
  if (resourceType === 'Bundle' || entry !== undefined) return Array.isArray(entry) ? entry.flatMap(resourcesIn) : [];
  if (resource !== undefined) return resourcesIn(resource);
  return typeof resourceType === 'string' ? [value] : [];
}

function read(file: string): Json | undefined {
  try {
    const parsed: Json = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
    return parsed;
  } catch {
    return undefined;
  }
}

/** Adds to `table` what of `theirs` is in `ours`, element by element; several values of one path are a bag. */
function compare(
  theirs: readonly { readonly [key: string]: Json }[],
  ours: ReadonlyMap<string, Map<string, Map<string, number>>>,
  table: Map<string, Count>,
  evidence: Evidence,
): void {
  for (const resource of theirs) {
    const type = String(resource['resourceType']);
    const mine = ours.get(type);
    for (const [path, value] of leaves(resource)) {
      const key = `${type}.${path.split('.').slice(0, 2).join('.')}`;
      const count = table.get(key) ?? { theirs: 0, same: 0, other: 0, kinds: new Map() };
      table.set(key, count);
      count.theirs += 1;
      const bag = mine?.get(path);
      const left = bag?.get(value) ?? 0;
      if (left > 0) {
        count.same += 1;
        bag?.set(value, left - 1);
        continue;
      }
      if (bag !== undefined) count.other += 1;
      const kind = kindOf(type, path, value, evidence);
      count.kinds.set(kind, (count.kinds.get(kind) ?? 0) + 1);
    }
  }
}

function bagsOf(resources: readonly Json[]): Map<string, Map<string, Map<string, number>>> {
  const bags = new Map<string, Map<string, Map<string, number>>>();
  for (const resource of resources) {
    if (!isObject(resource)) continue;
    const type = String(resource['resourceType']);
    const paths = bags.get(type) ?? new Map<string, Map<string, number>>();
    bags.set(type, paths);
    for (const [path, value] of leaves(resource)) {
      const bag = paths.get(path) ?? new Map<string, number>();
      paths.set(path, bag);
      bag.set(value, (bag.get(value) ?? 0) + 1);
    }
  }
  return bags;
}

function main(): void {
  const { positionals } = parseArgs({ allowPositionals: true, options: {} });
  const folder = positionals[0] ?? corpusFolder();
  const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));
  if (folder === undefined || !existsSync(join(folder, 'pairs.csv')) || !loaded.ok) {
    console.log(loaded.ok ? 'no pairs.csv in the folder' : JSON.stringify(loaded.problems));
    process.exit(2);
  }
  const table = new Map<string, Count>();
  const sums = { pairs: 0, compared: 0, withoutMessage: 0, notFhir: 0, parked: 0 };
  const facts = new Map<string, { n: number; wrong: number }>(FACTS.map((each) => [each, { n: 0, wrong: 0 }]));
  const wrong: string[] = [];
  for (const line of readFileSync(join(folder, 'pairs.csv'), 'utf8').trim().split('\n').slice(1)) {
    const [, input = '', expected = ''] = line.split(',');
    sums.pairs += 1;
    if (!/\.(hl7|txt)$/.test(input)) {
      sums.withoutMessage += 1;
      continue;
    }
    const theirs = resourcesIn(read(join(folder, expected)) ?? null);
    const parts = splitBatch(readFileSync(join(folder, input)));
    const ours: Json[] = [];
    for (const bytes of parts.ok ? parts.value : []) {
      const parsed = parseMessage(bytes);
      if (!parsed.ok) continue;
      const { drafts, rung, unread } = loaded.value.convert(parsed.value, { timezone: 'UTC', authority: 'pair' });
      if (rung === 'park-message') sums.parked += 1;
      const made: Json[] = JSON.parse(JSON.stringify(drafts.map((each) => each.resource)));
      ours.push(...made);
      if (rung === 'park-message') continue;
      // What stands where no rule looks (a second PID) is in the unread report.
      const told = new Set(unread.map(({ path }) => path));
      for (const each of disagreementsWith(
        parsed.value,
        drafts.map(({ resource }) => resource),
      ).filter(({ at }) => !told.has(at))) {
        const count = facts.get(each.fact);
        if (count === undefined) continue;
        count.n += 1;
        if (each.agrees) continue;
        count.wrong += 1;
        wrong.push(`${input} ${each.fact} ${each.at}`);
      }
    }
    if (theirs.length === 0) sums.notFhir += 1;
    else {
      sums.compared += 1;
      const bags = bagsOf(ours);
      const values = [...bags.values()].flatMap((paths) => [...paths.values()].flatMap((bag) => [...bag.keys()]));
      compare(theirs, bags, table, evidenceOf(bags.keys(), values, readFileSync(join(folder, input)).toString()));
    }
  }
  print(table, facts, wrong, sums);
}

function print(
  table: ReadonlyMap<string, Count>,
  facts: ReadonlyMap<string, { n: number; wrong: number }>,
  wrong: readonly string[],
  sums: object,
): void {
  console.log('| element of theirs | values | the same | another value | not made |\n| --- | ---: | ---: | ---: | ---: |');
  const rows = [...table].filter(([, { theirs }]) => theirs >= 5).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, { theirs, same, other }] of rows) console.log(`| ${key} | ${theirs} | ${same} | ${other} | ${theirs - same - other} |`);
  const all = [...table.values()].reduce(
    (sum, each) => ({ theirs: sum.theirs + each.theirs, same: sum.same + each.same, other: sum.other + each.other }),
    { theirs: 0, same: 0, other: 0 },
  );
  console.log(`| all | ${all.theirs} | ${all.same} | ${all.other} | ${all.theirs - all.same - all.other} |`);
  printKinds(table);
  console.log('\n| what the message says | times | we say the same |\n| --- | ---: | ---: |');
  for (const [fact, { n, wrong: bad }] of facts) console.log(`| ${fact} | ${n} | ${n - bad} |`);
  for (const each of wrong.slice(0, 40)) console.log(`differs: ${each}`);
  console.log(JSON.stringify(sums));
  if (wrong.length > 0) process.exitCode = 1;
}

/** Prints why values of theirs are not in ours, and by element those that the message says and ours has not at all. */
function printKinds(table: ReadonlyMap<string, Count>): void {
  const of = (kind: Kind): number => [...table.values()].reduce((sum, { kinds }) => sum + (kinds.get(kind) ?? 0), 0);
  console.log('\n| why a value of theirs is not at its place in ours | values |\n| --- | ---: |');
  for (const kind of Object.keys(KINDS).filter((each): each is Kind => each in KINDS)) console.log(`| ${KINDS[kind]} | ${of(kind)} |`);
  console.log('\n| said by the message, not in ours at all | values | because |\n| --- | ---: | --- |');
  const missing = [...table].map(([key, { kinds }]) => [key, kinds.get('missing') ?? 0] as const).filter(([, n]) => n > 0);
  for (const [key, n] of missing.sort((a, b) => b[1] - a[1])) console.log(`| ${key} | ${n} | ${becauseOf(key)} |`);
  const sums = new Map<string, number>();
  for (const [key, n] of missing) sums.set(becauseOf(key), (sums.get(becauseOf(key)) ?? 0) + n);
  console.log('\n| because | values |\n| --- | ---: |');
  for (const [because, n] of [...sums].sort((a, b) => b[1] - a[1])) console.log(`| ${because} | ${n} |`);
}

main();
