/** The resources that answer a clause, where they are few: counted to a limit before any is looked up. */
import type { Clause } from '../../fhir/search/query.ts';
import type { Queryable } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { Bindings, conditionSql, type Resolved } from './conditions.ts';
import { seekSql } from './seek.ts';

/** Returns SQL of the candidates of a clause on a type, `rows`, none when there are more than `most`, which `over` says; undefined where no index finds them. */
export function fewSql(
  type: string,
  clause: Clause,
  resolved: Resolved,
  columns: string,
  most: number,
  bindings: Bindings,
): { readonly before: string; readonly over: string; readonly rows: string } | undefined {
  const selects = seekSql(clause, [typeNumber(type)], bindings, resolved);
  if (selects === undefined) return undefined;
  const all = selects.length === 0 ? 'SELECT 0::bigint AS rid WHERE false' : `SELECT rid FROM (${selects.join(' UNION ALL ')}) s`;
  // Counted first: where there are more, no resource is looked up.
  return {
    before: `WITH a AS MATERIALIZED (${all} LIMIT ${most + 1})`,
    over: `(SELECT count(*) > ${most} AS over FROM a)`,
    rows: `SELECT ${columns} FROM (SELECT DISTINCT rid FROM a WHERE (SELECT count(*) FROM a) <= ${most}) c CROSS JOIN LATERAL (
         SELECT * FROM fhir.resource r WHERE r.rid = c.rid OFFSET 0) r
       WHERE r.type = ${bindings.add(typeNumber(type), 'smallint')} AND NOT r.deleted AND ${conditionSql(clause, bindings, resolved)}`,
  };
}

/** Returns the candidates of a clause on a type, when there are at most `most`. */
export async function fewOf<Row extends object>(
  tx: Queryable,
  type: string,
  clause: Clause,
  resolved: Resolved,
  columns: string,
  most: number,
): Promise<readonly Row[] | undefined> {
  const bindings = new Bindings();
  const few = fewSql(type, clause, resolved, columns, most, bindings);
  if (few === undefined) return undefined;
  const rows = await tx.query<Row & { readonly over: boolean; readonly id: string | null }>(
    `${few.before} SELECT s.over, x.* FROM ${few.over} s LEFT JOIN (${few.rows}) x ON true`,
    bindings.values,
  );
  return rows[0]?.over ? undefined : rows.filter(({ id }) => id !== null);
}
