/**
 * The other way to a _has: from those that refer. Candidates are looked at one after the other first, newest first; where so few of them answer that
 * the referrers are less work, PostgreSQL takes the references out of the referrers' texts and goes to what they name.
 */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Clause } from '../../fhir/search/query.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { Bindings, conditionSql } from './conditions.ts';
import { askedOfEach, isOfMany } from './each.ts';
import { type HasClause, isOfReferences, OF_INDEX } from './has.ts';
import { hashesOf } from './order.ts';
import { seekSql } from './seek.ts';
import { keySql, listSource, type Order, orderSql, type Scope, type Source } from './sources.ts';

/** Resources of which the references are taken out of the text. */
const MOST_REFERRING = 50_000;
/** Referrers that are as much work as one candidate is to look at. */
const REFERRERS_A_CANDIDATE = 4;

/** How far the candidates have led: how many were looked at, how many matches are found and how many are wanted in all. */
export interface Progress {
  readonly looked: number;
  readonly found: number;
  readonly wanted: number;
}

/** Returns how many candidates will have to be looked at for the rest, if they go on as they have begun. */
const remaining = ({ looked, found, wanted }: Progress): number => (looked * (wanted - found)) / (found + 0.5);

/** Returns how many rows of the index a clause on the referrers has, counted to `most` + 1; undefined where no index range finds them. */
async function countedReferrers({ tx, resolved }: Scope, has: HasClause, most: number): Promise<number | undefined> {
  const bindings = new Bindings();
  const selects = seekSql(has.clause, [typeNumber(has.type)], bindings, resolved);
  if (selects === undefined) return undefined;
  if (selects.length === 0) return 0;
  const [row] = await tx.query<{ readonly n: number }>(
    `SELECT count(*) AS n FROM (SELECT rid FROM (${selects.join(' UNION ALL ')}) s LIMIT ${most + 1}) c`,
    bindings.values,
  );
  return row?.n;
}

/** As in DecideOptions. `isLarge`: by the referrers from the start. */
export interface LateOptions {
  readonly mostResolved?: number;
  readonly isLarge?: boolean;
}

/** Decides before each chunk whether the rest of a search is to come from the referrers of one of its _has. */
export class Turn {
  readonly #has: HasClause | undefined;
  readonly #most: number;
  readonly #isLarge: boolean;
  #counted: number | undefined;

  constructor(hases: readonly HasClause[], { mostResolved = MOST_REFERRING, isLarge = false }: LateOptions) {
    this.#has = hases.find(isOfReferences);
    this.#most = isLarge ? MOST_REFERRING : Math.min(mostResolved, MOST_REFERRING);
    this.#isLarge = isLarge;
  }

  /** Returns the _has whose referrers are less work than the candidates that remain; undefined: go on with these. */
  async taken(scope: Scope, progress: Progress): Promise<HasClause | undefined> {
    const rest = remaining(progress) * REFERRERS_A_CANDIDATE;
    if (this.#has === undefined || (!this.#isLarge && rest === 0)) return undefined;
    this.#counted ??= (await countedReferrers(scope, this.#has, this.#most)) ?? Number.POSITIVE_INFINITY;
    return this.#counted <= this.#most && (this.#isLarge || this.#counted < rest) ? this.#has : undefined;
  }
}

/**
 * SQL of the id that the text behind `"reference":"` names, null where it is of none of the types: a local reference or an absolute one ends in type and
 * id, and perhaps a version. It is taken apart by its slashes: a pattern costs ten times as much.
 */
function idSql(piece: string, types: readonly number[], bindings: Bindings): string {
  const names = types.map((type) => resourceTypeOf(type) ?? '');
  const whole = `split_part(split_part(${piece}, '"', 1), '/_history/', 1)`;
  const ofAny = `CASE WHEN split_part(${whole}, '/', -2) = ANY (${bindings.add(textArray(names), 'text[]')}) THEN split_part(${whole}, '/', -1) END`;
  if (names.length !== 1) return ofAny;
  const isLocal = `starts_with(${piece}, ${bindings.add(`${names[0] ?? ''}/`, 'text')})`;
  return `CASE WHEN ${isLocal} THEN split_part(split_part(${piece}, '"', 1), '/', 2) ELSE ${ofAny} END`;
}

/**
 * Returns what the referrers of a _has refer to, in the order asked for, narrowed by what rows of the index say of the other clauses. References of other
 * elements are among them: which the parameter means is decided at last. PostgreSQL takes them out of JSON as it is stored: without spaces,
 * slashes as they are (json.ts `writeJson`); a quote within a text is never bare there.
 */
export function referredSource(scope: Scope, has: HasClause, clauses: readonly Clause[], order: Order, isLarge: boolean): Source {
  const { tx, types, high, resolved } = scope;
  const bindings = new Bindings();
  const selects = seekSql(has.clause, [typeNumber(has.type)], bindings, resolved) ?? [];
  if (selects.length === 0) return listSource(async () => [], order);
  // What was found by its token has it.
  const isFound = hashesOf(has.clause) !== undefined && has.clause.kind !== 'composite';
  const condition = isFound ? 'true' : conditionSql(has.clause, bindings, resolved);
  const wantedType = types.length === 1 ? bindings.add(types[0], 'smallint') : `ANY (${bindings.add(plainArray(types), 'smallint[]')})`;
  const others = clauses.filter((each) => OF_INDEX.has(each.kind) && !isOfMany(each));
  const asked = askedOfEach(others, bindings, { candidates: 'c', isLarge });
  // Rows are looked up by an array of their keys: in the order of the index, and each once.
  const referrers = `SELECT * FROM fhir.resource r WHERE r.rid = ANY (ARRAY(${selects.join(' UNION ALL ')})) OFFSET 0`;
  const text = `WITH ${[
    `x AS MATERIALIZED (SELECT DISTINCT ${idSql('p.piece', types, bindings)} AS id FROM (
       SELECT unnest((string_to_array(r.body, '"reference":"'))[2:]) AS piece FROM (${referrers}) r
       WHERE r.type = ${bindings.add(typeNumber(has.type), 'smallint')} AND NOT r.deleted AND ${condition} OFFSET 0) p)`,
    `c AS MATERIALIZED (SELECT r.rid FROM fhir.resource r WHERE r.type = ${wantedType} AND r.id = ANY (ARRAY(SELECT id FROM x))
       AND NOT r.deleted AND r.rid <= ${bindings.add(high, 'bigint')})`,
    ...asked.sets,
    `k AS MATERIALIZED (SELECT c.rid, ${keySql(order, bindings)} AS key FROM (SELECT r.rid FROM c r WHERE true${asked.condition} OFFSET 0) c)`,
  ].join(', ')} SELECT rid, key FROM k ORDER BY ${orderSql(order)}`;
  return listSource(() => tx.query(text, bindings.values), order);
}
