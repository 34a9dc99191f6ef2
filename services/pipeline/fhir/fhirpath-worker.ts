/** Evaluates FHIRPath in a thread of its own, which can be ended: an expression can take for ever, and a regular expression cannot be interrupted. */
import { parentPort } from 'node:worker_threads';
import fhirpath from 'fhirpath';
import model from 'fhirpath/fhir-context/r4';

/** What is asked: expressions over one resource, given as JSON text. */
export interface FhirPathTask {
  readonly id: number;
  readonly resource: string;
  readonly expressions: readonly FhirPathExpression[];
}

export interface FhirPathExpression {
  readonly expression: string;
  /** Where the expression stands; the resource itself when undefined. An indexed path such as Patient.contact[0]. */
  readonly at?: string;
  /** The declared path of that place, which tells its type: Patient.contact. */
  readonly base?: string;
}

/** What an expression finds: places where it finds elements, values as JSON text where it computes them; or why it cannot be evaluated. */
export type FhirPathAnswer =
  | { readonly places: readonly (string | undefined)[]; readonly values: readonly string[] }
  | { readonly fault: string };

/** What the thread says: that it is ready (id 0), or answers; and how many milliseconds of the processor it has used since it began. */
export interface FhirPathSaid {
  readonly id: number;
  readonly answers: readonly FhirPathAnswer[];
  readonly usedMs: number;
}

interface Node {
  readonly data?: unknown;
  fullPropertyName?(): string | undefined;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'fullPropertyName' in value;

type Evaluate = (resource: unknown, environment?: Record<string, unknown>) => unknown[];
const compiled = new Map<string, Evaluate>();
const MOST_COMPILED = 2_000;

function evaluatorOf({ expression, base }: FhirPathExpression): Evaluate {
  const key = `${base ?? ''} ${expression}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = fhirpath.compile(base === undefined ? expression : { base, expression }, model, {
    resolveInternalTypes: false,
    traceFn: () => {},
  }) as Evaluate;
  if (compiled.size >= MOST_COMPILED) compiled.clear();
  compiled.set(key, made);
  return made;
}

/** The value at an indexed path; choices by their declared name. */
function valueAt(resource: unknown, path: string): unknown {
  let value: unknown = resource;
  for (const step of path.split('.').slice(1)) {
    const [, name = '', index] = /^(\w+)(?:\[(\d+)\])?$/.exec(step) ?? [];
    const child: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    value = index === undefined ? child : Array.isArray(child) ? child[Number(index)] : undefined;
  }
  return value;
}

function answer(resource: unknown, asked: FhirPathExpression): FhirPathAnswer {
  try {
    const subject = asked.at === undefined ? resource : valueAt(resource, asked.at);
    const found = evaluatorOf(asked)(subject, { resource, rootResource: resource, context: subject });
    return {
      places: found.map((each) => (isNode(each) ? each.fullPropertyName?.() : undefined)),
      values: found.map((each) => JSON.stringify(isNode(each) ? (each.data ?? null) : (each ?? null)) ?? 'null'),
    };
  } catch (error) {
    // The first line says what is wrong with the expression; the rest may quote the resource.
    return { fault: faultOf(error) };
  }
}

/** Where the expression cannot be read, or only that it failed: messages about values may carry patients' data. */
function faultOf(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  const place = /^line: \d+; column: \d+/.exec(text)?.[0];
  return place === undefined
    ? 'it asks for something that cannot be computed'
    : `it cannot be read at ${place.replaceAll(':', '').replace(';', ',')}`;
}

function say(id: number, answers: readonly FhirPathAnswer[]): void {
  const { user, system } = process.threadCpuUsage();
  parentPort?.postMessage({ id, answers, usedMs: (user + system) / 1000 } satisfies FhirPathSaid);
}

parentPort?.on('message', (task: FhirPathTask) => {
  const resource: unknown = JSON.parse(task.resource);
  say(
    task.id,
    task.expressions.map((each) => answer(resource, each)),
  );
});
say(0, []);
