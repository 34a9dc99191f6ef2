import type { TerminologySources } from './provider.ts';
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

/** Returns the sources of images in memory; a worker thread that was posted them reads the same copy. */
export function sourcesOf(images: readonly SystemImage[]): TerminologySources {
  return { systems: images.map((image) => providerOf(new CodeSystem(image))), maps: [] };
}
