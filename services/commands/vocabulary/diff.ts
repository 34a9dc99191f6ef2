import { type CodeChange, releaseChanges } from '../../../terminology/release-diff.ts';
import { type Release, releaseNamed } from '../../../terminology/releases.ts';
import { vocabulariesOfSystem } from '../../../terminology/systems.ts';
import type { Config } from '../../config.ts';
import type { Queryable } from '../../database/connect.ts';
import { rowsOfCodes } from '../../database/vocabulary/touch.ts';
import { problem, Refusal } from '../../errors.ts';
import { openStore } from '../house.ts';
import { plural, type Terminal, table } from '../terminal.ts';
import { vocabularyFolder } from './folder.ts';
import { refusing } from './load.ts';

const KINDS = ['new', 'retired', 'remapped', 'renamed'] as const;
/** Codes looked up in the store at once. */
const BATCH = 20_000;
/** Codes of each kind that are named, those with the most stored rows first. */
const SHOWN = 20;

interface Touched extends CodeChange {
  /** Stored rows with this code; undefined without a database. */
  readonly rows: number | undefined;
}

interface KindReport {
  readonly kind: CodeChange['kind'];
  readonly codes: number;
  readonly touchedCodes: number | undefined;
  readonly rows: number | undefined;
  readonly first: readonly Touched[];
}

/** Prints what differs between two loaded releases of one code system, and how many stored rows each change would touch. */
export async function diffVocabularies(
  config: Config,
  names: readonly [string, string],
  options: { readonly json?: boolean; readonly folder?: string },
  terminal: Terminal,
): Promise<void> {
  const home = options.folder ?? vocabularyFolder(config);
  const [from, to] = await refusing(async () => [releaseNamed(home, names[0]), releaseNamed(home, names[1])] as const);
  if (from.url !== to.url) throw new Refusal([problem('vocabulary-not-comparable', { from: from.id, to: to.id })]);
  await using store = options.folder === undefined ? await openStore(config) : undefined;
  const report = await refusing(() => reportOf(home, from, to, store?.database));
  if (options.json) return terminal.out(JSON.stringify({ from: from.id, to: to.id, changes: report }, undefined, 2));
  terminal.out(`${from.title}: ${from.version} (${from.id}) to ${to.version} (${to.id})`);
  const kinds = report.filter(({ codes }) => codes > 0);
  if (kinds.length === 0) return terminal.out('No code differs.');
  const counted = (each: KindReport) => (each.rows === undefined ? [] : [each.touchedCodes ?? 0, each.rows]);
  const headings = ['change', 'codes', ...(store === undefined ? [] : ['of them stored', 'stored rows'])];
  terminal.out(
    table(
      headings,
      kinds.map((each) => [each.kind, each.codes, ...counted(each)]),
    ),
  );
  for (const { kind, codes, first } of kinds) {
    terminal.out(`\n${kind}${codes > first.length ? `, the first ${first.length} of ${plural(codes, 'code')}` : ''}:`);
    for (const each of first) terminal.out(`  ${lineOf(each)}`);
  }
}

const lineOf = ({ system, code, display, from, to, rows, kind }: Touched): string => {
  const change = kind === 'new' || (from === '' && to === '') ? '' : `: ${from || 'nothing'} -> ${to || 'nothing'}`;
  return `${system}|${code} ${display}${change}${rows === undefined || rows === 0 ? '' : ` (${plural(rows, 'stored row')})`}`;
};

async function reportOf(home: string, from: Release, to: Release, database: Queryable | undefined): Promise<readonly KindReport[]> {
  const tallies = new Map(KINDS.map((kind) => [kind, { codes: 0, touched: 0, rows: 0, first: [] as Touched[] }]));
  const take = async (batch: readonly CodeChange[]): Promise<void> => {
    const asked = batch.map((each) => ({ ...each, vocabularies: vocabulariesOf(each.system) }));
    const found = database === undefined ? undefined : await rowsOfCodes(database, asked);
    for (const each of batch) {
      const tally = tallies.get(each.kind);
      if (tally === undefined) continue;
      const rows = found === undefined ? undefined : (found.get(`${each.system} ${each.code}`) ?? 0);
      tally.codes++;
      tally.rows += rows ?? 0;
      if (rows !== undefined && rows > 0) tally.touched++;
      tally.first.push({ ...each, rows });
    }
    for (const tally of tallies.values()) tally.first = tally.first.sort((a, b) => (b.rows ?? 0) - (a.rows ?? 0)).slice(0, SHOWN);
  };
  let batch: CodeChange[] = [];
  for (const change of releaseChanges(home, from, to)) {
    batch.push(change);
    if (batch.length < BATCH) continue;
    await take(batch);
    batch = [];
  }
  await take(batch);
  return [...tallies].map(([kind, { codes, touched, rows, first }]) => {
    const counts = database === undefined ? { touchedCodes: undefined, rows: undefined } : { touchedCodes: touched, rows };
    return { kind, codes, ...counts, first };
  });
}

const vocabulariesOf = (system: string): readonly string[] => {
  const known = vocabulariesOfSystem(system);
  return known.length > 0 ? known : [system];
};
