/** What was published and may not change: every map with the digest of its resolved text, and of each map it uses. */
import { type Diagnostic, diagnostic, type Position } from './diagnostics.ts';
import { digestOf } from './digest.ts';
import type { LoadedMaps } from './maps.ts';
import type { PublishedOut } from './to-hl7v2/model.ts';

/** One published map: 'id@version#digest' (sha256, hexadecimal, whole) and those it uses. */
export interface PublishedMap {
  readonly spec: string;
  readonly uses: readonly string[];
}

interface Publishable {
  readonly id: string;
  readonly version: string;
  readonly digest: string;
  readonly at: Position;
  readonly uses: readonly UsedMap[];
}

type UsedMap = PublishedOut['uses'][number];

const nameOf = (each: UsedMap): string => `${each.id}@${each.version}#${digestOf([each.root])}`;

/** Every map that can be published: those that take messages, records or resources, to FHIR, to rows or to HL7v2. */
function publishable(maps: LoadedMaps): readonly Publishable[] {
  const rows = [...maps.rowMaps.maps.values()].map(({ spec }) => ({
    id: spec.id,
    version: spec.version,
    digest: maps.rowMaps.digestOf(spec.type),
    at: spec.at,
    uses: [],
  }));
  const own = [...maps.messageMaps, ...maps.recordMaps].map((map) => ({
    id: map.spec.id,
    version: map.spec.version,
    digest: map.digest,
    at: map.spec.at,
    uses: map.uses,
  }));
  return [...own, ...rows, ...maps.outMaps.published];
}

/** Returns the lock of the maps named by id, in the order of their names; of all when none is named. */
export function lockOf(maps: LoadedMaps, ids: readonly string[] = []): readonly PublishedMap[] {
  return publishable(maps)
    .filter((each) => ids.length === 0 || ids.includes(each.id))
    .map((each) => ({ spec: `${each.id}@${each.version}#${each.digest}`, uses: each.uses.map(nameOf).sort() }))
    .sort((a, b) => (a.spec < b.spec ? -1 : 1));
}

/** Returns the lock with what is published now beside what was; Throws nothing: a version that is there already stays as it was. */
export function withPublished(before: readonly PublishedMap[], now: readonly PublishedMap[]): readonly PublishedMap[] {
  const known = new Set(before.map((each) => each.spec.split('#')[0]));
  return [...before, ...now.filter((each) => !known.has(each.spec.split('#')[0]))].toSorted((a, b) => (a.spec < b.spec ? -1 : 1));
}

/** Returns a fault for every map whose text is not what was published under its version, saying which map it uses has moved. */
export function publicationFaults(maps: LoadedMaps, published: readonly PublishedMap[]): readonly Diagnostic[] {
  const byVersion = new Map(published.map((each) => [each.spec.split('#')[0], each]));
  return publishable(maps).flatMap((each) => {
    const known = byVersion.get(`${each.id}@${each.version}`);
    if (known === undefined || known.spec.endsWith(`#${each.digest}`)) return [];
    const before = new Set(known.uses);
    const moved = each.uses.filter((used) => !before.has(nameOf(used)));
    const because = moved.length === 0 ? '' : ` (${moved.map((used) => used.id).join(', ')} changed)`;
    return [diagnostic('published-changed', each.at, { name: `${each.id}@${each.version}`, because: because.slice(0, 300) })];
  });
}

/** Returns the published maps in the text of a lock file; undefined when it is none. */
export function readLock(text: string): readonly PublishedMap[] | undefined {
  try {
    const read: unknown = JSON.parse(text);
    const list: unknown = typeof read === 'object' && read !== null && 'published' in read ? read.published : undefined;
    if (!Array.isArray(list)) return undefined;
    const maps = list.filter(isPublished);
    return maps.length === list.length ? maps : undefined;
  } catch {
    return undefined;
  }
}

const isPublished = (value: unknown): value is PublishedMap =>
  typeof value === 'object' &&
  value !== null &&
  'spec' in value &&
  typeof value.spec === 'string' &&
  'uses' in value &&
  Array.isArray(value.uses) &&
  value.uses.every((each) => typeof each === 'string');

/** The text of a lock file. */
export const lockText = (published: readonly PublishedMap[]): string => `${JSON.stringify({ published }, undefined, 2)}\n`;
