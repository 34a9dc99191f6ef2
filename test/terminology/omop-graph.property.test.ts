import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { joined, omopSources } from '../../terminology/sources.ts';
import { OMOP_SYSTEM } from '../../terminology/systems.ts';
import { at, call, codesOf, listAt, parameterOf } from './fhir/call.ts';
import { imageFrom } from './write-release.ts';

/** A release as rows, and what is asked of it answered by scanning them: slow, and simple enough to believe. */
interface Release {
  readonly concepts: readonly Row[];
  /** CONCEPT_ANCESTOR: above, below. */
  readonly ancestors: readonly (readonly [number, number])[];
  readonly relationships: readonly { readonly from: number; readonly to: number; readonly kind: string; readonly isValid: boolean }[];
  readonly synonyms: readonly { readonly of: number; readonly text: string }[];
}
interface Row {
  readonly id: number;
  readonly vocabulary: string;
  readonly code: string;
  readonly name: string;
}

const SYSTEMS: Readonly<Record<string, string>> = {
  RxNorm: 'http://www.nlm.nih.gov/research/umls/rxnorm',
  ATC: 'http://www.whocc.no/atc',
  ICD10CM: 'http://hl7.org/fhir/sid/icd-10-cm',
};
const VOCABULARIES = Object.keys(SYSTEMS);
const KINDS = ['Is a', 'Subsumes', 'Maps to', 'RxNorm has ing', 'Tradename of'];
const WORDS = ['aspirin', 'asp', 'tablet', 'Tab', 'oral', 'é-tablette', '阿司匹林', '5 MG', 'x'];

const words = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 }).map((each) => each.join(' '));
/** Concepts 1 to `size`; a pair of the hierarchy goes from a smaller id to a larger one; what is `gone` was not downloaded. */
const release: fc.Arbitrary<Release> = fc.integer({ min: 2, max: 11 }).chain((size) => {
  const id = fc.integer({ min: 1, max: size });
  return fc
    .record({
      vocabularies: fc.array(fc.constantFrom(...VOCABULARIES), { minLength: size, maxLength: size }),
      names: fc.array(words, { minLength: size, maxLength: size }),
      direct: fc.array(fc.tuple(id, id), { maxLength: 2 * size }),
      selves: fc.array(id, { maxLength: size }),
      gone: fc.array(id, { maxLength: 2 }),
      relationships: fc.array(fc.record({ from: id, to: id, kind: fc.constantFrom(...KINDS), isValid: fc.boolean() }), { maxLength: 12 }),
      synonyms: fc.array(fc.record({ of: id, text: words }), { maxLength: 6 }),
    })
    .map(({ vocabularies, names, direct, selves, gone, relationships, synonyms }) => {
      const all = Array.from({ length: size }, (_, i) => i + 1);
      const pairs = new Set(direct.flatMap(([a, b]) => (a < b ? [`${a} ${b}`] : [])));
      for (const middle of all)
        for (const a of all) for (const b of all) if (pairs.has(`${a} ${middle}`) && pairs.has(`${middle} ${b}`)) pairs.add(`${a} ${b}`);
      const stated = [...pairs].map((each): readonly [number, number] => {
        const [a = 0, b = 0] = each.split(' ').map(Number);
        return [a, b];
      });
      const isHere = (each: number): boolean => !gone.includes(each);
      return {
        concepts: all.filter(isHere).map((each) => ({
          id: each,
          vocabulary: vocabularies[each - 1] ?? '',
          code: `c${each}`,
          name: names[each - 1] ?? '',
        })),
        ancestors: [...stated, ...selves.map((each): readonly [number, number] => [each, each])].filter(([a, b]) => isHere(a) && isHere(b)),
        relationships: relationships.filter(({ from, to }) => isHere(from) && isHere(to)),
        synonyms: synonyms.filter(({ of }) => isHere(of)),
      };
    });
});

const libraryOf = ({ concepts, ancestors, relationships, synonyms }: Release): Library =>
  new Library(
    joined(
      [],
      omopSources(
        imageFrom({
          vocabulary: VOCABULARIES.map((each, i) => [each, each, '', `${each} 2026`, i + 1]),
          concept: concepts.map(({ id, name, vocabulary, code }) => [
            id,
            name,
            'Drug',
            vocabulary,
            'X',
            'S',
            code,
            '1970-01-01',
            '2099-12-31',
            '',
          ]),
          concept_relationship: relationships.map(({ from, to, kind, isValid }) => [
            from,
            to,
            kind,
            '1970-01-01',
            '2099-12-31',
            isValid ? '' : 'D',
          ]),
          concept_synonym: synonyms.map(({ of, text }) => [of, text, 4180186]),
          concept_ancestor: ancestors.map(([a, b]) => [a, b, a === b ? 0 : 1, a === b ? 0 : 1]),
        }),
      ),
    ),
  );

const isStated = ({ ancestors }: Release, above: number, below: number): boolean => ancestors.some(([a, b]) => a === above && b === below);
const isPlaced = ({ ancestors }: Release, id: number): boolean => ancestors.some((pair) => pair.includes(id));
const codes = (library: Library, system: string, filter: Readonly<Record<string, string>>, text?: string): readonly string[] => {
  const asked = { excludeNested: 'true', ...(text === undefined ? {} : { filter: text }) };
  const include = text === undefined ? { system, filter: [filter] } : { system };
  const valueSet = { resourceType: 'ValueSet', status: 'active', compose: { include: [include] } };
  const { status, resource } = call(library, 'ValueSet/$expand', { valueSet, ...asked });
  return status === 200 ? codesOf(resource).toSorted() : [String(status)];
};

describe('the relations of the OMOP tables, against scanning their rows', () => {
  it('$subsumes, by concept ids', () => {
    fc.assert(
      fc.property(release, (rows) => {
        fc.pre(rows.ancestors.length > 0);
        const library = libraryOf(rows);
        for (const { id: a } of rows.concepts)
          for (const { id: b } of rows.concepts) {
            const { status, resource } = call(library, 'CodeSystem/$subsumes', { system: OMOP_SYSTEM, codeA: `${a}`, codeB: `${b}` });
            const told = status === 200 ? parameterOf(resource, 'outcome') : status;
            const expected =
              a === b
                ? 'equivalent'
                : isStated(rows, a, b)
                  ? 'subsumes'
                  : isStated(rows, b, a)
                    ? 'subsumed-by'
                    : isPlaced(rows, a) && isPlaced(rows, b)
                      ? 'not-subsumed'
                      : 422;
            expect([a, b, told]).toEqual([a, b, expected]);
          }
      }),
    );
  });

  it('filters by the hierarchy: ids, and codes of a vocabulary', () => {
    fc.assert(
      fc.property(release, (rows) => {
        const library = libraryOf(rows);
        for (const [system, own, nameOf] of views(rows)) {
          const ids = own.map(({ id }) => id);
          const hasPair = rows.ancestors.some(([a, b]) => a !== b && ids.includes(a) && ids.includes(b));
          if (system === OMOP_SYSTEM ? rows.ancestors.length === 0 : !hasPair) continue;
          for (const each of own) {
            const below = own.filter(({ id }) => id !== each.id && isStated(rows, each.id, id));
            const above = own.filter(({ id }) => id !== each.id && isStated(rows, id, each.id));
            const isLeaf = ({ id }: Row): boolean => !own.some((other) => other.id !== id && isStated(rows, id, other.id));
            const children = below.filter(({ id }) => !below.some((other) => other.id !== id && isStated(rows, other.id, id)));
            const expected: Readonly<Record<string, readonly Row[]>> = {
              'is-a': [each, ...below],
              'descendent-of': below,
              'is-not-a': own.filter((other) => other !== each && !below.includes(other)),
              generalizes: [each, ...above],
              'child-of': children,
              'descendent-leaf': below.filter(isLeaf),
            };
            for (const [op, found] of Object.entries(expected)) {
              const told = isPlaced(rows, each.id) ? found.map(nameOf).toSorted() : ['400'];
              expect([op, codes(library, system, { property: 'concept', op, value: nameOf(each) })]).toEqual([op, told]);
            }
          }
        }
      }),
    );
  });

  it('relationships: as properties, and filters by them', () => {
    fc.assert(
      fc.property(release, (rows) => {
        const library = libraryOf(rows);
        const valid = rows.relationships.filter(({ isValid }) => isValid);
        for (const [system, own, nameOf] of views(rows)) {
          const nameOfId = (id: number): string => {
            const found = rows.concepts.find((each) => each.id === id);
            return found === undefined ? '' : nameOf(found);
          };
          for (const each of own) {
            const { resource } = call(library, 'CodeSystem/$lookup', { system, code: nameOf(each) });
            const told = listAt(resource, 'parameter').flatMap((one) => {
              const kind = String(at(one, 'part', 0, 'valueCode'));
              const value = at(one, 'part', 1, 'valueCoding', 'code') ?? at(one, 'part', 1, 'valueCode');
              return at(one, 'name') === 'property' && KINDS.includes(kind) ? [`${kind} ${String(value)}`] : [];
            });
            const expected = new Set(valid.flatMap(({ from, to, kind }) => (from === each.id ? [`${kind} ${nameOfId(to)}`] : [])));
            expect(told.toSorted()).toEqual([...expected].toSorted());
          }
          for (const kind of new Set(valid.map((each) => each.kind))) {
            const leading = (to?: number) =>
              own.filter(({ id }) => valid.some((one) => one.from === id && one.kind === kind && (to === undefined || one.to === to)));
            expect(codes(library, system, { property: kind, op: 'exists', value: 'true' })).toEqual(leading().map(nameOf).toSorted());
            for (const { id } of rows.concepts)
              expect(codes(library, system, { property: kind, op: '=', value: nameOfId(id) })).toEqual(leading(id).map(nameOf).toSorted());
          }
        }
      }),
    );
  });

  it('text: the words of the name, or of one synonym', () => {
    const split = (text: string): readonly string[] =>
      text
        .toLowerCase()
        .replaceAll('é', 'e')
        .split(/[ -]/)
        .flatMap((each) => (each.includes('阿') ? [...each] : [each]));
    fc.assert(
      fc.property(release, fc.constantFrom('as', 'tab', 'asp tab', 'TABLET oral', 'tablette', '阿', '5 m', 'x'), (rows, asked) => {
        const library = libraryOf(rows);
        for (const [system, own, nameOf] of views(rows)) {
          const fits = (text: string): boolean => split(asked).every((word) => split(text).some((each) => each.startsWith(word)));
          const found = own.filter(
            ({ id, name }) =>
              fits(name) ||
              rows.synonyms.some(({ of, text }) => of === id && fits(text)) ||
              (system === OMOP_SYSTEM &&
                split(asked).every((word) => String(id).startsWith(word) || split(name).some((each) => each.startsWith(word)))),
          );
          expect(codes(library, system, {}, asked)).toEqual(found.map(nameOf).toSorted());
        }
      }),
    );
  });
});

type View = readonly [system: string, own: readonly Row[], nameOf: (row: Row) => string];

/** The release as the code systems that it makes: of concept ids, and each vocabulary that it has concepts of. */
function views({ concepts }: Release): readonly View[] {
  const own = VOCABULARIES.flatMap((vocabulary): readonly View[] => {
    const rows = concepts.filter((each) => each.vocabulary === vocabulary);
    return rows.length === 0 ? [] : [[SYSTEMS[vocabulary] ?? '', rows, ({ code }) => code]];
  });
  return [[OMOP_SYSTEM, concepts, ({ id }) => String(id)], ...own];
}
