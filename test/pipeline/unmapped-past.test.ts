/** Answers given before are candidates for codes like theirs, with the reason; nothing is certain because of them. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { PastAnswers } from '../../services/pipeline/unmapped/past.ts';
import { specimensOf, specimenType } from '../../services/pipeline/unmapped/samples.ts';
import { suggestionsFor } from '../../services/pipeline/unmapped/suggest.ts';
import { readRelease } from '../../terminology/load.ts';
import type { TerminologySources } from '../../terminology/provider.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import { starter } from '../terminology/write-release.ts';

const LAB = 'urn:lab';
const HEMOGLOBIN = 3000963;
let vocabulary: Vocabulary;
beforeAll(async () => {
  vocabulary = await readRelease(starter);
});
const NOTHING: TerminologySources = { systems: [], maps: [] };
const answered = (code: string, display: string | null, concept = HEMOGLOBIN, system = LAB) => ({
  system,
  code,
  display,
  concepts: [concept],
});
const like = (code: string, display: string | null, ...answers: ReturnType<typeof answered>[]) =>
  new PastAnswers(answers).like(vocabulary, { system: LAB, code, display });

describe('answers given before', () => {
  it('are suggested for codes of the same system with like names', () => {
    const [found] = like('HB2', 'Hemoglobin venous', answered('HB1', 'Hemoglobin, VENOUS'), answered('X', 'Sodium', 3019550));
    expect([found?.concept.concept_id, found?.score, found?.reason]).toEqual([
      HEMOGLOBIN,
      0.9,
      'HB1 (Hemoglobin, VENOUS) of urn:lab was answered with it',
    ]);
    expect(like('HB2', 'Hemoglobin', answered('HB1', 'Hemoglobin of the whole blood'))).toEqual([]);
    expect(like('HB2', 'Hemoglobin', answered('HB1', 'Hemoglobin', HEMOGLOBIN, 'urn:other'))).toEqual([]);
  });

  it('are suggested for the same code of another system, unless it is a short number', () => {
    const [found] = like('HGB', null, answered('HGB', 'Hb', HEMOGLOBIN, 'urn:other'));
    expect([found?.score, found?.reason]).toEqual([0.5, 'HGB (Hb) of urn:other was answered with it, which is another system']);
    expect(like('12', null, answered('12', 'Hb', HEMOGLOBIN, 'urn:other'))).toEqual([]);
  });

  it('name no free text, and no concept that is none', () => {
    const past = new PastAnswers([answered('SMITH has a cough', null, HEMOGLOBIN, ''), answered('a cough', null, 999_999_999, '')]);
    const found = past.like(vocabulary, { system: '', code: 'has a cough', display: null });
    expect(found.map(({ reason }) => reason)).toEqual(['a like text was answered with it']);
  });

  it('strengthen what was found by itself, and never make it certain', () => {
    const asked = { system: LAB, code: 'HB2', display: 'Hemoglobin', places: [], units: [], values: [], specimens: [] };
    const concept = vocabulary.concept(HEMOGLOBIN);
    if (concept === undefined) throw new Error('the starter set has it');
    const sources = { ...NOTHING, suggester: { suggest: () => [{ concept, score: 0.95, reasons: ['its names have: hemoglobin'] }] } };
    const past = new PastAnswers([answered('HB1', 'Hemoglobin')]);
    expect(suggestionsFor(sources, vocabulary, asked, { past, count: 3 })).toEqual([
      { concept, score: 0.99, reason: 'HB1 (Hemoglobin) of urn:lab was answered with it; its names have: hemoglobin' },
    ]);
    expect(suggestionsFor(NOTHING, vocabulary, asked, { past, count: 3 }).map(({ score }) => score)).toEqual([0.9]);
  });

  it('are scored between 0 and 1, in one order, whatever they say', () => {
    const word = fc.constantFrom('hemoglobin', 'venous', 'sodium', 'in', 'blood', '');
    const text = fc.array(word, { maxLength: 5 }).map((words) => words.join(' '));
    const answer = fc.record({
      system: fc.constantFrom(LAB, '', 'urn:other'),
      code: text,
      display: fc.option(text),
      concepts: fc.constantFrom([HEMOGLOBIN], [3019550], []),
    });
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 8 }), text, fc.option(text), (answers, code, display) => {
        const found = new PastAnswers(answers).like(vocabulary, { system: LAB, code, display });
        for (const { score } of found) expect(score > 0 && score < 1).toBe(true);
        expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).toSorted((a, b) => b - a));
      }),
    );
  });
});

describe('specimens beside a code', () => {
  it('are named by their codes, not by what somebody wrote', () => {
    expect(
      specimensOf(['{"specimen":{"reference":"Specimen/s1"}}', '{"specimen":[{"reference":"Specimen/s1"},{"reference":"#x"}]}', '{']),
    ).toEqual(['s1']);
    expect(specimenType('{"type":{"coding":[{"code":"SER","display":"Serum"}],"text":"of Mrs Smith"}}')).toBe('Serum SER');
    expect(specimenType('{"type":{"text":"of Mrs Smith"}}')).toBeUndefined();
  });
});
