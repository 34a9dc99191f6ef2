/** The maps that a store runs: those of its active release, or of the folder as long as nothing was published. */
import type { Queryable } from '../../database/connect.ts';
import { activeReleaseId } from '../../database/specs/releases.ts';
import { Refusal } from '../../errors.ts';
import { type LoadedMaps, loadMaps } from '../../mapping/maps.ts';
import { compiledSpecs, releaseSpecs } from '../../pipeline/specs/live.ts';

export interface RunningMaps {
  readonly maps: LoadedMaps;
  /** For a person: 'release 3', 'the folder /srv/maps'. */
  readonly from: string;
}

/** Returns the maps of a folder. Throws Refusal with every error of theirs. */
export function folderMaps(dir: string): RunningMaps {
  const loaded = loadMaps(dir);
  if (!loaded.ok) throw new Refusal(loaded.problems);
  return { maps: loaded.value, from: `the folder ${dir}` };
}

/** Returns what the store runs. Throws Refusal spec-release-broken, or with the errors of the folder. */
export async function runningMaps(store: Queryable, dir: string): Promise<RunningMaps> {
  const id = await activeReleaseId(store);
  return id === undefined ? folderMaps(dir) : { maps: compiledSpecs(await releaseSpecs(store, id)), from: `release ${id}` };
}
