/**
 * Rows refer to rows that other transactions make or remove at the same moment. Neither may miss the other: a row must not wait
 * for a person that has just come, nor point to one that has just gone. Advisory locks (until the transaction's end) on a bucket
 * of the reference, in two classes, order the two sides:
 *
 * - class EXISTS: who writes a row that refers to something stored holds it shared; who removes that something, exclusively.
 * - class MISSING: who makes something that can be referred to holds it shared; who found it missing and will wait, exclusively.
 *
 * Whoever comes second sees what the first committed, because it looks again after it got the lock.
 */
import type { Queryable } from '../connect.ts';
import { plainArray } from '../wire.ts';

const EXISTS = 7401;
const MISSING = 7402;
// Bounded, so that a large batch does not fill PostgreSQL's lock table.
const BUCKETS = 256;

/** References ('Patient/1') by what the transaction does about them. */
export interface ReferenceUse {
  readonly refers: Iterable<string>;
  readonly appears: Iterable<string>;
  readonly vanishes: Iterable<string>;
  readonly misses: Iterable<string>;
}

/** The locks that a transaction holds, so that none is asked for twice. */
export type HeldLocks = Set<number>;

/** Takes the locks for `use` that are not held yet, always in the same order; returns whether any was new. */
export async function lockReferences(tx: Queryable, held: HeldLocks, use: Partial<ReferenceUse>): Promise<boolean> {
  const wanted = new Map<number, boolean>();
  const want = (kind: number, references: Iterable<string> | undefined, exclusive: boolean): void => {
    for (const reference of references ?? []) {
      const number = kind * 1000 + bucketOf(reference);
      wanted.set(number, exclusive || (wanted.get(number) ?? false));
    }
  };
  want(EXISTS, use.refers, false);
  want(EXISTS, use.vanishes, true);
  want(MISSING, use.appears, false);
  want(MISSING, use.misses, true);
  // Held numbers: exclusive as they are, shared with a half added.
  const asked = [...wanted]
    .filter(([number, exclusive]) => !held.has(number) && (exclusive || !held.has(number + 0.5)))
    .sort(([a], [b]) => a - b);
  if (asked.length === 0) return false;
  await tx.query(
    {
      name: 'lock_references',
      text: `SELECT count(CASE WHEN a.exclusive THEN pg_advisory_xact_lock(a.class, a.bucket)::text
                          ELSE pg_advisory_xact_lock_shared(a.class, a.bucket)::text END)
             FROM unnest($1::int[], $2::int[], $3::boolean[]) AS a(class, bucket, exclusive)`,
    },
    [
      plainArray(asked.map(([number]) => Math.floor(number / 1000))),
      plainArray(asked.map(([number]) => number % 1000)),
      plainArray(asked.map(([, exclusive]) => exclusive)),
    ],
  );
  for (const [number, exclusive] of asked) held.add(exclusive ? number : number + 0.5);
  return true;
}

function bucketOf(reference: string): number {
  let hash = 2166136261;
  for (let i = 0; i < reference.length; i++) hash = Math.imul(hash ^ reference.charCodeAt(i), 16777619);
  return (hash >>> 0) % BUCKETS;
}
