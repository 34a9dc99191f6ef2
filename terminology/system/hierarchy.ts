import { GrowingNumbers } from '../growing.ts';

/** Lists per row: entries offsets[r] to offsets[r + 1] of `values`. */
export interface Lists {
  readonly offsets: Uint32Array;
  readonly values: Uint32Array;
}

/** Returns, for each of `count` keys, the values that stand beside it in `keys` and `values`, in their order. */
export function listsOf(count: number, keys: Uint32Array, values: Uint32Array): Lists {
  const offsets = new Uint32Array(count + 1);
  for (const key of keys) offsets[key + 1] = (offsets[key + 1] ?? 0) + 1;
  for (let i = 0; i < count; i += 1) offsets[i + 1] = (offsets[i + 1] ?? 0) + (offsets[i] ?? 0);
  const next = offsets.slice();
  const sorted = new Uint32Array(values.length);
  keys.forEach((key, i) => {
    const place = next[key] ?? 0;
    sorted[place] = values[i] ?? 0;
    next[key] = place + 1;
  });
  return { offsets, values: sorted };
}

/** A walk that found a way back to where it came from: the concepts on the circle. */
export class CircleFound extends Error {
  readonly circle: readonly number[];
  constructor(circle: readonly number[]) {
    super('a circle');
    this.circle = circle;
  }
}

/**
 * Returns all rows in depth-first pre-order from the roots (no parent, some child); rows without any hierarchy come last, in their order.
 * Throws CircleFound when a row is its own ancestor.
 */
export function preOrder(count: number, parents: Lists, children: Lists): Uint32Array {
  const order = new Uint32Array(count);
  const state = new Uint8Array(count);
  let next = 0;
  const degree = (lists: Lists, row: number): number => (lists.offsets[row + 1] ?? 0) - (lists.offsets[row] ?? 0);
  for (let root = 0; root < count; root += 1) {
    if (degree(parents, root) === 0 && degree(children, root) > 0) next = visit(root, children, state, order, next);
  }
  for (let row = 0; row < count; row += 1) {
    if (state[row] !== 0) continue;
    // Every row with parents that no root reaches hangs below a circle.
    if (degree(children, row) > 0 || degree(parents, row) > 0) next = visit(row, children, state, order, next);
    else {
      order[next] = row;
      next += 1;
    }
  }
  return order;
}

const OPEN = 1;
const CLOSED = 2;

function visit(root: number, children: Lists, state: Uint8Array, order: Uint32Array, start: number): number {
  let next = start;
  const trail = [root];
  const places = [children.offsets[root] ?? 0];
  state[root] = OPEN;
  order[next++] = root;
  while (trail.length > 0) {
    const row = trail.at(-1) ?? 0;
    const place = places.at(-1) ?? 0;
    if (place === children.offsets[row + 1]) {
      state[row] = CLOSED;
      trail.pop();
      places.pop();
      continue;
    }
    places[places.length - 1] = place + 1;
    const child = children.values[place] ?? 0;
    if (state[child] === OPEN) throw new CircleFound([...trail.slice(trail.indexOf(child)), child]);
    if (state[child] === CLOSED) continue;
    state[child] = OPEN;
    order[next++] = child;
    trail.push(child);
    places.push(children.offsets[child] ?? 0);
  }
  return next;
}

export interface Closure {
  readonly offsets: Uint32Array;
  readonly bounds: Uint32Array;
  /** Pairs of ancestor and descendant, self not counted. */
  readonly pairs: number;
}

/** Returns each row's descendants and itself as intervals; rows must be in pre-order. A row without children has no interval. */
export function closureOf(count: number, children: Lists): Closure {
  const own = new Array<Uint32Array | undefined>(count);
  const done = new Uint8Array(count);
  let pairs = 0;
  const complete = (row: number): void => {
    const intervals: (readonly [number, number])[] = [[row, row + 1]];
    const end = children.offsets[row + 1] ?? 0;
    for (let i = children.offsets[row] ?? 0; i < end; i += 1) {
      const child = children.values[i] ?? 0;
      const list = own[child];
      if (list === undefined) intervals.push([child, child + 1]);
      else for (let j = 0; j < list.length; j += 2) intervals.push([list[j] ?? 0, list[j + 1] ?? 0]);
    }
    const merged = merge(intervals);
    for (let j = 0; j < merged.length; j += 2) pairs += (merged[j + 1] ?? 0) - (merged[j] ?? 0);
    pairs -= 1;
    own[row] = merged;
  };
  const hasChildren = (row: number): boolean => children.offsets[row] !== children.offsets[row + 1];
  for (let root = 0; root < count; root += 1) {
    if (done[root] === 1 || !hasChildren(root)) continue;
    const trail = [root];
    const places = [children.offsets[root] ?? 0];
    while (trail.length > 0) {
      const row = trail.at(-1) ?? 0;
      const place = places.at(-1) ?? 0;
      if (place === children.offsets[row + 1]) {
        complete(row);
        done[row] = 1;
        trail.pop();
        places.pop();
        continue;
      }
      places[places.length - 1] = place + 1;
      const child = children.values[place] ?? 0;
      if (done[child] === 1 || !hasChildren(child)) continue;
      trail.push(child);
      places.push(children.offsets[child] ?? 0);
    }
  }
  const offsets = new Uint32Array(count + 1);
  const bounds = new GrowingNumbers();
  for (let row = 0; row < count; row += 1) {
    for (const bound of own[row] ?? []) bounds.push(bound);
    offsets[row + 1] = bounds.length;
  }
  return { offsets, bounds: bounds.view().slice(), pairs };
}

function merge(intervals: (readonly [number, number])[]): Uint32Array {
  intervals.sort((a, b) => a[0] - b[0]);
  const bounds: number[] = [];
  for (const [from, to] of intervals) {
    const last = bounds.at(-1);
    if (last === undefined || from > last) bounds.push(from, to);
    else if (to > last) bounds[bounds.length - 1] = to;
  }
  return Uint32Array.from(bounds);
}
