/** All resources of a type, in pages by their ids: for what goes through everything without holding it. */
import type { Queryable } from '../connect.ts';
import { typeNumber } from './resources.ts';

interface Row {
  readonly id: string;
  readonly body: string;
}

const PAGE = 500;

/**
 * Yields the JSON texts of all current resources of a type, each once. What is written meanwhile is in it as it was or as it is; one that is
 * created meanwhile may be left out. `since`: an ISO instant; older ones are left out.
 */
export async function* bodiesOf(database: Queryable, type: string, since?: string): AsyncGenerator<readonly string[]> {
  for (let after = ''; ; ) {
    const rows = await database.query<Row>(
      `SELECT r.id, r.body FROM fhir.resource r WHERE r.type = $1 AND r.id > $2 AND NOT r.deleted
         AND ($3::timestamptz IS NULL OR r.updated >= $3::timestamptz) ORDER BY r.type, r.id LIMIT ${PAGE}`,
      [typeNumber(type), after, since ?? null],
    );
    if (rows.length > 0) yield rows.map(({ body }) => body);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.id;
  }
}
