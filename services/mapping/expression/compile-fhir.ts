/** Names and members of FHIR objects, checked against the type's definition. */
import { didYouMean } from '../diagnostics.ts';
import type { Compiling } from './compiling.ts';
import type { Compiled, ElementType, FhirScope, ValueType } from './scope.ts';
import { choiceProperty, system } from './typed.ts';

const SYSTEM_NAMES: Readonly<Record<string, string>> = {
  boolean: 'boolean',
  integer: 'integer',
  positiveInt: 'integer',
  unsignedInt: 'integer',
  decimal: 'decimal',
  date: 'date',
  dateTime: 'dateTime',
  instant: 'instant',
  time: 'time',
  string: 'string',
  code: 'string',
  uri: 'string',
  url: 'string',
  canonical: 'string',
  oid: 'string',
  uuid: 'string',
  id: 'string',
  markdown: 'string',
  base64Binary: 'string',
  xhtml: 'string',
};

/** Returns the type of values of a FHIR type: system types for primitives. */
export function typeOfFhir(name: string, many: boolean): ValueType {
  const primitive = Object.hasOwn(SYSTEM_NAMES, name) ? SYSTEM_NAMES[name] : undefined;
  return primitive === undefined ? { kind: 'fhir', name, many } : system(primitive, many);
}

/** A bare name: something the scope names, else an element of its root. */
export function nameOf(name: string, offset: number, at: Compiling): Compiled {
  if (at.scope.format !== 'fhir') return at.fault('unknown-element', offset, { type: 'The message', name });
  const named = at.scope.names?.get(name);
  if (named !== undefined) return named;
  const { root } = at.scope;
  if (root === undefined)
    return at.fault('unknown-element', offset, { type: 'This place', name, nearest: didYouMean(name, at.scope.names?.keys() ?? []) });
  if (name === '$this') return { js: root.js, type: typeOfFhir(root.type, false) };
  return memberOf({ js: root.js, type: { kind: 'fhir', name: root.type, many: false } }, name, offset, at);
}

/** `base.name`: an element of what `base` is. */
export function memberOf(base: Compiled, name: string, offset: number, at: Compiling): Compiled {
  if (base.type.kind === 'any') return base;
  const only = base.type.kind === 'choice' ? onlyTypeWith(base, name, at) : undefined;
  if (only !== undefined) return memberOf(ofTypeOf(base, only, offset, at), name, offset, at);
  if (at.scope.format !== 'fhir' || base.type.kind !== 'fhir') {
    const type = base.type.kind === 'choice' ? `${base.element ?? ''}[x] (choose with .ofType(…))` : base.type.name;
    return at.fault('unknown-element', offset, { type, name });
  }
  const element = at.scope.types.element(base.type.name, name);
  if (element === undefined) {
    const known = at.scope.types.elements(base.type.name) ?? [];
    return at.fault('unknown-element', offset, { type: base.type.name, name, nearest: didYouMean(name, known) });
  }
  if (element.choice)
    return { js: base.js, type: { kind: 'choice', name: `${name}[x]`, many: base.type.many }, element: name, choices: element.types };
  return property(base, name, element);
}

/** `value.unit`: where only one type of a choice has the element, it is meant. */
function onlyTypeWith(base: Compiled, name: string, at: Compiling): string | undefined {
  const { scope } = at;
  if (scope.format !== 'fhir') return undefined;
  const found = (base.choices ?? []).filter(
    (type) => scope.types.element(type, name) !== undefined && name !== 'id' && name !== 'extension',
  );
  return found.length === 1 ? found[0] : undefined;
}

function property(base: Compiled, name: string, element: ElementType): Compiled {
  const type = typeOfFhir(element.types[0] ?? 'Element', base.type.many || element.many);
  const key = JSON.stringify(name);
  if (base.type.many) return { js: `R.each(${base.js}, ${key})`, type };
  return { js: element.many ? `R.list(${base.js}, ${key})` : `R.get(${base.js}, ${key})`, type };
}

/** `.ofType(T)` after a choice element. */
export function ofTypeOf(base: Compiled, type: string, offset: number, at: Compiling): Compiled {
  if (base.type.kind === 'any') return base;
  if (base.type.kind !== 'choice') {
    return at.fault('expression-type', offset, {
      reason: 'ofType() stands only after a choice element such as value or effective',
      hint: 'Remove it.',
    });
  }
  if (base.choices?.includes(type) !== true) {
    return at.fault('unknown-type', offset, { name: type, nearest: didYouMean(type, base.choices ?? []) });
  }
  const key = JSON.stringify(choiceProperty(base.element ?? '', type));
  return { js: base.type.many ? `R.each(${base.js}, ${key})` : `R.get(${base.js}, ${key})`, type: typeOfFhir(type, base.type.many) };
}

/** The scope inside where(): names are elements of one value. */
export function itemScope(scope: FhirScope, js: string, type: string): FhirScope {
  return { ...scope, root: { js, type } };
}
