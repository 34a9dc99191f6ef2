import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { spellings } from '../../terminology/spelling.ts';
import { systemOfVocabulary, vocabulariesOfSystem } from '../../terminology/systems.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import { loaded, tiny } from './write-release.ts';

let vocabulary: Vocabulary;
beforeAll(async () => {
  vocabulary = await loaded(tiny);
});

describe('systems', () => {
  it.each([
    ['http://loinc.org', ['LOINC']],
    ['http://snomed.info/sct', ['SNOMED']],
    ['http://snomed.info/sct/731000124108/version/20240301', ['SNOMED']],
    ['http://www.nlm.nih.gov/research/umls/rxnorm', ['RxNorm', 'RxNorm Extension']],
    ['http://hl7.org/fhir/sid/cvx', ['CVX']],
    ['http://unitsofmeasure.org', ['UCUM']],
    ['http://hl7.org/fhir/sid/icd-10-cm', ['ICD10CM']],
    ['http://hl7.org/fhir/sid/icd-9-cm', ['ICD9CM', 'ICD9Proc']],
    ['http://hl7.org/fhir/sid/ndc', ['NDC']],
    ['http://www.ama-assn.org/go/cpt', ['CPT4']],
    ['urn:oid:2.16.840.1.113883.6.1', ['LOINC']],
    ['http://snomed.info/sct/x', []],
    ['http://terminology.hl7.org/CodeSystem/v3-ActCode', []],
    ['', []],
  ])('%s stands for %j', (system, expected) => {
    expect(vocabulariesOfSystem(system)).toEqual(expected);
  });

  it('go back to the URI that FHIR uses', () => {
    expect(['LOINC', 'ICD9Proc', 'RxNorm Extension', 'Gender'].map(systemOfVocabulary)).toEqual([
      'http://loinc.org',
      'http://hl7.org/fhir/sid/icd-9-cm',
      'http://www.nlm.nih.gov/research/umls/rxnorm',
      'Gender',
    ]);
  });

  it('may be OMOP vocabularies themselves, when they are loaded', () => {
    expect(vocabulary.vocabularies('TINY-S')).toEqual(['TINY-S']);
    expect(vocabulary.vocabularies('TINY-X')).toEqual([]);
  });
});

describe('spellings', () => {
  it.each([
    ['CVX', '3', ['3', '03', '003']],
    ['CVX', '003', ['003', '03', '3']],
    ['CVX', '140', ['140']],
    ['ICD10CM', 'E119', ['E119', 'E11.9']],
    ['ICD10CM', 'I10', ['I10']],
    ['ICD10CM', 'E11.9', ['E11.9']],
    ['ICD10CM', 'S52521A', ['S52521A', 'S52.521A']],
    ['ICD10CM', 'C7A01', ['C7A01', 'C7A.01']],
    ['ICD9CM', '25000', ['25000', '250.00']],
    ['ICD9CM', 'V2342', ['V2342', 'V23.42']],
    ['ICD9CM', 'E8495', ['E8495', 'E849.5']],
    ['ICD9Proc', '4701', ['4701', '47.01']],
    ['NDC', '0002-7510-01', ['0002-7510-01', '00002751001']],
    ['NDC', '50090-481-0', ['50090-481-0']],
    ['NDC', '50090-0481-0', ['50090-0481-0', '50090048100']],
    ['LOINC', '4548-4', ['4548-4']],
    ['ICD10CM', 'e119', ['e119']],
    ['ICD10CM', 'E11 9', ['E11 9']],
  ])('%s %s: %j', (vocabulary_id, code, expected) => {
    expect(spellings(vocabulary_id, code)).toEqual(expected);
  });

  it('resolve, the code as it came first', () => {
    for (const code of ['3', '03', '003']) expect(vocabulary.resolve('http://hl7.org/fhir/sid/cvx', code).source?.concept_code).toBe('03');
    expect(vocabulary.resolve('http://hl7.org/fhir/sid/icd-10-cm', 'A0111').source?.concept_code).toBe('A01.11');
    for (const code of [' 03', '03 ', '0003', 'a0111']) {
      expect(vocabulary.resolve('http://hl7.org/fhir/sid/cvx', code).source).toBeUndefined();
      expect(vocabulary.resolve('http://hl7.org/fhir/sid/icd-10-cm', code).source).toBeUndefined();
    }
  });

  it('always start with the code itself and never repeat', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('CVX', 'ICD10CM', 'ICD9CM', 'ICD9Proc', 'NDC', 'X', '__proto__', 'constructor'),
        fc.string(),
        (vocabulary_id, code) => {
          const all = spellings(vocabulary_id, code);
          expect(all[0]).toBe(code);
          expect(new Set(all).size).toBe(all.length);
        },
      ),
    );
  });
});
