/** Where each column of a CDM row comes from: the rule, and what it read of the resource. */
import { Decimal, type Resource } from '../../fhir/resource.ts';
import type { RowTable } from '../../omop/row.ts';
import type { Position } from '../diagnostics.ts';

export interface ColumnLineage {
  readonly column: string;
  /** The key of the row map that gave it ('value', 'date'); 'engine' for what a rule of the CDM filled. */
  readonly rule: string;
  readonly at: Position | undefined;
  /** 'Observation.valueQuantity.value'. */
  readonly read: readonly string[];
}

export interface RowLineage {
  readonly table: RowTable;
  readonly n: number;
  readonly columns: readonly ColumnLineage[];
}

type Columns = Readonly<Record<string, unknown>>;

/** Watches one resource while rows are made of it. */
export class RowTrace {
  readonly rows: RowLineage[] = [];
  readonly resource: Resource;
  #reads: string[] = [];
  #columns = new Map<string, ColumnLineage>();
  #before: Columns = {};

  constructor(resource: Resource) {
    this.resource = watched(resource, resource.resourceType, (path) => this.#reads.push(path));
  }

  /** A row begins: what was read so far chose it. */
  begin(): void {
    this.#columns = new Map();
    this.#before = {};
  }

  /** What a rule wrote since the last call: `columns` as they are now. */
  wrote(rule: string, at: Position | undefined, columns: Columns): void {
    const read = [...new Set(this.#reads)];
    for (const [column, value] of Object.entries(columns)) {
      if (Object.is(this.#before[column], value)) continue;
      this.#columns.set(column, { column, rule, at, read });
    }
    this.#before = { ...columns };
    this.#reads = [];
  }

  end(table: RowTable, n: number, columns: Columns): void {
    this.rows.push({
      table,
      n,
      columns: [...this.#columns.values()].filter((each) => columns[each.column] !== undefined && columns[each.column] !== null),
    });
  }
}

/** The same object, telling of every plain value that is read of it. */
function watched<T extends object>(object: T, path: string, tell: (path: string) => void): T {
  return new Proxy(object, {
    get(target, name, receiver): unknown {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof name === 'symbol' || typeof value === 'function' || value === undefined) return value;
      const inner = Array.isArray(target) ? `${path}[${name}]` : `${path}.${name}`;
      if (typeof value === 'object' && value !== null && !(value instanceof Decimal)) return watched(value, inner, tell);
      if (!(Array.isArray(target) && name === 'length')) tell(inner);
      return value;
    },
  });
}
