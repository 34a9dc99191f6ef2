import type { CodeSystemProvider, JsonObject } from '../provider.ts';
import { issue, refuse, TerminologyRefusal } from './issue.ts';
import { canonical, textAt } from './json.ts';
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
  if (url === undefined) throw refuse(400, 'invalid', 'Name the code system: system with code, or coding');
  const version = scope.versionOf(url, textAt(coding, 'version') ?? parameterText(call.parameters, 'version'));
  const system = scope.codeSystemOf(url, version);
  if (system === undefined) throw new TerminologyRefusal(404, [unknownSystem(scope, url, version, 'validate')]);
  const faults = scope.versionFaults(system);
  if (faults.length > 0) throw new TerminologyRefusal(422, faults);
  return system;
}

/** Parameters that name a value set. */
interface Names {
  readonly resource: string;
  readonly url: string;
  readonly version: string | undefined;
}
const OWN: Names = { resource: 'valueSet', url: 'url', version: 'valueSetVersion' };

/** Returns the value set that a call is about: of the address, a parameter, or by its URL. Refuses one that is not there. */
export function valueSetOf(call: Call, scope: Scope, names: Names = OWN): JsonObject {
  const given = parameterObject(call.parameters, names.resource);
  if (given !== undefined) return given;
  const url = parameterText(call.parameters, names.url);
  const version = names.version === undefined ? undefined : parameterText(call.parameters, names.version);
  if (call.id !== undefined) {
    const stored = scope.library.byId('ValueSet', call.id);
    if (stored === undefined) throw refuse(404, 'not-found', 'There is no ValueSet with this id');
    return stored;
  }
  if (url === undefined) throw refuse(400, 'required', `Name the value set: ${names.url}, or ${names.resource} with the resource itself`);
  const found = scope.valueSet(canonical(url, version), undefined);
  if (found !== undefined) return found;
  const wanted = url.includes('|') ? url : canonical(url, scope.versionOf(url, version));
  throw new TerminologyRefusal(404, [issue('error', ['not-found', 'not-found'], undefined, 'Unable_to_resolve_value_Set_', wanted)]);
}
