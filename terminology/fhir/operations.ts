import type { CodeSystemProvider, Json, JsonObject } from '../provider.ts';
import { type Call, namedSystem, systemToAsk, valueSetOf } from './called.ts';
import { compare } from './compare.ts';
import { expand } from './expand.ts';
import { issue, outcomeOf, refuse, TerminologyRefusal } from './issue.ts';
import { canonical, isObject, objectsAt, splitCanonical, textAt } from './json.ts';
import { type Library, TERMINOLOGY_TYPES, type TerminologyType } from './library.ts';
import { type Limits, USUAL_LIMITS } from './limits.ts';
import { lookup, subsumes } from './lookup.ts';
import { Scope, unknownSystem } from './scope.ts';
import { type Parameter, parameterObject, parametersOf, parameterText, readSettings, statedParameters } from './settings.ts';
import { suggest } from './suggest.ts';
import { translate } from './translate.ts';
import { validate } from './validate.ts';
import { type Coded, codingPath, refusedAnswer } from './validate-answer.ts';

export type { Call } from './called.ts';

/** What a call is answered from, and the two things that are new in every answer. */
export interface Surroundings {
  readonly library: Library;
  /** ISO instant. */
  readonly now: () => string;
  /** RFC 9562 UUID. */
  readonly uuid: () => string;
  /** The usual ones where none are given. */
  readonly limits?: Limits | undefined;
}

export interface Answer {
  /** HTTP status. */
  readonly status: number;
  readonly resource: JsonObject;
}

type Operation = (call: Call, surroundings: Surroundings) => JsonObject;

/** Every operation there is: routes, bundles and the CapabilityStatement are made from this table. */
export const OPERATIONS: Readonly<
  Record<TerminologyType, Readonly<Record<string, { readonly run: Operation; readonly definition: string }>>>
> = {
  CodeSystem: {
    lookup: { run: runLookup, definition: 'http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup' },
    'validate-code': { run: validateInSystem, definition: 'http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code' },
    subsumes: { run: runSubsumes, definition: 'http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes' },
    'batch-validate-code': {
      run: validateBatch,
      definition: 'http://hl7.org/fhir/uv/tx-ecosystem/OperationDefinition/CodeSystem-batch-validate-code',
    },
  },
  ValueSet: {
    expand: { run: runExpand, definition: 'http://hl7.org/fhir/OperationDefinition/ValueSet-expand' },
    'validate-code': { run: validateInValueSet, definition: 'http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code' },
    'batch-validate-code': {
      run: validateBatch,
      definition: 'http://hl7.org/fhir/uv/tx-ecosystem/OperationDefinition/ValueSet-batch-validate-code',
    },
    compare: { run: runCompare, definition: 'http://hl7.org/fhir/tools/OperationDefinition/valueset-compare' },
  },
  ConceptMap: {
    translate: { run: runTranslate, definition: 'http://hl7.org/fhir/OperationDefinition/ConceptMap-translate' },
    suggest: {
      run: (call, { library }) => suggest(library, call.parameters),
      definition: 'urn:polyseme:OperationDefinition:ConceptMap-suggest',
    },
  },
};

/** Returns the answer of a call: the resource asked for, or an OperationOutcome with its HTTP status. */
export function answerCall(call: Call, surroundings: Surroundings): Answer {
  const operation = Object.hasOwn(OPERATIONS[call.type], call.operation) ? OPERATIONS[call.type][call.operation] : undefined;
  try {
    if (operation === undefined) throw refuse(404, 'not-supported', `There is no operation $${call.operation} of ${call.type}`);
    const extra = call.parameters.flatMap(({ name, value }) => (name === 'tx-resource' && isObject(value) ? [value] : []));
    return { status: 200, resource: operation.run(call, { ...surroundings, library: surroundings.library.over(extra) }) };
  } catch (error) {
    if (!(error instanceof TerminologyRefusal)) throw error;
    return { status: error.status, resource: outcomeOf(error.issues) };
  }
}

/** Returns the parameters of an address or a form: texts, of which the operations know the types. */
export const parametersOfQuery = (pairs: Iterable<readonly [name: string, value: string]>): readonly Parameter[] =>
  [...pairs].flatMap(([name, value]) => (name.startsWith('_') ? [] : [{ name, value }]));

/** Returns the parameters of a body: of a Parameters resource, or the value set, code system or map that the operation is about itself. */
export function parametersOfBody(type: TerminologyType, body: JsonObject): readonly Parameter[] {
  if (body['resourceType'] === 'Parameters') return parametersOf(body);
  if (body['resourceType'] === type) return [{ name: `${type.charAt(0).toLowerCase()}${type.slice(1)}`, value: body }];
  throw refuse(
    400,
    'invalid',
    `The body must be a Parameters resource, not ${textAt(body, 'resourceType') ?? 'something without resourceType'}`,
  );
}

const settingsOf = (call: Call, isExpanding: boolean, valueSet?: JsonObject) =>
  readSettings(call.parameters, {
    acceptLanguage: call.acceptLanguage,
    ownLanguage: textAt(valueSet, 'language'),
    isExpanding,
    stated: valueSet === undefined ? [] : statedParameters(valueSet),
  });

function runExpand(call: Call, { library, now, uuid, limits = USUAL_LIMITS }: Surroundings): JsonObject {
  const first = new Scope(library, settingsOf(call, true));
  const valueSet = valueSetOf(call, first);
  const scope = new Scope(library, settingsOf(call, true, valueSet));
  for (const [name, rule] of first.usedRules) scope.usedRules.set(name, rule);
  for (const name of ['date', 'context', 'contextDirection']) {
    // What was asked for and not done is told: the answer would be taken for it.
    if (parameterText(call.parameters, name) !== undefined) scope.notes.add(`The parameter '${name}' is not supported and changed nothing`);
  }
  return expand(scope, valueSet, { identifier: `urn:uuid:${uuid()}`, timestamp: now(), limits });
}

function runCompare(call: Call, { library, limits = USUAL_LIMITS }: Surroundings): JsonObject {
  const scopes = [new Scope(library, settingsOf(call, true)), new Scope(library, settingsOf(call, true))] as const;
  const one = valueSetOf(call, scopes[0], { resource: 'thisValueSet', url: 'thisUrl', version: 'valueSetVersion' });
  const other = valueSetOf({ ...call, id: undefined }, scopes[1], { resource: 'otherValueSet', url: 'otherUrl', version: undefined });
  return compare([...scopes], [one, other], call.parameters, limits.walk);
}

function validateInValueSet(call: Call, { library }: Surroundings): JsonObject {
  const first = new Scope(library, settingsOf(call, false));
  const valueSet = valueSetOf(call, first);
  const coded = codedOf(call, false, first.settings.inferSystem);
  const settings = settingsOf(call, false, valueSet);
  // Only a bare code has a system to be found: a Coding without one is a Coding without one.
  const scope = new Scope(library, { ...settings, inferSystem: settings.inferSystem && coded.mode === 'code' });
  return validate(scope, valueSet, coded, false);
}

/** Returns what is to be validated. Refuses a call that names nothing. */
function codedOf({ parameters }: Call, isSystem: boolean, canInfer: boolean): Coded {
  const concept = parameterObject(parameters, 'codeableConcept');
  if (concept !== undefined) return { mode: 'codeableConcept', codings: objectsAt(concept, 'coding'), concept };
  const coding = parameterObject(parameters, 'coding');
  if (coding !== undefined) return { mode: 'coding', codings: [coding], concept: undefined };
  const code = parameterText(parameters, 'code');
  const system = (isSystem ? parameterText(parameters, 'url') : undefined) ?? parameterText(parameters, 'system');
  if (code === undefined) throw refuse(400, 'required', 'Name what to validate: code with system, coding, or codeableConcept');
  if (system === undefined && !isSystem && !canInfer) throw refuse(400, 'required', 'A code needs its system, or inferSystem=true');
  const version = parameterText(parameters, isSystem ? 'version' : 'systemVersion');
  const display = parameterText(parameters, 'display');
  const found: Record<string, Json> = { code };
  if (system !== undefined) found['system'] = system;
  if (version !== undefined) found['version'] = version;
  if (display !== undefined) found['display'] = display;
  return { mode: 'code', codings: [found], concept: undefined };
}

function validateInSystem(call: Call, { library }: Surroundings): JsonObject {
  const settings = { ...settingsOf(call, false), inferSystem: false };
  const scope = new Scope(library, settings);
  const coded = codedOf(call, true, false);
  let system: CodeSystemProvider;
  try {
    system = systemToValidate(call, scope, coded);
  } catch (error) {
    if (!(error instanceof TerminologyRefusal) || !error.isFinding) throw error;
    const [coding] = coded.codings;
    const isUnknown = error.issues.some(({ code }) => code === 'not-found');
    return refusedAnswer(coded, error, isUnknown ? unknownName(scope, textAt(coding, 'system'), textAt(coding, 'version')) : undefined);
  }
  const include = { system: system.url, ...(system.version === undefined ? {} : { version: system.version }) };
  const valueSet: JsonObject = {
    resourceType: 'ValueSet',
    status: 'active',
    url: system.valueSet ?? `${system.url}/vs`,
    ...(system.version === undefined ? {} : { version: system.version }),
    compose: { include: [include] },
  };
  const codings = coded.codings.map((each) =>
    textAt(each, 'system') === undefined && call.id !== undefined ? { ...each, system: system.url } : each,
  );
  return validate(scope, valueSet, { ...coded, codings }, true);
}

const unknownName = (scope: Scope, url: string | undefined, version: string | undefined): string | undefined =>
  url === undefined || version === undefined || scope.library.versionsOf(url).length === 0 ? url : `${url}|${version}`;

/** Returns the code system that a $validate-code is about; what is wrong with it is a finding: the answer is false, and why. */
function systemToValidate(call: Call, scope: Scope, coded: Coded): CodeSystemProvider {
  const given = namedSystem(call, scope);
  if (given !== undefined) return given;
  const [coding] = coded.codings;
  const path = codingPath(coded, 0);
  const place = path === '' ? 'system' : `${path}.system`;
  const url = parameterText(call.parameters, 'url') ?? textAt(coding, 'system');
  const stop = (found: ReturnType<typeof issue>) => new TerminologyRefusal(404, [found], true);
  if (url === undefined) throw stop(issue('warning', ['invalid', 'invalid-data'], path, 'Coding_has_no_system__cannot_validate'));
  const version = scope.versionOf(url, parameterText(call.parameters, 'version') ?? textAt(coding, 'version'));
  const system = scope.codeSystemOf(url, version);
  if (system !== undefined) return system;
  const data = ['invalid', 'invalid-data'] as const;
  if (scope.valueSet(url, undefined) !== undefined) throw stop(issue('error', data, place, 'Terminology_TX_System_ValueSet2', url));
  const supplement = scope.library.supplement(url);
  if (supplement !== undefined) throw stop(issue('error', data, place, 'CODESYSTEM_CS_NO_SUPPLEMENT', canonical(url, supplement.version)));
  throw stop(unknownSystem(scope, url, version, 'validate', place));
}

function runLookup(call: Call, { library }: Surroundings): JsonObject {
  const scope = new Scope(library, settingsOf(call, true));
  const coding = parameterObject(call.parameters, 'coding');
  const code = textAt(coding, 'code') ?? parameterText(call.parameters, 'code');
  if (code === undefined) throw refuse(400, 'required', 'Name what to look up: system and code, or coding');
  return lookup(scope, systemToAsk(call, scope, coding), code);
}

function runSubsumes(call: Call, { library }: Surroundings): JsonObject {
  const scope = new Scope(library, settingsOf(call, false));
  const [a, b] = [parameterObject(call.parameters, 'codingA'), parameterObject(call.parameters, 'codingB')];
  const [codeA, codeB] = [
    textAt(a, 'code') ?? parameterText(call.parameters, 'codeA'),
    textAt(b, 'code') ?? parameterText(call.parameters, 'codeB'),
  ];
  if (codeA === undefined || codeB === undefined)
    throw refuse(400, 'required', 'Name both codes: codeA and codeB with system, or codingA and codingB');
  if (textAt(a, 'system') !== textAt(b, 'system')) throw refuse(400, 'invalid', 'Both codings must be of one code system');
  const versions = new Set([a, b].flatMap((each) => textAt(each, 'version') ?? []));
  if (versions.size > 1 && !scope.settings.rules.some(({ mode, url }) => mode === 'force' && url === textAt(a, 'system')))
    throw refuse(400, 'invalid', 'The codings name two versions of their code system: one of them must decide what is above what');
  return subsumes(systemToAsk(call, scope, a), codeA, codeB);
}

function runTranslate(call: Call, { library }: Surroundings): JsonObject {
  const scope = new Scope(library, settingsOf(call, false));
  const asked = parameterText(call.parameters, 'url');
  const named = asked === undefined ? undefined : splitCanonical(asked);
  const url = named?.url;
  const given = parameterObject(call.parameters, 'conceptMap') ?? (call.id === undefined ? undefined : library.byId('ConceptMap', call.id));
  if (call.id !== undefined && given === undefined) throw refuse(404, 'not-found', 'There is no ConceptMap with this id');
  const version = parameterText(call.parameters, 'conceptMapVersion') ?? named?.version;
  const map = given ?? (url === undefined ? undefined : library.conceptMap(url, version));
  const native = map !== undefined || url === undefined ? undefined : library.nativeMap(url, version);
  if (url !== undefined && map === undefined && native === undefined)
    throw refuse(404, 'not-found', `A definition for the concept map '${canonical(url, version)}' could not be found`);
  return translate(scope, call.parameters, map, native);
}

/** Parameters that all validations of a batch share, unless they have their own. */
const SHARED: ReadonlySet<string> = new Set([
  'tx-resource',
  'url',
  'valueSet',
  'valueSetVersion',
  'lenient-display-validation',
  'displayLanguage',
  'abstract',
]);

/** $batch-validate-code (https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig): each `validation` is a validation of its own. */
function validateBatch(call: Call, surroundings: Surroundings): JsonObject {
  const asked = call.parameters.filter(({ name }) => name === 'validation');
  const { batch } = surroundings.limits ?? USUAL_LIMITS;
  if (asked.length > batch) throw refuse(413, 'too-costly', `More than ${batch} validations in one request`);
  const shared = call.parameters.filter(({ name }) => SHARED.has(name) || /-(system|valueset)-version$|^system-version$/.test(name));
  return {
    resourceType: 'Parameters',
    parameter: asked.map(({ value }) => {
      const own = isObject(value) ? parametersOf(value) : [];
      const parameters = [...own, ...shared.filter(({ name }) => name === 'tx-resource' || !own.some((each) => each.name === name))];
      const isValueSet = parameters.some(({ name }) => name === 'valueSet' || (name === 'url' && call.type === 'ValueSet'));
      const type = isValueSet ? 'ValueSet' : 'CodeSystem';
      return {
        name: 'validation',
        resource: answerCall({ ...call, type, id: undefined, operation: 'validate-code', parameters }, surroundings).resource,
      };
    }),
  };
}

export const isTerminologyType = (type: string): type is TerminologyType => TERMINOLOGY_TYPES.some((each) => each === type);
