import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtInSystems } from './built-in/built-in.ts';
import type { IndexImage } from './index-files.ts';
import { readIndex } from './index-files.ts';
import { releaseImage } from './load.ts';
import { mapsTo } from './omop/maps-to.ts';
import { omopProvider } from './omop/provider.ts';
import { suggesterOf } from './omop/suggest.ts';
import type { CodeSystemProvider, TerminologySources } from './provider.ts';
import { CodeSystem } from './system/code-system.ts';
import { providerOf } from './system/provider.ts';
import { readSystems, type SystemImage } from './system/system-files.ts';

/**
 * Returns the code systems that are active below `home`, each read into shared memory and checked. Throws TerminologyError naming the damaged
 * file. What is loaded later is seen by who opens later: an answer never mixes two states.
 */
export function openSources(home: string): TerminologySources {
  return sourcesOf(readSystems(home));
}

/** Returns all that is active below `home`, and what is built in: code systems, and the OMOP vocabularies, which are those of the release in `starter` before one is loaded. */
export async function loadedSources(home: string, starter: string): Promise<TerminologySources> {
  const omop = existsSync(join(home, 'active.json')) ? readIndex(home) : await releaseImage(starter);
  const loaded = sourcesOf(readSystems(home), omop);
  return { ...loaded, systems: [...loaded.systems, ...builtInSystems()] };
}

/** Returns the sources of images in memory; a worker thread that was posted them reads the same copy. */
export function sourcesOf(images: readonly SystemImage[], omop?: IndexImage): TerminologySources {
  const { systems, maps, suggester } = omop === undefined ? { systems: [], maps: [] } : omopSources(omop);
  return { systems: [...images.map(systemProvider), ...systems], maps, suggester };
}

/** Returns what answers from the image of a code system. */
export const systemProvider = (image: SystemImage): CodeSystemProvider => providerOf(new CodeSystem(image));

/** Returns the OMOP concepts as a code system, 'Maps to' as a map, and what suggests concepts. */
export const omopSources = (omop: IndexImage): TerminologySources => ({
  systems: [omopProvider(omop)],
  maps: [mapsTo(omop)],
  suggester: suggesterOf(omop),
});
