/** Message structures (segment groups) of versions 2.1 to 2.8.2, and which structure a message type and event have. */
import { byFirstWord, DEFINED_VERSIONS, versionIndex } from './definitions.ts';
import { BODIES, EVENTS, STRUCTURES } from './structures.generated.ts';

/** A segment, a choice of segments (one name each), or a group, in the order of the standard's abstract message syntax. */
export interface StructureElement {
  /** Segment name or group name without prefix ('PATIENT_RESULT'); of a choice its first segment. */
  readonly name: string;
  readonly optional: boolean;
  readonly repeats: boolean;
  /** Names of the segments that may stand here; undefined for a group. */
  readonly segments?: readonly string[];
  /** The group's elements; undefined for a segment. */
  readonly children?: readonly StructureElement[];
  /** Exactly one of the children stands here. */
  readonly choice?: true;
}

export interface Structure {
  readonly id: string;
  /** The version these definitions are from: the asked one, or the nearest that has this structure. */
  readonly version: string;
  readonly children: readonly StructureElement[];
}

let bodies: readonly string[] | undefined;
let structures: ReadonlyMap<string, string> | undefined;
let events: ReadonlyMap<string, readonly string[]> | undefined;
const read = new Map<string, Structure | undefined>();
const readBodies = new Map<number, readonly StructureElement[]>();

function elementOf(text: string): StructureElement {
  const mark = /[?*+]$/.exec(text)?.[0] ?? '';
  const core = mark === '' ? text : text.slice(0, -1);
  const optional = mark === '?' || mark === '*';
  const repeats = mark === '*' || mark === '+';
  if (core.startsWith('<')) {
    const segments = core.slice(1, -1).split('|');
    return { name: segments[0] ?? '', optional, repeats, segments };
  }
  const [name = '', body] = core.split('=');
  if (body === undefined) return { name, optional, repeats, segments: [name] };
  const { children, choice } = bodyOf(Number(body));
  return { name, optional, repeats, children, ...(choice ? { choice } : {}) };
}

function bodyOf(n: number): { children: readonly StructureElement[]; choice: boolean } {
  bodies ??= BODIES.trim().split('\n');
  const text = bodies[n] ?? '';
  const choice = text.startsWith('|');
  let children = readBodies.get(n);
  if (children === undefined) {
    children = (choice ? text.slice(1) : text).split(' ').map(elementOf);
    readBodies.set(n, children);
  }
  return { children, choice };
}

/** Body of a structure in version index `v`, '' when the version does not have it. */
function bodyIn(line: string, v: number): string {
  let found = '';
  for (const variant of line.split('\t')) {
    if (Number.parseInt(variant.charAt(0), 36) > v) break;
    found = variant.slice(1);
  }
  return found;
}

/** Versions to ask when `v` does not have something: newer ones first, for what is old in them is mostly unchanged. */
const order = (v: number): readonly number[] => [
  ...DEFINED_VERSIONS.keys().filter((each) => each >= v),
  ...[...DEFINED_VERSIONS.keys()].filter((each) => each < v).reverse(),
];

/** Returns the structure `id` ('ORU_R01') as `version` has it, else as the nearest version that has it; undefined when none does. */
export function structureOf(version: string, id: string): Structure | undefined {
  const asked = versionIndex(version);
  const key = `${asked} ${id}`;
  if (read.has(key)) return read.get(key);
  structures ??= byFirstWord(STRUCTURES, '\t');
  const line = structures.get(id);
  let found: Structure | undefined;
  if (line !== undefined) {
    const v = order(asked).find((each) => bodyIn(line, each) !== '');
    if (v !== undefined)
      found = {
        id,
        version: DEFINED_VERSIONS[v] ?? '',
        children: notesOptional(patientsGrouped(bodyIn(line, v).split(' ').map(elementOf))),
      };
    read.set(key, found); // only ids that exist: what senders write must not fill the memory
  }
  return found;
}

/**
 * Messages about two patients (ADT A17, A24, A37) write PID and what belongs to it twice, without a group. Read as they stand, nobody could
 * tell whose PV1 the second one is: the two sets are one group that repeats, as later messages (A40) write it.
 */
function patientsGrouped(children: readonly StructureElement[]): readonly StructureElement[] {
  const first = children.findIndex((each) => each.name === 'PID');
  const second = children.findIndex((each, i) => i > first && each.name === 'PID');
  if (first < 0 || second < 0) return children;
  const patient: StructureElement = { name: 'PATIENT', optional: false, repeats: true, children: children.slice(first, second) };
  return [...children.slice(0, first), patient];
}

/**
 * Messages of drugs (RDS, RGV, RAS) let what belongs to RXO begin with a note that must be there (chapter 4, ORDER_DETAIL_SUPPLEMENT). Who sends no
 * note would have the route of the order (RXR after RXO) read as the route of what is dispensed: the note may be missing.
 */
function notesOptional(children: readonly StructureElement[]): readonly StructureElement[] {
  return children.map((each) => {
    if (each.children === undefined) return each;
    const inner = notesOptional(each.children);
    if (each.name !== 'ORDER_DETAIL_SUPPLEMENT') return { ...each, children: inner };
    return { ...each, children: inner.map((part) => (part.name === 'NTE' ? { ...part, optional: true } : part)) };
  });
}

const derived = new Map<string, string>();

/** Structures that table 0354 lists for an event, by 'ADT A04'. */
function eventTable(): ReadonlyMap<string, readonly string[]> {
  if (events !== undefined) return events;
  const table = new Map<string, string[]>();
  for (const line of EVENTS.trim().split('\n')) {
    const [id = '', ...codes] = line.split(' ');
    for (const code of codes) {
      const key = `${id.slice(0, 3)} ${code}`;
      table.set(key, [...(table.get(key) ?? []), id]);
    }
  }
  events = table;
  return table;
}

/** Before 2.3 each event has a structure of its own; since then table 0354 says which ones share one. */
const FIRST_SHARED = DEFINED_VERSIONS.indexOf('2.3');

/** Structures that stand for a message type when the event is missing or unknown. */
const DEFAULTS: Readonly<Record<string, string>> = {
  ACK: 'ACK',
  ADT: 'ADT_A01',
  ORU: 'ORU_R01',
  ORM: 'ORM_O01',
  VXU: 'VXU_V04',
  MDM: 'MDM_T02',
};

/**
 * Returns the structure id of a message type and event in `version` ('ADT', 'A04', '2.5.1' -> 'ADT_A01'), by
 * table 0354 (https://terminology.hl7.org/CodeSystem-v2-0354.html); 'TYPE_EVENT' when nothing knows it.
 */
export function messageStructure(type: string, event: string, version: string): string {
  const key = `${type}^${event}^${version}`;
  const known = derived.get(key);
  if (known !== undefined) return known;
  const found = findStructure(type, event, version);
  if (derived.size < 2000) derived.set(key, found); // what senders invent must not fill the memory
  return found;
}

function findStructure(type: string, event: string, version: string): string {
  structures ??= byFirstWord(STRUCTURES, '\t');
  const v = versionIndex(version);
  const own = event === '' ? type : `${type}_${event}`;
  const shared = eventTable().get(`${type} ${event}`) ?? [];
  const candidates = v < FIRST_SHARED ? [own, ...shared] : [...shared, own];
  for (const each of order(v)) {
    const there = candidates.find((id) => bodyIn(structures?.get(id) ?? '', each) !== '');
    if (there !== undefined) return there;
  }
  return (type === 'ACK' || event === '' ? DEFAULTS[type] : undefined) ?? own;
}

/** Returns true when `version` itself defines the structure: senders like to write ADT_A08, which only 2.1 and 2.2 have. */
export function isStructure(version: string, id: string): boolean {
  structures ??= byFirstWord(STRUCTURES, '\t');
  return bodyIn(structures.get(id) ?? '', versionIndex(version)) !== '';
}

export interface GroupPath {
  /** 'PATIENT_RESULT.ORDER_OBSERVATION'; '' for the message itself. */
  readonly path: string;
  readonly repeats: boolean;
  readonly optional: boolean;
  /** Names of the segments directly in it. */
  readonly segments: readonly string[];
}

/** Returns every group of a structure, outermost first, with the segments directly in it; empty when the structure is unknown. */
export function groupPaths(version: string, id: string): readonly GroupPath[] {
  const paths: GroupPath[] = [];
  const walk = (children: readonly StructureElement[], path: string, repeats: boolean, optional: boolean): void => {
    paths.push({ path, repeats, optional, segments: [...new Set(children.flatMap((each) => each.segments ?? []))] });
    for (const each of children) {
      if (each.children) walk(each.children, path === '' ? each.name : `${path}.${each.name}`, each.repeats, each.optional);
    }
  };
  const structure = structureOf(version, id);
  if (structure) walk(structure.children, '', false, false);
  return paths;
}
