import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtInSystems } from './built-in/built-in.ts';
import type { IndexImage } from './index-files.ts';
import { readIndex } from './index-files.ts';
import { releaseImage } from './load.ts';
import { mapsTo } from './omop/maps-to.ts';
import { OmopNames } from './omop/names.ts';
import { graphOf, omopProvider } from './omop/provider.ts';
import { suggesterOf } from './omop/suggest.ts';
import { vocabularyProviders, withoutRepeated } from './omop/vocabulary-provider.ts';
import type { CodeSystemProvider, TerminologySources } from './provider.ts';
import { providerOf } from './snomed/provider.ts';
import { CodeSystem } from './system/code-system.ts';
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
  return joined(readSystems(home).map(systemProvider), omopSources(omop));
}

/** Returns the sources of images in memory; a worker thread that was posted them reads the same copy. */
export function sourcesOf(images: readonly SystemImage[], omop?: IndexImage): TerminologySources {
  const own = images.map(systemProvider);
  if (omop === undefined) return { systems: own, maps: [] };
  const loaded = omopSources(omop);
  return { ...loaded, systems: [...own, ...withoutRepeated(loaded.systems, own)] };
}

/** Returns what answers from the image of a code system. */
export const systemProvider = (image: SystemImage): CodeSystemProvider => providerOf(new CodeSystem(image));

/** Returns the OMOP concepts as a code system, its vocabularies under their own URIs, 'Maps to' as a map, and what suggests concepts. */
export function omopSources(omop: IndexImage): TerminologySources {
  const names = new OmopNames(omop);
  const graph = graphOf(omop);
  return {
    systems: [omopProvider(omop, names, graph), ...vocabularyProviders(omop, names, graph)],
    maps: [mapsTo(omop)],
    suggester: suggesterOf(omop),
  };
}

/** Returns everything that answers: what has a release of its own, then the OMOP vocabularies, then what is built in; each URL by the first that has it. */
export function joined(own: readonly CodeSystemProvider[], omop: TerminologySources): TerminologySources {
  const builtIn = builtInSystems();
  const systems = [...own, ...withoutRepeated(omop.systems, [...own, ...builtIn]), ...withoutRepeated(builtIn, own)];
  return { systems, maps: omop.maps, suggester: omop.suggester };
}
