/** A row map to JavaScript: every expression becomes a function of (resource, item), in one module per map. */
import { kindOf } from '../../fhir/definitions.ts';
import type { RowTable } from '../../omop/row.ts';
import { columnFor, columnsOf, ROUTED_TABLES } from '../../omop/tables.ts';
import { type Diagnostic, type DiagnosticCode, diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import { compileExpression } from '../expression/compile.ts';
import { typeOfFhir } from '../expression/compile-fhir.ts';
import { expressionRuntime, type Run } from '../expression/runtime.ts';
import type { Compiled, FhirScope } from '../expression/scope.ts';
import { asCondition } from '../expression/typed.ts';
import type { ScalarNode } from '../read.ts';
import { some, taken } from './alternatives.ts';
import type { Applier } from './building.ts';
import { applierOf, nameChoices, onlyColumnOf } from './columns.ts';
import { isByEngine } from './engine-columns.ts';
import type { Alternative, ColumnSpec, ConceptTable, ExcludeSpec, RowMapSpec, RowSpec } from './model.ts';
import { FHIR, shapeFault } from './shapes.ts';
import { textFunctions } from './text-functions.ts';

/** An expression, compiled: `of` is given the resource and, inside `each`, the item. Without `each` both are the resource. */
export interface Read {
  of(resource: unknown, item: unknown): unknown;
}

/** The Run of expressions, with the numbers of the alternatives taken that are to be counted. */
export interface RowsRun extends Run {
  readonly taken: number[];
}

export interface CompiledExclude {
  readonly test: Read;
  readonly rule: number;
  readonly because: string;
  readonly instead: Read | undefined;
}

export interface CompiledColumn {
  readonly name: string;
  readonly at: Position;
  readonly read: Read;
  /** A literal: not being able to place it is no loss. */
  readonly constant: boolean;
  /** Applied even without a value, because its rule has a default. */
  readonly always: boolean;
  /** Without a value the row is not made. */
  readonly require: boolean;
  readonly appliers: ReadonlyMap<RowTable, Applier>;
}

export interface CompiledRow {
  readonly spec: RowSpec;
  readonly when: Read | undefined;
  readonly each: Read | undefined;
  readonly exclude: readonly CompiledExclude[];
  /** The idea that routes the row. */
  readonly concept: Read | undefined;
  /** The stay that a visit is a part of. */
  readonly partOf: Read | undefined;
  /** The columns with how each is applied in `table`; undefined where it has no place for it. */
  columnsIn(table: RowTable): readonly PlacedColumn[];
}

export interface PlacedColumn {
  readonly column: CompiledColumn;
  readonly applier: Applier | undefined;
  /** The one column that it writes, where that is known beforehand. */
  readonly written: string | undefined;
}

export interface CompiledRowMap {
  readonly spec: RowMapSpec;
  readonly exclude: readonly CompiledExclude[];
  readonly rows: readonly CompiledRow[];
  readonly run: RowsRun;
  /** What an alternative with a rule number says, by its number in `run.taken`. */
  readonly notes: readonly { readonly rule: number; readonly because: string }[];
}

export type CompileRowsResult =
  | { readonly ok: true; readonly map: CompiledRowMap; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Returns the map compiled, or everything that is wrong with it. */
export function compileRowMap(spec: RowMapSpec, tables: ReadonlyMap<string, ConceptTable>): CompileRowsResult {
  const compiler = new RowCompiler(spec, tables);
  const map = compiler.map();
  return compiler.diagnostics.some((each) => each.severity === 'error')
    ? { ok: false, diagnostics: compiler.diagnostics }
    : { ok: true, map, diagnostics: compiler.diagnostics };
}

class RowCompiler {
  readonly diagnostics: Diagnostic[] = [];
  readonly #spec: RowMapSpec;
  readonly #tables: ReadonlyMap<string, ConceptTable>;
  readonly #sources: string[] = [];
  readonly #reads: { of: Read['of'] }[] = [];
  readonly #notes: { rule: number; because: string }[] = [];
  readonly #root: FhirScope;

  constructor(spec: RowMapSpec, tables: ReadonlyMap<string, ConceptTable>) {
    this.#spec = spec;
    this.#tables = tables;
    this.#root = { format: 'fhir', types: FHIR, root: { js: 'r', type: spec.type } };
    if (kindOf(spec.type) !== 'resource') this.#fault('unknown-type', spec.at, { name: spec.type });
  }

  map(): CompiledRowMap {
    const spec = this.#spec;
    const exclude = spec.exclude.map((each) => this.#exclude(each, this.#root));
    const rows = spec.rows.map((row) => this.#row(row));
    const run: RowsRun = { error: undefined, authority: '', messageOffset: undefined, timezone: 'UTC', note: () => undefined, taken: [] };
    if (!this.diagnostics.some((each) => each.severity === 'error')) this.#link(run);
    return { spec, exclude, rows, run, notes: this.#notes };
  }

  /** Makes the one module of all expressions. Its text comes from the expression compiler, which lets no author's text through. */
  #link(run: RowsRun): void {
    const functions = this.#sources.map((js) => `(r, i) => ${js}`).join(',\n');
    const module = new Function('R', 'X', `"use strict"; return [${functions}];`);
    // Dates reach the rules whole: rule 68 converts them before it takes their date, so `as date` must not cut here.
    const runtime = { ...expressionRuntime, ...textFunctions, dateOf: (value: unknown) => value, taken, some };
    const made: unknown = module(runtime, run);
    if (!Array.isArray(made)) return;
    for (const [number, read] of this.#reads.entries()) if (isReader(made[number])) read.of = made[number];
  }

  /** Registers JavaScript and returns what will run it once the module is linked. */
  #read(js: string): Read {
    this.#sources.push(js);
    const read: { of: Read['of'] } = { of: () => undefined };
    this.#reads.push(read);
    return read;
  }

  #fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): void {
    this.diagnostics.push(diagnostic(code, at, values));
  }

  #expression(node: ScalarNode, scope: FhirScope): Compiled | undefined {
    const compiled = compileExpression(node, scope);
    if (compiled.ok) return compiled.value;
    this.diagnostics.push(...compiled.diagnostics);
    return undefined;
  }

  #condition(node: ScalarNode, scope: FhirScope): string {
    const value = this.#expression(node, scope);
    return value === undefined ? 'false' : asCondition(value);
  }

  #exclude(spec: ExcludeSpec, scope: FhirScope): CompiledExclude {
    const { when, rule, because, instead } = spec;
    return { test: this.#read(this.#condition(when, scope)), rule, because, instead: this.#reference(instead, 'instead', scope) };
  }

  #reference(node: ScalarNode | undefined, name: string, scope: FhirScope): Read | undefined {
    return node === undefined ? undefined : this.#read(this.#value(node, name, 'Reference', scope) ?? 'undefined');
  }

  #row(spec: RowSpec): CompiledRow {
    const scope = this.#itemScope(spec);
    const tables = spec.target.kind === 'table' ? [spec.target.table] : ROUTED_TABLES;
    const columns = spec.columns.map((column) => this.#column(column, column.scope === 'item' ? scope : this.#root, tables));
    this.#checkRequired(spec, columns, tables);
    const placed = new Map<RowTable, readonly PlacedColumn[]>(
      tables.map((table) => [
        table,
        columns.map((column) => ({ column, applier: column.appliers.get(table), written: onlyColumnOf(column.name, table) })),
      ]),
    );
    return {
      spec,
      when: spec.when === undefined ? undefined : this.#read(this.#condition(spec.when, this.#root)),
      each: spec.each === undefined ? undefined : this.#each(spec.each),
      exclude: spec.exclude.map((each) => this.#exclude(each, scope)),
      concept: spec.target.kind === 'route' ? this.#read(this.#alternatives(spec.target.concept, 'concept', scope)) : undefined,
      partOf: this.#reference(spec.partOf, 'partOf', scope),
      columnsIn: (table) => placed.get(table) ?? [],
    };
  }

  #each(node: ScalarNode): Read {
    const value = this.#expression(node, this.#root);
    if (value === undefined) return this.#read('[]');
    return this.#read(value.type.many ? value.js : `R.one(${value.js})`);
  }

  /** Inside `each`, names are elements of the item, which itself is `$item`; `resource` is the whole. */
  #itemScope(spec: RowSpec): FhirScope {
    if (spec.each === undefined) return this.#root;
    const compiled = compileExpression(spec.each, this.#root);
    const resource: Compiled = { js: 'r', type: typeOfFhir(this.#spec.type, false) };
    const type = compiled.ok ? compiled.value.type.name : 'Element';
    const item: Compiled = { js: 'i', type: typeOfFhir(type, false) };
    const names = new Map([['resource', resource] as const, ['$item', item] as const]);
    return { format: 'fhir', types: FHIR, root: { js: 'i', type }, names };
  }

  #column(column: ColumnSpec, scope: FhirScope, tables: readonly RowTable[]): CompiledColumn {
    const appliers = new Map<RowTable, Applier>();
    for (const table of tables) {
      const applier = applierOf(column, table, this.#tables);
      if (applier !== undefined) appliers.set(table, applier);
    }
    this.#checkTables(column, tables, appliers);
    const js = this.#columnJs(column, scope, tables.find((table) => appliers.has(table)) ?? 'observation');
    const constant =
      column.rule.kind === 'id' ||
      (column.rule.kind === 'from' && column.rule.alternatives.every((each) => !each.from.value.startsWith('=')));
    const always = column.rule.kind === 'concept' && column.rule.default !== undefined;
    return {
      name: column.name,
      at: column.at,
      read: this.#read(js),
      constant,
      always, // The CDM requires a person of every row anyway.
      require: column.require && column.name !== 'person_id',
      appliers,
    };
  }

  #columnJs(column: ColumnSpec, scope: FhirScope, table: RowTable): string {
    const { rule, name } = column;
    switch (rule.kind) {
      case 'id':
        return String(rule.concept_id);
      case 'ref':
        return rule.to.value.startsWith('=')
          ? (this.#value(rule.to, name, 'Reference', scope) ?? 'undefined')
          : JSON.stringify(rule.to.value);
      case 'concept':
        return this.#alternatives(rule.alternatives, 'concept', scope);
      case 'from': {
        const shape = columnFor(table, name)?.type ?? name;
        const main = this.#alternatives(rule.alternatives, shape, scope);
        const other = rule.options.get(name === 'birth' ? 'time' : 'text');
        if (name === 'birth' || name === 'race' || name === 'ethnicity') {
          return `[${main}, ${other === undefined ? 'undefined' : (this.#value(other, name, 'string', scope) ?? 'undefined')}]`;
        }
        return main;
      }
    }
  }

  #alternatives(alternatives: readonly Alternative[], shape: string, scope: FhirScope): string {
    const parts = alternatives.map((each) => {
      const value = each.from.value.startsWith('=') ? this.#value(each.from, shape, shape, scope) : literalJs(each.from.value);
      const guarded = each.when === undefined ? value : `(${this.#condition(each.when, scope)} ? ${value} : undefined)`;
      if (each.rule === undefined) return guarded ?? 'undefined';
      return `R.taken(${guarded}, ${this.#notes.push({ rule: each.rule, because: each.because }) - 1}, X)`;
    });
    return parts.length === 0 ? 'undefined' : `(${parts.join(' ?? ')})`;
  }

  #value(node: ScalarNode, name: string, shape: string, scope: FhirScope): string | undefined {
    const value = this.#expression(node, scope);
    if (value === undefined) return undefined;
    const fault = shapeFault(value, shape);
    if (fault !== undefined) this.#fault('rows-column-value', node.at, { name, given: fault.given, form: fault.form });
    if (value.type.kind === 'choice') return `[${value.js}, ${JSON.stringify(value.element ?? '')}]`;
    return value.type.many ? `R.some(${value.js})` : value.js;
  }

  #checkTables(column: ColumnSpec, tables: readonly RowTable[], appliers: ReadonlyMap<RowTable, Applier>): void {
    const { rule, name } = column;
    const map = rule.kind === 'concept' ? rule.map : rule.kind === 'from' ? (rule.options.get('map')?.value ?? '') : '';
    if (map !== '' && !this.#tables.has(map)) {
      this.#fault('rows-unknown-concept-table', column.at, { name: map, nearest: didYouMean(map, this.#tables.keys()) });
      return;
    }
    if (appliers.size > 0 || (column.scope === 'resource' && tables.length === 1)) return;
    const choices = tables.flatMap(nameChoices);
    this.#fault('rows-unknown-column', column.at, {
      table: tables.length === 1 ? (tables[0] ?? '') : 'An event table',
      name,
      nearest: didYouMean(name, choices),
    });
  }

  /** Columns that the engine fills by itself need no rule; those of the primary key never have one. */
  #checkRequired(spec: RowSpec, columns: readonly CompiledColumn[], tables: readonly RowTable[]): void {
    const table = spec.target.kind === 'table' ? spec.target.table : spec.target.intent;
    if (!tables.includes(table)) return;
    const named = new Set(columns.flatMap((column) => (column.appliers.has(table) ? [column.name] : [])));
    for (const column of columnsOf(table)) {
      if (!column.required || column.name === `${table}_id` || (table === 'person' && column.name === 'person_id')) continue;
      if (isByEngine(table, column.name) || (spec.target.kind === 'route' && column.name === columnFor(table, 'concept')?.name)) continue;
      const filled = [...named].some(
        (name) => name === column.name || columnFor(table, name)?.name === column.name || `${name}_concept_id` === column.name,
      );
      if (!filled && !(named.has('birth') && column.name === 'year_of_birth'))
        this.#fault('rows-required-column', spec.at, { table, name: column.name });
    }
  }
}

const literalJs = (text: string): string => JSON.stringify(text);

const isReader = (value: unknown): value is Read['of'] => typeof value === 'function';
