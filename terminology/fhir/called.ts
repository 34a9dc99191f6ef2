import type { CodeSystemProvider, JsonObject } from '../provider.ts';
import { refuse, TerminologyRefusal } from './issue.ts';
import { textAt } from './json.ts';
import type { TerminologyType } from './library.ts';
import { type Scope, unknownSystem } from './scope.ts';
import { type Parameter, parameterObject, parameterText } from './settings.ts';

/** A call of an operation, wherever it came from. */
export interface Call {
  readonly type: TerminologyType;
  /** Undefined: at type level. */
  readonly id: string | undefined;
  /** Without the dollar sign. */
  readonly operation: string;
  readonly parameters: readonly Parameter[];
  readonly acceptLanguage?: string | undefined;
}

/** The code system of the address or of the parameter codeSystem; undefined when it is to be found by URL. */
export function namedSystem({ id, parameters }: Call, scope: Scope): CodeSystemProvider | undefined {
  const given = parameterObject(parameters, 'codeSystem');
  if (given !== undefined) {
    const only = scope.library.over([given]).codeSystem(textAt(given, 'url') ?? '', textAt(given, 'version'));
    if (only === undefined) throw refuse(422, 'not-supported', 'The code system that was sent holds no codes of its own');
    return scope.withSupplements(only);
  }
  if (id === undefined) return undefined;
  const stored = scope.library.codeSystemById(id);
  if (stored === undefined) throw refuse(404, 'not-found', 'There is no CodeSystem with this id');
  return scope.withSupplements(stored);
}

/** Returns the code system that a lookup or subsumption test is about. Refuses (404) one that is not there. */
export function systemToAsk(call: Call, scope: Scope, coding: JsonObject | undefined): CodeSystemProvider {
  const given = namedSystem(call, scope);
  if (given !== undefined) return given;
  const url = textAt(coding, 'system') ?? parameterText(call.parameters, 'system') ?? parameterText(call.parameters, 'url');
  if (url === undefined) throw refuse(400, 'required', 'Name the code system: system with code, or coding');
  const version = scope.versionOf(url, textAt(coding, 'version') ?? parameterText(call.parameters, 'version'));
  const system = scope.codeSystemOf(url, version);
  if (system === undefined) throw new TerminologyRefusal(404, [unknownSystem(scope, url, version, 'validate')]);
  const faults = scope.versionFaults(system);
  if (faults.length > 0) throw new TerminologyRefusal(422, faults);
  return system;
}
