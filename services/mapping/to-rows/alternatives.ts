/** What lists of alternatives in row maps ask for when they run. */

/** Returns `value`; where it is one, `note` (the number of the alternative that it came from) is counted in `run`. */
export function taken(value: unknown, note: number, run: { readonly taken: number[] }): unknown {
  if (value !== undefined && value !== null) run.taken.push(note);
  return value;
}

/** Returns the list; undefined for an empty one, which is no value: the next alternative is asked. */
export const some = (list: readonly unknown[]): readonly unknown[] | undefined => (list.length === 0 ? undefined : list);
