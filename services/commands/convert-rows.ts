import type { Resource } from '../fhir/resource.ts';
import type { Maps, RowContext } from '../mapping/conversion.ts';
import type { CdmRow, CdmValue } from '../omop/row.ts';
import { plural, table } from './terminal.ts';

/** A row with its ids: what a file of the CDM holds. */
export interface FileRow {
  readonly table: string;
  readonly columns: Readonly<Record<string, string | number | null>>;
}

/** As in the store: an event's id is its resource's number times this, and its own. */
const ROWS_PER_RESOURCE = 1024;

/**
 * CDM rows of resources without a database. Resources are numbered as they come, so ids are unique within one run and the same in
 * each run over the same files; they are not the ids of a store. Rows are kept until `numbered`, for what they refer to may come later.
 */
export class RowsOfRun {
  readonly #maps: Maps;
  readonly #context: RowContext;
  readonly #keys = new Map<string, number>();
  readonly #kept: { readonly reference: string; readonly row: CdmRow }[] = [];
  readonly #visits = new Map<string, number>();
  readonly #persons = new Set<string>();
  readonly #rules = new Map<number, number>();
  readonly #unmapped = new Map<string, number>();

  constructor(maps: Maps, context: RowContext) {
    this.#maps = maps;
    this.#context = context;
  }

  add(resource: Resource): void {
    const made = this.#maps.rows(resource, this.#context);
    const reference = `${resource.resourceType}/${resource.id ?? ''}`;
    for (const { rule } of made.exclusions) this.#exclude(rule);
    for (const { system, code } of made.unmapped)
      this.#unmapped.set(`${system}|${code}`, (this.#unmapped.get(`${system}|${code}`) ?? 0) + 1);
    for (const row of made.rows) {
      this.#kept.push({ reference, row });
      if (row.table === 'visit_occurrence') this.#visits.set(reference, row.n);
      if (row.table === 'person') this.#persons.add(reference);
    }
  }

  /** Returns every row with its ids. A row whose person has none is left out and counted (omop-rules 22), as is one without its date (25). */
  numbered(): readonly FileRow[] {
    return this.#kept.flatMap(({ reference, row }) => {
      const person = row.columns['person_id'];
      if (typeof person === 'object' && person !== null && !this.#persons.has(person.ref)) return this.#exclude(22);
      if (Object.values(row.columns).some((value) => typeof value === 'object' && value !== null && !value.ref.includes('/')))
        return this.#exclude(25);
      const key = this.#keyOf(reference);
      const id = row.table === 'person' || row.table === 'death' ? key : key * ROWS_PER_RESOURCE + row.n;
      const columns = Object.fromEntries(Object.entries(row.columns).map(([name, value]) => [name, this.#plain(name, value)]));
      return [{ table: row.table, columns: { [row.table === 'death' ? 'person_id' : `${row.table}_id`]: id, ...columns } }];
    });
  }

  /** Returns the counts of rows, exclusions by rule and unmapped codes, as a person reads them. */
  summary(rows: readonly FileRow[]): string {
    const tables = [...Map.groupBy(rows, (row) => row.table)].map(([name, group]) => [name, group.length] as const).toSorted();
    const excluded = [...this.#rules].toSorted(([a], [b]) => a - b).map(([rule, count]) => [`rule ${rule}`, count] as const);
    return `${table(['CDM table', 'rows'], tables)}\n\n${table(['left out by', 'rows'], excluded)}\n\n${plural(this.#unmapped.size, 'unmapped code')}.`;
  }

  #exclude(rule: number): [] {
    this.#rules.set(rule, (this.#rules.get(rule) ?? 0) + 1);
    return [];
  }

  #plain(name: string, value: CdmValue): string | number | null {
    if (typeof value !== 'object' || value === null) return value;
    if (name === 'person_id') return this.#keyOf(value.ref);
    const visit = this.#visits.get(value.ref);
    return visit === undefined ? null : this.#keyOf(value.ref) * ROWS_PER_RESOURCE + visit;
  }

  #keyOf(reference: string): number {
    const key = this.#keys.get(reference) ?? this.#keys.size + 1;
    this.#keys.set(reference, key);
    return key;
  }
}
