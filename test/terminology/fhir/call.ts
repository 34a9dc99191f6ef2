import { entryOf, Library, type TerminologyType } from '../../../terminology/fhir/library.ts';
import { answerCall } from '../../../terminology/fhir/operations.ts';
import type { Json, JsonObject } from '../../../terminology/provider.ts';

/** A library of these resources. */
export const libraryOf = (...resources: readonly JsonObject[]): Library =>
  new Library({ entries: resources.flatMap((each, i) => entryOf({ id: `r${i}`, ...each }) ?? []) });

export interface Told {
  readonly status: number;
  readonly resource: JsonObject;
}

/** Calls an operation with parameters by name; a list is a parameter that repeats. */
export function call(
  library: Library,
  path: `${TerminologyType}/$${string}`,
  parameters: Readonly<Record<string, Json>>,
  id?: string,
): Told {
  const [type = '', operation = ''] = path.split('/$');
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((each: Json) => ({ name, value: each })) : [{ name, value }],
  );
  const call = { type: type as TerminologyType, id, operation, parameters: given };
  return answerCall(call, { library, now: () => '2026-06-01T12:00:00Z', uuid: () => '8acdbfdc-e9d2-11ed-a05b-0242ac120003' });
}

export const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((each, name) => (typeof each === 'object' && each !== null ? Reflect.get(each, name) : undefined), value);

export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** Codes of an expansion, with what is nested in them, in their order. */
export function codesOf(resource: JsonObject): readonly string[] {
  const codes: string[] = [];
  const visit = (list: readonly unknown[]) => {
    for (const each of list) {
      codes.push(String(at(each, 'code')));
      visit(listAt(each, 'contains'));
    }
  };
  visit(listAt(resource, 'expansion', 'contains'));
  return codes;
}

/** The value of a parameter of an answer. */
export function parameterOf(resource: JsonObject, name: string): unknown {
  const found = listAt(resource, 'parameter').find((each) => at(each, 'name') === name);
  return Object.entries(found ?? {}).find(([key]) => key.startsWith('value'))?.[1];
}

/** severity, tx-issue-type and message id of each issue of an OperationOutcome, or of the one in an answer. */
export function issuesOf(resource: JsonObject): readonly string[] {
  const outcome =
    resource['resourceType'] === 'OperationOutcome'
      ? resource
      : at(
          listAt(resource, 'parameter').find((each) => at(each, 'name') === 'issues'),
          'resource',
        );
  return listAt(outcome, 'issue').map((each) =>
    [at(each, 'severity'), at(each, 'details', 'coding', 0, 'code') ?? at(each, 'code'), at(each, 'extension', 0, 'valueString')]
      .filter(Boolean)
      .join(' '),
  );
}
