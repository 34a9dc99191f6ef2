import type { CodeSystemProvider, Concept, TextMatches } from '../provider.ts';
import type { Compiled, Member, Part } from './compose.ts';
import { termsOf, termsOfInclude } from './terms.ts';
import { wordsOf } from './text-index.ts';

/** What is left out of a value set beside what it says itself. */
export interface Wishes {
  readonly activeOnly: boolean;
  readonly selectableOnly: boolean;
  /** Words that one of the names, or the code, must have. */
  readonly text: string | undefined;
  /** An exclude takes a code out of every version, not only of the one it names. */
  readonly anyVersion: boolean;
}

/** Whether a value set has a concept. */
export const hasMember = (compiled: Compiled, system: CodeSystemProvider, concept: Concept): boolean =>
  compiled.includes.some((part) => isIn(part, system, concept, false)) &&
  !isExcluded(compiled, system, concept, false) &&
  !(compiled.activeOnly && system.isInactive(concept));

function isIn(part: Part, system: CodeSystemProvider, concept: Concept, sameVersion: boolean): boolean {
  if (part.system !== undefined) {
    if (part.system.url !== system.url || (sameVersion && part.system.version !== system.version)) return false;
    const own = part.system === system ? concept : part.system.locate(concept.code);
    if (own === undefined || !part.set.has(own)) return false;
  }
  return part.imports.every((each) => hasMember(each, system, concept)) && (part.system !== undefined || part.imports.length > 0);
}

export const isExcluded = (compiled: Compiled, system: CodeSystemProvider, concept: Concept, anyVersion: boolean): boolean =>
  compiled.excludes.some((part) => isIn(part, system, concept, compiled.byVersion && !anyVersion));

/** Returns how many members there are where that is known without walking through them. */
export function quickTotal(compiled: Compiled, wishes: Wishes): number | undefined {
  const [part] = compiled.includes;
  if (compiled.includes.length !== 1 || part === undefined || compiled.excludes.length > 0 || part.imports.length > 0) return undefined;
  if (wishes.activeOnly || compiled.activeOnly || wishes.selectableOnly || part.kind === 'import') return undefined;
  if (wishes.text === undefined) return part.set.size;
  return part.kind === 'all' && part.system !== undefined ? part.system.search(wishes.text).set.size : undefined;
}

/** Walks through the members of a value set, each code of a code system once, in the order of its includes. */
export function* membersOf(compiled: Compiled, wishes: Wishes): Generator<Member> {
  const seen = new Set<string>();
  const isAlone = compiled.includes.length === 1 && compiled.includes[0]?.kind !== 'list';
  const activeOnly = wishes.activeOnly || compiled.activeOnly;
  for (const part of compiled.includes) {
    for (const member of candidates(part, compiled, wishes)) {
      const { system, concept } = member;
      if (activeOnly && system.isInactive(concept)) continue;
      if (wishes.selectableOnly && system.isAbstract(concept)) continue;
      if (!part.imports.every((each) => hasMember(each, system, concept))) continue;
      if (compiled.excludes.length > 0 && isExcluded(compiled, system, concept, wishes.anyVersion)) continue;
      if (!isAlone) {
        const key = `${system.url}|${compiled.byVersion && !wishes.anyVersion ? (system.version ?? '') : ''}|${concept.code}`;
        if (seen.has(key)) continue;
        seen.add(key);
      }
      yield member;
    }
  }
}

function* candidates(part: Part, compiled: Compiled, wishes: Wishes): Generator<Member> {
  const source = compiled.resource;
  if (part.system === undefined) {
    const [first] = part.imports;
    if (first !== undefined) yield* membersOf(first, wishes);
    return;
  }
  const system = part.system;
  if (part.kind === 'list') {
    for (const [concept, listed] of part.listed) {
      if (wishes.text === undefined || isNamed(system, concept, listed, source, wishes.text)) yield { system, concept, listed, source };
    }
    return;
  }
  const matches = wishes.text === undefined ? undefined : matchesOf(system, wishes.text);
  const [walked, tested] = matches !== undefined && matches.set.size < part.set.size ? [matches.set, part.set] : [part.set, matches?.set];
  for (const row of walked.rows()) {
    const concept = system.conceptAt(row);
    if (tested === undefined || tested.has(concept)) yield { system, concept, listed: undefined, source };
  }
}

const matchesOf = (system: CodeSystemProvider, text: string): TextMatches => system.search(text);

/** Whether each word of `text` begins a word of a listed concept's names: its own and those that the value set gives it. */
function isNamed(system: CodeSystemProvider, concept: Concept, listed: Member['listed'], source: Member['source'], text: string): boolean {
  const added = listed === undefined ? [] : termsOfInclude(listed, source);
  const words = [concept.code, ...[...termsOf(system, concept), ...added].map(({ value }) => value)].flatMap(wordsOf);
  return wordsOf(text).every((asked) => words.some((word) => word.startsWith(asked)));
}
