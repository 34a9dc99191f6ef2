/**
 * Locations: one row for each distinct address, whoever states it (omop-rules 27, 31). A location is there for as long as a person or a care
 * site is at it.
 */
import type { CdmRow } from '../../omop/row.ts';
import { columnsOf } from '../../omop/tables.ts';
import type { Database, Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import type { RowsEntry } from './entries.ts';
import type { PlainRow, PlainValue } from './resolve.ts';
import { isRef } from './tables.ts';

/** The columns of an address, without the row's own number. */
const COLUMNS = columnsOf('location')
  .map(({ name }) => name)
  .filter((name) => name !== 'location_id');

/** Returns an address as one text: the same for the same address. */
function contentOf({ columns }: CdmRow): string {
  return JSON.stringify(
    COLUMNS.map((name) => {
      const value = columns[name];
      return value === undefined || value === null || isRef(value) ? null : String(value);
    }),
  );
}

/** Returns the distinct addresses of entries as rows numbered from 1, and which of them each entry is at: where there is no store. */
export function numberedPlaces(entries: readonly RowsEntry[]): {
  readonly places: ReadonlyMap<string, number>;
  readonly rows: readonly PlainRow[];
} {
  const known = new Map<string, PlainRow>();
  const places = new Map<string, number>();
  for (const entry of entries) {
    const row = entry.rows.find(({ table }) => table === 'location');
    if (row === undefined) continue;
    const content = contentOf(row);
    const id = known.get(content)?.id ?? known.size + 1;
    const columns = new Map<string, PlainValue>([['location_id', id]]);
    for (const [name, value] of Object.entries(row.columns)) if (!isRef(value)) columns.set(name, value);
    if (!known.has(content))
      known.set(content, {
        table: 'location',
        n: 0,
        id,
        personId: undefined,
        columns,
        deferred: undefined,
        ages: undefined,
        pointers: new Map(),
      });
    places.set(entry.reference, id);
  }
  return { places, rows: [...known.values()] };
}

/** Returns the location of every entry that states one, by the entry's reference; makes those that are new. They stay until the end of `tx`. */
export async function internPlaces(tx: Transaction, entries: readonly RowsEntry[]): Promise<ReadonlyMap<string, number>> {
  const contents = new Map<string, string>();
  for (const entry of entries) {
    const row = entry.rows.find(({ table }) => table === 'location');
    if (row !== undefined) contents.set(entry.reference, contentOf(row));
  }
  if (contents.size === 0) return new Map();
  // In one order, so that two who make the same places wait for each other only one way.
  const wanted = [...new Set(contents.values())].sort();
  let known = await placesOf(tx, wanted);
  while (known.size < wanted.length) {
    const missing = wanted.filter((content) => !known.has(content));
    await tx.run(
      {
        name: 'place_add',
        text: `INSERT INTO ops.place (content) SELECT * FROM unnest($1::text[]) AS a(content) ORDER BY 1 ON CONFLICT (content) DO NOTHING`,
      },
      [textArray(missing)],
    );
    // Somebody may have taken away what was there, or be about to: who has none yet makes it.
    known = await placesOf(tx, wanted);
  }
  await tx.run(ADD_LOCATIONS, [plainArray(known.values())]);
  return new Map([...contents].map(([reference, content]) => [reference, known.get(content) ?? 0]));
}

async function placesOf(tx: Transaction, contents: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.query<{ readonly location_id: number; readonly content: string }>(
    {
      name: 'place_find',
      text: 'SELECT location_id, content FROM ops.place WHERE content = ANY ($1::text[]) ORDER BY location_id FOR KEY SHARE',
    },
    [textArray(contents)],
  );
  return new Map(rows.map(({ content, location_id }) => [content, location_id]));
}

const CASTS = new Map(
  columnsOf('location').map(({ name, type }) => [name, type === 'integer' ? 'bigint' : type === 'float' ? 'numeric' : 'text']),
);
const ADD_LOCATIONS = {
  name: 'location_add',
  text: `INSERT INTO cdm.location (location_id, ${COLUMNS.join(', ')})
         SELECT p.location_id, ${COLUMNS.map((name, i) => `(p.content::jsonb ->> ${i})::${CASTS.get(name) ?? 'text'}`).join(', ')}
         FROM ops.place p WHERE p.location_id = ANY ($1::bigint[]) ON CONFLICT (location_id) DO NOTHING`,
};

const BATCH = 5_000;

/** Removes locations that nobody is at any more; returns how many. Those that a transaction is about to use are left for another time. */
export async function collectPlaces(database: Database): Promise<number> {
  let removed = 0;
  for (;;) {
    const step = await database.transaction(async (tx) => {
      const asked = await tx.query<{ readonly location_id: number }>(
        `DELETE FROM ops.stale_place WHERE seq IN (SELECT seq FROM ops.stale_place ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING location_id`,
        [BATCH],
      );
      const ids = [...new Set(asked.map((row) => row.location_id))];
      if (ids.length === 0) return { asked: 0, removed: 0 };
      const free = await tx.query<{ readonly location_id: number }>(
        'SELECT location_id FROM ops.place WHERE location_id = ANY ($1::bigint[]) ORDER BY location_id FOR UPDATE SKIP LOCKED',
        [plainArray(ids)],
      );
      const locked = new Set(free.map((row) => row.location_id));
      const gone = await tx.query<{ readonly location_id: number }>(UNUSED, [plainArray(locked)]);
      const held = await tx.query<{ readonly location_id: number }>(
        'SELECT location_id FROM ops.place WHERE location_id = ANY ($1::bigint[])',
        [plainArray(ids.filter((id) => !locked.has(id)))],
      );
      if (held.length > 0)
        await tx.run('INSERT INTO ops.stale_place (location_id) SELECT * FROM unnest($1::bigint[])', [
          plainArray(held.map((row) => row.location_id)),
        ]);
      return { asked: held.length > 0 ? 0 : asked.length, removed: gone.length };
    });
    removed += step.removed;
    if (step.asked < BATCH) return removed;
  }
}

const UNUSED = `
WITH unused AS (
  SELECT p.location_id FROM ops.place p WHERE p.location_id = ANY ($1::bigint[])
    AND NOT EXISTS (SELECT FROM cdm.person o WHERE o.location_id = p.location_id)
    AND NOT EXISTS (SELECT FROM cdm.care_site o WHERE o.location_id = p.location_id)
), place AS (DELETE FROM ops.place p USING unused u WHERE p.location_id = u.location_id)
DELETE FROM cdm.location l USING unused u WHERE l.location_id = u.location_id RETURNING l.location_id`;
