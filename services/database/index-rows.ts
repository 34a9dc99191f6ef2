/** The search index's rows of written resources. Rows of an earlier write carry its rid and are removed with it. */
import type { IndexRows } from '../fhir/search-query.ts';
import type { Transaction } from './connect.ts';
import { holdParameters } from './search-parameters.ts';
import { plainArray, textArray } from './wire.ts';

export interface IndexChange {
  readonly newRid: number | undefined;
  readonly newRows: IndexRows | undefined;
  readonly oldRid: number | undefined;
  readonly oldRows: IndexRows | undefined;
}

/** Texts of arrays, one per resource, as `{1,2}` for a bound text[] that is cast row by row. */
const presentTexts = (present: readonly (readonly number[])[]): string => textArray(present.map((each) => plainArray(each)));

/** Writes the index rows of `newRid`, removes those of `oldRid`. */
export async function replaceIndex(tx: Transaction, changes: readonly IndexChange[]): Promise<void> {
  await holdParameters(
    tx,
    changes.flatMap(({ newRows, newRid }) => (newRows === undefined || newRid === undefined ? [] : [newRows.set])),
  );
  await removeOld(tx, changes);
  const fresh = changes.flatMap(({ newRid, newRows }) =>
    newRid === undefined || newRows === undefined ? [] : [{ rid: newRid, rows: newRows }],
  );
  await addIndex(tx, fresh);
}

/** Writes index rows; tokens that are there already stay. */
export async function addIndex(tx: Transaction, fresh: readonly { readonly rid: number; readonly rows: IndexRows }[]): Promise<void> {
  const tokens = fresh.flatMap(({ rid, rows }) => [...new Set(rows.tokens)].map((h) => ({ h, rid })));
  await insert(tx, 'tok', 'h, rid', [
    ['bigint[]', plainArray(tokens.map((each) => each.h))],
    ['bigint[]', plainArray(tokens.map((each) => each.rid))],
  ]);
  const strings = fresh.flatMap(({ rid, rows }) => rows.strings.map((each) => ({ ...each, rid })));
  await insert(tx, 'str', 'p, norm, rid', [
    ['int[]', plainArray(strings.map((each) => each.p))],
    ['text[]', textArray(strings.map((each) => each.norm))],
    ['bigint[]', plainArray(strings.map((each) => each.rid))],
  ]);
  const dates = fresh.flatMap(({ rid, rows }) => rows.dates.map((each) => ({ ...each, rid })));
  await insert(tx, 'dt', 'p, lo, hi, rid', [
    ['int[]', plainArray(dates.map((each) => each.p))],
    ['bigint[]', plainArray(dates.map((each) => each.lo))],
    ['bigint[]', plainArray(dates.map((each) => each.hi))],
    ['bigint[]', plainArray(dates.map((each) => each.rid))],
  ]);
  const numbers = fresh.flatMap(({ rid, rows }) => rows.numbers.map((each) => ({ ...each, rid })));
  await insert(tx, 'num', 'p, lo, hi, rid', [
    ['int[]', plainArray(numbers.map((each) => each.p))],
    ['float8[]', plainArray(numbers.map((each) => each.lo))],
    ['float8[]', plainArray(numbers.map((each) => each.hi))],
    ['bigint[]', plainArray(numbers.map((each) => each.rid))],
  ]);
  const quantities = fresh.flatMap(({ rid, rows }) => rows.quantities.map((each) => ({ ...each, rid })));
  await insert(tx, 'qty', 'p, unit, lo, hi, rid', [
    ['int[]', plainArray(quantities.map((each) => each.p))],
    ['text[]', textArray(quantities.map((each) => each.unit))],
    ['float8[]', plainArray(quantities.map((each) => each.lo))],
    ['float8[]', plainArray(quantities.map((each) => each.hi))],
    ['bigint[]', plainArray(quantities.map((each) => each.rid))],
  ]);
  const present = fresh.filter(({ rows }) => rows.present.length > 0);
  if (present.length > 0) {
    await tx.run(
      {
        name: 'index_insert_present',
        text: 'INSERT INTO fhir.present (rid, p) SELECT rid, p::int[] FROM unnest($1::bigint[], $2::text[]) AS a(rid, p)',
      },
      [plainArray(present.map(({ rid }) => rid)), presentTexts(present.map(({ rows }) => rows.present))],
    );
  }
}

async function insert(
  tx: Transaction,
  table: string,
  columns: string,
  arrays: readonly (readonly [cast: string, values: string])[],
): Promise<void> {
  if (arrays[0]?.[1] === '{}') return;
  const from = arrays.map(([cast], i) => `$${i + 1}::${cast}`).join(', ');
  await tx.run(
    {
      name: `index_insert_${table}`,
      text: `INSERT INTO fhir.${table} (${columns}) SELECT * FROM unnest(${from}) ORDER BY 1, 2${table === 'tok' ? ' ON CONFLICT DO NOTHING' : ''}`,
    },
    arrays.map(([, values]) => values),
  );
}

async function removeOld(tx: Transaction, changes: readonly IndexChange[]): Promise<void> {
  const old = changes.flatMap(({ oldRid, oldRows }) =>
    oldRid === undefined || oldRows === undefined ? [] : [{ rid: oldRid, rows: oldRows }],
  );
  if (old.length === 0) return;
  const tokens = old.flatMap(({ rid, rows }) => [...new Set(rows.tokens)].map((h) => ({ h, rid })));
  // The token table has no index by rid (it is the largest by far): the old rows are named by their keys.
  await tx.run(
    {
      name: 'index_remove_tok',
      text: 'DELETE FROM fhir.tok t USING unnest($1::bigint[], $2::bigint[]) AS a(h, rid) WHERE t.h = a.h AND t.rid = a.rid',
    },
    [plainArray(tokens.map((each) => each.h)), plainArray(tokens.map((each) => each.rid))],
  );
  const having = (kind: 'strings' | 'dates' | 'numbers' | 'quantities' | 'present'): string =>
    plainArray(old.filter(({ rows }) => rows[kind].length > 0).map(({ rid }) => rid));
  for (const [table, rids] of [
    ['str', having('strings')],
    ['dt', having('dates')],
    ['num', having('numbers')],
    ['qty', having('quantities')],
    ['present', having('present')],
  ] as const) {
    if (rids === '{}') continue;
    await tx.run({ name: `index_remove_${table}`, text: `DELETE FROM fhir.${table} WHERE rid = ANY ($1::bigint[])` }, [rids]);
  }
}
