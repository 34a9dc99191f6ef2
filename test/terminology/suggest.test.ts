import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { readIndex } from '../../terminology/index-files.ts';
import { loadVocabulary, releaseImage } from '../../terminology/load.ts';
import { evidenceOf } from '../../terminology/omop/evidence.ts';
import { suggesterOf } from '../../terminology/omop/suggest.ts';
import { omopSources } from '../../terminology/sources.ts';
import type { Suggester, Unmapped } from '../../terminology/suggester.ts';
import { wordsOf } from '../../terminology/system/fold.ts';
import { at, call, listAt } from './fhir/call.ts';
import { imageFrom, starter, temporaryFolder, tiny } from './write-release.ts';

let suggester: Suggester;
beforeAll(async () => {
  suggester = suggesterOf(await releaseImage(starter));
});
const namesOf = (asked: Unmapped, count = 3) => suggester.suggest(asked, count).map(({ concept }) => concept.concept_name);

describe('suggestions', () => {
  it('take the whole name first, in any order of its words', () => {
    expect(namesOf({ text: 'Diabetes mellitus, type 2' })[0]).toBe('Type 2 diabetes mellitus');
    expect(namesOf({ text: 'RATE heart' })[0]).toBe('Heart rate');
  });

  it('are weighed by the unit, the value and the domain that come with the code', () => {
    const [blood] = namesOf({ text: 'hemoglobin', unit: 'g/dL', value: 'number', domain: 'Measurement' });
    const [urine] = namesOf({ text: 'hemoglobin', value: 'text', domain: 'Measurement' });
    expect([blood, urine]).toEqual(['Hemoglobin [Mass/volume] in Blood', 'Hemoglobin [Presence] in Urine by Test strip']);
    const inDomain = suggester.suggest({ text: 'heart', domain: 'Condition' }, 1)[0];
    expect([inDomain?.concept.domain_id, inDomain?.reasons.at(-1)]).toEqual(['Condition', 'its domain is Condition']);
  });

  it('are weighed by what was examined', () => {
    const best = (specimen: string) => suggester.suggest({ text: 'glucose', specimen, value: 'number' }, 1)[0];
    expect(best('Serum SER')?.concept.concept_name).toBe('Glucose [Mass/volume] in Serum or Plasma');
    expect(best('Serum specimen from blood')?.reasons).toContain('the specimen Serum specimen from blood is serum or plasma');
    const told = (specimen: string, name: string) =>
      evidenceOf({ concept_name: name, domain_id: 'Measurement' }, { specimen }).map(({ weight }) => weight);
    const names = ['Glucose [Mass/volume] in Urine by Test strip', 'Glucose [Mass/volume] in Blood', 'Body height'];
    expect(names.map((name) => told('UR', name))).toEqual([[0.1], [-0.15], []]);
    expect(names.map((name) => told('Bucket', name))).toEqual([[], [], []]);
  });

  it('are certain only where the vocabulary maps the code', () => {
    const [known] = suggester.suggest({ system: 'http://loinc.org', code: '718-7', text: 'something else' }, 1);
    expect([known?.concept.concept_id, known?.score]).toEqual([3000963, 1]);
    const [elsewhere] = suggester.suggest({ system: 'urn:oid:1.2.3', code: '718-7', text: 'Hemoglobin' }, 1);
    expect(elsewhere?.concept.concept_id).toBe(3000963);
    expect(elsewhere?.score).toBeLessThan(1);
    expect(elsewhere?.reasons[0]).toContain('LOINC has the code 718-7');
  });

  it('find words that are only begun, and nothing for words that nothing has', () => {
    expect(namesOf({ text: 'potass' })).toEqual(['Potassium [Moles/volume] in Serum or Plasma']);
    expect(namesOf({ text: 'qqq' })).toEqual([]);
    expect(namesOf({ text: '  ,; ' })).toEqual([]);
    expect(namesOf({})).toEqual([]);
  });

  it('go over synonyms and over what maps to a standard concept', () => {
    const concept = (id: number, name: string, vocabulary: string, standard: string, code: string) =>
      [id, name, 'Condition', vocabulary, 'X', standard, code, '1970-01-01', '2099-12-31', ''] as const;
    const image = imageFrom({
      concept: [
        concept(1, 'Myocardial infarction', 'SNOMED', 'S', '22298006'),
        concept(2, 'Acute coronary event, unspecified', 'ICD10CM', '', 'I21.9'),
        concept(3, 'Fracture of bone', 'SNOMED', 'S', '125605004'),
      ],
      concept_relationship: [[2, 1, 'Maps to', '1970-01-01', '2099-12-31', '']],
      concept_synonym: [
        [1, 'Heart attack', 4180186],
        [3, 'Infarto', 4182511],
        [99, 'Heart attack', 4180186],
      ],
    });
    const best = (text: string) => suggesterOf(image).suggest({ text }, 1)[0];
    expect([best('heart attack')?.concept.concept_id, best('heart attack')?.score]).toEqual([1, 0.9]);
    expect(best('acute coronary event')?.reasons[0]).toContain('ICD10CM I21.9');
    expect(best('infarto')?.concept.concept_id).toBeUndefined();
  });

  it('are the same for the same question, and hold every whole name that is asked for', async () => {
    const image = await releaseImage(starter);
    const other = suggesterOf(image);
    const rows = image.arrays['concept-id'].length;
    fc.assert(
      fc.property(fc.nat(rows - 1), fc.boolean(), (row, isShort) => {
        const offsets = image.arrays['name-offset'];
        const name = Buffer.from(image.arrays['name-text']).toString('utf8', offsets[row], offsets[row + 1]);
        const text = isShort ? wordsOf(name).slice(0, 2).join(' ') : name;
        const answer = suggester.suggest({ text }, 10);
        expect(other.suggest({ text }, 10)).toEqual(answer);
        for (const { concept, score } of answer) {
          expect([concept.standard_concept, concept.invalid_reason]).toEqual(['S', '']);
          expect(score).toBeLessThan(1);
        }
        if (!isShort && image.arrays['target-offset'][row] !== image.arrays['target-offset'][row + 1])
          expect([name, answer.length > 0]).toEqual([name, wordsOf(name).length > 0]);
      }),
    );
  });

  it('come of any text without failing', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (text, code) => suggester.suggest({ text, code, unit: text }, 3).length <= 3));
  });

  it('are written into the index, and are answered over FHIR', async () => {
    const home = temporaryFolder();
    await loadVocabulary(tiny, home);
    const image = readIndex(home);
    const library = new Library(omopSources(image));
    const [row = 0] = [...image.arrays['posting-row']];
    const offsets = image.arrays['name-offset'];
    const text = Buffer.from(image.arrays['name-text']).toString('utf8', offsets[row], offsets[row + 1]);
    const { status, resource } = call(library, 'ConceptMap/$suggest', { text, count: '2' });
    expect([status, at(listAt(resource, 'parameter')[0], 'name')]).toEqual([200, 'suggestion']);
    expect(call(library, 'ConceptMap/$suggest', {}).status).toBe(400);
    expect(call(library, 'ConceptMap/$suggest', { text, count: '0' }).status).toBe(400);
    expect(call(new Library({}), 'ConceptMap/$suggest', { text }).status).toBe(404);
  });
});
