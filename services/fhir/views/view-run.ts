/** Runs a view over resources in memory: the algorithm of https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition-notes.html. */
import { failure, problem, type Result, success } from '../../errors.ts';
import { isArray, isObject } from '../format/json.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';
import { Budget, type Scope, TooCostly, ValueFault, type Values } from './path-values.ts';
import type { Column, ColumnPath, Selection, View } from './view-read.ts';

/** Values in the order of the view's columns; null where there is none. */
export type ViewRow = readonly JsonValue[];

/** Work that one resource may cause, in steps; about a tenth of a second. */
const MOST_STEPS = 2_000_000;
const MOST_ROWS = 100_000;

/** A fault and where in the view it happened. */
class RunFault extends Error {
  readonly at: string;
  readonly reason: string;
  constructor(at: string, reason: string) {
    super(reason);
    this.at = at;
    this.reason = reason;
  }
}

/**
 * Returns the rows that a view makes of one resource; none for resources of other types and those that `where` leaves out. Problems
 * view-value (several values where one is needed, …) with the place in the view, view-costly.
 */
export function viewRows(view: View, resource: JsonObject): Result<readonly ViewRow[]> {
  if (resource['resourceType'] !== view.resource) return success([]);
  const scope: Scope = { resource, rowIndex: 0, position: 0, constants: view.constants, budget: new Budget(MOST_STEPS) };
  try {
    return success(isWanted(view, resource, scope) ? rowsOf(view.selection, resource, scope) : []);
  } catch (error) {
    if (error instanceof RunFault) return failure(problem('view-value', { reason: error.reason }, error.at));
    // A path that recurses deeper than the stack is as costly as one that takes too many steps.
    if (error instanceof TooCostly || error instanceof RangeError) return failure(problem('view-costly', { most: MOST_STEPS }));
    throw error;
  }
}

/** Returns a row as an object, as JSON answers have it. */
export const rowObject = (columns: readonly Column[], row: ViewRow): JsonObject =>
  Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null]));

function placed<T>(at: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof ValueFault ? new RunFault(at, error.reason) : error;
  }
}

function isWanted(view: View, resource: JsonObject, scope: Scope): boolean {
  return view.where.every(({ path, at }) => {
    const [verdict, ...others] = placed(at, () => path.run([resource], scope));
    if (others.length > 0 || (verdict !== undefined && typeof verdict !== 'boolean'))
      throw new RunFault(at, 'it is neither true nor false');
    return verdict === true;
  });
}

function rowsOf(selection: Selection, focus: JsonValue, scope: Scope): readonly ViewRow[] {
  if (selection.way === 'once') return rowsAt(selection, [focus], scope);
  const elements = placed(selection.at, () => elementsOf(selection, focus, scope));
  if (elements.length === 0) return selection.way === 'forEachOrNull' ? rowsAt(selection, [], { ...scope, rowIndex: 0 }) : [];
  const rows: ViewRow[] = [];
  for (const [rowIndex, element] of elements.entries()) {
    for (const row of rowsAt(selection, [element], { ...scope, rowIndex })) rows.push(row);
    if (rows.length > MOST_ROWS) throw new TooCostly();
  }
  return rows;
}

function elementsOf({ way, through }: Selection, focus: JsonValue, scope: Scope): Values {
  const [path] = through;
  if (way !== 'repeat') return path?.run([focus], scope) ?? [];
  const found: JsonValue[] = [];
  const below = (element: JsonValue): void => {
    for (const each of through) {
      for (const child of each.run([element], scope)) {
        scope.budget.spend(1);
        // The paths of repeat go down: what leads back to itself would never end.
        if (child === element) throw new ValueFault('repeat finds the element that it began with');
        found.push(child);
        below(child);
      }
    }
  };
  below(focus);
  return found;
}

/** The product of columns, selects and union at one element; of no element: one row of nulls, as forEachOrNull wants it. */
function rowsAt(selection: Selection, self: Values, scope: Scope): readonly ViewRow[] {
  const [focus] = self;
  const { columns, selections, union } = selection;
  let rows: readonly ViewRow[] = [columns.map((column) => cellOf(column, self, scope))];
  const multiply = (factor: readonly ViewRow[]): void => {
    scope.budget.spend(rows.length * factor.length);
    if (rows.length * factor.length > MOST_ROWS) throw new TooCostly();
    rows = factor.length === 1 && factor[0]?.length === 0 ? rows : rows.flatMap((row) => factor.map((other) => [...row, ...other]));
  };
  for (const each of selections) multiply(focus === undefined ? [each.out.map(() => null)] : rowsOf(each, focus, scope));
  const [first] = union;
  if (first !== undefined)
    multiply(focus === undefined ? [first.out.map(() => null)] : union.flatMap((each) => rowsOf(each, focus, scope)));
  return rows;
}

function cellOf({ path, collection, at, type }: ColumnPath, self: Values, scope: Scope): JsonValue {
  const values = placed(`${at}.path`, () => path.run(self, scope));
  scope.budget.spend(values.length + 1);
  for (const value of values) checkType(value, type, at);
  if (collection) return self.length === 0 ? null : values;
  if (values.length > 1) throw new RunFault(at, 'it finds several values; say "collection": true, or choose one with first()');
  return values[0] ?? null;
}

const NUMBERS = new Set(['integer', 'integer64', 'positiveInt', 'unsignedInt', 'decimal']);

/** A value that is not of the declared type would be written as something else than the reader of the table expects. */
function checkType(value: JsonValue, type: string | undefined, at: string): void {
  if (type === undefined || /^[A-Z]/.test(type)) return;
  const isNumber = typeof value === 'number' || value instanceof Decimal;
  const fits = NUMBERS.has(type)
    ? isNumber && (type === 'decimal' || Number.isInteger(Number(value)))
    : type === 'boolean'
      ? typeof value === 'boolean'
      : typeof value === 'string';
  if (fits) return;
  const is = isArray(value) || isObject(value) ? 'an element with children' : isNumber ? 'a number' : `a ${typeof value}`;
  throw new RunFault(at, `it is ${is}, which the column's type ${type} is not`);
}
