/**
 * Builds the groups of a message from its structure. Real messages leave out required segments and change the order, so the
 * rules are, for each segment in turn, the first that holds:
 *   1. it stands where the structure allows it from the current place onwards, the innermost group first, nothing required skipped; of two
 *      such places the one that is whole with what follows
 *      (but a segment that began an open group begins the next one, rather than a group inside that is hardly ever sent: a second ORC
 *      of an OML is the next order, not a prior result);
 *   2. further on in an open group, or a group there begins with it, and only required segments between are missing;
 *   3. it begins a group that stands further on, inside groups whose first segments are missing (an OBX without OBR);
 *   4. an open group has it earlier: it goes there, and that is reported;
 *   5. an open group has it once already: the nearest group that repeats begins again (an OBR without its ORC is a new order);
 *   6. it stands further on, anywhere inside a group;
 *   7. it goes to the group where it was met, and is reported unless it is a Z-segment.
 * No group that was left is opened again: walking the tree gives every segment once, in the order of the message.
 */
import { type Problem, problem } from '../errors.ts';
import { ByName } from './by-name.ts';
import { type Entry, entryInto, isCompleted } from './entry.ts';
import type { Group, Segment } from './message.ts';
import type { Structure, StructureElement } from './structures.ts';

const NONE: readonly never[] = [];

/** After so many a message has one bad habit, not more to say; everything is placed all the same. */
const MOST_PROBLEMS = 100;

class TreeGroup implements Group {
  readonly name: string;
  readonly index: number;
  readonly parent: Group | undefined;
  readonly children: (Segment | Group)[] = [];
  readonly #segments = new ByName<Segment>();
  readonly #groups = new ByName<Group>();

  constructor(name: string, index: number, parent: Group | undefined) {
    this.name = name;
    this.index = index;
    this.parent = parent;
  }

  get path(): string {
    const outer = this.parent?.path ?? '';
    return outer === '' ? this.name : `${outer}.${this.name}`;
  }

  segments(name: string): readonly Segment[] {
    return this.#segments.get(name) ?? NONE;
  }

  groups(name: string): readonly Group[] {
    return this.#groups.get(name) ?? NONE;
  }

  add(segment: Segment): void {
    this.children.push(segment);
    this.#segments.add(segment.name, segment);
  }

  open(name: string): TreeGroup {
    const group = new TreeGroup(name, this.#groups.get(name)?.length ?? 0, this);
    this.children.push(group);
    this.#groups.add(name, group);
    return group;
  }
}

/** An open group: where in its structure it stands. */
interface Frame {
  readonly group: TreeGroup;
  readonly elements: readonly StructureElement[];
  readonly choice: boolean;
  readonly repeats: boolean;
  /** Index of the element last met; -1 before the first. */
  at: number;
}

/** One message's tree while it grows. */
class Builder {
  readonly root = new TreeGroup('', 0, undefined);
  readonly problems: Problem[] = [];
  readonly #structure: Structure;
  readonly #open: Frame[];
  readonly #missing = new Set<string>();
  #last: Segment | undefined;

  constructor(structure: Structure) {
    this.#structure = structure;
    this.#open = [{ group: this.root, elements: structure.children, choice: false, repeats: false, at: -1 }];
  }

  /** `names`: of all segments of the message; the segment is the one at `n`. */
  place(segment: Segment, names: readonly string[], n: number): void {
    this.#last = segment;
    if (segment.name.startsWith('Z')) this.#innermost().group.add(segment);
    else {
      const placed =
        this.#inOrder(segment, names, n) ||
        this.#elsewhere(segment, true) ||
        this.#further(segment, true) ||
        this.#elsewhere(segment, false) ||
        this.#again(segment) ||
        this.#further(segment, false);
      if (placed) return;
      this.#innermost().group.add(segment);
      this.#report('hl7v2-segment-unexpected', segment);
    }
  }

  #innermost(): Frame {
    return this.#open.at(-1) ?? { group: this.root, elements: NONE, choice: false, repeats: false, at: -1 };
  }

  /** Rule 1. */
  #inOrder(segment: Segment, names: readonly string[], place: number): boolean {
    let halfway: { depth: number; n: number; entry: Entry } | undefined;
    for (let depth = this.#open.length - 1; depth >= 0; depth -= 1) {
      const frame = this.#open[depth];
      if (frame === undefined || (frame.choice && frame.at >= 0)) continue;
      for (let n = Math.max(frame.at, 0); n < frame.elements.length; n += 1) {
        const element = frame.elements[n];
        if (element === undefined || (n === frame.at && !element.repeats)) continue;
        const entry = entryInto(element, segment.name);
        if (entry && entry.missing.length === 0) {
          if (n > frame.at && entry.path.some((each) => each > 0) && this.#beganOpenGroup(segment.name)) return this.#again(segment);
          const isWhole = !element.optional || entry.path.length !== 1 || isCompleted(element, names, place);
          if (isWhole) return this.#enter(segment, depth, n, entry, true);
          halfway ??= { depth, n, entry };
        }
        if (!element.optional && n !== frame.at && !frame.choice) break;
      }
    }
    return halfway !== undefined && this.#enter(segment, halfway.depth, halfway.n, halfway.entry, true);
  }

  /** True when an open group inside a repeating one has `name` as its first segment. */
  #beganOpenGroup(name: string): boolean {
    let repeats = false;
    return this.#open.some((frame) => {
      repeats ||= frame.repeats;
      const first = frame.group.children[0];
      return repeats && first !== undefined && 'text' in first && first.name === name;
    });
  }

  /** Rule 2 (onwards) and rule 4 (back). */
  #elsewhere(segment: Segment, onwards: boolean): boolean {
    for (let depth = this.#open.length - 1; depth >= 0; depth -= 1) {
      const frame = this.#open[depth];
      for (const [n, element] of (frame?.elements ?? NONE).entries()) {
        const entry = entryInto(element, segment.name);
        if (frame === undefined || entry === undefined || entry.missing.length > 0 || n > frame.at !== onwards) continue;
        if (!element.repeats && this.#has(frame, element)) continue;
        if (onwards) this.#reportMissing(this.#requiredBetween(frame, n), segment, frame.group);
        this.#enter(segment, depth, n, entry, false);
        if (!onwards) this.#report('hl7v2-segment-order', segment);
        return true;
      }
    }
    return false;
  }

  /** Rule 5. */
  #again(segment: Segment): boolean {
    for (let depth = this.#open.length - 1; depth >= 0; depth -= 1) {
      const own = this.#open[depth];
      if (!own?.elements.some((each) => each.segments?.includes(segment.name))) continue;
      for (let outer = depth; outer > 0; outer -= 1) {
        const parent = this.#open[outer - 1];
        const element = parent?.elements[parent.at];
        const entry = element && entryInto(element, segment.name);
        if (parent === undefined || !element?.repeats || entry === undefined) continue;
        this.#enter(segment, outer - 1, parent.at, entry, true);
        this.#reportMissing(entry.missing, segment, this.#innermost().group);
        return true;
      }
      this.#close(depth + 1, segment);
      own.group.add(segment);
      this.#report('hl7v2-segment-unexpected', segment);
      return true;
    }
    return false;
  }

  /** Rule 3 (only where the segment begins its group) and rule 6. */
  #further(segment: Segment, begins: boolean): boolean {
    for (let depth = this.#open.length - 1; depth >= 0; depth -= 1) {
      const frame = this.#open[depth];
      if (frame === undefined || frame.choice) continue;
      let best: { n: number; entry: Entry } | undefined;
      for (let n = frame.at + 1; n < frame.elements.length; n += 1) {
        const element = frame.elements[n];
        const entry = element && entryInto(element, segment.name);
        if (entry === undefined || (begins && entry.path.at(-1) !== 0)) continue;
        if (best === undefined || entry.missing.length < best.entry.missing.length) best = { n, entry };
      }
      if (best === undefined) continue;
      const missing = [...this.#requiredBetween(frame, best.n), ...best.entry.missing];
      this.#reportMissing(missing, segment, frame.group);
      return this.#enter(segment, depth, best.n, best.entry, true);
    }
    return false;
  }

  /** Closes what is deeper than `depth`, opens groups along `entry`, and puts the segment there. Always true. */
  #enter(segment: Segment, depth: number, n: number, entry: Entry, moves: boolean): boolean {
    this.#close(depth + 1, segment);
    let frame = this.#innermost();
    let at = n;
    let element = frame.elements[at];
    if (moves) frame.at = at;
    for (const next of entry.path) {
      if (element?.children === undefined) break;
      const { children, choice = false, name, repeats } = element;
      frame = { group: frame.group.open(name), elements: children, choice, repeats, at: next };
      this.#open.push(frame);
      at = next;
      element = children[at];
    }
    frame.group.add(segment);
    return true;
  }

  /** Closes the groups from `depth` on and reports what they still require; `next` is the segment that closes them, undefined at the end. */
  #close(depth: number, next: Segment | undefined): void {
    for (const frame of this.#open.splice(depth)) {
      if (!frame.choice) this.#reportMissing(this.#requiredBetween(frame, frame.elements.length), next, frame.group);
    }
  }

  /** Closes everything at the end of the message. */
  end(): void {
    this.#close(0, undefined);
  }

  #has(frame: Frame, element: StructureElement): boolean {
    return element.segments
      ? element.segments.some((name) => frame.group.segments(name).length > 0)
      : frame.group.groups(element.name).length > 0;
  }

  #requiredBetween(frame: Frame, end: number): readonly string[] {
    return frame.elements
      .slice(frame.at + 1, end)
      .filter((each) => !each.optional && !this.#has(frame, each))
      .map((each) => each.name);
  }

  #report(code: 'hl7v2-segment-unexpected' | 'hl7v2-segment-order', segment: Segment): void {
    if (this.problems.length >= MOST_PROBLEMS) return;
    const group = this.#innermost().group.path || 'the message';
    const values = { segment: segment.name, structure: this.#structure.id, group };
    this.problems.push(problem(code, values, `${segment.name}[${segment.occurrence}]`));
  }

  #reportMissing(missing: readonly string[], next: Segment | undefined, group: Group): void {
    for (const name of missing) {
      const where = group.path || 'the message';
      if (this.#missing.has(`${name} ${where}`) || this.problems.length >= MOST_PROBLEMS) continue; // once per kind is enough
      this.#missing.add(`${name} ${where}`);
      const values = { segment: name, before: next?.name ?? 'the end', structure: this.#structure.id, group: where };
      const at = next ?? this.#last;
      this.problems.push(problem('hl7v2-segment-missing', values, at && `${at.name}[${at.occurrence}]`));
    }
  }
}

/**
 * Returns the root group over `segments`, and what the structure did not expect. Without a structure all segments stand in the root.
 */
export function buildTree(segments: readonly Segment[], structure: Structure | undefined): { root: Group; problems: readonly Problem[] } {
  const builder = new Builder(structure ?? { id: '', version: '', children: NONE });
  const names = segments.map(({ name }) => name);
  for (const [n, segment] of segments.entries()) {
    if (structure === undefined) builder.root.add(segment);
    else builder.place(segment, names, n);
  }
  if (structure !== undefined) builder.end();
  return builder;
}
