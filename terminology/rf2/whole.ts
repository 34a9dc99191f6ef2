import { TerminologyError } from '../failure.ts';
import { FLAG } from '../system/arrays.ts';
import { SCT } from './ids-known.ts';
import type { CoreImport } from './import.ts';

/** More than this share of the active concepts, and a file was cut. A fragment may lack some. */
const MOST_LACKING = 0.1;
/** Of very few concepts one is a large share. */
const FEW = 20;

/** What some active concepts lack that each has: files that end too early at the end of a line show by nothing else. */
export interface Lacking {
  readonly concepts: number;
  readonly reason: string;
}

/**
 * Returns which of the active concepts have no place in the hierarchy, and which no name; the release is refused (TerminologyError) when they are more
 * than a tenth. `relationshipFile`, `descriptionFile`: for messages.
 */
export function lackingIn(core: CoreImport, relationshipFile: string, descriptionFile: string): readonly Lacking[] {
  const { content, concepts } = core;
  const placed = new Uint8Array(concepts.size);
  const named = new Uint8Array(concepts.size);
  for (let i = 0; i < content.isaChild.length; i += 1) placed[content.isaChild.at(i)] = 1;
  for (let i = 0; i < content.terms.length; i += 1) if (content.termFlags.at(i) !== 0) named[content.termConcept.at(i)] = 1;
  const isActive = (concept: number): boolean => (content.flags.at(concept) & FLAG.active) !== 0;
  let active = 0;
  const [orphans, nameless] = [[], []] as [number[], number[]];
  for (let concept = 0; concept < concepts.size; concept += 1) {
    if (!isActive(concept)) continue;
    active += 1;
    if (placed[concept] === 0 && concepts.text(concept) !== SCT.root) orphans.push(concept);
    if (named[concept] === 0) nameless.push(concept);
  }
  const lacking = (found: readonly number[], what: string, file: string): readonly Lacking[] => {
    const [first] = found;
    if (first === undefined) return [];
    const reason = `active concepts without ${what}, the first is ${concepts.text(first)}`;
    if (active >= FEW && found.length > active * MOST_LACKING)
      throw new TerminologyError('terminology-truncated-line', file, `${found.length} of ${active} ${reason}: the file was cut`);
    return [{ concepts: found.length, reason }];
  };
  return [...lacking(orphans, 'a place in the hierarchy', relationshipFile), ...lacking(nameless, 'a name', descriptionFile)];
}
