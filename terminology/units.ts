import { unitForm, withoutCounted } from './unit-form.ts';
import { ucumOf } from './unit-spelling.ts';

/** What unit look-up needs of the vocabulary: rows of UCUM concepts by exact code, and all of their codes once. */
export interface UnitSource {
  find(code: string): number;
  /** Whether the row has a standard concept to stand for it. */
  resolves(row: number): boolean;
  all(): Iterable<readonly [row: number, code: string]>;
}

/**
 * Returns a function from a sender's unit to the row of its UCUM concept, -1 when there is none. Asked in this order: the code as it is; its
 * form (near, then equal); the UCUM that the spelling is known to mean; the same without words that only say what is counted.
 */
export function unitFinder(source: UnitSource): (unit: string) => number {
  const tables = new Map<boolean, ReadonlyMap<string, number>>();
  const byForm = (code: string, near: boolean): number => {
    const form = unitForm(code, near);
    if (form === undefined) return -1;
    const table = tables.get(near) ?? formTable(source, near);
    tables.set(near, table);
    return table.get(form) ?? -1;
  };
  const tries: readonly ((unit: string) => string | undefined)[] = [
    (unit) => unit,
    ucumOf,
    withoutCounted,
    (unit) => {
      const ucum = ucumOf(unit);
      return ucum === undefined ? undefined : withoutCounted(ucum);
    },
  ];
  return (unit) => {
    let known = -1;
    for (const each of tries) {
      const code = each(unit);
      if (code === undefined) continue;
      for (const row of [source.find(code), byForm(code, true), byForm(code, false)]) {
        if (row >= 0 && source.resolves(row)) return row;
        if (known < 0) known = row;
      }
    }
    return known;
  };
}

/** Of units with one form, the first that resolves, with the shortest code: mm3 rather than its cube of a tenth of a centimetre. */
function formTable(source: UnitSource, near: boolean): ReadonlyMap<string, number> {
  const forms = new Map<string, { row: number; code: string }>();
  for (const [row, code] of source.all()) {
    if (!source.resolves(row)) continue;
    const form = unitForm(code, near);
    if (form === undefined) continue;
    const other = forms.get(form);
    if (other === undefined || code.length < other.code.length || (code.length === other.code.length && code < other.code))
      forms.set(form, { row, code });
  }
  return new Map([...forms].map(([form, { row }]) => [form, row]));
}
