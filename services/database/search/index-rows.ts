/** The search index's rows of written resources. Rows of an earlier write carry its rid and are removed with it. */
import type { IndexRows } from '../../fhir/search/query.ts';
import type { Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { bigints, floats, ints, isEmptyArray, texts } from '../wire-binary.ts';
import { holdParameters } from './parameters.ts';

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
  await addIndex(tx, fresh, 'fresh');
}

/**
 * Writes index rows. `known`: rids that may have tokens already, which stay. Of a rid that this transaction gave there are none, and not
 * having to look for them saves PostgreSQL two fifths of its time for the largest table by far: with ON CONFLICT each row is written twice
 * over, once for the time until the index was asked (heap_insert, HEAP_INSERT_SPECULATIVE).
 */
export async function addIndex(
  tx: Transaction,
  fresh: readonly { readonly rid: number; readonly rows: IndexRows }[],
  known: 'fresh' | 'known',
): Promise<void> {
  const hashes: bigint[] = [];
  const rids: number[] = [];
  for (const { rid, rows } of fresh) {
    for (const h of new Set(rows.tokens)) {
      hashes.push(h);
      rids.push(rid);
    }
  }
  const tokens = [['bigint[]', bigints(hashes)] as const, ['bigint[]', bigints(rids)] as const];
  await insert(tx, 'tok', 'h, rid', tokens, known === 'known' ? ' ON CONFLICT DO NOTHING' : '');
  const strings = fresh.flatMap(({ rid, rows }) => rows.strings.map((each) => ({ ...each, rid })));
  await insert(tx, 'str', 'p, norm, rid', [
    ['int[]', ints(strings.map((each) => each.p))],
    ['text[]', texts(strings.map((each) => each.norm))],
    ['bigint[]', bigints(strings.map((each) => each.rid))],
  ]);
  const dates = fresh.flatMap(({ rid, rows }) => rows.dates.map((each) => ({ ...each, rid })));
  await insert(tx, 'dt', 'p, lo, hi, rid', [
    ['int[]', ints(dates.map((each) => each.p))],
    ['bigint[]', bigints(dates.map((each) => each.lo))],
    ['bigint[]', bigints(dates.map((each) => each.hi))],
    ['bigint[]', bigints(dates.map((each) => each.rid))],
  ]);
  const numbers = fresh.flatMap(({ rid, rows }) => rows.numbers.map((each) => ({ ...each, rid })));
  await insert(tx, 'num', 'p, lo, hi, rid', [
    ['int[]', ints(numbers.map((each) => each.p))],
    ['float8[]', floats(numbers.map((each) => each.lo))],
    ['float8[]', floats(numbers.map((each) => each.hi))],
    ['bigint[]', bigints(numbers.map((each) => each.rid))],
  ]);
  const quantities = fresh.flatMap(({ rid, rows }) => rows.quantities.map((each) => ({ ...each, rid })));
  await insert(tx, 'qty', 'p, unit, lo, hi, rid', [
    ['int[]', ints(quantities.map((each) => each.p))],
    ['text[]', texts(quantities.map((each) => each.unit))],
    ['float8[]', floats(quantities.map((each) => each.lo))],
    ['float8[]', floats(quantities.map((each) => each.hi))],
    ['bigint[]', bigints(quantities.map((each) => each.rid))],
  ]);
  const present = fresh.filter(({ rows }) => rows.present.length > 0);
  if (present.length > 0) {
    await tx.run(
      {
        name: 'index_insert_present',
        text: 'INSERT INTO fhir.present (rid, p) SELECT rid, p::int[] FROM unnest($1::bigint[], $2::text[]) AS a(rid, p)',
      },
      [bigints(present.map(({ rid }) => rid)), presentTexts(present.map(({ rows }) => rows.present))],
    );
  }
}

async function insert(
  tx: Transaction,
  table: string,
  columns: string,
  arrays: readonly (readonly [cast: string, values: Buffer])[],
  end: '' | ' ON CONFLICT DO NOTHING' = '',
): Promise<void> {
  const [first] = arrays;
  if (first === undefined || isEmptyArray(first[1])) return;
  const from = arrays.map(([cast], i) => `$${i + 1}::${cast}`).join(', ');
  await tx.run(
    {
      name: `index_insert_${table}${end === '' ? '' : '_known'}`,
      text: `INSERT INTO fhir.${table} (${columns}) SELECT * FROM unnest(${from}) ORDER BY 1, 2${end}`,
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
    [bigints(tokens.map((each) => each.h)), bigints(tokens.map((each) => each.rid))],
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
