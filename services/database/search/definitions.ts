/** What each type is indexed by, told apart by type: an upgrade indexes again only what its definitions changed. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { RESOURCE_TYPES } from '../../fhir/definitions.ts';
import { officialParameters } from '../../fhir/parameters.ts';
import { INDEX_FORM } from '../../fhir/search/index.ts';
import type { Queryable, Transaction } from '../connect.ts';
import { typeNumber } from '../resources/resources.ts';
import { plainArray, textArray } from '../wire.ts';
import { DEFINITIONS, ofBuilt } from './parameters.ts';

/** What the index keeps of a type: a digest of what is looked at, by the key of its slot or the name of a parameter. */
type Kept = Readonly<Record<string, string>>;

const digest = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([INDEX_FORM, value]))
    .digest('base64url')
    .slice(0, 10);

function keptOf(type: string): Kept {
  const found: Record<string, string> = {};
  for (const { name, p, uses } of officialParameters(type)) {
    if (uses.length > 0) found[`?${name}`] = digest([p, uses.map(({ slot, target }) => [slot.key, target])]);
    for (const { slot } of uses) found[slot.key] = digest([slot.p, slot.plain, slot.paths.map(({ single: _, ...path }) => path)]);
  }
  return found;
}

/** A type whose definitions have changed. `isLess`: something is gone or another, so that its tokens are to be removed. */
export interface Changed {
  readonly type: number;
  readonly isLess: boolean;
}

const kept = z.record(z.string(), z.string());

/** Returns the types whose definitions are others than the store was indexed by; undefined: that is not known of all types. */
export async function changedTypes(tx: Queryable, definitions: string): Promise<readonly Changed[] | undefined> {
  const rows = await tx.query<{ readonly type: number; readonly slots: string }>(
    'SELECT type, slots FROM fhir.search_definition WHERE definitions = $1',
    [ofBuilt(definitions)],
  );
  const before = new Map(rows.map(({ type, slots }) => [type, kept.parse(JSON.parse(slots))]));
  const changed: Changed[] = [];
  for (const [name, type] of RESOURCE_TYPES) {
    const was = before.get(type);
    if (was === undefined) return undefined;
    const is = keptOf(name);
    const isLess = Object.entries(was).some(([key, value]) => is[key] !== value);
    if (isLess || Object.keys(is).some((key) => was[key] === undefined)) changed.push({ type, isLess });
  }
  return changed;
}

/** Writes down what everything is indexed by from now on. */
export async function writeDefinitions(tx: Transaction): Promise<void> {
  const all = [...RESOURCE_TYPES.keys()].map((name) => ({ type: typeNumber(name), slots: JSON.stringify(keptOf(name)) }));
  await tx.run(
    `INSERT INTO fhir.search_definition (type, definitions, slots) SELECT type, $1, slots FROM unnest($2::smallint[], $3::text[]) AS a(type, slots)
     ON CONFLICT (type) DO UPDATE SET definitions = excluded.definitions, slots = excluded.slots`,
    [DEFINITIONS, plainArray(all.map(({ type }) => type)), textArray(all.map(({ slots }) => slots))],
  );
}

/** Returns true when what everything is indexed by is written down for the definitions of this version. */
export async function isWritten(tx: Queryable): Promise<boolean> {
  const [row] = await tx.query<{ readonly n: number }>('SELECT count(*) AS n FROM fhir.search_definition WHERE definitions = $1', [
    DEFINITIONS,
  ]);
  return row?.n === RESOURCE_TYPES.size;
}
