import type { JsonObject } from '../resource.ts';
import { has, type Invariant, objectsAt, textAt } from './invariant.ts';

/** Codes that are named; of more their number. */
const MOST_SAID = 3;
const LONGEST = 60;

/** Returns the codes that stand more than once among all concepts, however deep, each with where it stands again. */
function codesTwice(codeSystem: JsonObject): readonly string[] {
  const seen = new Set<string>();
  const twice: string[] = [];
  const open: { readonly list: readonly JsonObject[]; readonly path: string }[] = [
    { list: objectsAt(codeSystem, 'concept'), path: 'concept' },
  ];
  for (const next of open) {
    for (const [i, concept] of next.list.entries()) {
      const code = textAt(concept, 'code');
      const path = `${next.path}[${i}]`;
      if (code !== '' && seen.has(code)) twice.push(`${code.slice(0, LONGEST)} (${path})`);
      seen.add(code);
      const below = objectsAt(concept, 'concept');
      if (below.length > 0) open.push({ list: below, path: `${path}.concept` });
    }
  }
  return twice;
}

const parts = (compose: JsonObject): readonly JsonObject[] => [...objectsAt(compose, 'include'), ...objectsAt(compose, 'exclude')];

/**
 * Of what the terminology operations answer from (http://hl7.org/fhir/R4/codesystem.html#invs, valueset.html#invs, conceptmap.html#invs): rules
 * without which an answer would have to guess. That a map comments on what is narrower or inexact (cmd-1) is not asked: many published ones do not.
 */
export const TERMINOLOGY_INVARIANTS: readonly (readonly [string, readonly Invariant[]])[] = [
  [
    'CodeSystem',
    [
      {
        key: 'csd-1',
        rule: 'every code stands once',
        holds: (it) => codesTwice(it).length === 0,
        says: (it) => {
          const twice = codesTwice(it);
          const more = twice.length > MOST_SAID ? ` and ${twice.length - MOST_SAID} more` : '';
          return `every code stands once; again stand ${twice.slice(0, MOST_SAID).join(', ')}${more}`;
        },
      },
    ],
  ],
  [
    'ValueSet.compose',
    [
      {
        key: 'vsd-1',
        rule: 'what is included or excluded has a system or a value set',
        holds: (it) => parts(it).every((each) => has(each, 'system') || has(each, 'valueSet')),
      },
      {
        key: 'vsd-2',
        rule: 'concepts and filters need a system',
        holds: (it) => parts(it).every((each) => has(each, 'system') || !(has(each, 'concept') || has(each, 'filter'))),
      },
      {
        key: 'vsd-3',
        rule: 'concepts or filters, not both',
        holds: (it) => parts(it).every((each) => !(has(each, 'concept') && has(each, 'filter'))),
      },
    ],
  ],
  [
    'ConceptMap.group.unmapped',
    [
      { key: 'cmd-2', rule: 'fixed needs a code', holds: (it) => it['mode'] !== 'fixed' || has(it, 'code') },
      { key: 'cmd-3', rule: 'other-map needs the url of the map', holds: (it) => it['mode'] !== 'other-map' || has(it, 'url') },
    ],
  ],
];
