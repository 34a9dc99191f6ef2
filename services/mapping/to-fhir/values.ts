/** From a compiled expression to the JavaScript that gives a FHIR element: by the pair of types. */

import type { Position } from '../diagnostics.ts';
import { ISO } from '../expression/convert.ts';
import type { Compiled, Hl7v2Scope } from '../expression/scope.ts';
import { asText, V2_PRIMITIVES } from '../expression/typed.ts';
import type { TypeSpec } from '../spec.ts';
import type { Build } from './build.ts';
import { PRIMITIVE, type Target } from './target.ts';

export type WriteType = (spec: TypeSpec, scope: Hl7v2Scope, build: Build) => string;

const TEXT_CONVERSIONS: Readonly<Record<string, string>> = {
  string: 'R.string',
  markdown: 'R.string',
  code: 'R.code',
  id: 'R.id',
  uri: 'R.uri',
  url: 'R.uri',
  canonical: 'R.uri',
  oid: 'R.uri',
  uuid: 'R.uri',
  base64Binary: 'R.base64',
  boolean: 'R.boolean',
  integer: 'R.integer',
  positiveInt: 'R.positive',
  unsignedInt: 'R.unsigned',
  decimal: 'R.number',
  date: 'R.v2date',
  dateTime: 'R.v2dateTime',
  instant: 'R.v2instant',
  time: 'R.v2time',
};

/** Conversions that are none: the system type holds the target's values already. */
const SAME: ReadonlySet<string> = new Set([
  'boolean boolean',
  'integer integer',
  'integer decimal',
  'decimal decimal',
  'date date',
  'date dateTime',
  'dateTime dateTime',
  'instant instant',
  'instant dateTime',
  'time time',
]);

export interface Assigned {
  /** JavaScript: an array when `many`, else one value or undefined. */
  readonly js: string;
  readonly many: boolean;
  /** May set X.error. */
  readonly fallible: boolean;
}

/** Returns the JavaScript that turns `value` into the target's type, or undefined after reporting that nothing does. */
export function assign(value: Compiled, target: Target, build: Build, at: Position, write: WriteType): Assigned | undefined {
  if (value.type.kind === 'any') return { js: 'undefined', many: false, fallible: false };
  if (value.type.kind === 'fhir') return sameObject(value, target, build, at);
  const typed = value.type.kind === 'v2' ? build.typeSpec(value.type.name, target.type) : undefined;
  if (typed !== undefined) return throughType(value, typed, target, build, write);
  if (!PRIMITIVE(target.type)) {
    const textMap = build.typeSpec('ST', target.type);
    if (value.type.kind === 'v2' && V2_PRIMITIVES.has(value.type.name) && textMap !== undefined)
      return throughType(value, textMap, target, build, write);
    build.fault('no-type-map', at, { source: value.type.name, target: target.type });
    return undefined;
  }
  return primitive(value, target, build, at);
}

function sameObject(value: Compiled, target: Target, build: Build, at: Position): Assigned | undefined {
  if (value.type.name === target.type) return { js: value.js, many: value.type.many, fallible: false };
  build.fault('no-type-map', at, { source: value.type.name, target: target.type });
  return undefined;
}

function throughType(value: Compiled, spec: TypeSpec, target: Target, build: Build, write: WriteType): Assigned {
  const name = build.typeFunction(spec, value.type.name, (scope) => write(spec, scope, build));
  const every = target.many ? (value.type.many ? value.js : value.every?.js) : undefined;
  if (every !== undefined && !value.type.many) value.every?.taken();
  if (every !== undefined) return { js: `R.typedEach(${every}, ${name}, X)`, many: true, fallible: true };
  if (value.type.many) return { js: `R.typedEach(${value.js}, ${name}, X)`, many: true, fallible: true };
  return { js: `R.typed(${value.js}, ${name}, X)`, many: false, fallible: true };
}

function primitive(value: Compiled, target: Target, build: Build, at: Position): Assigned | undefined {
  const from = value.type.kind === 'system' ? value.type.name : '';
  if (SAME.has(`${from} ${target.type}`)) return { js: value.js, many: value.type.many, fallible: /\bX\)/.test(value.js) };
  if ((from === 'dateTime' || from === 'instant') && target.type === 'date') {
    return { js: value.type.many ? `(${value.js}).map(R.dateOf)` : `R.dateOf(${value.js})`, many: value.type.many, fallible: true };
  }
  const every = target.many && !value.type.many ? value.every?.text : undefined;
  if (every !== undefined) value.every?.taken();
  const many = value.type.many || every !== undefined;
  const text = every ?? asText(value, true);
  const conversion = (build.iso ? ISO[target.type] : undefined) ?? TEXT_CONVERSIONS[target.type];
  if (text === undefined || conversion === undefined) {
    build.fault('no-type-map', at, { source: value.type.name, target: target.type });
    return undefined;
  }
  const bound = target.type === 'code' && target.binding !== undefined;
  const one = (js: string): string => {
    const converted = `${conversion}(${js}, X)`;
    return bound && target.binding !== undefined ? `R.member(${converted}, ${build.constant(target.binding)}, X)` : converted;
  };
  return many ? { js: `R.each1(${text}, (x) => ${one('x')})`, many, fallible: true } : { js: one(text), many, fallible: true };
}
