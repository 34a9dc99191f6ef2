/** What the words of mappings mean, for people. */

export const EQUIVALENCES = ['EQUAL', 'EQUIVALENT', 'WIDER', 'NARROWER', 'INEXACT', 'UNMATCHED'] as const;
export type Equivalence = (typeof EQUIVALENCES)[number];
export const EQUIVALENCE_WORDS: Readonly<Record<Equivalence, string>> = {
  EQUAL: 'equal: the very same',
  EQUIVALENT: 'equivalent: the same meaning',
  WIDER: 'wider: the concept means more',
  NARROWER: 'narrower: the concept means less',
  INEXACT: 'inexact: they overlap',
  UNMATCHED: 'unmatched: there is no concept',
};

export const TYPES = ['MAPS_TO', 'MAPS_TO_VALUE'] as const;
export const TYPE_WORDS: Readonly<Record<(typeof TYPES)[number], string>> = {
  MAPS_TO: 'maps to',
  MAPS_TO_VALUE: 'maps to value',
};

const WHY: Readonly<Record<string, string>> = {
  'unknown-system': 'no loaded code system is its own',
  unknown: 'its code system has no such code',
  'no-standard': 'its code maps to no standard concept',
  'no-row': 'a table of a map has no row for it',
};

export const whyText = (why: readonly string[]): string => why.map((each) => WHY[each] ?? each).join('; ');
