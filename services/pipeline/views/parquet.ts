/** Parquet files, made in pieces: no more than one group of rows is held (https://parquet.apache.org/docs/file-format). */
import { ByteWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';

export type ParquetType = 'INT64' | 'DOUBLE' | 'BOOLEAN' | 'STRING';
export type ParquetValue = bigint | number | boolean | string | null;

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  /** No value may be missing. */
  readonly isRequired?: boolean;
}

export const PARQUET_TYPE = 'application/vnd.apache.parquet';

const ROWS_OF_A_GROUP = 50_000;
const CHARACTERS_OF_A_GROUP = 8_000_000;

/** A file that is being written: each call gives what of it is ready. */
export class ParquetPieces {
  readonly #columns: readonly ParquetColumn[];
  readonly #writer = new ByteWriter();
  readonly #parquet: ParquetWriter;
  #rows: (readonly ParquetValue[])[] = [];
  #characters = 0;

  constructor(columns: readonly ParquetColumn[]) {
    this.#columns = columns;
    const columnData = columns.map(({ name, type, isRequired }) => ({ name, type, data: [], nullable: isRequired !== true }));
    this.#parquet = new ParquetWriter({ writer: this.#writer, schema: schemaFromColumnData({ columnData }) });
  }

  /** Takes a row; returns the next piece when a group of rows is full. */
  add(row: readonly ParquetValue[]): Uint8Array | undefined {
    this.#rows.push(row);
    for (const value of row) if (typeof value === 'string') this.#characters += value.length;
    return this.#rows.length >= ROWS_OF_A_GROUP || this.#characters >= CHARACTERS_OF_A_GROUP ? this.#group() : undefined;
  }

  /** Returns the rest, with the index that makes it a file. */
  end(): Uint8Array {
    const rows = this.#rows.length > 0 ? [this.#group()] : [];
    this.#parquet.finish();
    return Buffer.concat([...rows, this.#taken()]);
  }

  #group(): Uint8Array {
    const columnData = this.#columns.map(({ name }, i) => ({ name, data: this.#rows.map((row) => row[i] ?? null) }));
    this.#parquet.write({ columnData, rowGroupSize: ROWS_OF_A_GROUP });
    this.#rows = [];
    this.#characters = 0;
    return this.#taken();
  }

  /** What was written since; places in the file are counted from its begin all the same. */
  #taken(): Uint8Array {
    const bytes = this.#writer.getBytes().slice();
    this.#writer.index = 0;
    return bytes;
  }
}
