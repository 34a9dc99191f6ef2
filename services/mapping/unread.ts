/** The unmapped report: valued fields that no rule reads and no `ignore` names. Nothing arrives without being seen or told of. */
import type { Message, Segment } from '../hl7v2/message.ts';
import type { UnreadField } from './conversion.ts';
import type { ReadFields } from './to-fhir/module-input.ts';

/** Fields the engine itself reads: delimiters, sender, time zone, type, control id, version, charset. */
const BY_ENGINE: ReadonlySet<string> = new Set(['MSH-1', 'MSH-2', 'MSH-3', 'MSH-4', 'MSH-7', 'MSH-9', 'MSH-10', 'MSH-12', 'MSH-18']);

/** Per segment name: 1 for every field number that is read or ignored. */
export type FieldMasks = Map<string, Uint8Array>;

interface Masking {
  readonly reads: ReadFields;
  readonly ignored: ReadonlySet<string>;
}

/** Returns the fields of `message` with a value that were not read. `seen` tells which segments the map's loops reached. */
export function unreadFields(message: Message, fields: Masking, seen: Uint8Array, masks: FieldMasks): readonly UnreadField[] {
  let counts: Map<string, number> | undefined;
  for (const segment of message.segments) {
    const mask = maskOf(segment.name, fields, masks);
    const reached = seen[segment.index] === 1 || segment.name === 'MSH';
    for (let n = 1, last = segment.fieldCount; n <= last; n++) {
      const read = mask[n] ?? mask[0] ?? 0;
      if (read === 2 || (read === 1 && reached)) continue;
      const firstOnly = read === 3 && reached;
      if (firstOnly ? !repeats(segment, n, message.delimiters.repetition) : !isValued(segment, n)) continue;
      counts ??= new Map();
      const path = firstOnly ? `${segment.name}-${n}[2]` : `${segment.name}-${n}`;
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
  }
  return counts === undefined ? [] : [...counts].map(([path, count]) => ({ path, count }));
}

function isValued(segment: Segment, field: number): boolean {
  const raw = segment.raw(field);
  return raw !== undefined && raw !== '' && segment.state(field) === 'valued';
}

const repeats = (segment: Segment, field: number, separator: string): boolean =>
  separator !== '' && segment.raw(field)?.includes(separator) === true;

/** 0: not read; 1: read where the segment was reached; 3: only its first repetition is; 2: ignored on purpose or read by the engine. Place 0 stands for fields past the end. */
function maskOf(segment: string, { reads, ignored }: Masking, masks: FieldMasks): Uint8Array {
  const known = masks.get(segment);
  if (known !== undefined) return known;
  const mask = new Uint8Array(128);
  for (const [field, all] of reads.get(segment) ?? []) mask[field] = all ? 1 : 3;
  for (let n = 1; n < 128; n++) if (ignored.has(`${segment}-${n}`) || BY_ENGINE.has(`${segment}-${n}`)) mask[n] = 2;
  if (ignored.has(segment)) mask.fill(2);
  if (masks.size < 500) masks.set(segment, mask); // names that senders invent must not fill the memory
  return mask;
}
