import { releaseNamed, releasesIn, removeRelease, verifyReleases } from '../../../terminology/releases.ts';
import type { Config } from '../../config.ts';
import { terminologyCounts } from '../../database/resources/terminology.ts';
import { problem, Refusal } from '../../errors.ts';
import { openStore } from '../house.ts';
import { plural, type Terminal, table } from '../terminal.ts';
import { vocabularyFolder } from './folder.ts';
import { refusing } from './load.ts';

/** Prints what is loaded: index folders, and, unless `folder` is given, the code systems, value sets and maps of the store. */
export async function listVocabularies(config: Config, folder: string | undefined, terminal: Terminal, asJson: boolean): Promise<void> {
  const home = folder ?? vocabularyFolder(config);
  const releases = await refusing(async () => releasesIn(home));
  const stored = folder === undefined ? await storedCounts(config) : [];
  if (asJson) return terminal.out(JSON.stringify({ folder: home, releases, stored }, undefined, 2));
  if (releases.length === 0) terminal.out('No release is loaded: codes are resolved with the starter set.');
  else {
    const rows = releases.map((each) => [
      each.isActive ? '*' : '',
      each.kind,
      each.version,
      each.concepts,
      Math.ceil(each.bytes / 1e6),
      each.id,
    ]);
    terminal.out(table(['', 'kind', 'version', 'concepts', 'MB', 'id'], rows));
    terminal.out('* answers');
  }
  for (const { type, count } of stored) terminal.out(`stored: ${plural(count, type)}`);
}

async function storedCounts(config: Config): Promise<readonly { readonly type: string; readonly count: number }[]> {
  await using store = await openStore(config);
  // Awaited here: the store closes when this function ends.
  return await terminologyCounts(store.database);
}

/** Removes a release from disk. Throws Refusal for one that is not there, or that codes are resolved with. */
export async function removeVocabulary(config: Config, name: string, terminal: Terminal, asJson: boolean): Promise<void> {
  const home = vocabularyFolder(config);
  const release = await refusing(async () => {
    const found = releaseNamed(home, name);
    await removeRelease(home, found.id);
    return found;
  });
  terminal.out(
    asJson ? JSON.stringify({ removed: release.id }) : `${release.title || release.id} ${release.version} (${release.id}) is removed.`,
  );
}

/** Checks every file of the loaded indexes. Throws Refusal with a problem for every damaged file, by name. */
export async function verifyVocabularies(config: Config, name: string | undefined, terminal: Terminal, asJson: boolean): Promise<number> {
  const home = vocabularyFolder(config);
  const only = name === undefined ? undefined : await refusing(async () => releaseNamed(home, name).id);
  const faults = await refusing(async () => verifyReleases(home, only));
  const checked = only === undefined ? releasesIn(home).map(({ id }) => id) : [only];
  if (asJson) {
    terminal.out(JSON.stringify({ checked, faults }, undefined, 2));
    return faults.length > 0 ? 1 : 0;
  }
  if (faults.length > 0) throw new Refusal(faults.map(({ file, text }) => problem('terminology-corrupt-index', { reason: text }, file)));
  terminal.out(`${plural(checked.length, 'index', 'indexes')} checked: every file is whole.`);
  return 0;
}
