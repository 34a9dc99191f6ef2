/**
 * The peer that does all that a conversion does: the resources of handwritten.ts as drafts with their kin, codes looked up and reported when no
 * row knows them, fields that nobody reads reported, and what it cannot read (escapes, deletions) refused. Still only for these messages.
 */
import type { Conversion, Draft, UnreadField } from '../../services/mapping/conversion.ts';
import type { UnmappedCode } from '../../services/omop/row.ts';
import { resourcesByHand } from './handwritten.ts';

const AUTHORITY = 'CITYHOSP';

/** Fields that are read, or that nobody needs to read, by segment. */
const READ: ReadonlyMap<string, ReadonlySet<number>> = new Map([
  ['MSH', new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])],
  ['PID', new Set([1, 3, 5, 7, 8, 11, 13])],
  ['PV1', new Set([1, 2, 3, 7, 19, 44])],
  ['ORC', new Set([1, 2, 3])],
  ['OBR', new Set([1, 2, 3, 4, 7, 22, 24, 25])],
  ['OBX', new Set([1, 2, 3, 4, 5, 6, 7, 8, 11, 14])],
]);
const TABLES: readonly (readonly [segment: string, field: number, system: string, codes: ReadonlySet<string>])[] = [
  ['PID', 8, 'http://terminology.hl7.org/CodeSystem/v2-0001', new Set(['F', 'M', 'O', 'U', 'A', 'N'])],
  ['PV1', 2, 'http://terminology.hl7.org/CodeSystem/v2-0004', new Set(['I', 'O', 'E', 'P'])],
  ['OBX', 8, 'http://terminology.hl7.org/CodeSystem/v2-0078', new Set(['N', 'L', 'H', 'LL', 'HH', 'A', 'AA'])],
  ['OBX', 11, 'http://terminology.hl7.org/CodeSystem/v2-0085', new Set(['F', 'P', 'C', 'D', 'X', 'W', 'N', 'R', 'S', 'U', 'I', 'O'])],
  ['OBR', 24, 'http://terminology.hl7.org/CodeSystem/v2-0074', new Set(['LAB', 'RAD', 'MB', 'CH', 'HM'])],
  ['OBR', 25, 'http://terminology.hl7.org/CodeSystem/v2-0123', new Set(['F', 'P', 'C', 'X', 'R', 'S', 'A', 'I', 'O'])],
];

const UPDATES: Readonly<Record<string, Draft['update']>> = { Patient: 'merge', Encounter: 'ensure', ServiceRequest: 'merge' };
const first = (field: string | undefined): string => field?.split('^')[0] ?? '';

function kinOf(parts: readonly string[]): string {
  let kin = `${AUTHORITY.length}:${AUTHORITY}`;
  for (const part of parts) kin += `${part.length}:${part}`;
  return kin;
}

/** Returns what the maps return of a `laboratoryReport`; `spec` is the label its drafts carry. */
export function conversionByHand(bytes: Uint8Array, spec: string): Conversion {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (text.includes('""') || text.includes('\\', 9) || text.includes('~', 9) || text.includes('\n'))
    throw new Error('another kind of message');
  const segments = text.split('\r').map((line) => line.split('|'));
  const unread = new Map<string, number>();
  const unmapped: UnmappedCode[] = [];
  for (const segment of segments) {
    const [name = ''] = segment;
    const read = READ.get(name);
    for (const [n, field] of segment.entries())
      if (n > 0 && field !== '' && read?.has(n) !== true) unread.set(`${name}-${n}`, (unread.get(`${name}-${n}`) ?? 0) + 1);
    for (const [of, n, system, codes] of TABLES) {
      const code = of === name ? (segment[n] ?? '') : '';
      if (code !== '' && !codes.has(code)) unmapped.push({ system, code, why: 'no-row', at: `${name}-${n}` });
    }
  }
  return {
    drafts: draftsOf(resourcesByHand(bytes), segments, spec),
    problems: [],
    unmapped,
    unread: [...unread].map(([path, count]): UnreadField => ({ path, count })),
    rung: unmapped.length > 0 ? 'drop' : 'none',
    spec,
  };
}

function draftsOf(resources: ReturnType<typeof resourcesByHand>, segments: readonly (readonly string[])[], spec: string): readonly Draft[] {
  const [, , pv1 = [], , obr = [], ...results] = segments;
  let result = 0;
  return resources.map((resource): Draft => {
    const { resourceType } = resource;
    const update = UPDATES[resourceType] ?? 'replace';
    const draft = { resource, update, deletes: [], spec };
    switch (resourceType) {
      case 'Encounter':
        return { ...draft, kin: kinOf(['Patient', first(pv1[19]), 'VN']) };
      case 'ServiceRequest':
        return { ...draft, kin: kinOf(['Patient', first(obr[2]), first(obr[4])]) };
      case 'DiagnosticReport':
        return { ...draft, kin: kinOf(['Patient', first(obr[3]), first(obr[4]), obr[7] ?? '']) };
      case 'Observation': {
        const obx = results[result++] ?? [];
        return { ...draft, kin: kinOf(['Patient', first(obr[3]), first(obx[3]), obx[4] ?? '', obx[14] ?? '']) };
      }
      default:
        return draft;
    }
  });
}
