/** Where a rule stands while it is written, and what all writers need of it. */
import { compileExpression } from '../expression/compile.ts';
import type { Compiled, Hl7v2Scope, Scope } from '../expression/scope.ts';
import { asText, originOf } from '../expression/typed.ts';
import type { ScalarNode } from '../read.ts';
import type { Rule } from '../rules.ts';
import type { TypeSpec } from '../spec.ts';
import type { Role } from '../trace/registry.ts';
import type { Build } from './build.ts';
import type { Target } from './target.ts';

/** Where a rule stands. */
export interface Place {
  readonly build: Build;
  readonly scope: Scope;
  /** `use` of the file the rule stands in. */
  readonly use: ReadonlyMap<string, ScalarNode>;
  /** Of a traced module: the rule around this place, and how the next one stands in it. */
  readonly around?: { readonly rule: number | undefined; readonly role: Role };
  /** True inside a rule with onError: failures are left for it. */
  readonly guarded: boolean;
  /** How loops over segments and groups are opened: returns statements before, the inner scope, and statements after. */
  readonly loop: ((each: ScalarNode) => Loop | undefined) | undefined;
  readonly write: Writers;
  /** Set at the top of a resource: names of properties deleted with `""` are reported to the draft. */
  readonly deletes: ((segment: string, field: number) => string) | undefined;
}

/** The writers that call each other; handed down so that their files need not import each other. */
export interface Writers {
  rule(rule: Rule, target: Target, out: string, place: Place): string;
  typeBody(spec: TypeSpec, scope: Hl7v2Scope, build: Build): string;
}

export interface Loop {
  /** Asked after the body was written. */
  readonly before: () => string;
  readonly scope: Scope;
  readonly after: string;
  /** How loops inside it are opened; undefined: as around it. */
  readonly inner?: Place['loop'];
  /** True where it never runs: this structure has no such segment. */
  readonly dead?: boolean;
}

/** Returns the compiled form of an expression node, reporting its faults. */
export function compiled(node: ScalarNode, place: Place): Compiled | undefined {
  const result = compileExpression(node, place.scope);
  if (result.ok) return place.scope.format === 'fhir' ? { ...result.value, label: node.value.slice(1) } : result.value;
  place.build.diagnostics.push(...result.diagnostics);
  return undefined;
}

/** Chooses among many values as the rule says; faults when one is needed and the rule does not say. */
export function pick(value: Compiled, rule: Rule, target: Target, place: Place): Compiled | undefined {
  const { multiple } = rule.options;
  if (!value.type.many) return value;
  if (multiple === 'first' || multiple === 'last') {
    const edge = (js: string): string => `R.chosen(${js}, ${JSON.stringify(multiple)}, () => ${whereJs(value, place)}, X)`;
    if (value.mapped !== undefined) {
      const { list, one: convert } = value.mapped;
      return {
        js: convert(edge(list)),
        type: { ...value.type, many: false },
        ...originOf(value),
      };
    }
    const { every: _, ...one } = value;
    // The text form is asked for when there is one: both forms would report twice.
    const text =
      value.text === undefined || place.build.typeSpec(value.type.name, target.type) !== undefined ? {} : { text: edge(value.text) };
    const { text: __, ...rest } = one;
    return { ...rest, js: edge(value.js), ...text, type: { ...value.type, many: false } };
  }
  if (multiple === 'join') {
    const text = asText(value, true);
    return text === undefined
      ? value
      : { js: `R.join(${text}, "; ")`, type: { kind: 'system', name: 'string', many: false }, ...neededBy(value) };
  }
  if (target.many) return value;
  place.build.fault('expression-many', rule.at, { path: value.source?.path ?? value.type.name });
  return undefined;
}

const neededBy = ({ needs }: Compiled): Pick<Compiled, 'needs'> => (needs === undefined ? {} : { needs });

/** Statements that set something to `value`, left out where what it needs is not there. A traced module asks all the same, to tell. */
export function whereThere(value: Compiled, statements: string, { build }: Place): string {
  const { needs } = value;
  if (needs === undefined || build.rules !== undefined) return statements;
  return needs.segment === 'undefined' ? '' : `if (R.has(${needs.segment}, ${needs.field})) {\n${statements}\n}`;
}

/** Statements after a value was set: what failed, and whether the message deletes the element. */
export function afterValue(value: Compiled, fallible: boolean, out: string, place: Place): string {
  const { source } = value;
  const at = whereJs(value, place);
  const failed = fallible ? `\nif (X.error !== undefined) ${place.guarded ? `X.pending(${at})` : `X.failed(${at}, "drop")`};` : '';
  if (place.deletes === undefined || source === undefined) return failed;
  return `${failed}\nif (X.deleting && ${out} === undefined) ${place.deletes(source.segment, source.field)}`;
}

/** JavaScript of where a value stands in the message: 'OBX[2]-5'. */
export function whereJs(value: Compiled, place: Place): string {
  if (value.source !== undefined) return `R.at(${value.source.segment}, ${JSON.stringify(value.source.path)})`;
  const { scope } = place;
  if (scope.format === 'fhir') return scope.root === undefined || value.label === undefined ? 'undefined' : JSON.stringify(value.label);
  return scope.current === undefined ? 'undefined' : `R.atPlace(${scope.current.js})`;
}

/** JavaScript of all places an `each` runs over: every repetition, also of a field that should not repeat. */
export function listJs(value: Compiled): string {
  if (value.type.many) return value.js;
  value.every?.taken();
  return value.every?.js ?? `R.one(${value.js})`;
}

/** JavaScript of a condition's or subject's value; a failed conversion in it is no fault, so its mark is wiped where one can be. */
export const quiet = (js: string): string => (/\bX\)/.test(js) ? `R.quiet(${js}, X)` : js);

/** The place for a rule inside the one around, in a role. */
export const as = (role: Role, place: Place): Place =>
  place.around === undefined ? place : { ...place, around: { rule: place.around.rule, role } };
