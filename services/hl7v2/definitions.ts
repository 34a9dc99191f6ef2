/**
 * What the standard says of every segment, field and datatype, for versions 2.1 to 2.8.2. Text lines of definitions.generated.ts
 * are read when a segment is first asked for.
 */
import { DATATYPES, SEGMENTS, VERSIONS } from './definitions.generated.ts';

export interface FieldDefinition {
  /** Datatype id ('XPN', 'ST', 'varies'); of a withdrawn field the one it last had. */
  readonly type: string;
  /** The standard's own words: 'Patient Name'. */
  readonly name: string;
  readonly repeats: boolean;
  readonly required: boolean;
  /** HL7 table number, four digits: '0001'. */
  readonly table?: string;
  /** The version withdrew it; senders may still send it. */
  readonly withdrawn?: true;
}

/** Versions that have definitions, oldest first. */
export const DEFINED_VERSIONS: readonly string[] = VERSIONS;

const NEAREST = new Map<string, string>(VERSIONS.map((version) => [version, version]));

/**
 * Returns the version whose definitions are used for what MSH-12 says: itself, else the newest defined one not newer than it
 * ('2.7.1' -> '2.7', '2.9' -> '2.8.2'), '2.5.1' when it cannot be read as a version 2 number at all.
 */
export function nearestVersion(sent: string): string {
  const known = NEAREST.get(sent);
  if (known !== undefined) return known;
  const parts = /^2\.(\d{1,2})(?:\.(\d{1,2}))?$/.exec(sent.trim());
  if (parts === null) return '2.5.1';
  const rank = (minor: number, patch: number): number => minor * 100 + patch;
  const asked = rank(Number(parts[1]), Number(parts[2] ?? 0));
  const older = VERSIONS.filter((each) => {
    const [, minor = '0', patch = '0'] = each.split('.');
    return rank(Number(minor), Number(patch)) <= asked;
  });
  return older.at(-1) ?? '2.1';
}

/** Index of the definitions' version among DEFINED_VERSIONS. */
export const versionIndex = (version: string): number => VERSIONS.indexOf(nearestVersion(version));

type Table = ReadonlyMap<string, string>;
type Fields = readonly (FieldDefinition | undefined)[];

/** Maps the first word of each line to the rest; lines are separated by newlines, words by tabs. */
export function byFirstWord(text: string, separator: string): Table {
  const table = new Map<string, string>();
  for (const line of text.split('\n')) {
    const end = line.indexOf(separator);
    if (end > 0) table.set(line.slice(0, end), line.slice(end + 1));
  }
  return table;
}

let segmentTable: Table | undefined;
let datatypeTable: Table | undefined;
const read = new Map<string, Fields>();

/** Reads one field's variants up to version `v`: `2XPN*!:0200:Patient Name|7WD`. */
function variantFor(text: string, v: number): FieldDefinition | undefined {
  let found: FieldDefinition | undefined;
  let name = '';
  for (const variant of text.split('|')) {
    if (variant === '' || Number.parseInt(variant.charAt(0), 36) > v) break;
    const [head = '', table = '', named] = variant.slice(1).split(':');
    if (head === '-') {
      found = undefined;
      continue;
    }
    name = named ?? name;
    const type = head.replace(/[*!]/g, '');
    const withdrawn = type === 'WD';
    found = {
      type: withdrawn ? (found?.type ?? 'ST') : type,
      name,
      repeats: withdrawn ? (found?.repeats ?? false) : head.includes('*'),
      required: head.includes('!'),
      ...(table === '' ? {} : { table }),
      ...(withdrawn ? { withdrawn } : {}),
    };
  }
  return found;
}

function fieldsOf(kind: 'segment' | 'datatype', id: string, version: string): Fields {
  const v = versionIndex(version);
  const key = `${kind}${v}${id}`;
  const known = read.get(key);
  if (known !== undefined) return known;
  if (kind === 'segment') segmentTable ??= byFirstWord(SEGMENTS, '\t');
  else datatypeTable ??= byFirstWord(DATATYPES, '\t');
  const line = (kind === 'segment' ? segmentTable : datatypeTable)?.get(id);
  const all = line?.split('\t').map((each) => variantFor(each, v)) ?? [];
  while (all.length > 0 && all.at(-1) === undefined) all.pop();
  read.set(key, all);
  return all;
}

/** Returns what `version` (nearest, see nearestVersion) says of field `n` (1-based) of `segment`; undefined when it has none. */
export const fieldOf = (version: string, segment: string, n: number): FieldDefinition | undefined =>
  fieldsOf('segment', segment, version)[n - 1];

/** Returns how many fields `segment` has in `version`; 0 when the version does not know the segment (a Z-segment, for one). */
export const fieldCountOf = (version: string, segment: string): number => fieldsOf('segment', segment, version).length;

/** Returns the components of `datatype` in order; empty for primitive types (and for types the version does not know). */
export const componentsOf = (version: string, datatype: string): readonly FieldDefinition[] =>
  fieldsOf('datatype', datatype, version).map((each) => each ?? { type: 'ST', name: '', repeats: false, required: false });

/** Returns true when some version defines `segment`. */
export function isSegment(segment: string): boolean {
  segmentTable ??= byFirstWord(SEGMENTS, '\t');
  return segmentTable.has(segment);
}
