/** Conditions asked of the candidates of a first page: of rows of the index one candidate after the other, or of a set that is read once. */
import type { Clause } from '../../fhir/search/query.ts';
import { plainArray } from '../wire.ts';
import { type Bindings, conditionSql } from './conditions.ts';
import { hashesOf } from './order.ts';
import { type DateClause, datesSql, windowOf } from './windows.ts';

/** Tokens of one clause that are merged by rid. */
export const MOST_MERGED = 16;
/** Index rows of a clause that are read as a set; where there are more, each candidate is looked up. */
const MOST_IN_SET = 30_000;
/** Index rows of a window of dates that are read as a set. */
const MOST_IN_WINDOW = 60_000;
/** Index rows of the targets of a chain: they are always read as a set, for looking up so many tokens of each candidate never ends. */
const MOST_OF_TARGETS = 60_000;
/** Candidates from which on a set costs less than looking each of them up, three pages a time. */
const WORTH_A_SET = 500;

export interface AskedOfEach {
  /** ` AND …` on r.rid. */
  readonly condition: string;
  /** Sets, as parts of WITH. */
  readonly sets: readonly string[];
  /** Conditions that tell that a set was too large: nothing was found then, and others are to be asked. */
  readonly cut: readonly string[];
}

/** Whether a clause has so many tokens that its index rows are read as a set. */
export const isOfMany = (clause: Clause): boolean => clause.kind === 'reference' && clause.hashes.length > MOST_MERGED;

export interface AskOptions {
  readonly candidates?: string;
  readonly isLarge?: boolean;
  readonly windows?: boolean;
}

/**
 * Returns the conditions that the clauses set; none is ever turned into a join that reads all rows. `candidates`: a part of WITH that holds all
 * candidates, where all of them are asked. `windows`: dates are asked of a window of the index that is read whole, where there is one.
 */
export function askedOfEach(
  clauses: readonly Clause[],
  bindings: Bindings,
  { candidates, isLarge = false, windows = false }: AskOptions = {},
): AskedOfEach {
  const sets: string[] = [];
  const cut: string[] = [];
  let names = 0;
  const setFrom = (selects: string, most: number): string => {
    const name = `s${names++}`;
    sets.push(`${name} AS MATERIALIZED (${selects} LIMIT ${most + 1})`);
    return name;
  };
  const setOf = (hashes: readonly bigint[], most: number): string =>
    setFrom(`SELECT t.rid FROM fhir.tok t WHERE t.h = ANY (${bindings.add(plainArray(hashes), 'bigint[]')})`, most);
  const inWhole = (set: string, most: number): string => {
    // Counted once, for both.
    sets.push(`n${set} AS MATERIALIZED (SELECT count(*) > ${most} AS over FROM ${set})`);
    const isTooLarge = `(SELECT over FROM n${set})`;
    cut.push(isTooLarge);
    return `CASE WHEN ${isTooLarge} THEN false ELSE r.rid IN (SELECT rid FROM ${set}) END`;
  };
  const parts = mergedDates(clauses).map((each) => {
    if (Array.isArray(each)) {
      const window = windows ? windowOf(each, bindings) : undefined;
      if (window === undefined) return `(SELECT ${datesSql(each, bindings)})`;
      return inWhole(setFrom(`SELECT rid FROM (${window.join(' UNION ALL ')}) w`, MOST_IN_WINDOW), MOST_IN_WINDOW);
    }
    const hashes = hashesOf(each);
    if (isOfMany(each) && hashes !== undefined) return inWhole(setOf(hashes, MOST_OF_TARGETS), MOST_OF_TARGETS);
    const single = `(SELECT ${conditionSql(each, bindings)})`;
    if (candidates === undefined || hashes === undefined || each.kind === 'composite') return single;
    const set = setOf(hashes, MOST_IN_SET);
    return `CASE WHEN (SELECT count(*) FROM ${candidates}) > ${isLarge ? 0 : WORTH_A_SET} AND (SELECT count(*) FROM ${set}) <= ${MOST_IN_SET}
      THEN r.rid IN (SELECT rid FROM ${set}) ELSE ${single} END`;
  });
  return { condition: parts.map((each) => ` AND ${each}`).join(''), sets, cut };
}

/** Puts the date clauses of one parameter together: one look at its rows answers all of them. */
export function mergedDates(clauses: readonly Clause[]): readonly (Clause | DateClause[])[] {
  const found: (Clause | DateClause[])[] = [];
  const merged = new Map<number, DateClause[]>();
  for (const each of clauses) {
    if (each.kind !== 'date') {
      found.push(each);
      continue;
    }
    const known = merged.get(each.parameter.p);
    if (known === undefined) {
      const first = [each];
      merged.set(each.parameter.p, first);
      found.push(first);
    } else known.push(each);
  }
  return found;
}
