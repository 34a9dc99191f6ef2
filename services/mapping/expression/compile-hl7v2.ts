/** Paths of an HL7v2 message, checked against the standard's definitions of the version that is compiled for. */
import type { Compiling } from './compiling.ts';
import type { Compiled, Hl7v2Scope, ValueType } from './scope.ts';
import { EVERY, type V2Path } from './tree.ts';
import { originOf, system } from './typed.ts';

/** False of what stands for a segment that the structure has no place for. */
const isThere = (js: string): boolean => js !== 'undefined' && js !== '[]';

const v2 = (name: string, many: boolean): ValueType => ({ kind: 'v2', name, many });

/** A bare name in an HL7v2 map is a segment: `PV1.exists()`. */
export function segmentOf(name: string, offset: number, at: Compiling): Compiled {
  const { scope } = at;
  if (scope.format !== 'hl7v2') return at.fault('unknown-segment', offset, { name });
  if (name === '$this' && scope.current !== undefined) return { js: scope.current.js, type: v2(scope.current.datatype, false) };
  const found = scope.segment(name, undefined);
  if ('code' in found) return at.fault(found.code, offset, found.values);
  scope.reached?.(name, isThere(found.js), at.place(offset));
  return { js: found.js, type: { kind: 'segment', name, many: found.many } };
}

export function v2PathOf(path: V2Path, at: Compiling): Compiled {
  const { scope } = at;
  if (scope.format !== 'hl7v2') {
    return at.fault('expression-type', path.offset, {
      reason: 'HL7v2 paths have no meaning in this map',
      hint: 'Its source is FHIR: write element names.',
    });
  }
  return path.segment === undefined ? relativePath(path, scope, at) : absolutePath(path, path.segment, scope, at);
}

function relativePath(path: V2Path, scope: Hl7v2Scope, at: Compiling): Compiled {
  const { current } = scope;
  if (current === undefined) {
    const hint = 'Write the whole path (PID-5.1); ".1" stands only inside where() and in datatype maps.';
    return at.fault('expression-type', path.offset, { reason: 'There is nothing here that ".1" could be a part of', hint });
  }
  const datatype = partType(current.datatype, path, scope);
  if (datatype === undefined)
    return at.fault('unknown-component', path.offset, { type: current.datatype, name: path.parts.join('.'), version: scope.version });
  const numbers = path.parts.join(', ');
  return { js: `R.sub(${current.js}, ${numbers})`, text: `R.part(${current.js}, ${numbers})`, type: v2(datatype, false) };
}

function absolutePath(path: V2Path, segment: string, scope: Hl7v2Scope, at: Compiling): Compiled {
  const found = scope.segment(segment, path.occurrence);
  if ('code' in found) return at.fault(found.code, path.offset, found.values);
  scope.reached?.(segment, isThere(found.js), at.place(path.offset));
  if (found.many && path.occurrence !== EVERY) return at.fault('expression-many', path.offset, { path: segment });
  const field = scope.field(segment, path.field);
  if (field === undefined) return at.fault('unknown-field', path.offset, { name: `${segment}-${path.field}`, version: scope.version });
  const datatype = partType(field.datatype, path, scope);
  if (datatype === undefined)
    return at.fault('unknown-component', path.offset, { type: field.datatype, name: path.parts.join('.'), version: scope.version });
  const many = path.repetition === '*' || (path.repetition === undefined && field.many);
  const s = found.js;
  if (found.many) return inEverySegment(s, path, datatype, () => scope.read(segment, path.field, true));
  const label = `${segment}-${path.field}${path.parts.map((part) => `.${part}`).join('')}`;
  scope.read(segment, path.field, many || path.repetition !== undefined);
  const source = { segment: s, path: label, field: path.field };
  const needs = { segment: s, field: path.field };
  if (many) {
    const parts = path.parts.length === 0 ? '' : `, ${path.parts.join(', ')}`;
    const all = `R.places(${s}, ${path.field})`;
    const js = path.parts.length === 0 ? all : `${all}.map((q) => R.sub(q${parts})).filter((q) => q !== undefined)`;
    return { js, text: `R.texts(${s}, ${path.field}${parts})`, type: v2(datatype, true), source, needs };
  }
  const place = [path.field, path.repetition ?? 1, ...path.parts].join(', ');
  const whole = path.parts.length === 0 && path.repetition === undefined;
  const every = whole
    ? {
        every: {
          js: `R.places(${s}, ${path.field})`,
          text: `R.texts(${s}, ${path.field})`,
          taken: () => scope.read(segment, path.field, true),
        },
      }
    : {};
  return { js: `R.place(${s}, ${place})`, text: `${s}?.value(${place})`, type: v2(datatype, false), source, needs, ...every };
}

/** `OBX[*]-5.1`: the values of all these segments, in their order. */
function inEverySegment(segments: string, path: V2Path, datatype: string, read: () => void): Compiled {
  read();
  const parts = path.parts.length === 0 ? '' : `, ${path.parts.join(', ')}`;
  const all = `(${segments}).flatMap((s) => R.places(s, ${path.field}))`;
  const js = path.parts.length === 0 ? all : `${all}.map((q) => R.sub(q${parts})).filter((q) => q !== undefined)`;
  return { js, text: `(${segments}).flatMap((s) => R.texts(s, ${path.field}${parts}))`, type: v2(datatype, true) };
}

/** The data type at the end of the path; undefined when a part does not exist. A part of a primitive: older versions' ".1" is the value itself. */
function partType(datatype: string, path: V2Path, scope: Hl7v2Scope): string | undefined {
  let type = datatype;
  for (const part of path.parts) {
    if (type === 'varies') continue;
    const component = scope.component(type, part);
    if (component === undefined && part === 1) continue;
    if (component === undefined) return undefined;
    type = component.datatype;
  }
  return type;
}

/** `.1` after a value: a component of it. */
export function partOf(base: Compiled, parts: readonly number[], offset: number, at: Compiling): Compiled {
  if (base.type.kind === 'any') return base;
  const { scope } = at;
  if (scope.format !== 'hl7v2' || base.type.kind !== 'v2') {
    return at.fault('expression-type', offset, { reason: 'Only HL7v2 values have numbered parts', hint: 'Use the name of the part.' });
  }
  const path: V2Path = { kind: 'v2', segment: undefined, occurrence: undefined, field: 0, repetition: undefined, parts, offset };
  const datatype = partType(base.type.name, path, scope);
  if (datatype === undefined)
    return at.fault('unknown-component', offset, { type: base.type.name, name: parts.join('.'), version: scope.version });
  const numbers = parts.join(', ');
  const source = originOf(base);
  if (!base.type.many)
    return { js: `R.sub(${base.js}, ${numbers})`, text: `R.part(${base.js}, ${numbers})`, type: v2(datatype, false), ...source };
  const mapped = (name: string): string => `(${base.js}).map((q) => R.${name}(q, ${numbers})).filter((q) => q !== undefined)`;
  return { js: mapped('sub'), text: mapped('part'), type: v2(datatype, true), ...source };
}

/** `.text()` and `.raw()`: a repetition as a whole. */
export function wholeOf(base: Compiled, name: 'text' | 'raw', offset: number, at: Compiling): Compiled {
  if (base.type.kind === 'any') return base;
  if (base.type.kind !== 'v2') {
    return at.fault('expression-type', offset, { reason: `${name}() stands only after an HL7v2 path`, hint: 'Use it as in OBX-5.text().' });
  }
  const runtime = name === 'text' ? 'R.whole' : 'R.raw';
  const source = originOf(base);
  if (!base.type.many) return { js: `${runtime}(${base.js})`, type: system('string'), ...source };
  return { js: `${base.js}.map(${runtime}).filter((x) => x !== undefined)`, type: system('string', true), ...source };
}
