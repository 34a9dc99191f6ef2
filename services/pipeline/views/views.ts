/** Views over the store and over resources at hand. */
import { setImmediate } from 'node:timers/promises';
import type { Queryable } from '../../database/connect.ts';
import { bodiesOf } from '../../database/resources/type-pages.ts';
import { problem, Refusal } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import type { View } from '../../fhir/views/view-read.ts';
import { type ViewRow, viewRows } from '../../fhir/views/view-run.ts';
import type { RowBatches } from './table.ts';

/** Milliseconds after which others get their turn. */
const TURN_MS = 20;
const ROWS_OF_A_BATCH = 1_000;

/** Yields the rows of a view over resources, in batches; at most `limit`. Throws Refusal for the first resource that the view does not fit. */
export async function* rowsOfResources(
  view: View,
  resources: AsyncIterable<readonly JsonObject[]> | Iterable<readonly JsonObject[]>,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly ViewRow[]> {
  let left = limit;
  let batch: ViewRow[] = [];
  let turnEnds = performance.now() + TURN_MS;
  for await (const page of resources) {
    for (const resource of page) {
      const rows = viewRows(view, resource);
      if (!rows.ok) throw new Refusal(rows.problems);
      for (const row of rows.value) if (left-- > 0) batch.push(row);
      if (batch.length >= ROWS_OF_A_BATCH) {
        yield batch;
        batch = [];
      }
      if (left <= 0) break;
      if (performance.now() < turnEnds) continue;
      await setImmediate();
      turnEnds = performance.now() + TURN_MS;
    }
    if (left <= 0) break;
  }
  if (batch.length > 0) yield batch;
}

/** Yields the rows of a view over everything stored, page by page. */
export function rowsOfStore(
  database: Queryable,
  view: View,
  asked: { readonly since?: string | undefined; readonly limit?: number | undefined } = {},
): RowBatches {
  return rowsOfResources(view, storedPages(database, view.resource, asked.since), asked.limit);
}

async function* storedPages(database: Queryable, type: string, since: string | undefined): AsyncGenerator<readonly JsonObject[]> {
  for await (const bodies of bodiesOf(database, type, since))
    yield bodies.map((body) => {
      const read = readJson(body);
      if (!read.ok) throw new Refusal([problem('internal', { reason: 'a stored resource cannot be read' })]);
      return read.value;
    });
}
