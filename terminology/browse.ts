/** What somebody who looks around in the loaded terminologies is shown: what is there, what fits some words, one concept with its neighbours. */
import type { Library } from './fhir/library.ts';
import type { CodeSystemProvider, Concept, Designation, MapTarget, Property } from './provider.ts';

export interface LoadedSystem {
  readonly url: string;
  readonly version: string | undefined;
  readonly title: string;
  readonly content: string;
  readonly total: number;
  readonly isHierarchical: boolean;
}

/** A concept as lists show it. */
export interface ConceptLine {
  readonly system: string;
  readonly code: string;
  readonly display: string;
  readonly isInactive: boolean;
  readonly hasChildren: boolean;
}

/** What one code system found. */
export interface SystemMatches {
  readonly system: string;
  readonly title: string;
  /** All that fit, also those that are not shown. */
  readonly count: number;
  /** The code itself first, then the best by text. */
  readonly lines: readonly ConceptLine[];
}

export interface ConceptPage extends ConceptLine {
  readonly version: string | undefined;
  readonly title: string;
  readonly definition: string | undefined;
  readonly status: string | undefined;
  readonly designations: readonly Designation[];
  readonly properties: readonly Property[];
  readonly isHierarchical: boolean;
  readonly parents: readonly ConceptLine[];
  readonly children: Neighbours;
  /** Translations that a native map knows, both ways. */
  readonly translations: readonly Translation[];
}

export interface Neighbours {
  readonly total: number;
  readonly from: number;
  readonly lines: readonly ConceptLine[];
}

export interface Translation extends MapTarget {
  readonly map: string;
  readonly isReverse: boolean;
}

/** Children shown at once. */
export const MOST_CHILDREN = 200;
const MOST_PARENTS = 50;
const MOST_TRANSLATIONS = 200;

/** Returns every code system that holds codes, the newest version of each, by title. */
export function loadedSystems(library: Library): readonly LoadedSystem[] {
  return providersOf(library)
    .map((provider) => ({
      url: provider.url,
      version: provider.version,
      title: titleOf(provider),
      content: provider.content,
      total: provider.total,
      isHierarchical: provider.hierarchical,
    }))
    .sort((a, b) => (a.title < b.title ? -1 : 1));
}

const providersOf = (library: Library): readonly CodeSystemProvider[] =>
  library.systems().flatMap(({ url }) => library.codeSystem(url) ?? []);

const titleOf = ({ title, name, url }: CodeSystemProvider): string => title ?? (name === '' ? url : name);

/**
 * Returns what fits `text` in each code system (or in `system` alone): the concept whose code it is, and those of whose terms every word
 * begins a word, in any order; `most` of each. Systems without matches are left out.
 */
export function conceptMatches(
  library: Library,
  { text, system, most }: { readonly text: string; readonly system: string | undefined; readonly most: number },
): readonly SystemMatches[] {
  const providers = system === undefined ? providersOf(library) : [library.codeSystem(system) ?? []].flat();
  return providers
    .flatMap((provider) => {
      const exact = provider.locate(text);
      const found = provider.search(text);
      const rows = found.best(most).filter((row) => row !== exact?.row);
      const concepts = [...(exact === undefined ? [] : [exact]), ...rows.map((row) => provider.conceptAt(row))].slice(0, most);
      const count = found.set.size + (exact === undefined || found.set.has(exact) ? 0 : 1);
      return count === 0
        ? []
        : [{ system: provider.url, title: titleOf(provider), count, lines: concepts.map((each) => lineOf(provider, each)) }];
    })
    .sort((a, b) => Number(b.lines[0]?.code === text) - Number(a.lines[0]?.code === text) || b.count - a.count);
}

const lineOf = (provider: CodeSystemProvider, concept: Concept): ConceptLine => ({
  system: provider.url,
  code: concept.code,
  display: provider.display(concept) ?? '',
  isInactive: provider.isInactive(concept),
  hasChildren: provider.hierarchical && provider.children(concept).length > 0,
});

/** Returns the page of a code, its children from `from` on; undefined where no loaded code system has it. */
export function conceptPage(library: Library, system: string, code: string, from: number): ConceptPage | undefined {
  const provider = library.codeSystem(system);
  const concept = provider?.locate(code);
  if (provider === undefined || concept === undefined) return undefined;
  return {
    ...lineOf(provider, concept),
    version: provider.version,
    title: titleOf(provider),
    definition: provider.definition(concept),
    status: provider.statusOf(concept),
    designations: provider.designations(concept),
    properties: provider.propertiesOf(concept),
    isHierarchical: provider.hierarchical,
    parents: provider
      .parents(concept)
      .slice(0, MOST_PARENTS)
      .map((row) => lineOf(provider, provider.conceptAt(row))),
    children: childrenOf(provider, concept, from),
    translations: translationsOf(library, provider.url, concept.code),
  };
}

function childrenOf(provider: CodeSystemProvider, concept: Concept, from: number): Neighbours {
  const rows = provider.children(concept);
  return {
    total: rows.length,
    from,
    lines: rows.slice(from, from + MOST_CHILDREN).map((row) => lineOf(provider, provider.conceptAt(row))),
  };
}

const translationsOf = (library: Library, system: string, code: string): readonly Translation[] =>
  library
    .nativeMaps()
    .flatMap((map) =>
      [false, true].flatMap((isReverse) =>
        map
          .translate({ system, code, other: undefined, reverse: isReverse })
          .map((target): Translation => ({ ...target, map: map.url, isReverse })),
      ),
    )
    .slice(0, MOST_TRANSLATIONS);
