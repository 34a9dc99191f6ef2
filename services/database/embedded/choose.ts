/** Which PostgreSQL serves a cluster: the newest for a new one, for an existing one only the major version that made it. */
import { failure, problem, type Result, success } from '../../errors.ts';
import type { Binaries, BinariesFound } from './binaries.ts';

/** Returns the programs for a cluster of version `major` (undefined: a new cluster) in `folder`. Pure. */
export function chooseBinaries(found: BinariesFound, major: number | undefined, folder: string): Result<Binaries> {
  const best = major === undefined ? found.usable[0] : found.usable.find((each) => each.major === major);
  if (best !== undefined) return success(best);
  if (found.usable.length > 0 && major !== undefined) {
    const versions = found.usable.map((each) => `${each.version} in ${each.binDir}`).join(', ');
    return failure(problem('database-version-mismatch', { folder, cluster: major, found: versions }));
  }
  const tried = found.unusable.map((each) => `${each.binDir}: ${each.reason}`).join('; ');
  return failure(problem('database-binaries-missing', { tried: tried === '' ? 'none is installed' : tried }));
}
