import type { JsonObject } from '../provider.ts';
import { codeSystemOf } from './code-system.ts';

/** Returns the codes of a circle in the hierarchy of a CodeSystem resource, each below the next and the last below the first; undefined: there is none. */
export function circleIn(codeSystem: JsonObject): readonly string[] | undefined {
  const system = codeSystemOf(codeSystem);
  /** 1: on the way that is being walked, 2: known to lead into no circle. */
  const state = new Uint8Array(system.total);
  for (let start = 0; start < system.total; start += 1) {
    if (state[start] !== 0) continue;
    const way: { readonly row: number; readonly parents: readonly number[]; next: number }[] = [];
    const enter = (row: number): void => {
      state[row] = 1;
      way.push({ row, parents: system.parents(system.conceptAt(row)), next: 0 });
    };
    enter(start);
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const parent = last.parents[last.next];
      last.next += 1;
      if (parent === undefined) {
        state[last.row] = 2;
        way.pop();
      } else if (state[parent] === 1) {
        const from = way.findIndex(({ row }) => row === parent);
        return way.slice(from).map(({ row }) => system.conceptAt(row).code);
      } else if (state[parent] === 0) enter(parent);
    }
  }
  return undefined;
}
