import type { JsonObject } from '../provider.ts';
import { filterNotes } from './filter-notes.ts';
import { filterSets, refuseBoth } from './include-filters.ts';
import { issue, TerminologyRefusal } from './issue.ts';
import { flagAt, objectAt, objectsAt, textAt, textsAt } from './json.ts';
import { nameOf } from './library.ts';
import type { Scope } from './scope.ts';
import { compareVersions } from './versions.ts';

/** A coding as it was sent. */
export interface Sent {
  readonly system: string | undefined;
  readonly version: string | undefined;
  readonly code: string;
  readonly display: string | undefined;
}

/** An include or exclude of a value set that codes are validated against; its code system is looked for when a code comes. */
export interface PreparedPart {
  readonly json: JsonObject;
  readonly path: string;
  readonly system: string | undefined;
  readonly version: string | undefined;
  readonly imports: readonly Prepared[];
}

export interface Prepared {
  readonly valueSet: JsonObject;
  readonly includes: readonly PreparedPart[];
  readonly excludes: readonly PreparedPart[];
  /** undefined: no compose. */
  readonly compose: JsonObject | undefined;
  readonly activeOnly: boolean;
}

/**
 * Reads a value set for validation. A code system that is not there is no fault yet: codes of other systems can be told. Refuses value
 * sets that are not there or lead back to themselves, and filters that nobody can evaluate.
 */
export function prepare(scope: Scope, valueSet: JsonObject): Prepared {
  return scope.within(nameOf(valueSet), () => {
    const compose = objectAt(valueSet, 'compose');
    const parts = (name: 'include' | 'exclude') =>
      objectsAt(compose, name).map((json, i): PreparedPart => {
        const path = `ValueSet.compose.${name}[${i}]`;
        const system = textAt(json, 'system');
        const version = textAt(json, 'version');
        refuseBoth(valueSet, json, path);
        const imports = textsAt(json, 'valueSet').map((reference) => prepare(scope, importOf(scope, valueSet, reference)));
        const found = system === undefined ? undefined : scope.codeSystem(system, version);
        if (found !== undefined) {
          scope.saw(found);
          filterSets(found, valueSet, json, path);
          for (const note of filterNotes(found, json)) scope.notes.add(note);
        }
        return { json, path, system, version, imports };
      });
    const includes = [...parts('include')].sort((a, b) =>
      a.system !== undefined && a.system === b.system && a.version !== undefined && b.version !== undefined
        ? compareVersions(b.version, a.version)
        : 0,
    );
    return { valueSet, includes, excludes: parts('exclude'), compose, activeOnly: flagAt(compose, 'inactive') === false };
  });
}

function importOf(scope: Scope, source: JsonObject, reference: string): JsonObject {
  const found = scope.valueSet(reference, source);
  if (found !== undefined) return found;
  const issues = [issue('error', ['not-found', 'not-found'], undefined, 'Unable_to_resolve_value_Set_', reference)];
  throw new TerminologyRefusal(422, issues, true);
}
