import { intersection } from '../concept-sets.ts';
import type { CodeSystemProvider, Concept, ConceptSet, JsonObject } from '../provider.ts';
import { codeSystemOf } from './code-system.ts';
import { filterNotes } from './filter-notes.ts';
import { filterSets, refuseBoth } from './include-filters.ts';
import { issue, TerminologyRefusal } from './issue.ts';
import { flagAt, isList, objectAt, objectsAt, splitCanonical, textAt, textsAt } from './json.ts';
import { nameOf } from './library.ts';
import { type Scope, unknownSystem } from './scope.ts';
import { compareVersions } from './versions.ts';

/** A concept of a value set, with what its include says of it. */
export interface Member {
  readonly system: CodeSystemProvider;
  readonly concept: Concept;
  /** ValueSet.compose.include.concept, where the concept is listed there. */
  readonly listed: JsonObject | undefined;
  /** The value set that lists it. */
  readonly source: JsonObject;
}

/** One include or exclude, ready to be asked. */
export interface Part {
  /** Undefined: it imports value sets only. */
  readonly system: CodeSystemProvider | undefined;
  /** What it says: all codes, those of a list, or those that pass the filters. */
  readonly kind: 'all' | 'list' | 'filter' | 'import';
  readonly filterCount: number;
  /** What its own system, list and filters select; without the imports. */
  readonly set: ConceptSet;
  readonly listed: readonly (readonly [Concept, JsonObject])[];
  readonly imports: readonly Compiled[];
}

/** A value set, ready to be asked: whether it has a concept, and for all that it has. */
export interface Compiled {
  readonly resource: JsonObject;
  /** True when it is contained in another and so has no name of its own. */
  readonly isContained: boolean;
  readonly includes: readonly Part[];
  readonly excludes: readonly Part[];
  /** compose.inactive is false. */
  readonly activeOnly: boolean;
  /** Concepts of several versions of one code system are told apart. */
  readonly byVersion: boolean;
}

/**
 * Returns a value set made ready (http://hl7.org/fhir/R4/valueset.html#compositions). Refuses (TerminologyRefusal) what names a code
 * system, a value set or a filter that is not there, what leads back to itself, and compositions with a fixed date.
 */
export function compile(scope: Scope, valueSet: JsonObject, isContained = false): Compiled {
  return scope.within(nameOf(valueSet), () => {
    const compose = objectAt(valueSet, 'compose');
    const stated = compose === undefined ? objectAt(valueSet, 'expansion') : undefined;
    if (stated !== undefined) return ofExpansion(valueSet, stated, isContained);
    if (textAt(compose, 'lockedDate') !== undefined) {
      const text = `The value set ${nameOf(valueSet)} has a lockedDate, and past states of code systems are not kept`;
      throw new TerminologyRefusal(422, [
        { severity: 'error', code: 'business-rule', type: 'vs-invalid', id: undefined, text, expression: undefined },
      ]);
    }
    const parts = (name: 'include' | 'exclude') =>
      objectsAt(compose, name).map((each, i) => partOf(scope, valueSet, each, `ValueSet.compose.${name}[${i}]`));
    const excludes = parts('exclude');
    const includes = newestFirst(parts('include'));
    return {
      resource: valueSet,
      isContained,
      includes,
      excludes,
      activeOnly: flagAt(compose, 'inactive') === false,
      byVersion: mixesVersions(compose),
    };
  });
}

/** Of several versions of one code system the newest comes first: it decides where one entry a code is shown. */
const newestFirst = (parts: readonly Part[]): readonly Part[] =>
  [...parts].sort((a, b) =>
    a.system !== undefined && a.system.url === b.system?.url ? compareVersions(b.system.version, a.system.version) : 0,
  );

function mixesVersions(compose: JsonObject | undefined): boolean {
  const seen = new Map<string, string | undefined>();
  for (const each of [...objectsAt(compose, 'include'), ...objectsAt(compose, 'exclude')]) {
    const system = textAt(each, 'system');
    if (system === undefined) continue;
    if (seen.has(system) && seen.get(system) !== textAt(each, 'version')) return true;
    seen.set(system, textAt(each, 'version'));
  }
  return false;
}

function partOf(scope: Scope, valueSet: JsonObject, part: JsonObject, path: string): Part {
  const imports = textsAt(part, 'valueSet').map((reference) => importOf(scope, valueSet, reference));
  const url = textAt(part, 'system');
  if (url === undefined) return { system: undefined, kind: 'import', filterCount: 0, set: intersection([]), listed: [], imports };
  const version = scope.versionOf(url, textAt(part, 'version'));
  const system = scope.codeSystemOf(url, version);
  if (system === undefined) throw new TerminologyRefusal(422, [unknownSystem(scope, url, version, 'expand')]);
  const faults = scope.versionFaults(system);
  if (faults.length > 0) throw new TerminologyRefusal(422, faults);
  scope.saw(system);
  const concepts = part['concept'];
  refuseBoth(valueSet, part, path);
  if (isList(concepts)) {
    const listed = objectsAt(part, 'concept').flatMap((each) => {
      const concept = system.locate(textAt(each, 'code') ?? '');
      return concept === undefined ? [] : [[concept, each] as const];
    });
    return { system, kind: 'list', filterCount: 0, set: setOfListed(listed), listed, imports };
  }
  const sets = filterSets(system, valueSet, part, path);
  for (const note of filterNotes(system, part)) scope.notes.add(note);
  const kind = sets.length === 0 ? 'all' : 'filter';
  return { system, kind, filterCount: sets.length, set: kind === 'all' ? system.all() : intersection(sets), listed: [], imports };
}

function setOfListed(listed: readonly (readonly [Concept, JsonObject])[]): ConceptSet {
  const codes = new Set(listed.map(([{ code }]) => code));
  return { size: codes.size, has: ({ code }) => codes.has(code), rows: () => listed.map(([{ row }]) => row).sort((a, b) => a - b) };
}

function importOf(scope: Scope, source: JsonObject, reference: string): Compiled {
  const found = scope.valueSet(reference, source);
  if (found !== undefined) return compile(scope, found, reference.startsWith('#'));
  const { url, version } = splitCanonical(reference);
  const pinned = scope.versionOf(url, version);
  throw new TerminologyRefusal(422, [
    pinned === undefined
      ? issue('error', ['not-found', 'not-found'], undefined, 'VS_EXP_IMPORT_UNK', url)
      : issue('error', ['not-found', 'not-found'], undefined, 'VS_EXP_IMPORT_UNK_PINNED', url, pinned),
  ]);
}

/** A value set that has no definition here, only an expansion: its codes, as code systems of their own. */
function ofExpansion(valueSet: JsonObject, expansion: JsonObject, isContained: boolean): Compiled {
  const found: JsonObject[] = [];
  const open = [...objectsAt(expansion, 'contains')].reverse();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next);
    open.push(...[...objectsAt(next, 'contains')].reverse());
  }
  const coded = found.filter((each) => textAt(each, 'system') !== undefined && textAt(each, 'code') !== undefined);
  const bySystem = Map.groupBy(coded, (each) => `${textAt(each, 'system')}|${textAt(each, 'version') ?? ''}`);
  const includes = [...bySystem.values()].map((concepts): Part => {
    const [first] = concepts;
    const concept = concepts.map((each) => ({
      code: textAt(each, 'code') ?? '',
      ...(each['display'] === undefined ? {} : { display: each['display'] }),
      ...(each['designation'] === undefined ? {} : { designation: each['designation'] }),
      property: [
        ...(each['abstract'] === true ? [{ code: 'notSelectable', valueBoolean: true }] : []),
        ...(each['inactive'] === true ? [{ code: 'inactive', valueBoolean: true }] : []),
      ],
    }));
    const system = codeSystemOf({
      resourceType: 'CodeSystem',
      url: first?.['system'],
      version: first?.['version'],
      content: 'complete',
      concept,
    });
    return { system, kind: 'all', filterCount: 0, set: system.all(), listed: [], imports: [] };
  });
  return { resource: valueSet, isContained, includes, excludes: [], activeOnly: false, byVersion: false };
}
