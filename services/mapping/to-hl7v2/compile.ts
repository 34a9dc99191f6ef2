/** Rules of maps from FHIR to HL7v2, compiled: expressions to one module for each map, the shape around them to functions. */
import { type Problem, problem } from '../../errors.ts';
import { componentsOf } from '../../hl7v2/definitions.ts';
import { type Diagnostic, type DiagnosticCode, diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import { compileExpression } from '../expression/compile.ts';
import { expressionRuntime, type Run } from '../expression/runtime.ts';
import type { Compiled, FhirScope } from '../expression/scope.ts';
import { asCondition, asText, choiceProperty } from '../expression/typed.ts';
import type { ScalarNode } from '../read.ts';
import type { TableSpec } from '../spec.ts';
import { textFunctions } from '../to-rows/text-functions.ts';
import type { OutPart, OutRule } from './model.ts';
import { asked, askingLists } from './seen.ts';
import { isValued, primitive, type Value } from './written.ts';

/** What a message is made of while it is made. */
export interface OutContext {
  readonly root: unknown;
  readonly links: Readonly<Record<string, unknown>>;
  readonly change: 'create' | 'update' | 'delete';
  /** ISO instant of the change. */
  readonly changed: string;
  /** Of the segment that is written, among those that follow each other, from 1. */
  number: string;
  /** The field that is written: 'PID-3'. */
  field: string;
  /** Of an answer to a query: the patient's place in it from 1, and how sure it is that the patient is meant, 0 to 100. */
  readonly position?: string;
  readonly confidence?: string;
  readonly problems: Problem[];
  /** Where somebody wants to know: the rules, and the rows of concept maps, that gave a value. */
  readonly made?: Set<Position>;
}

/** Makes the repetitions of a field, or the value of a component. */
export type Step = (c: OutContext, i: unknown) => readonly Value[];
export type Test = (c: OutContext, i: unknown) => boolean;
export type Read = (c: OutContext, i: unknown) => unknown;

/** Where a rule stands. */
export interface Place {
  readonly scope: FhirScope;
  /** Below the field, for reports: '.4'. */
  readonly path: string;
  readonly use: ReadonlyMap<string, ScalarNode>;
  /** HL7v2 version. */
  readonly version: string;
}

/** The datatype maps: a step for a pair of types, or undefined. */
export type FindType = (source: string, target: string) => Step | undefined;

const EMPTY: readonly Value[] = [];

/** CE was replaced by CWE, which begins with the same six parts: it can say the text beside the codings. */
const asCoded = (datatype: string): string => (datatype === 'CE' ? 'CWE' : datatype);

/** Collects the expressions of all maps; they run when `link` was called. */
export class OutCompiler {
  readonly diagnostics: Diagnostic[] = [];
  /** The concept maps that were asked for. */
  readonly tablesUsed = new Set<TableSpec>();
  /** Places of all rules. */
  readonly rules: Position[] = [];
  readonly #tables: ReadonlyMap<string, TableSpec>;
  readonly #types: FindType;
  readonly #sources: string[] = [];
  readonly #reads: { of: Read }[] = [];

  constructor(tables: ReadonlyMap<string, TableSpec>, types: FindType) {
    this.#tables = tables;
    this.#types = types;
  }

  /** Makes the module; its text is the expression compiler's, which lets no author's text through. */
  link(): void {
    if (this.diagnostics.some((each) => each.severity === 'error')) return;
    const run: Run = { error: undefined, authority: '', messageOffset: undefined, timezone: 'UTC', note: () => undefined };
    const functions = this.#sources.map((js) => `(c, i) => ${js}`).join(',\n');
    const made: unknown = new Function('R', 'X', `"use strict"; return [${functions}];`)(
      { ...expressionRuntime, ...askingLists, ...textFunctions },
      run,
    );
    for (const [number, read] of this.#reads.entries()) {
      const found: unknown = Array.isArray(made) ? made[number] : undefined;
      if (isRead(found)) read.of = found;
    }
  }

  fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): void {
    this.diagnostics.push(diagnostic(code, at, values));
  }

  expression(node: ScalarNode, { scope }: Pick<Place, 'scope'>): Compiled | undefined {
    const compiled = compileExpression(node, scope);
    if (compiled.ok) return compiled.value;
    this.diagnostics.push(...compiled.diagnostics);
    return undefined;
  }

  read(js: string): Read {
    this.#sources.push(js);
    const read: { of: Read } = { of: () => undefined };
    this.#reads.push(read);
    return (c, i) => read.of(c, i);
  }

  /** A condition; one that is not there holds. */
  test(node: ScalarNode | undefined, place: Pick<Place, 'scope'>): Test {
    const value = node === undefined ? undefined : this.expression(node, place);
    if (value === undefined) return () => node === undefined;
    const read = this.read(asCondition(value));
    return (c, i) => asked(() => read(c, i) === true);
  }

  /** What `each` goes over, and the scope inside it. */
  each(
    node: ScalarNode,
    place: Pick<Place, 'scope'>,
  ): { readonly items: (c: OutContext, i: unknown) => readonly unknown[]; readonly scope: FhirScope } {
    const value = this.expression(node, place);
    if (value === undefined || value.type.kind === 'any') return { items: () => [], scope: place.scope };
    if (value.type.kind === 'choice') this.fault('choice-needs-type', node.at, { path: value.element ?? '', example: 'ofType' });
    const read = this.read(value.type.many ? value.js : `R.one(${value.js})`);
    const items = (c: OutContext, i: unknown): readonly unknown[] => {
      const found = read(c, i);
      return Array.isArray(found) ? found : [];
    };
    return { items, scope: { ...place.scope, root: { js: 'i', type: value.type.name } } };
  }

  /** Returns what makes the values of a field or component of `datatype`. */
  rule(rule: OutRule, asked: string, place: Place): Step {
    const step = this.#rule(rule, asked, place);
    this.rules.push(rule.at);
    return (c, i) => {
      const values = step(c, i);
      if (c.made !== undefined && values.some(isValued)) c.made.add(rule.at);
      return values;
    };
  }

  #rule(rule: OutRule, asked: string, place: Place): Step {
    const datatype = asCoded(rule.type ?? asked);
    const when = this.test(rule.when, place);
    if (rule.each === undefined) {
      const body = this.#body(rule, datatype, place);
      return (c, i) => (when(c, i) ? body(c, i) : EMPTY);
    }
    const { items, scope } = this.each(rule.each, place);
    const body = this.#body(rule, datatype, { ...place, scope });
    return (c, i) => (when(c, i) ? items(c, i).flatMap((item) => body(c, item)) : EMPTY);
  }

  #body(rule: OutRule, datatype: string, place: Place): Step {
    const { body } = rule;
    switch (body.kind) {
      case 'literal': {
        const made = primitive(body.text, componentsOf(place.version, datatype).length > 0 ? 'ST' : datatype);
        if ('reason' in made) this.fault('literal-value', rule.at, { value: body.text, type: datatype });
        return () => ('text' in made ? [made.text] : EMPTY);
      }
      case 'expression':
        return rule.map === undefined ? this.#value(body.node, datatype, place) : this.#lookup(body.node, rule.map, rule, place);
      case 'all': {
        const steps = body.rules.map((each) => this.rule(each, datatype, place));
        return (c, i) => steps.flatMap((each) => each(c, i));
      }
      case 'choice': {
        const steps = body.rules.map((each) => this.rule(each, datatype, place));
        return (c, i) => {
          for (const step of steps) {
            const made = step(c, i);
            if (made.some(isValued)) return made;
          }
          return EMPTY;
        };
      }
      case 'parts':
        return this.#parts(body.parts, datatype, place);
    }
  }

  #parts(parts: readonly OutPart[], datatype: string, place: Place): Step {
    const components = componentsOf(place.version, datatype);
    const steps = parts.map((part) => {
      const component = components[part.number - 1];
      const path = `${place.path}.${part.number}`;
      if (component === undefined) this.fault('unknown-component', part.at, { type: datatype, name: part.number, version: place.version });
      return { n: part.number - 1, step: this.rule(part.rule, component?.type ?? 'ST', { ...place, path }), path };
    });
    return (c, i) => {
      const made: (Value | undefined)[] = [];
      for (const { n, step, path } of steps) {
        const values = step(c, i).filter(isValued);
        if (values.length > 1)
          c.problems.push(problem('outgoing-not-expressible', { what: `${values.length} values where HL7v2 has one` }, c.field + path));
        while (made.length <= n) made.push(undefined);
        made[n] = values[0];
      }
      return made.some(isValued) ? [made] : EMPTY;
    };
  }

  #value(node: ScalarNode, datatype: string, place: Place): Step {
    const value = this.expression(node, place);
    if (value === undefined || value.type.kind === 'any') return () => EMPTY;
    if (value.type.kind === 'choice') {
      const [first = ''] = value.choices ?? [];
      this.fault('choice-needs-type', node.at, { path: value.element ?? '', example: choiceProperty(value.element ?? '', first) });
      return () => EMPTY;
    }
    const read = this.read(value.type.many ? value.js : `R.one(${value.js})`);
    const convert = this.#conversion(value, node, datatype, place);
    return (c, i) => {
      const found = read(c, i);
      return Array.isArray(found) ? found.flatMap((each) => convert(c, each)) : EMPTY;
    };
  }

  /** By the pair of types: a datatype map, else a simple value, in the first part where the datatype has parts. */
  #conversion({ type }: Compiled, node: ScalarNode, datatype: string, place: Place): Step {
    const map = this.#types(type.name, datatype);
    if (map !== undefined) return map;
    if (type.kind !== 'system') {
      this.fault('no-type-map', node.at, { source: type.name, target: datatype });
      return () => EMPTY;
    }
    const [first] = datatype === 'TS' ? [] : componentsOf(place.version, datatype);
    if (first !== undefined) {
      const inner = this.#conversion({ js: '', type }, node, first.type, place);
      return (c, i) => inner(c, i).map((each) => [each]);
    }
    return (c, i) => {
      const made = primitive(i, datatype);
      if ('text' in made) return [made.text];
      c.problems.push(problem('outgoing-not-expressible', { what: made.reason }, c.field + place.path));
      return EMPTY;
    };
  }

  /** A code by a concept map; one without a row stops the message, for a wrong code is worse than none. */
  #lookup(node: ScalarNode, map: ScalarNode, { default: otherwise }: OutRule, place: Place): Step {
    const asked = place.use.get(map.value)?.value ?? map.value;
    const table = this.#tables.get(asked);
    const value = this.expression(node, place);
    const text = value === undefined ? undefined : asText(value, true);
    if (table === undefined) this.fault('unknown-map', map.at, { name: asked, nearest: didYouMean(asked, this.#tables.keys()) });
    if (value !== undefined && text === undefined) this.fault('map-needs-from', node.at);
    if (table !== undefined) this.tablesUsed.add(table);
    if (table === undefined || value === undefined || text === undefined) return () => EMPTY;
    const read = this.read(value.type.many ? text : `R.one(${text})`);
    return (c, i) => {
      const codes = read(c, i);
      return (Array.isArray(codes) ? codes : []).flatMap((code) => {
        const known = table.codes.get(String(code));
        if (known !== undefined) c.made?.add(known.at);
        const row = known?.code ?? otherwise;
        if (row === undefined)
          c.problems.push(problem('outgoing-not-expressible', { what: `a code that ${table.id} has no row for` }, c.field + place.path));
        const made = row === undefined || row === '' ? undefined : primitive(row, 'ST');
        return made !== undefined && 'text' in made ? [made.text] : EMPTY;
      });
    };
  }
}

const isRead = (value: unknown): value is Read => typeof value === 'function';
