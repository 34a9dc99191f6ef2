import type { Filter } from '../provider.ts';
import { REF, refIndex, refKind } from './arrays.ts';
import type { CodeSystem } from './code-system.ts';
import { RowSet } from './rows.ts';

/** CLASSTYPE may be said by its number or in words (http://hl7.org/fhir/R4/loinc.html#props). */
const CLASS_TYPES: Readonly<Record<string, string>> = {
  'laboratory class': '1',
  'clinical class': '2',
  'claims attachments': '3',
  surveys: '4',
};

/** Returns the filter with a value as the release writes it. */
export function loincFilter(filter: Filter): Filter {
  const number = filter.property === 'CLASSTYPE' ? CLASS_TYPES[filter.value.toLowerCase()] : undefined;
  return number === undefined ? filter : { ...filter, value: number };
}

/** Returns the answers of the lists that belong to a code, or to a list itself: what `answers-for` selects. */
export function answersFor(system: CodeSystem, code: string, row: number): RowSet {
  const { arrays, manifest } = system;
  const kindOf = (name: string): number => manifest.properties.findIndex((each) => each.code === name);
  const [linked, listed] = [kindOf('answer-list'), kindOf('LIST')];
  const found = new RowSet(system.total);
  if (row < 0) return found;
  const targets = (from: number, kind: number): readonly number[] => {
    const rows: number[] = [];
    for (let edge = arrays['edge-offset'][from] ?? 0; edge < (arrays['edge-offset'][from + 1] ?? 0); edge += 1) {
      const ref = arrays['edge-target'][edge] ?? 0;
      if (arrays['edge-kind'][edge] === kind && refKind(ref) === REF.row) rows.push(refIndex(ref));
    }
    return rows;
  };
  const lists = new Set(code.startsWith('LL') ? [row] : targets(row, linked));
  for (let each = 0; lists.size > 0 && each < system.total; each += 1) {
    if (targets(each, listed).some((list) => lists.has(list))) found.add(each);
  }
  return found;
}
