/** What became of a message and where everything it became came from: mapped again and watched, as it is asked for. */
import { isAbsolute } from 'node:path';
import type { StoredRow } from '../../database/cdm/message-rows.ts';
import type { Resource } from '../../fhir/resource.ts';
import { Decimal } from '../../fhir/resource.ts';
import type { RowContext } from '../../mapping/conversion.ts';
import type { LoadedMaps } from '../../mapping/maps.ts';
import type { TracedRows } from '../../mapping/to-rows/maps.ts';
import type { ElementLineage } from '../../mapping/trace/lineage.ts';
import { isColumnPlain, isElementPlain, masked } from './mask.ts';

/** Where a rule stands: file, line. */
export interface RulePlace {
  readonly file: string;
  readonly line: number;
  /** What it says: '=PID-5'. */
  readonly text: string;
}

export interface ShownElement {
  /** 'Observation.code.coding[0].code'. */
  readonly path: string;
  readonly value: string;
  /** Places of the message: 'OBX[2]-5'; empty: a constant of the map, or from another message. */
  readonly sources: readonly string[];
  readonly rule: RulePlace | undefined;
}

export interface ShownColumn {
  readonly name: string;
  readonly value: string;
  /** Elements of the resource that it was read from. */
  readonly read: readonly string[];
  readonly rule: RulePlace | undefined;
}

export interface ShownRow {
  readonly table: string;
  /** Undefined in a preview. */
  readonly id: number | undefined;
  readonly columns: readonly ShownColumn[];
}

/** More elements of one resource are not shown; a page that holds so many says that it is cut. */
export const MOST_ELEMENTS = 1_000;

/** Returns the elements of a resource that have a value, at most 1,000, and what the maps of today say of where each came from. */
export function shownElements(resource: Resource, lineage: readonly ElementLineage[], isWhole: boolean): readonly ShownElement[] {
  const known = new Map(lineage.map((each) => [each.path, each]));
  const found: ShownElement[] = [];
  const walk = (value: unknown, path: string): void => {
    if (value === undefined || value === null || found.length >= MOST_ELEMENTS) return;
    if (Array.isArray(value)) for (const [i, each] of value.entries()) walk(each, `${path}[${i}]`);
    else if (typeof value === 'object' && !(value instanceof Decimal)) {
      for (const [name, each] of Object.entries(value)) walk(each, `${path}.${name}`);
    } else {
      const text = String(value);
      const origin = known.get(path);
      // What another message said in this place is not from this one.
      const own = origin?.value === text ? origin : undefined;
      found.push({
        path,
        value: isWhole || isElementPlain(path, text) ? text : masked(text),
        sources: own?.sources.map((each) => each.path) ?? [],
        rule: own && ruleOf(own),
      });
    }
  };
  for (const [name, value] of Object.entries(resource))
    if (name !== 'meta' && name !== 'resourceType') walk(value, `${resource.resourceType}.${name}`);
  return found;
}

export function ruleOf({ rules, row }: ElementLineage): RulePlace | undefined {
  const [first] = rules;
  const at = row ?? first?.at;
  return at === undefined || first === undefined ? undefined : { file: specFile(at.file), line: at.line, text: first.text };
}

/** The path below mappings/: where the rest of it lies is nobody's business. That of a published map is one already. */
export const specFile = (file: string): string =>
  /(?:^|\/)mappings\/(.+)$/.exec(file)?.[1] ?? (isAbsolute(file) ? file.split(/[\\/]/).slice(-3).join('/') : file);

/** Returns the rows of a resource: those stored, or without them what the maps of today make of it; each column with what it was read from. */
export function shownRows(
  maps: LoadedMaps,
  resource: Resource,
  stored: readonly StoredRow[] | undefined,
  context: RowContext,
  isWhole: boolean,
): readonly ShownRow[] {
  return shownTraced(maps.rowMaps.trace(resource, context), stored, isWhole);
}

/** As shownRows, of rows that were watched already. */
export function shownTraced(
  traced: TracedRows | undefined,
  stored: readonly StoredRow[] | undefined,
  isWhole: boolean,
): readonly ShownRow[] {
  const made = (stored ?? traced?.made.rows ?? []).map((row) => ({
    table: row.table,
    n: row.n,
    id: 'id' in row ? row.id : undefined,
    values: 'id' in row ? row.columns : Object.entries(row.columns),
  }));
  return made.map(({ table, n, id, values }) => {
    const ofTable = traced?.rows.filter((each) => each.table === table) ?? [];
    const lineage = ofTable.find((each) => each.n === n) ?? (ofTable.length === 1 ? ofTable[0] : undefined);
    const origins = new Map(lineage?.columns.map((each) => [each.column, each]));
    return {
      table,
      id,
      columns: values.flatMap(([name, value]): readonly ShownColumn[] => {
        if (value === null || value === undefined) return [];
        const origin = origins.get(name);
        const text = typeof value === 'object' ? value.ref : String(value);
        return [
          {
            name,
            value: isWhole || isColumnPlain(table, name) ? text : masked(text),
            read: origin?.read.filter((path) => !/\.(resourceType|id)$/.test(path)) ?? [],
            rule: origin?.at && { file: specFile(origin.at.file), line: origin.at.line, text: origin.rule },
          },
        ];
      }),
    };
  });
}
