/** One record as it came to one with typed values; what does not fit its declaration is left out and reported with its place. */
import { type ErrorCode, type Problem, problem } from '../../errors.ts';
import { Decimal } from '../../fhir/resource.ts';
import { expressionRuntime, type Run } from '../expression/runtime.ts';
import { inForm, inIso } from './date-form.ts';
import type { Shape } from './shape.ts';

export interface TypedRecord {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Paths that have a value and are not declared: 'device.firmware'. */
  readonly undeclared: readonly string[];
  /** Declared paths with a value. */
  readonly valued: ReadonlySet<string>;
}

/** Returns the record in the shape of its declaration. `run` gives the zone of local times. */
export function typedRecord(raw: unknown, shape: Shape, run: Run): TypedRecord {
  const problems: Problem[] = [];
  const undeclared = new Set<string>();
  const valued = new Set<string>();
  const walk = (value: unknown, of: Shape, path: string, place: string): unknown => {
    if (value === undefined || value === null || value === '') return undefined;
    if (of.kind === 'list')
      return Array.isArray(value)
        ? value.map((each: unknown, i) => walk(each, of.of, path, `${place}[${i + 1}]`)).filter((each) => each !== undefined)
        : misfit(place);
    if (of.kind === 'value') {
      valued.add(path);
      const made = typedValue(value, of, run);
      if (made === undefined) misfit(place);
      return made;
    }
    if (!isObject(value)) return misfit(place);
    for (const name of Object.keys(value)) {
      const inner = path === '' ? name : `${path}.${name}`;
      if (!of.parts.has(name) && value[name] !== undefined && value[name] !== null && value[name] !== '') undeclared.add(inner);
    }
    const entries = [...of.parts].flatMap(([name, part]) => {
      const own = Object.hasOwn(value, name) ? value[name] : undefined;
      const made = walk(own, part, path === '' ? name : `${path}.${name}`, place === '' ? name : `${place}.${name}`);
      return made === undefined ? [] : [[name, made] as const];
    });
    return Object.fromEntries(entries);
  };
  const misfit = (place: string): undefined => {
    const code: ErrorCode = run.error ?? 'mapping-record-type';
    run.error = undefined;
    problems.push(problem(code, {}, place));
    return undefined;
  };
  return { value: walk(raw, shape, '', '') ?? {}, problems, undeclared: [...undeclared], valued };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Decimal);

function typedValue(value: unknown, { type, form }: Extract<Shape, { kind: 'value' }>, run: Run): unknown {
  if (typeof value === 'boolean') return type === 'boolean' ? value : type === 'string' ? String(value) : undefined;
  if (typeof value === 'number' || value instanceof Decimal) {
    if (type === 'decimal') return value;
    if (type === 'integer') return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
    return type === 'string' || type === 'code' ? String(value) : undefined;
  }
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const R = expressionRuntime;
  // What has another form is found to be no date.
  const time = (): string => (form === undefined ? inIso(value) : inForm(value, form)) ?? '?';
  switch (type) {
    case 'string':
      return value;
    case 'code':
      return R.code(value.trim(), run);
    case 'decimal':
      return R.number(value.trim(), run);
    case 'integer':
      return R.integer(value.trim(), run);
    case 'boolean':
      return R.boolean(value.trim().toLowerCase(), run);
    case 'date':
      return R.v2date(time(), run);
    case 'dateTime':
      return R.v2dateTime(time(), run);
    case 'instant':
      return R.v2instant(time(), run);
    case 'time':
      return R.v2time(value.trim().replaceAll(':', ''), run);
  }
}
