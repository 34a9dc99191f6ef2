/** What terminology clients keep with the server between their calls: caches of resources in this process, and closure tables in the store. */
import { createHash, randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type ClosureTable, closure, closureName } from '../../../terminology/fhir/closure.ts';
import { refuse } from '../../../terminology/fhir/issue.ts';
import { isObject } from '../../../terminology/fhir/json.ts';
import type { Library } from '../../../terminology/fhir/library.ts';
import type { ServerLimits } from '../../../terminology/fhir/limits.ts';
import { type Parameter, parameterText } from '../../../terminology/fhir/settings.ts';
import type { JsonObject } from '../../../terminology/provider.ts';
import type { Database } from '../../database/connect.ts';
import { withClosure } from '../../database/vocabulary/closures.ts';
import { headerOf } from '../fhir/request.ts';
import { TerminologyCaches } from './caches.ts';

/** Who calls, and the cache that the call names. */
export interface Caller {
  /** Tells callers apart; no secret. */
  readonly name: string;
  /** X-Cache-Id. */
  readonly cacheId: string | undefined;
  readonly acceptLanguage: string | undefined;
}

/** Returns who sent a request: by the access token, all of this machine as one where none is asked for. */
export function callerOf(request: FastifyRequest): Caller {
  const token = request.headers.authorization;
  return {
    name: token === undefined ? '' : createHash('sha256').update(token).digest('base64url'),
    cacheId: headerOf(request, 'x-cache-id'),
    acceptLanguage: headerOf(request, 'accept-language'),
  };
}

/** Parameters whose resources a cache keeps. */
const KEPT: ReadonlySet<string> = new Set(['tx-resource', 'valueSet', 'codeSystem', 'conceptMap', 'thisValueSet', 'otherValueSet']);
const sentIn = (parameters: readonly Parameter[]): readonly JsonObject[] =>
  parameters.flatMap(({ name, value }) => (name === 'tx-resource' && isObject(value) ? [value] : []));
/** How many times what one caller may have all callers together may. */
const CALLERS = 10;

export class TerminologySessions {
  readonly #limits: ServerLimits;
  readonly #clock: () => Date;
  readonly #caches: TerminologyCaches;
  readonly #database: Database;

  constructor(limits: ServerLimits, clock: () => Date, database: Database) {
    this.#limits = limits;
    this.#database = database;
    this.#clock = clock;
    this.#caches = new TerminologyCaches(limits, () => clock().getTime());
  }

  /** Returns the library of a call: over the cache that it names, if it names one. Throws TerminologyRefusal. */
  library(below: Library, caller: Caller, parameters: readonly Parameter[]): Library {
    const named = caller.cacheId === undefined ? parameterText(parameters, 'cache-id') : undefined;
    if (caller.cacheId === undefined && named === undefined) return below;
    const sent = parameters.flatMap(({ name, value }) => (KEPT.has(name) && isObject(value) ? [value] : []));
    if (caller.cacheId !== undefined) return this.#caches.over(below, caller.name, caller.cacheId, sent);
    return this.#caches.overNamed(below, caller.name, (named ?? '').slice(0, 200), sent);
  }

  /** $cache-control: returns the Parameters. Throws TerminologyRefusal. */
  cacheControl(caller: Caller, parameters: readonly Parameter[]): JsonObject {
    const answer = (...parameter: readonly JsonObject[]): JsonObject => ({ resourceType: 'Parameters', parameter });
    const mode = parameterText(parameters, 'mode');
    if (mode === 'start') {
      const isSealed = parameterText(parameters, 'sealed') !== 'false';
      const id = this.#caches.start(caller.name, isSealed, sentIn(parameters));
      return answer({ name: 'cache-id', valueId: id }, { name: 'sealed', valueBoolean: isSealed });
    }
    if (mode !== 'end' && mode !== 'check') throw refuse(400, 'invalid', "The parameter 'mode' is none of start, end, check");
    if (caller.cacheId === undefined) throw refuse(400, 'required', 'Name the cache in the header X-Cache-Id');
    if (mode === 'end') {
      this.#caches.end(caller.name, caller.cacheId);
      return answer();
    }
    const state = this.#caches.check(caller.name, caller.cacheId);
    if (state === undefined) return answer({ name: 'valid', valueBoolean: false });
    return answer(
      { name: 'valid', valueBoolean: true },
      { name: 'sealed', valueBoolean: state.isSealed },
      { name: 'resource-count', valueInteger: state.resources },
      { name: 'idle', valueInteger: state.idleSeconds },
      { name: 'idle-timeout', valueInteger: this.#limits.cacheMinutes * 60 },
    );
  }

  /** $closure: returns the ConceptMap. The table is the same for every process of the store. Throws TerminologyRefusal, and changes nothing then. */
  async closure(below: Library, by: Caller, parameters: readonly Parameter[]): Promise<JsonObject> {
    const library = this.library(below, by, parameters).over(sentIn(parameters));
    const { closures, closureConcepts: most } = this.#limits;
    const limits = { ofCaller: closures, ofAll: closures * CALLERS };
    const now = (): string => this.#clock().toISOString();
    return withClosure(this.#database, { caller: by.name, name: closureName(parameters), limits }, (table) => {
      let next: ClosureTable | undefined;
      const tables = {
        get: () => table,
        set: (_name: string, changed: ClosureTable): void => {
          next = changed;
        },
      };
      const answer = closure(parameters, { library, tables, most, now, uuid: randomUUID });
      return { answer, next };
    });
  }
}
