/** What belongs to a patient without naming one: it speaks of their stay or result, or only they speak of it. */
import { resourceTypeOf } from '../../fhir/definitions.ts';
import type { Transaction } from '../connect.ts';
import { plainArray, textArray } from '../wire.ts';
import { typeNumber } from './resources.ts';

export interface Speaking {
  readonly resourceKey: number;
  readonly type: string;
  readonly id: string;
}

export interface Kinds {
  /** Belongs to many: never to one patient. */
  isShared(type: string): boolean;
  /** Types that hold what is one person's even where they do not say whose. */
  readonly personal: readonly string[];
}

// Local references of every version and statement; `url` is an attachment's. Read once, for reading all for each step would take ever longer.
const REFERENCES = `
CREATE TEMP TABLE erase_reference (resource_key bigint, target text COLLATE "C") ON COMMIT DROP;
INSERT INTO pg_temp.erase_reference
SELECT DISTINCT v.resource_key, m[1] FROM (
    SELECT resource_key, body FROM fhir.resource UNION ALL SELECT resource_key, body FROM fhir.history
    UNION ALL SELECT resource_key, draft FROM fhir.statement) v,
  regexp_matches(v.body, '"(?:reference|url)":"([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})[/"#]', 'g') m;
CREATE INDEX ON pg_temp.erase_reference (target);
CREATE INDEX ON pg_temp.erase_reference (resource_key);
CREATE TEMP TABLE erase_theirs (resource_key bigint PRIMARY KEY) ON COMMIT DROP;
ANALYZE pg_temp.erase_reference;`;

const ABOUT = `
SELECT DISTINCT r.resource_key, r.type, r.id, EXISTS (SELECT FROM pg_temp.erase_reference p
    WHERE p.resource_key = r.resource_key AND p.target LIKE 'Patient/%' AND p.target <> ALL ($2::text[])) AS is_others
FROM pg_temp.erase_reference e JOIN fhir.resource r USING (resource_key)
WHERE e.target = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM pg_temp.erase_theirs t WHERE t.resource_key = r.resource_key)`;

const ONLY_THEIRS = `
SELECT r.resource_key, r.type, r.id, false AS is_others
FROM (SELECT DISTINCT e.target FROM pg_temp.erase_reference e JOIN pg_temp.erase_theirs USING (resource_key)) n
JOIN unnest($1::text[], $2::smallint[]) AS k(name, number) ON k.name = split_part(n.target, '/', 1)
JOIN fhir.resource r ON r.type = k.number AND r.id = split_part(n.target, '/', 2)
WHERE NOT EXISTS (SELECT FROM pg_temp.erase_theirs t WHERE t.resource_key = r.resource_key)
  AND NOT EXISTS (SELECT FROM pg_temp.erase_reference p WHERE p.resource_key = r.resource_key AND p.target LIKE 'Patient/%')
  AND NOT EXISTS (SELECT FROM pg_temp.erase_reference o WHERE o.target = n.target AND o.resource_key <> r.resource_key
    AND NOT EXISTS (SELECT FROM pg_temp.erase_theirs t WHERE t.resource_key = o.resource_key))`;

interface FoundRow {
  readonly resource_key: number;
  readonly type: number;
  readonly id: string;
  readonly is_others: boolean;
}

/**
 * Returns `named` (what names the patients) and everything that belongs to them through it: what speaks of it and of no other Patient, and
 * what of the personal kinds names nobody and is spoken of by it alone. `mentions`: keys of others that speak of it, and stay. Reads everything.
 */
export async function belongingTo(
  tx: Transaction,
  patients: readonly string[],
  named: readonly Speaking[],
  { isShared, personal }: Kinds,
): Promise<{ readonly theirs: readonly Speaking[]; readonly mentions: ReadonlySet<number> }> {
  const theirs = new Map<number, Speaking>();
  const mentions = new Set<number>();
  if (named.length > 0) await tx.client.query(REFERENCES);
  const own = textArray(patients.map((id) => `Patient/${id}`));
  for (let level = named; level.length > 0; ) {
    for (const each of level) theirs.set(each.resourceKey, each);
    await tx.run('INSERT INTO pg_temp.erase_theirs SELECT * FROM unnest($1::bigint[])', [
      plainArray(level.map((each) => each.resourceKey)),
    ]);
    const about = await tx.query<FoundRow>(ABOUT, [textArray(level.map(({ type, id }) => `${type}/${id}`)), own]);
    const only = await tx.query<FoundRow>(ONLY_THEIRS, [textArray(personal), plainArray(personal.map(typeNumber))]);
    const found = new Map<number, Speaking>();
    for (const row of [...about, ...only]) {
      const each = { resourceKey: row.resource_key, type: resourceTypeOf(row.type) ?? '', id: row.id };
      if (row.is_others || isShared(each.type)) mentions.add(each.resourceKey);
      else found.set(each.resourceKey, each);
    }
    level = [...found.values()];
  }
  return { theirs: [...theirs.values()], mentions };
}
