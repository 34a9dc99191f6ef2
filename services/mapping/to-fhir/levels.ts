/**
 * The loops of a message: one level per repeating group, segment or field that some resource is made for, nested as the message structure
 * nests. A segment is looked for in the group of the level, then in its non-repeating subgroups, then further out.
 */
import type { StructureElement } from '../../hl7v2/structures.ts';
import type { ScopeFault } from '../expression/scope.ts';
import { EVERY } from '../expression/tree.ts';
import type { Build } from './build.ts';

/** Statements; some can be written only when all names are known. */
export type Step = string | (() => string);

export interface Level {
  readonly parent: Level | undefined;
  /** JavaScript before and after what happens for each; the root has none. */
  readonly open: string;
  readonly group: GroupAt;
  /** A level over segments: that segment, already bound. */
  readonly segment: { readonly name: string; readonly js: string } | undefined;
  /** A level over values of a field. */
  readonly current: { readonly js: string; readonly datatype: string } | undefined;
  readonly declarations: string[];
  readonly children: Map<string, Level>;
  /** For messages: 'PATIENT_RESULT.ORDER_OBSERVATION'. */
  readonly path: string;
  /** Statements: ids first, then resources, then inner levels, then resources that refer to those made inside. */
  readonly steps: { readonly keys: string[]; readonly before: Step[]; readonly after: Step[] };
}

/** Where something is made: a level, the group it is made for (the level's own or a non-repeating one in it), and what must hold. */
export interface Spot {
  readonly level: Level;
  readonly group: GroupAt;
  readonly guard: string | undefined;
}

export interface FoundSegment {
  readonly js: string;
  readonly many: boolean;
}

interface GroupAt {
  readonly js: string;
  readonly children: readonly StructureElement[];
  readonly path: string;
}

export class Levels {
  readonly root: Level;
  readonly #build: Build;
  readonly #bound = new Map<string, string>();
  /** Segment names of all structures of the map: what is missing in this one is only absent. */
  readonly #known: ReadonlySet<string>;

  constructor(build: Build, children: readonly StructureElement[], known: ReadonlySet<string>) {
    this.#build = build;
    this.#known = known;
    this.root = level(undefined, '', { js: 'root', children, path: '' }, '');
  }

  /** Returns the spot for `each` ('PATIENT_RESULT.PATIENT', 'AL1', '…OBSERVATION.NTE') inside `from`; undefined when this structure has none. */
  at(each: string, from: Spot): Spot | undefined {
    let here = from.level;
    let { group } = from;
    for (const name of each.split('.')) {
      this.#build.asked.place(name);
      const found = elementIn(group.children, name);
      if (found === undefined) return undefined;
      if (found.element.children === undefined) {
        const inner = this.#segmentLevel(here, group, name);
        return { level: inner, group, guard: undefined };
      }
      if (found.element.repeats) {
        here = this.#groupLevel(here, group, found.element, name);
        group = here.group;
      } else {
        group = this.#bindGroup(here, group, found.element, name);
      }
    }
    // A group that does not repeat makes no loop, but what is made for it needs it there.
    return { level: here, group, guard: group === here.group ? undefined : `${group.js} !== undefined` };
  }

  /**
   * As `at`, for a path that begins with a group which does not stand in that of `from`: it is looked for outwards, as segments are. A segment
   * alone is not: a note of the patient is no note of a result.
   */
  beside(each: string, from: Spot): Spot | undefined {
    const [first = ''] = each.split('.');
    for (let here: Level | undefined = from.level; here !== undefined; here = here.parent)
      if (elementIn(here.group.children, first)?.element.children !== undefined)
        return this.at(each, { level: from.level, group: here.group, guard: undefined });
    return undefined;
  }

  #groupLevel(here: Level, group: GroupAt, element: StructureElement, name: string): Level {
    const path = join(group.path, name);
    return this.#child(here, path, () => {
      const js = this.#build.fresh('g');
      return {
        open: `for (const ${js} of R.groups(${group.js}, ${JSON.stringify(name)})) {`,
        group: { js, children: element.children ?? [], path },
      };
    });
  }

  #segmentLevel(here: Level, group: GroupAt, name: string): Level {
    return this.#child(here, `${join(group.path, name)}-`, () => {
      const js = this.#build.fresh('s');
      return { open: `for (const ${js} of R.segments(${group.js}, ${JSON.stringify(name)}, X)) {`, group, segment: { name, js } };
    });
  }

  /** A level for each value of a field. */
  valueSpot(from: Spot, list: string, datatype: string): Spot {
    const js = this.#build.fresh('p');
    const here = from.level;
    const made = level(here, `for (const ${js} of ${list}) {`, here.group, here.path, here.segment, { js, datatype });
    here.children.set(js, made);
    return { level: made, group: from.group, guard: undefined };
  }

  #child(here: Level, key: string, make: () => { open: string; group: GroupAt; segment?: { name: string; js: string } }): Level {
    const known = here.children.get(key);
    if (known !== undefined) return known;
    const { open, group, segment } = make();
    const made = level(here, open, group, group.path, segment);
    here.children.set(key, made);
    return made;
  }

  #bindGroup(from: Level, group: GroupAt, element: StructureElement, name: string): GroupAt {
    const here = outermost(from);
    const path = join(group.path, name);
    const key = `${path}@${here.open}`;
    let js = this.#bound.get(key);
    if (js === undefined) {
      js = this.#build.fresh('g');
      here.declarations.push(`const ${js} = R.groups(${group.js}, ${JSON.stringify(name)})[0];`);
      this.#bound.set(key, js);
    }
    return { js, children: element.children ?? [], path };
  }

  /** Returns JavaScript of the segment that a rule at `from` means. */
  segment(name: string, occurrence: number | undefined, from: Spot): FoundSegment | ScopeFault {
    this.#build.asked.place(name);
    if (occurrence === EVERY) return this.#everySegment(name, from);
    // A loop over segments of a group inside the level's own: the loop's segment is meant, not all of them.
    if (from.level.segment?.name === name && occurrence === undefined) return { js: from.level.segment.js, many: false };
    const own = from.group === from.level.group ? undefined : this.#inGroup(from.level, from.group, name, occurrence);
    if (own !== undefined) return own;
    for (let here: Level | undefined = from.level; here !== undefined; here = here.parent) {
      if (here.segment?.name === name && occurrence === undefined) return { js: here.segment.js, many: false };
      const found = this.#inGroup(here, here.group, name, occurrence);
      if (found !== undefined) return found;
    }
    if (this.#known.has(name) || /^Z/.test(name)) return { js: 'undefined', many: false };
    return { code: 'unknown-segment', values: { name } };
  }

  /** All segments of a name in the nearest group around `from` that can have some. */
  #everySegment(name: string, from: Spot): FoundSegment | ScopeFault {
    const groups = [from.group];
    for (let here: Level | undefined = from.level; here !== undefined; here = here.parent) groups.push(here.group);
    const found = groups.find((group) => group.children.some((each) => holdsDeep(each, name)));
    if (found !== undefined) return { js: `R.everySegment(${found.js}, ${JSON.stringify(name)}, X)`, many: true };
    return this.#known.has(name) || /^Z/.test(name) ? { js: '[]', many: true } : { code: 'unknown-segment', values: { name } };
  }

  #inGroup(here: Level, group: GroupAt, name: string, occurrence: number | undefined): FoundSegment | undefined {
    const there = elementIn(group.children, name)?.element;
    if (there !== undefined && there.children === undefined) {
      if (there.repeats && occurrence === undefined) return { js: `R.segmentsOf(${group.js}, ${JSON.stringify(name)})`, many: true };
      return { js: this.#bindSegment(here, group, name, occurrence ?? 1), many: false };
    }
    for (const each of group.children) {
      if (each.children === undefined || each.repeats || !holds(each, name)) continue;
      const inner = this.#inGroup(here, this.#bindGroup(here, group, each, each.name), name, occurrence);
      if (inner !== undefined) return inner;
    }
    return undefined;
  }

  #bindSegment(from: Level, group: GroupAt, name: string, occurrence: number): string {
    const here = outermost(from);
    const key = `${group.js} ${name}[${occurrence}]@${here.open}`;
    let js = this.#bound.get(key);
    if (js === undefined) {
      js = this.#build.fresh('s');
      here.declarations.push(`const ${js} = R.segment(${group.js}, ${JSON.stringify(name)}, ${occurrence}, X);`);
      this.#bound.set(key, js);
    }
    return js;
  }
}

function level(
  parent: Level | undefined,
  open: string,
  group: GroupAt,
  path: string,
  segment?: Level['segment'],
  current?: Level['current'],
): Level {
  return { parent, open, group, segment, current, declarations: [], children: new Map(), path, steps: { keys: [], before: [], after: [] } };
}

/** The outermost level that is still inside the same group: what is read there once is read once. */
function outermost(from: Level): Level {
  let here = from;
  while (here.parent !== undefined && here.parent.group === here.group) here = here.parent;
  return here;
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

function elementIn(children: readonly StructureElement[], name: string): { readonly element: StructureElement } | undefined {
  // Where a segment or group stands at two places of one group, the one that repeats is meant.
  const found = children.filter((each) => (each.children === undefined ? each.segments?.includes(name) === true : each.name === name));
  const element = found.find((each) => each.repeats) ?? found[0];
  return element === undefined ? undefined : { element };
}

const holds = (element: StructureElement, name: string): boolean =>
  element.segments?.includes(name) === true || (element.children?.some((each) => !each.repeats && holds(each, name)) ?? false);

const holdsDeep = (element: StructureElement, name: string): boolean =>
  element.segments?.includes(name) === true || (element.children?.some((each) => holdsDeep(each, name)) ?? false);

/** Returns every segment name of a structure. */
export function segmentNames(children: readonly StructureElement[]): ReadonlySet<string> {
  const names = new Set<string>();
  const walk = (list: readonly StructureElement[]): void => {
    for (const each of list) {
      for (const name of each.segments ?? []) names.add(name);
      if (each.children !== undefined) walk(each.children);
    }
  };
  walk(children);
  return names;
}

/** Returns every group and segment path of a structure, for suggestions. */
export function pathsOf(children: readonly StructureElement[]): readonly string[] {
  const paths: string[] = [];
  const walk = (list: readonly StructureElement[], path: string): void => {
    for (const each of list) {
      if (each.children === undefined) for (const name of each.segments ?? []) paths.push(join(path, name));
      else {
        paths.push(join(path, each.name));
        walk(each.children, join(path, each.name));
      }
    }
  };
  walk(children, '');
  return paths;
}
