import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { writeJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import { CDM_TABLES, type CdmColumn } from '../../omop/tables.generated.ts';
import { csvCell } from '../../pipeline/views/table.ts';
import type { Terminal } from '../terminal.ts';
import type { FileRow } from './rows.ts';

export type ConvertFormat = 'ndjson' | 'json' | 'csv' | 'parquet';

/** What can be written, by the name of its file: a resource type or a CDM table. */
export interface Outputs {
  readonly resources: readonly Resource[];
  readonly rows: readonly FileRow[];
}

/** Writes everything as `format` to standard output ('-') or to one file per resource type or CDM table in the folder `out`. */
export function writeOutputs({ resources, rows }: Outputs, format: ConvertFormat, out: string, terminal: Terminal): void {
  const things = [
    ...resources.map((each) => [each.resourceType, each] as const),
    ...rows.map((each) => [each.table, each.columns] as const),
  ];
  const named = Map.groupBy(things, ([name]) => name);
  if (out === '-' && format === 'json') {
    terminal.out(`[${things.map(([name, each]) => line(name, each, rows.length > 0)).join(',\n')}]`);
    return;
  }
  for (const [name, group] of named) {
    const values = group.map(([, each]) => each);
    const path = join(out, `${name}.${format}`);
    if (format === 'parquet') writeFileSync(path, Buffer.from(parquetOf(name, rowsOf(rows, name))));
    else if (format === 'csv') emit(out, path, [csvOf(name, rowsOf(rows, name))], terminal);
    else if (format === 'json') writeFileSync(path, `[${values.map(writeJson).join(',\n')}]\n`);
    else emit(out, path, linesOf(name, values, out === '-' && rows.length > 0), terminal);
  }
}

/** On standard output rows of all tables share one stream: each says its table. */
const line = (name: string, value: object, withTable: boolean): string => writeJson(withTable ? { table: name, ...value } : value);

const rowsOf = (rows: readonly FileRow[], table: string) => rows.filter((each) => each.table === table).map((each) => each.columns);

/** NDJSON in pieces, so that no text grows without bound. */
function* linesOf(name: string, values: readonly object[], withTable: boolean): Generator<string> {
  for (let start = 0; start < values.length; start += 1_000) {
    const piece = values.slice(start, start + 1_000);
    yield piece.map((value) => line(name, value, withTable)).join('\n');
  }
}

/** A file of an earlier run is replaced, never added to. */
function emit(out: string, path: string, pieces: Iterable<string>, terminal: Terminal): void {
  if (out !== '-') writeFileSync(path, '');
  for (const piece of pieces) {
    if (out === '-') terminal.out(piece);
    else appendFileSync(path, `${piece}\n`);
  }
}

type Columns = FileRow['columns'];
const columnsOf = (table: string): readonly CdmColumn[] => Object.entries(CDM_TABLES).find(([name]) => name === table)?.[1] ?? [];

/** Returns RFC 4180 text with a heading. */
function csvOf(table: string, rows: readonly Columns[]): string {
  const names = columnsOf(table).map((column) => column.name);
  return [names.join(','), ...rows.map((row) => names.map((name) => csvCell(row[name] ?? null)).join(','))].join('\n');
}

/** Numbers of the CDM that are ids or counts are INT64, its numerics DOUBLE, everything else text. */
function parquetOf(table: string, rows: readonly Columns[]): ArrayBuffer {
  const value = (column: CdmColumn, row: Columns) => {
    const plain = row[column.name] ?? null;
    if (plain === null) return null;
    if (column.type === 'integer') return BigInt(plain);
    return column.type === 'float' ? Number(plain) : String(plain);
  };
  const type = (column: CdmColumn) =>
    column.type === 'integer' ? ('INT64' as const) : column.type === 'float' ? ('DOUBLE' as const) : ('STRING' as const);
  return parquetWriteBuffer({
    columnData: columnsOf(table).map((column) => ({
      name: column.name,
      type: type(column),
      data: rows.map((row) => value(column, row)),
      nullable: true,
    })),
  });
}
