import { references } from '../../fhir/references.ts';
import type { AskedEntry } from '../../fhir/transaction/transaction.ts';

/** What is stored together or not at all: a bundle, or one resource. */
export interface Unit {
  /** File, and line where there is one. */
  readonly from: string;
  readonly entries: readonly AskedEntry[];
  /** What was read, as JSON, for the journal. */
  readonly content: string;
}

export const keysOf = (unit: Unit): readonly string[] => unit.entries.map(({ type, id }) => `${type}/${id ?? ''}`);

/** 'Patient/1' of all that a unit refers to by type and id. */
export const targetsOf = ({ entries }: Unit): readonly string[] =>
  entries
    .flatMap(({ resource }) => (resource === undefined ? [] : references(resource)))
    .map(({ reference }) => reference.replace(/\/_history\/.*$/, ''));

export const bytesOf = (units: readonly Unit[]): number => units.reduce((sum, { content }) => sum + content.length, 0);

/** What most others refer to, what is referred to most first: who and where, then stays, then what they are about. */
const REFERRED_TO = [
  ...['Organization', 'Location', 'Practitioner', 'PractitionerRole', 'Patient', 'RelatedPerson', 'Medication', 'Device', 'CareTeam'],
  ...['EpisodeOfCare', 'Encounter', 'Condition', 'ServiceRequest', 'MedicationRequest', 'Specimen', 'Procedure'],
];
const rankOf = (type: string): number => (REFERRED_TO.includes(type) ? REFERRED_TO.indexOf(type) : REFERRED_TO.length);

/**
 * Returns files, with their places in the list, in the order to read them: what waits for something it refers to waits in memory, and whole exports
 * begin with what comes first in the alphabet. Files of one type keep their order, for the last version read stays; beside bundles, which may hold
 * anything, all do.
 */
export const inOrderOfTypes = <T extends { readonly type: string }>(
  files: readonly T[],
): readonly (readonly [index: number, file: T])[] => {
  const listed = [...files.entries()];
  return files.some(({ type }) => type === 'Bundle') ? listed : listed.toSorted(([, a], [, b]) => rankOf(a.type) - rankOf(b.type));
};

/**
 * Returns the units in groups, so that a group refers only to itself, to earlier groups and to what none of the units holds; units that
 * refer to each other in a circle (a stay and its diagnosis) are one group. Of several units with the same resource the order is kept.
 */
export function inOrderOfReference(units: readonly Unit[]): readonly (readonly Unit[])[] {
  const edges = edgesOf(units);
  return components(edges).map((each) => each.toSorted((a, b) => a - b).flatMap((index) => units[index] ?? []));
}

/** For each unit the units that must be stored before it, or with it. */
function edgesOf(units: readonly Unit[]): readonly (readonly number[])[] {
  const first = new Map<string, number>();
  const latest = new Map<string, number>();
  const before = units.map((unit, index) =>
    keysOf(unit).flatMap((key) => {
      const earlier = latest.get(key);
      latest.set(key, index);
      if (!first.has(key)) first.set(key, index);
      return earlier ?? [];
    }),
  );
  return units.map((unit, index) => {
    const targets = targetsOf(unit).flatMap((target) => first.get(target) ?? []);
    return [...new Set([...(before[index] ?? []), ...targets])].filter((each) => each !== index);
  });
}

/** Strongly connected components, each after those it points to (R. Tarjan, 1972); without recursion, for chains may be long. */
function components(edges: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const found: number[][] = [];
  const number = new Map<number, number>();
  const low = new Map<number, number>();
  const open: number[] = [];
  const isOpen = new Set<number>();
  const lower = (node: number, value: number) => low.set(node, Math.min(low.get(node) ?? value, value));
  const enter = (node: number) => {
    number.set(node, number.size);
    lower(node, number.size - 1);
    open.push(node);
    isOpen.add(node);
    return { node, next: 0 };
  };
  const leave = (node: number) => {
    if (low.get(node) !== number.get(node)) return;
    const component = open.splice(open.lastIndexOf(node));
    for (const each of component) isOpen.delete(each);
    found.push(component);
  };
  for (const start of edges.keys()) {
    const path = number.has(start) ? [] : [enter(start)];
    for (let here = path.at(-1); here !== undefined; here = path.at(-1)) {
      const target = edges[here.node]?.[here.next];
      here.next += 1;
      if (target === undefined) {
        leave(here.node);
        path.pop();
        const parent = path.at(-1);
        if (parent !== undefined) lower(parent.node, low.get(here.node) ?? 0);
      } else if (!number.has(target)) path.push(enter(target));
      else if (isOpen.has(target)) lower(here.node, number.get(target) ?? 0);
    }
  }
  return found;
}
