/** How a segment is reached from the beginning of a group, and whether what follows makes the group whole. */
import type { StructureElement } from './structures.ts';

const NONE: readonly never[] = [];

/** How to reach a segment inside a group from its beginning: indexes of elements down to it, and what required is skipped. */
export interface Entry {
  readonly path: readonly number[];
  readonly missing: readonly string[];
}

const entries = new WeakMap<readonly StructureElement[], Map<string, Entry | undefined>>();

/** Cheapest way to `name` from the beginning of `elements`; undefined when it is not inside. Kept per structure and name. */
function entryOf(elements: readonly StructureElement[], choice: boolean, name: string): Entry | undefined {
  let known = entries.get(elements);
  if (known === undefined) {
    known = new Map();
    entries.set(elements, known);
  }
  const found = known.get(name);
  if (found !== undefined || known.has(name)) return found;
  let best: Entry | undefined;
  let skipped: readonly string[] = NONE;
  for (const [n, element] of elements.entries()) {
    const inner = entryInto(element, name);
    if (inner && (best === undefined || skipped.length + inner.missing.length < best.missing.length)) {
      best = { path: [n, ...inner.path], missing: [...skipped, ...inner.missing] };
    }
    if (!choice && !element.optional) skipped = [...skipped, element.name];
  }
  if (best !== undefined || known.size < 200) known.set(name, best); // names that senders invent must not fill the memory
  return best;
}

/** Returns the cheapest way to `name` through one element; undefined when it is not inside. */
export function entryInto(element: StructureElement, name: string): Entry | undefined {
  if (element.segments) return element.segments.includes(name) ? { path: NONE, missing: NONE } : undefined;
  return element.children ? entryOf(element.children, element.choice === true, name) : undefined;
}

const halves = new WeakMap<StructureElement, boolean>();

/** True when a group requires a segment beyond its first: only then can it stay half. */
function canBeHalf(group: StructureElement): boolean {
  let known = halves.get(group);
  if (known === undefined) {
    known = group.choice !== true && (group.children ?? NONE).slice(1).some((each) => !each.optional && each.segments !== undefined);
    halves.set(group, known);
  }
  return known;
}

/** So many segments ahead decide; longer groups are taken as whole. */
const LOOKED_AHEAD = 100;

/**
 * True when the segments after `names[place]`, which begins the group, complete it: each that it requires comes before one that it does not
 * have. Needed where a segment begins two groups that may stand here: an OBX after ORC begins a document only where a TXA comes (OUL_R22 of 2.8).
 */
export function isCompleted(group: StructureElement, names: readonly string[], place: number): boolean {
  if (!canBeHalf(group)) return true;
  const elements = group.children ?? NONE;
  const first = elements.findIndex((each) => each.segments?.includes(names[place] ?? ''));
  let next = place + 1;
  for (const element of elements.slice(first + 1)) {
    const isNext = (): boolean => entryInto(element, names[next] ?? '') !== undefined;
    if (element.segments === undefined && !element.optional) return true; // a required group inside is not looked into
    if (!element.optional && !isNext()) return false;
    while (isNext()) {
      next += 1;
      if (next - place > LOOKED_AHEAD) return true;
    }
  }
  return true;
}
