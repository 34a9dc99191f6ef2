import { existsSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { TerminologyError } from '../../terminology/failure.ts';
import { activateIndex } from '../../terminology/index-files.ts';
import { writeVocabulary } from '../../terminology/load.ts';
import { readIndexAside } from '../../terminology/read-aside.ts';
import { activeIndex } from '../../terminology/releases.ts';
import { configuredSources } from '../config/configured.ts';
import { SourceBook } from '../config/sources.ts';
import type { Config } from '../config.ts';
import { writeChoices } from '../database/cdm/metadata.ts';
import { type CdmSource, writeCdmSource } from '../database/cdm/source.ts';
import { type Database, openDatabase } from '../database/connect.ts';
import type { EmbeddedDatabase, Log } from '../database/embedded/embedded.ts';
import { keepEmbedded } from '../database/embedded/keep.ts';
import { createJournal, type Journal } from '../database/journal/journal.ts';
import { readMasterKeys } from '../database/journal/seal.ts';
import { migrate } from '../database/migrate.ts';
import { answersInForce } from '../database/vocabulary/answers.ts';
import { activeVocabularyId, adoptVocabulary } from '../database/vocabulary/state.ts';
import { settleEras } from '../database/vocabulary/vocabulary.ts';
import { problem, Refusal } from '../errors.ts';
import { loadMaps } from '../mapping/maps.ts';
import { endLostMerges } from '../pipeline/apply/lost-merges.ts';
import { LiveSpecs } from '../pipeline/specs/live.ts';
import { remakeAll } from '../pipeline/unmapped/answer.ts';
import { upgradeAll } from '../pipeline/vocabulary/upgrade.ts';
import type { Parts } from '../pipeline.ts';
import { withFormerSources } from './known-sources.ts';
import { tellMapsDue } from './maps-due.ts';
import { choicesToHold } from './omop/omop-options.ts';
import { tellRowsDue } from './rows-due.ts';
import { STARTER_FOLDER, vocabularyFolder } from './vocabulary/folder.ts';
import { LiveTerminology } from './vocabulary/live-terminology.ts';
import { refusing, vocabularyInto } from './vocabulary/load.ts';

/** The database, started if need be, with its schema up to date. */
export interface Store extends AsyncDisposable {
  readonly database: Database;
  /** postgres:// with its password: for this process and the person who owns the machine, not for logs. */
  readonly url: string;
  readonly embedded: EmbeddedDatabase | undefined;
}

/** Everything behind the doors. */
export interface House extends Store {
  readonly parts: Parts;
  /** Who sends and how each is treated; the doors change it when its file changes. */
  readonly book: SourceBook;
  /** The vocabulary and the code systems, followed while this process runs. */
  readonly live: LiveTerminology;
}

/** This software's version, as package.json has it. */
export const VERSION = packageJson.version;

const SILENT: Log = { info: () => {}, warn: () => {} };

/** Opens the database of the settings: POLYSEME_DATABASE_URL, or the embedded one (shared with a running server). */
export async function openStore(config: Config, log: Log = SILENT): Promise<Store> {
  const embedded = config.databaseUrl === undefined ? await keepEmbedded({ ...embeddedOptions(config), log }) : undefined;
  const url = embedded?.url ?? config.databaseUrl ?? '';
  const masterKeys = config.masterKeys === undefined ? undefined : readMasterKeys(config.masterKeys);
  if (config.masterKeys !== undefined && masterKeys === undefined) {
    await embedded?.stop();
    const reason = 'it is not lines of NAME:BASE64 with 32 bytes each, every name once';
    throw new Refusal([problem('setting-invalid', { name: 'POLYSEME_MASTER_KEY', reason })]);
  }
  const database = openDatabase(url, { masterKeys, onSessionLost: () => log.warn({}, 'a database session was lost; it is replaced') });
  const close = async () => {
    await database.close();
    await embedded?.stop();
  };
  try {
    await database.assertDurable();
    await migrate(url);
  } catch (error) {
    await close();
    throw error;
  }
  return { database, url, embedded, [Symbol.asyncDispose]: close };
}

/** Opens the store, the vocabulary (the starter set when none was loaded) and the maps. */
export async function openHouse(config: Config, log: Log = SILENT): Promise<House> {
  const store = await openStore(config, log);
  let journal: Journal | undefined;
  const close = async () => {
    await journal?.close();
    await store[Symbol.asyncDispose]();
  };
  try {
    const maps = loadMaps(config.mappingsDir);
    if (!maps.ok) throw new Refusal(maps.problems);
    const live = await activeTerminology(config, store, log);
    const specs = new LiveSpecs(config.mappingsDir, maps.value, (release) =>
      log.info({ release }, 'messages are mapped by another release'),
    );
    await specs.catchUp(store.database);
    tellMapsDue(config, specs, log);
    await writeCdmSource(store.database, cdmSource(config, new Date()));
    const choices = await choicesToHold(config, store.database, log);
    await writeChoices(store.database, choices);
    await tellRowsDue(config, store.database, log);
    journal = createJournal(store.database);
    const { cdmTimezone, sourceTimezone, sourceAuthority } = config;
    const sources = configuredSources(config);
    if (!sources.ok) throw new Refusal(sources.problems);
    const book = new SourceBook(await withFormerSources(store.database, sources.value, log));
    const parts: Parts = {
      database: store.database,
      journal,
      maps: specs,
      specs,
      vocabulary: live.current,
      live,
      vocabularyImage: async () => ({
        image: await readIndexAside(join(vocabularyFolder(config), await activeVocabularyId(store.database))),
        answers: await answersInForce(store.database),
      }),
      upgrade: async (stopped) => {
        await upgradeAll(parts, live.opened, stopped);
        if (!stopped()) live.forgetOther();
        await remakeAll(parts, stopped);
      },
      cdmTimezone,
      choices,
      sourceTimezone,
      sourceAuthority,
      sources: book,
      clock: () => new Date(),
      terminologies: live.sources,
      outgoing: config.outgoing,
      fourEyes: config.fourEyes,
      backgroundShare: config.backgroundShare,
    };
    const lost = await endLostMerges(parts, store.database);
    if (lost > 0)
      log.warn(
        { merges: lost },
        'merges of patients that were deleted together by an earlier version have ended: who comes back is a record of its own',
      );
    return { ...store, parts, book, live, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens what is active, the starter set where nothing was loaded. What the database says counts before what the folder says. */
async function activeTerminology(config: Config, store: Store, log: Log): Promise<LiveTerminology> {
  const { database } = store;
  const folder = vocabularyFolder(config);
  await settleEras(database);
  const own = ownIndex(folder, log);
  if (own !== undefined) await adoptVocabulary(database, own);
  if ((await activeVocabularyId(database)) === '') {
    log.info({ folder: STARTER_FOLDER }, 'loading the starter vocabulary');
    await vocabularyInto(database, STARTER_FOLDER, folder);
  }
  const id = await activeVocabularyId(database);
  // A new data folder beside a database that was filled with the starter set.
  if (!existsSync(join(folder, id))) await refusing(() => writeVocabulary(STARTER_FOLDER, folder));
  const live = await openedOrMade(folder, id, log);
  await live.catchUp(database);
  if (own !== id) await refusing(() => activateIndex(folder, id));
  return live;
}

/** The index that the folder names; undefined where its file is damaged: what the database says holds, and the file is written anew. */
function ownIndex(folder: string, log: Log): string | undefined {
  try {
    return activeIndex(folder);
  } catch (error) {
    if (!(error instanceof TerminologyError)) throw error;
    log.warn({ code: error.code, at: error.file }, error.text);
    return undefined;
  }
}

/** Opens an index; a damaged one of the starter set is made again, since what it is made from is here. */
async function openedOrMade(folder: string, id: string, log: Log): Promise<LiveTerminology> {
  const live = await LiveTerminology.open(folder, id, log);
  if (live.damage === undefined) return live;
  const starter = await refusing(() => writeVocabulary(STARTER_FOLDER, folder));
  return starter.id === id ? LiveTerminology.open(folder, id, log) : live;
}

const embeddedOptions = (config: Config) => ({ dataDir: config.dataDir, binDir: config.postgresBin, account: config.postgresAccount });

/** YYYY-MM-DD: the setting, else today in the CDM's zone. */
export const pullDate = (config: Config, now: Date): string =>
  config.pullDate ?? new Intl.DateTimeFormat('sv-SE', { timeZone: config.cdmTimezone }).format(now);

function cdmSource(config: Config, now: Date): CdmSource {
  const date = pullDate(config, now);
  return {
    name: 'Polyseme',
    abbreviation: 'Polyseme',
    holder: 'the operator of this installation',
    description: 'HL7v2 messages and FHIR R4 resources, kept as received and transformed as they arrive',
    etlReference: `polyseme@${VERSION}`,
    sourceReleaseDate: date,
    cdmReleaseDate: date,
  };
}
