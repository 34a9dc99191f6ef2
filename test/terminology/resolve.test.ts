import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { emptyVocabulary } from '../../terminology/reader.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import { answerOf, type NaiveConcept, type NaiveRelationship, type NaiveRelease, naiveResolve } from './naive-vocabulary.ts';
import { loaded, tiny, tinyQuoted, vocabularyFrom } from './write-release.ts';

const id = (n: number): number => 2_147_000_000 + n;

describe.each([
  ['as Athena ships it', tiny],
  ['quoted and lower-case', tinyQuoted],
])('the tiny release, %s', (_name, folder) => {
  let vocabulary: Vocabulary;
  beforeAll(async () => {
    vocabulary = await loaded(folder);
  });
  const answer = (system: string, code: string) => answerOf(vocabulary.resolve(system, code));

  it('gives the release and whole concepts, with quotes and letters outside ASCII', () => {
    expect(vocabulary.release).toBe('v0.1 TINY');
    expect(vocabulary.concept(id(8))).toEqual({
      concept_id: id(8),
      concept_name: 'Kelp level in serum "K-5"',
      domain_id: 'Measurement',
      vocabulary_id: 'TINY-L',
      concept_class_id: 'Lab Test',
      standard_concept: 'S',
      concept_code: 'T-1',
      invalid_reason: '',
    });
    expect(vocabulary.resolve('TINY-D', 'Ø-7').source?.concept_name).toBe('Sea water, Bjørnøya');
    expect(vocabulary.concept(id(500))).toBeUndefined();
    expect(vocabulary.concept(-1)).toBeUndefined();
  });

  it('maps a standard concept to itself, with or without a row that says so (rule 2)', () => {
    expect(answer('TINY-S', '100001')).toEqual([id(1), [[id(1), undefined]]]);
    expect(answer('TINY-S', '100007')).toEqual([id(7), [[id(7), undefined]]]);
  });

  it('follows Maps to from non-standard and retired concepts, never to non-standard ones, classes or by retired rows (rules 2, 7)', () => {
    expect(answer('TINY-S', '100003')).toEqual([id(3), [[id(1), undefined]]]);
    expect(answer('TINY-S', '100004')).toEqual([id(4), [[id(1), undefined]]]);
    expect(answer('TINY-S', '100005')).toEqual([id(5), []]);
    for (const [code, n] of [
      ['A01.5', 17],
      ['A01.6', 18],
      ['A01.7', 19],
      ['A01.8', 20],
    ] as const) {
      expect(answer('TINY-I', code)).toEqual([id(n), []]);
    }
  });

  it('gives every target (rule 4) and each value to the target that can carry it (rule 5)', () => {
    expect(answer('TINY-I', 'A01.1')).toEqual([
      id(13),
      [
        [id(1), undefined],
        [id(7), undefined],
      ],
    ]);
    expect(answer('TINY-I', 'A01.2')).toEqual([id(14), [[id(6), id(1)]]]);
    expect(answer('TINY-I', 'A01.3')).toEqual([
      id(15),
      [
        [id(1), undefined],
        [id(6), id(1)],
      ],
    ]);
    expect(answer('TINY-I', 'A01.4')).toEqual([id(16), [[id(9), id(10)]]]);
  });

  it('answers for a code that two concepts share with the valid one, and not at all for a code that identifies nothing', () => {
    expect(answer('TINY-S', '100031')).toEqual([id(32), [[id(32), undefined]]]);
    expect(answer('TINY-S', 'OMOP generated')).toEqual([undefined, []]);
  });

  it('tells an unknown code from an unknown system, and who knows a code sent under the wrong one', () => {
    expect(vocabulary.resolve('TINY-S', 'T-1')).toEqual({ source: undefined, targets: [], systemKnown: true });
    expect(vocabulary.resolve('https://nobody.example', 'T-1').systemKnown).toBe(false);
    expect(vocabulary.resolve('http://loinc.org', 'T-1').systemKnown).toBe(false);
    expect(vocabulary.systemsKnowing('T-1')).toEqual(['TINY-L']);
    expect(vocabulary.systemsKnowing('140')).toEqual(['http://hl7.org/fhir/sid/cvx']);
    expect(vocabulary.systemsKnowing('')).toEqual([]);
  });

  it('matches exactly: no trimming, no change of case, no prefix, no overlong code', () => {
    for (const code of ['', ' T-1', 'T-1 ', 't-1', 'T', 'T-1\0', 'T'.repeat(10_000), 'Ø'.repeat(200), '\uD800']) {
      expect(vocabulary.resolve('TINY-L', code).source).toBeUndefined();
    }
  });

  it('takes concept ids as codes of the OMOP system', () => {
    expect(answer('https://fhir-terminology.ohdsi.org', String(id(3)))).toEqual([id(3), [[id(1), undefined]]]);
    expect(answer('https://fhir-terminology.ohdsi.org', 'three')).toEqual([undefined, []]);
  });
});

describe('an empty vocabulary', () => {
  it('knows no system and no code, and still names the vocabularies of a system', () => {
    expect(emptyVocabulary.resolve('http://loinc.org', '4548-4')).toEqual({ source: undefined, targets: [], systemKnown: false });
    expect(emptyVocabulary.unit('mg/dL').source).toBeUndefined();
    expect(emptyVocabulary.vocabularies('http://loinc.org')).toEqual(['LOINC']);
    expect(emptyVocabulary.release).toBe('');
  });
});

const concept = fc.record<Omit<NaiveConcept, 'id'>>({
  domain: fc.constantFrom('Condition', 'Measurement', 'Observation', 'Drug'),
  vocabulary: fc.constantFrom('A', 'B'),
  standard: fc.constantFrom('S', 'S', '', 'C'),
  code: fc.constantFrom('1', '01', '1.0', 'x', 'X', 'é', 'ée', 'OMOP generated'),
  invalid: fc.constantFrom('', '', '', 'D', 'U'),
});
const release: fc.Arbitrary<NaiveRelease> = fc
  .uniqueArray(fc.integer({ min: 0, max: 2_147_483_647 }), { minLength: 1, maxLength: 14 })
  .chain((ids) =>
    fc.record({
      concepts: fc.tuple(...ids.map((each) => concept.map((rest) => ({ id: each, ...rest })))),
      relationships: fc.array(
        fc.record<NaiveRelationship>({
          from: fc.constantFrom(...ids, 7),
          to: fc.constantFrom(...ids, 7),
          kind: fc.constantFrom('Maps to', 'Maps to', 'Maps to value', 'Is a'),
          invalid: fc.constantFrom('', '', 'D'),
        }),
        { maxLength: 25 },
      ),
    }),
  );

describe('random releases', () => {
  it('resolve every code as a scan over the rows does', () => {
    fc.assert(
      fc.property(release, (random) => {
        const vocabulary = vocabularyFrom({
          concept: random.concepts.map((c) => [
            c.id,
            `n${c.id}`,
            c.domain,
            c.vocabulary,
            'k',
            c.standard,
            c.code,
            '19700101',
            '20991231',
            c.invalid,
          ]),
          concept_relationship: random.relationships.map((r) => [r.from, r.to, r.kind, '19700101', '20991231', r.invalid]),
        });
        for (const name of ['A', 'B']) {
          const present = random.concepts.some((each) => each.vocabulary === name);
          for (const code of ['1', '01', '1.0', 'x', 'X', 'é', 'ée', 'e', 'OMOP generated']) {
            const found = vocabulary.resolve(name, code);
            expect(found.systemKnown).toBe(present);
            expect(answerOf(found)).toEqual(naiveResolve(random, name, code));
          }
        }
        for (const each of random.concepts) expect(vocabulary.concept(each.id)?.concept_name).toBe(`n${each.id}`);
      }),
      { numRuns: 1000 },
    );
  });
});
