import { numberedPlaces } from '../../database/cdm/places.ts';
import { checkRows, type PlainRow, type ResolvedEntry, type RowsEntry, resolveEntries } from '../../database/cdm/resolve.ts';
import { hasKey } from '../../database/cdm/tables.ts';
import { mergedResource, replacingResource } from '../../fhir/merge.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { Draft, Maps, RowContext } from '../../mapping/conversion.ts';
import { columnsOf } from '../../omop/tables.ts';
import { inOrder, rankOf } from '../../pipeline/apply/rank.ts';
import { plural, table } from '../terminal.ts';

/** A row with its ids: what a file of the CDM holds, column by column in the CDM's order. */
export interface FileRow {
  readonly table: string;
  readonly columns: Readonly<Record<string, string | number | null>>;
}

/** A resource of the run, and how it changes what an earlier input said of it. */
export interface MadeResource {
  readonly resource: Resource;
  readonly update: Draft['update'];
  readonly deletes: readonly string[];
  /** The time that the message speaks of (ISO 8601 in UTC); of a resource that came by itself, when it was read. */
  readonly eventAt: string;
}

const NO_VISIT_TO_TAKE_THE_DATE_FROM = 25;
const AGE_NEEDS_A_STORE = 38;
const NO_PERSON = 22;

/**
 * CDM rows of resources without a database, made as the store makes them: what is said later changes what was said of a resource
 * before, and a row stands only beside its person. Resources are numbered as they come, so ids are the same in each run over the same files;
 * they are not the ids of a store.
 */
export class RowsOfRun {
  readonly #maps: Maps;
  readonly #context: RowContext;
  readonly #said = new Map<string, MadeResource[]>();
  #resources: ReadonlyMap<string, Resource> = new Map();
  readonly #rules = new Map<number, number>();
  readonly #unmapped = new Set<string>();

  constructor(maps: Maps, context: RowContext) {
    this.#maps = maps;
    this.#context = context;
  }

  add(made: MadeResource): void {
    const { resource } = made;
    // A resource without an id is like no other.
    const reference = `${resource.resourceType}/${resource.id ?? `#${this.#said.size}`}`;
    const said = this.#said.get(reference);
    if (said === undefined) this.#said.set(reference, [made]);
    else if (made.update !== 'ensure') said.push(made);
  }

  /** Returns every row with its ids. A row whose person has none is left out and counted (omop-rules 22), as is one without a date (25). */
  numbered(): readonly FileRow[] {
    this.#resources = new Map([...this.#said].map(([reference, said]) => [reference, toldOf(said)]));
    const entries = [...this.#resources].map(([reference, resource], index) => this.#entry(reference, resource, index + 1));
    checkRows(entries);
    const { places, rows } = numberedPlaces(entries);
    const resolved = resolveEntries(entries, new Map(), places);
    for (const each of resolved) for (const _ of each.excluded) this.#exclude(NO_PERSON);
    return latestDeaths([...rows, ...this.#dated(resolved)]).map(fileRow);
  }

  /** Returns the counts of rows, exclusions by rule and unmapped codes, as a person reads them. */
  summary(rows: readonly FileRow[]): string {
    const tables = [...Map.groupBy(rows, (row) => row.table)].map(([name, group]) => [name, group.length] as const).toSorted();
    const excluded = [...this.#rules].toSorted(([a], [b]) => a - b).map(([rule, count]) => [`rule ${rule}`, count] as const);
    return `${table(['CDM table', 'rows'], tables)}\n\n${table(['left out by', 'rows'], excluded)}\n\n${plural(this.#unmapped.size, 'unmapped code')}.`;
  }

  #entry(reference: string, resource: Resource, resourceKey: number): RowsEntry {
    const made = this.#maps.rows(resource, { ...this.#context, lookup: (asked) => this.#resources.get(asked) });
    for (const { rule } of made.exclusions) this.#exclude(rule);
    for (const { system, code } of made.unmapped) this.#unmapped.add(`${system}|${code}`);
    return { resourceKey, reference, oldMask: 0, rows: made.rows, standIn: made.standIn };
  }

  #exclude(rule: number): void {
    this.#rules.set(rule, (this.#rules.get(rule) ?? 0) + 1);
  }

  /** Gives rows that take their date from the person's latest visit that date (25). */
  #dated(resolved: readonly ResolvedEntry[]): readonly PlainRow[] {
    const rows = resolved.flatMap((each) => each.rows);
    const latest = new Map<number | undefined, string>();
    for (const { table: name, personId, columns } of rows) {
      const start = String(columns.get('visit_start_date') ?? '');
      if (name === 'visit_occurrence' && start > (latest.get(personId) ?? '')) latest.set(personId, start);
    }
    return rows.flatMap((row) => {
      // What joins rows of several resources, and ages as dates, need a store.
      if (!hasKey(row.table)) return [];
      if (row.ages !== undefined) {
        this.#exclude(AGE_NEEDS_A_STORE);
        return [];
      }
      if (row.deferred === undefined) return [row];
      const date = latest.get(row.personId);
      if (date !== undefined) return [{ ...row, columns: new Map([...row.columns, [row.deferred, date]]) }];
      this.#exclude(NO_VISIT_TO_TAKE_THE_DATE_FROM);
      return [];
    });
  }
}

/** Returns what was said of a resource as the store has it in the end: in the order of what it speaks of, not of the inputs. */
function toldOf(said: readonly MadeResource[]): Resource {
  const ranked = said.map((each, messageId) => ({ ...each, rank: rankOf(each.resource), at: each.eventAt, messageId }));
  return inOrder(ranked)
    .map(({ resource, update, deletes }) => ({ resource, update, deletes }))
    .reduce((before, { resource, update, deletes }) => ({
      resource: update === 'merge' ? mergedResource(before.resource, resource, deletes) : replacingResource(before.resource, resource),
      update,
      deletes,
    })).resource;
}

/** Of several deaths of one person the latest, as the store keeps it. */
function latestDeaths(rows: readonly PlainRow[]): readonly PlainRow[] {
  const died = (row: PlainRow): string => String(row.columns.get('death_date') ?? '');
  const kept = new Map<number, PlainRow>();
  for (const row of rows) {
    if (row.table !== 'death') continue;
    const before = kept.get(row.id);
    if (before === undefined || died(row) > died(before)) kept.set(row.id, row);
  }
  return rows.filter((row) => row.table !== 'death' || kept.get(row.id) === row);
}

function fileRow({ table: name, columns }: PlainRow): FileRow {
  const ordered = columnsOf(name).flatMap((column) => (columns.has(column.name) ? [[column.name, columns.get(column.name) ?? null]] : []));
  return { table: name, columns: Object.fromEntries(ordered) };
}
