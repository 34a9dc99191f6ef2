/** The rows of a view as bytes: JSON, NDJSON, CSV (RFC 4180) and Parquet, written as they come. */
import { writeJson } from '../../fhir/format/json.ts';
import type { JsonValue } from '../../fhir/resource.ts';
import type { Column } from '../../fhir/views/view-read.ts';
import { rowObject, type ViewRow } from '../../fhir/views/view-run.ts';
import { ParquetPieces, type ParquetType, type ParquetValue } from './parquet.ts';

export const TABLE_FORMATS = ['json', 'ndjson', 'csv', 'parquet'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

export const TABLE_TYPES: Readonly<Record<TableFormat, string>> = {
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
};

export type RowBatches = AsyncIterable<readonly ViewRow[]>;

/** Yields the table in pieces; whatever stops the rows stops it with the same error. `header`: of CSV. */
export function tableOf(format: TableFormat, columns: readonly Column[], batches: RowBatches, header = true): AsyncGenerator<Uint8Array> {
  if (format === 'parquet') return parquetOf(columns, batches);
  if (format === 'csv') return csvOf(columns, batches, header);
  return format === 'json' ? jsonOf(columns, batches) : linesOf(columns, batches);
}

async function* jsonOf(columns: readonly Column[], batches: RowBatches): AsyncGenerator<Uint8Array> {
  let before = '[';
  for await (const batch of batches) {
    if (batch.length === 0) continue;
    yield Buffer.from(before + batch.map((row) => writeJson(rowObject(columns, row))).join(',\n'));
    before = ',\n';
  }
  yield Buffer.from(before === '[' ? '[]\n' : ']\n');
}

async function* linesOf(columns: readonly Column[], batches: RowBatches): AsyncGenerator<Uint8Array> {
  for await (const batch of batches)
    if (batch.length > 0) yield Buffer.from(batch.map((row) => `${writeJson(rowObject(columns, row))}\n`).join(''));
}

async function* csvOf(columns: readonly Column[], batches: RowBatches, header: boolean): AsyncGenerator<Uint8Array> {
  if (header) yield Buffer.from(`${columns.map(({ name }) => csvCell(name)).join(',')}\r\n`);
  for await (const batch of batches)
    if (batch.length > 0) yield Buffer.from(batch.map((row) => `${columns.map((_, i) => csvCell(row[i] ?? null)).join(',')}\r\n`).join(''));
}

/** Returns a cell of CSV (RFC 4180). A text that a spreadsheet would run as a formula gets an apostrophe in front (numbers do not). */
export function csvCell(value: JsonValue): string {
  if (value === null) return '';
  const plain = plainText(value);
  const isFormula = typeof value === 'string' && /^[\s\0]*[=+@\-\t\r]/.test(plain) && !/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(plain);
  const text = isFormula ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Lists and elements with children are written as JSON. */
const plainText = (value: JsonValue): string => (typeof value === 'string' ? value : writeJson(value));

/** Whole numbers are INT64, decimals DOUBLE (about 16 digits: the other forms keep all), booleans BOOLEAN, lists JSON, the rest text. */
async function* parquetOf(columns: readonly Column[], batches: RowBatches): AsyncGenerator<Uint8Array> {
  const types = columns.map(parquetType);
  const file = new ParquetPieces(columns.map(({ name }, i) => ({ name, type: types[i] ?? 'STRING' })));
  for await (const batch of batches)
    for (const row of batch) {
      const piece = file.add(types.map((type, i) => parquetValue(row[i] ?? null, type)));
      if (piece !== undefined) yield piece;
    }
  yield file.end();
}

function parquetType({ type, collection }: Column): ParquetType {
  if (collection) return 'STRING';
  if (type === 'boolean') return 'BOOLEAN';
  if (type === 'decimal') return 'DOUBLE';
  return /^(integer|integer64|positiveInt|unsignedInt)$/.test(type ?? '') ? 'INT64' : 'STRING';
}

function parquetValue(value: JsonValue, type: ParquetType): ParquetValue {
  if (value === null) return null;
  if (type === 'INT64') return BigInt(String(value));
  if (type === 'DOUBLE') return Number(value);
  return type === 'BOOLEAN' ? value === true : plainText(value);
}
