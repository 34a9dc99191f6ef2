import { describe, expect, it } from 'vitest';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';
import type { CdmRow } from '../../services/omop/row.ts';
import { coded, concept, rowsFor } from './rows-maps.ts';

const LOINC = 'http://loinc.org';
const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
const person = { reference: 'Patient/p1' };
const condition = (code: JsonObject, rest: JsonObject = {}): Resource => ({
  resourceType: 'Condition',
  id: 'c',
  subject: person,
  onsetDateTime: '2024-01-02',
  code,
  ...rest,
});
const tables = (rows: readonly CdmRow[]): string[] => rows.map((row) => row.table);
const lab = concept({
  system: LOINC,
  vocabulary_id: 'LOINC',
  concept_code: '1-1',
  concept_id: 11,
  domain_id: 'Measurement',
  concept_class_id: 'Lab Test',
});

describe('resolution and routing', () => {
  it('rule 1: the source concept is stored; a code not found is 0', () => {
    const known = rowsFor(condition(coded('A')), [concept({ concept_code: 'A', concept_id: 5 })]);
    expect(known.rows[0]?.columns).toMatchObject({ condition_source_concept_id: 5, condition_source_value: 'A' });
    expect(rowsFor(condition(coded('B')), [concept({ concept_code: 'A', concept_id: 5 })]).rows[0]?.columns).toMatchObject({
      condition_source_concept_id: 0,
    });
  });

  it('rule 1: a code labelled with the wrong system is reported with the one that knows it, and not corrected', () => {
    const made = rowsFor(condition(coded('1-1')), [lab, concept({ concept_code: 'A', concept_id: 5 })]);
    expect(made.rows[0]?.columns).toMatchObject({ condition_concept_id: 0, condition_source_concept_id: 0 });
    expect(made.adjustments).toContainEqual({
      rule: 1,
      reason: 'code labelled http://snomed.info/sct is known to http://loinc.org',
      at: 'Condition',
    });
    expect(made.unmapped).toMatchObject([{ code: '1-1', why: 'unknown' }]);
  });

  it('rule 2: a standard concept maps to itself, another to its targets', () => {
    const made = rowsFor(condition(coded('E11', ICD10)), [
      concept({
        system: ICD10,
        vocabulary_id: 'ICD10CM',
        concept_code: 'E11',
        concept_id: 7,
        standard_concept: '',
        to: [{ concept_id: 201826, value: undefined }],
      }),
      concept({ concept_code: '44054006', concept_id: 201826 }),
    ]);
    expect(made.rows[0]?.columns).toMatchObject({
      condition_concept_id: 201826,
      condition_source_concept_id: 7,
      condition_source_value: 'E11',
    });
    expect(
      rowsFor(condition(coded('44054006')), [concept({ concept_code: '44054006', concept_id: 201826 })]).rows[0]?.columns,
    ).toMatchObject({
      condition_concept_id: 201826,
      condition_source_concept_id: 201826,
    });
  });

  it('rule 3: a Condition whose concept is of domain Observation is one observation and no condition', () => {
    const made = rowsFor(condition(coded('S')), [concept({ concept_code: 'S', concept_id: 5, domain_id: 'Observation' })]);
    expect(made.rows).toEqual([
      {
        table: 'observation',
        n: 0,
        columns: {
          person_id: { ref: 'Patient/p1' },
          observation_concept_id: 5,
          observation_source_value: 'S',
          observation_source_concept_id: 5,
          observation_date: '2024-01-02',
          observation_type_concept_id: 32817,
        },
      },
    ]);
    const domains = ['Measurement', 'Procedure', 'Drug', 'Device', 'Meas Value', 'Visit', 'Condition/Obs'];
    const routed = domains.map((domain_id) =>
      tables(rowsFor(condition(coded('S')), [concept({ concept_code: 'S', concept_id: 5, domain_id })]).rows).join(),
    );
    expect(routed).toEqual([
      'measurement',
      'procedure_occurrence',
      'drug_exposure',
      'device_exposure',
      'observation',
      'observation',
      'condition_occurrence',
    ]);
  });

  it('rule 4: several targets are several rows, each in its table, with one source and distinct n', () => {
    const source = { system: ICD10, vocabulary_id: 'ICD10CM', standard_concept: '' as const };
    const made = rowsFor(condition(coded('070.43', ICD10)), [
      concept({
        ...source,
        concept_code: '070.43',
        concept_id: 7,
        to: [
          { concept_id: 22, value: undefined },
          { concept_id: 21, value: undefined },
        ],
      }),
      concept({ concept_code: 'x', concept_id: 21 }),
      concept({ concept_code: 'y', concept_id: 22, domain_id: 'Procedure' }),
    ]);
    expect(
      made.rows.map((row) => [row.table, row.n, row.columns['condition_source_value'] ?? row.columns['procedure_source_value']]),
    ).toEqual([
      ['condition_occurrence', 0, '070.43'],
      ['procedure_occurrence', 1, '070.43'],
    ]);
  });

  it("rule 5: 'Maps to value' of the same source concept is the value of its row", () => {
    const source = { system: ICD10, vocabulary_id: 'ICD10CM', standard_concept: '' as const };
    const made = rowsFor(condition(coded('V23.42', ICD10)), [
      concept({
        ...source,
        concept_code: 'V23.42',
        concept_id: 7,
        to: [
          { concept_id: 1340204, value: 437611 },
          { concept_id: 4299535, value: undefined },
        ],
      }),
      concept({ concept_code: 'h', concept_id: 1340204, domain_id: 'Observation' }),
      concept({ concept_code: 'v', concept_id: 437611 }),
      concept({ concept_code: 'c', concept_id: 4299535 }),
    ]);
    expect(tables(made.rows)).toEqual(['observation', 'condition_occurrence']);
    expect(made.rows[0]?.columns).toMatchObject({ observation_concept_id: 1340204, value_as_concept_id: 437611 });
    expect(made.rows[1]?.columns).not.toHaveProperty('value_as_concept_id');
  });

  it('rule 6: a failed lookup keeps the row and is reported: by the domain of the source, else by what the resource is', () => {
    const known = rowsFor(condition(coded('Z', ICD10)), [
      concept({
        system: ICD10,
        vocabulary_id: 'ICD10CM',
        concept_code: 'Z',
        concept_id: 7,
        standard_concept: '',
        domain_id: 'Measurement',
      }),
    ]);
    expect(known.rows[0]).toMatchObject({
      table: 'measurement',
      columns: { measurement_concept_id: 0, measurement_source_concept_id: 7, measurement_source_value: 'Z' },
    });
    expect(known.unmapped).toEqual([{ system: ICD10, code: 'Z', why: 'no-standard', at: 'Condition' }]);
    const unknown = rowsFor(condition(coded('Q', 'urn:local')));
    expect(unknown.rows[0]).toMatchObject({
      table: 'condition_occurrence',
      columns: { condition_concept_id: 0, condition_source_value: 'Q' },
    });
    expect(unknown.unmapped).toEqual([{ system: 'urn:local', code: 'Q', why: 'unknown-system', at: 'Condition' }]);
    const text = rowsFor(condition({ text: 'sugar' }));
    expect(text.rows[0]?.columns).toMatchObject({ condition_concept_id: 0, condition_source_value: 'sugar' });
    expect(text.unmapped).toEqual([{ system: '', code: 'sugar', why: 'unknown-system', at: 'Condition' }]);
    expect(rowsFor(condition({})).exclusions).toMatchObject([{ rule: 6 }]);
  });

  it('rule 7: only standard, valid concepts; a classification never', () => {
    for (const given of [{ standard_concept: 'C' as const }, { invalid_reason: 'D' as const }]) {
      const made = rowsFor(condition(coded('A')), [
        concept({ concept_code: 'A', concept_id: 5, standard_concept: '', to: [{ concept_id: 6, value: undefined }] }),
        concept({ concept_code: 'B', concept_id: 6, ...given }),
      ]);
      expect(made.rows[0]?.columns).toMatchObject({ condition_concept_id: 0, condition_source_concept_id: 5 });
    }
  });

  it('rule 7: an id written in a map is replaced when the loaded vocabulary has retired it', () => {
    const made = rowsFor(condition(coded('A')), [
      concept({
        concept_code: 'OMOP1',
        concept_id: 32817,
        vocabulary_id: 'Type Concept',
        system: '',
        standard_concept: '',
        invalid_reason: 'U',
        to: [{ concept_id: 9, value: undefined }],
      }),
      concept({ concept_code: 'OMOP2', concept_id: 9, vocabulary_id: 'Type Concept', system: '' }),
    ]);
    expect(made.rows[0]?.columns).toMatchObject({ condition_type_concept_id: 9 });
  });

  it('rule 8: one idea with several codings is one row, by the preferred vocabulary that resolves', () => {
    const codings = {
      coding: [
        { system: 'urn:local', code: 'L' },
        { system: ICD10, code: 'E11' },
        { system: 'http://snomed.info/sct', code: 'A' },
      ],
    };
    const icd = concept({ system: ICD10, vocabulary_id: 'ICD10CM', concept_code: 'E11', concept_id: 7 });
    const both = rowsFor(condition(codings), [icd, concept({ concept_code: 'A', concept_id: 5 })]);
    expect(both.rows).toHaveLength(1);
    expect(both.rows[0]?.columns).toMatchObject({ condition_concept_id: 5, condition_source_value: 'A' });
    expect(both.unmapped).toEqual([]);
    const without = rowsFor(condition(codings), [icd]);
    expect(without.rows[0]?.columns).toMatchObject({ condition_concept_id: 7, condition_source_value: 'E11' });
  });

  it('rule 9: of several drugs that resolve the most specific; a class of drugs is 0', () => {
    const rx = { system: 'http://www.nlm.nih.gov/research/umls/rxnorm', vocabulary_id: 'RxNorm', domain_id: 'Drug' };
    const request = (codes: readonly string[]) => ({
      resourceType: 'MedicationRequest',
      status: 'active',
      intent: 'order',
      subject: person,
      authoredOn: '2024-06-01',
      medicationCodeableConcept: { coding: codes.map((code) => ({ system: rx.system, code })) },
    });
    const classes = ['Ingredient', 'Clinical Drug', 'Branded Drug', 'Clinical Pack', 'Branded Pack', 'Marketed Product'];
    const drugs = classes.map((concept_class_id, i) => concept({ ...rx, concept_code: String(i), concept_id: 100 + i, concept_class_id }));
    for (let i = 1; i < classes.length; i++) {
      expect(rowsFor(request([String(i - 1), String(i)]), drugs).rows[0]?.columns['drug_concept_id']).toBe(100 + i);
      expect(rowsFor(request([String(i), String(i - 1)]), drugs).rows[0]?.columns['drug_concept_id']).toBe(100 + i);
    }
    const group = concept({ ...rx, concept_code: 'C', concept_id: 200, standard_concept: 'C', concept_class_id: 'ATC 4th' });
    expect(rowsFor(request(['C']), [group]).rows[0]?.columns).toMatchObject({ drug_concept_id: 0, drug_source_concept_id: 200 });
  });

  it('rule 10: a source value is cut to its column and the cut is reported', () => {
    const made = rowsFor(condition(coded('x'.repeat(60), 'urn:local')));
    expect(made.rows[0]?.columns['condition_source_value']).toBe('x'.repeat(50));
    expect(made.adjustments).toContainEqual({ rule: 10, reason: 'condition_source_value cut to 50 characters', at: 'Condition' });
  });

  it('rule 11: concepts of local vocabularies, from two billion on, resolve like any other', () => {
    const made = rowsFor(condition(coded('Q', 'urn:local')), [
      concept({
        system: 'urn:local',
        vocabulary_id: 'HOSPITAL',
        concept_code: 'Q',
        concept_id: 2_000_000_001,
        standard_concept: '',
        to: [{ concept_id: 5, value: undefined }],
      }),
      concept({ concept_code: 'A', concept_id: 5 }),
    ]);
    expect(made.rows[0]?.columns).toMatchObject({ condition_concept_id: 5, condition_source_concept_id: 2_000_000_001 });
  });
});
