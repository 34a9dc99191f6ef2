import { type CodeSystemProvider, type ConceptSet, isRefusal, type JsonObject } from '../provider.ts';
import { issue, TerminologyRefusal } from './issue.ts';
import { objectAt, objectsAt, textAt } from './json.ts';
import { nameOf } from './library.ts';

/**
 * Returns what each filter of an include selects; all must hold. Refuses (TerminologyRefusal, 400) a filter without a value, and one
 * that the code system does not know.
 */
export const filterSets = (system: CodeSystemProvider, valueSet: JsonObject, include: JsonObject, path: string): readonly ConceptSet[] =>
  objectsAt(include, 'filter').map((each, i) => filtered(system, valueSet, each, `${path}.filter[${i}]`));

/** Refuses an include with concepts and filters (vsd-3, http://hl7.org/fhir/R4/valueset.html#invs): whichever counted, the other would be lost. */
export function refuseBoth(valueSet: JsonObject, include: JsonObject, path: string): void {
  if (objectsAt(include, 'concept').length === 0 || objectsAt(include, 'filter').length === 0) return;
  const text = `The value set ${nameOf(valueSet)} lists concepts and has filters in one include or exclude, which is not allowed`;
  throw new TerminologyRefusal(400, [{ severity: 'error', code: 'invalid', type: 'vs-invalid', id: undefined, text, expression: path }]);
}

/** Sets of filters of stored value sets, kept as long as both the filter and the code system are. */
const known = new WeakMap<JsonObject, WeakMap<CodeSystemProvider, ConceptSet>>();

const FILTER_OPERATOR = 'http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.compose.include.filter.op';

/** The operator of a filter; what R5 added stands in an extension of R4's op. */
export function operatorOf(filter: JsonObject): string {
  const [extended] = objectsAt(objectAt(filter, '_op'), 'extension').filter((each) => each['url'] === FILTER_OPERATOR);
  return textAt(extended, 'valueCode') ?? textAt(filter, 'op') ?? '';
}

function filtered(system: CodeSystemProvider, valueSet: JsonObject, filter: JsonObject, path: string): ConceptSet {
  const found = known.get(filter)?.get(system);
  if (found !== undefined) return found;
  const asked = { property: textAt(filter, 'property') ?? '', op: operatorOf(filter), value: textAt(filter, 'value') ?? '' };
  if (asked.value === '') {
    const values = [system.url, asked.property, asked.op] as const;
    throw new TerminologyRefusal(400, [
      issue('error', ['invalid', 'vs-invalid'], path, 'UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE', ...values),
    ]);
  }
  const answer = system.filter(asked);
  if (isRefusal(answer)) {
    const code = answer.refusal === 'not-supported' ? 'not-supported' : answer.refusal === 'too-costly' ? 'too-costly' : 'invalid';
    const text = issue(
      'error',
      [code, 'vs-invalid'],
      path,
      'FILTER_NOT_UNDERSTOOD',
      asked.property,
      asked.op,
      asked.value,
      nameOf(valueSet),
      system.url,
    );
    throw new TerminologyRefusal(400, [{ ...text, diagnostics: answer.reason }]);
  }
  const sets = known.get(filter) ?? new WeakMap<CodeSystemProvider, ConceptSet>();
  known.set(filter, sets.set(system, answer));
  return answer;
}
