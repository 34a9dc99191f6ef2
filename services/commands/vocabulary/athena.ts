import type { Config } from '../../config.ts';
import { deriveStale } from '../../database/derived/derived.ts';
import { upgradeOf, upgrades } from '../../database/vocabulary/state.ts';
import { settleEras } from '../../database/vocabulary/vocabulary.ts';
import { Refusal } from '../../errors.ts';
import type { UpgradeReport } from '../../omop/upgrade.ts';
import { plannedChanges, upgradeNext } from '../../pipeline/vocabulary/upgrade.ts';
import { type House, openHouse, openStore, pullDate } from '../house.ts';
import { plural, progress, type Terminal, table } from '../terminal.ts';
import { vocabularyFolder } from './folder.ts';
import { type VocabularyLoaded, vocabularyInto } from './load.ts';

export interface AthenaOptions {
  readonly json?: boolean;
  /** Says what would change and changes nothing. */
  readonly dryRun?: boolean;
}

const WAIT_MS = 200;

/**
 * Loads an Athena release as one operation: reads it beside the present one, says what it changes in the stored data, switches, makes the rows that
 * change again, and keeps the report. Throws Refusal naming file and line; then nothing changed.
 */
export async function loadAthena(config: Config, folder: string, terminal: Terminal, options: AthenaOptions): Promise<void> {
  await using house = await houseOf(config);
  if (house === undefined) {
    // What is active cannot be read: it is replaced, and every row is made again when a server or the next load starts.
    await using store = await openStore(config);
    const loaded = await vocabularyInto(store.database, folder, vocabularyFolder(config), { onProgress: progressOf(terminal) });
    say(terminal, loaded, undefined, options.json === true);
    return;
  }
  const { parts, live } = house;
  const loaded = await vocabularyInto(house.database, folder, vocabularyFolder(config), {
    before: live.current.release,
    onProgress: progressOf(terminal),
    plan: async (next) => {
      const bar = barOf(terminal, 'comparing stored resources');
      const planned = await plannedChanges(parts, live.current, live.withAnswers(next), bar.advance);
      bar.end();
      return planned;
    },
    isTrial: options.dryRun === true,
  });
  const done = loaded.isActive ? await finished(house, loaded.id, config, terminal) : undefined;
  say(terminal, loaded, done, options.json === true);
}

/** Makes the rows that change again, together with servers that are at it too; returns what was done. */
async function finished(house: House, id: string, config: Config, terminal: Terminal): Promise<unknown> {
  const bar = barOf(terminal, 'making rows again');
  for (;;) {
    const upgrade = await upgradeOf(house.database, id);
    if (upgrade === undefined || upgrade.isFinished) break;
    bar.advance(upgrade.doneKey + 1, upgrade.lastKey + 1);
    if ((await upgradeNext(house.parts, house.live.opened)) === undefined) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  bar.end();
  await settleEras(house.database);
  await deriveStale(house.database, { pullDate: pullDate(config, new Date()) });
  return (await upgradeOf(house.database, id))?.done;
}

/** The house, undefined when the vocabulary that is active is damaged or gone: then the load is the cure. */
async function houseOf(config: Config): Promise<House | undefined> {
  try {
    return await openHouse(config);
  } catch (error) {
    const isVocabulary = error instanceof Refusal && error.problems.every(({ code }) => DAMAGED.has(code));
    if (isVocabulary) return undefined;
    throw error;
  }
}
const DAMAGED: ReadonlySet<string> = new Set(['terminology-corrupt-index', 'terminology-no-index']);

function progressOf(terminal: Terminal): (file: string, rows: number) => void {
  return (file, rows) => {
    if (terminal.interactive) process.stderr.write(`\r\x1b[K${file.split('/').at(-1)}: ${rows.toLocaleString('en')} rows `);
  };
}

function barOf(terminal: Terminal, label: string) {
  let bar: ReturnType<typeof progress> | undefined;
  return {
    advance: (done: number, total: number): void => {
      bar ??= progress(terminal, label, Math.max(total, 1));
      bar.advance(Math.max(done, 0));
    },
    end: (): void => bar?.end(),
  };
}

function say(terminal: Terminal, loaded: VocabularyLoaded, done: unknown, asJson: boolean): void {
  if (terminal.interactive) process.stderr.write('\r\x1b[K');
  if (asJson) {
    terminal.out(JSON.stringify({ ...loaded, done }, undefined, 2));
    return;
  }
  const end = loaded.isActive ? 'and active' : 'and not active: nothing was changed';
  terminal.out(`${loaded.release || 'A release that does not name itself'}: loaded in ${(loaded.elapsedMs / 1000).toFixed(1)} s ${end}.`);
  terminal.out(
    table(
      ['file', 'rows'],
      loaded.sources.map((source) => [source.table, source.rows]),
    ),
  );
  terminal.out(`${plural(loaded.vocabularies.length, 'vocabulary', 'vocabularies')}; index ${loaded.id}.`);
  for (const line of graphLines(loaded.graph)) terminal.out(line);
  if (loaded.planned !== undefined) for (const line of plannedLines(loaded.planned, loaded.isActive)) terminal.out(line);
  for (const notice of loaded.licences) terminal.say(notice);
}

/** Returns what the index keeps of the relations between concepts, as lines. */
function graphLines({ edges, ancestors, ancestorsNotStated, synonyms, unknownConcept }: VocabularyLoaded['graph']): readonly string[] {
  const number = (count: number): string => count.toLocaleString('en');
  const kept = `${number(edges)} relationships, ${number(ancestors)} ancestors and ${number(synonyms)} synonyms can be asked for.`;
  const unknown = `${number(unknownConcept)} rows of them name a concept that the release does not have: left out.`;
  const short = `CONCEPT_ANCESTOR lacks ${number(ancestorsNotStated)} pairs that follow from its rows, so rows were taken out of it: $subsumes and value sets go by what follows, cdm.concept_ancestor has what is stated.`;
  return [kept, ...(unknownConcept > 0 ? [unknown] : []), ...(ancestorsNotStated > 0 ? [short] : [])];
}

/** Returns what an upgrade changes, as lines. */
export function plannedLines({ resources, touched, kinds, samples, isCut }: UpgradeReport, isDone: boolean): readonly string[] {
  if (resources === 0) return [];
  const rows = Object.entries(kinds).filter(([, { rows: count }]) => count > 0);
  const head = `${plural(touched, 'resource')} of ${resources.toLocaleString('en')} ${isDone ? 'have' : 'would have'} other rows${isCut ? ' (rare codes are counted together)' : ''}.`;
  if (rows.length === 0) return [head];
  return [
    head,
    table(
      ['change', 'codes', 'rows'],
      rows.map(([kind, count]) => [kind, count.codes, count.rows]),
    ),
    ...samples.map((each) => `  ${each.kind} ${each.code || '(text)'}: ${each.from} -> ${each.to} (${plural(each.rows, 'row')})`),
  ];
}

/** Prints the reports of the last upgrades, newest first. */
export async function reportUpgrades(config: Config, terminal: Terminal, asJson: boolean): Promise<void> {
  await using store = await openStore(config);
  const all = await upgrades(store.database, 20);
  if (asJson) return terminal.out(JSON.stringify(all, undefined, 2));
  if (all.length === 0) return terminal.out('No vocabulary was loaded yet.');
  for (const each of all) {
    const state = each.isFinished ? 'finished' : 'making rows again';
    const { resources, touched } = each.done;
    terminal.out(`${each.switchedAt} ${each.fromRelease || 'nothing'} -> ${each.toRelease || 'a release without name'}: ${state}`);
    terminal.out(`  ${touched ?? 0} of ${plural(resources ?? 0, 'resource')} got other rows`);
    if (each.planned !== null) for (const line of plannedLines(each.planned, true)) terminal.out(`  ${line.replaceAll('\n', '\n  ')}`);
  }
}
