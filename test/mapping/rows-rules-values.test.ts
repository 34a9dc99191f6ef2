import { describe, expect, it } from 'vitest';
import { readJson } from '../../services/fhir/format/json.ts';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';
import type { CdmRow } from '../../services/omop/row.ts';
import { coded, concept, rowsFor } from './rows-maps.ts';

const LOINC = 'http://loinc.org';
const person = { reference: 'Patient/p1' };
const condition = (code: JsonObject, rest: JsonObject = {}): Resource => ({
  resourceType: 'Condition',
  id: 'c',
  subject: person,
  onsetDateTime: '2024-01-02',
  code,
  ...rest,
});
const observation = (rest: JsonObject): Resource => ({
  resourceType: 'Observation',
  id: 'o',
  status: 'final',
  subject: person,
  effectiveDateTime: '2024-01-02',
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
const labRow = (rest: JsonObject): CdmRow | undefined => rowsFor(observation({ code: coded('1-1', LOINC), ...rest }), [lab]).rows[0];

describe('rows that must not exist', () => {
  it('rule 13: entered in error makes no row of any kind', () => {
    const error = { coding: [{ code: 'entered-in-error' }] };
    for (const resource of [
      condition(coded('A'), { verificationStatus: error }),
      observation({ status: 'entered-in-error', code: coded('1-1', LOINC) }),
      { resourceType: 'Encounter', status: 'entered-in-error' },
      { resourceType: 'AllergyIntolerance', verificationStatus: error },
      { resourceType: 'MedicationRequest', status: 'entered-in-error' },
    ]) {
      expect(rowsFor(resource)).toMatchObject({ rows: [], exclusions: [{ rule: 13 }] });
    }
  });

  it('rule 14: a finding recorded as absent makes no condition', () => {
    const made = rowsFor(observation({ code: coded('A'), valueBoolean: false }), [concept({ concept_code: 'A', concept_id: 5 })]);
    expect(made).toMatchObject({ rows: [], exclusions: [{ rule: 14 }] });
    const present = rowsFor(observation({ code: coded('A'), valueBoolean: true }), [concept({ concept_code: 'A', concept_id: 5 })]);
    expect(tables(present.rows)).toEqual(['condition_occurrence']);
    expect(present.adjustments).toMatchObject([{ rule: 3 }]);
  });

  it('rule 15: only final, amended and corrected results', () => {
    const made = ['registered', 'preliminary', 'final', 'amended', 'corrected', 'cancelled', 'unknown'].filter(
      (status) => rowsFor(observation({ status, code: coded('1-1', LOINC), valueInteger: 1 }), [lab]).rows.length === 1,
    );
    expect(made).toEqual(['final', 'amended', 'corrected']);
  });

  it('rule 18: a modifier extension that no rule knows stops the resource', () => {
    expect(rowsFor(condition(coded('A'), { modifierExtension: [{ url: 'urn:x' }] }))).toMatchObject({
      rows: [],
      exclusions: [{ rule: 18 }],
    });
  });

  it('rule 27: a row without a patient of this store is excluded and said so', () => {
    for (const subject of [undefined, { reference: 'Group/g' }, { reference: 'urn:uuid:5' }, { display: 'somebody' }]) {
      const made = rowsFor(condition(coded('A'), { subject }), [concept({ concept_code: 'A', concept_id: 5 })]);
      expect(made.rows).toEqual([]);
      expect(made.exclusions).toMatchObject([{ rule: 27 }]);
    }
    const versioned = rowsFor(condition(coded('A'), { subject: { reference: 'Patient/p1/_history/3' } }));
    expect(versioned.rows[0]?.columns['person_id']).toEqual({ ref: 'Patient/p1' });
  });

  it('rule 21: what makes no row for no reason of its own is counted too', () => {
    const birthless = rowsFor({ resourceType: 'Patient', id: 'p' });
    expect(birthless.rows).toEqual([]);
    expect(birthless.exclusions).toMatchObject([{ rule: 22 }]);
  });
});

describe('values', () => {
  const value = (text: string) => {
    const read = readJson(`{ "v": ${text} }`);
    return read.ok ? read.value['v'] : undefined;
  };

  it('rule 46: digits stay as they were sent; a number below zero only where it can be', () => {
    expect(labRow({ valueQuantity: value('{ "value": 5.10 }') })?.columns).toMatchObject({
      value_as_number: '5.10',
      value_source_value: '5.10',
    });
    expect(labRow({ valueQuantity: value('{ "value": 1e3 }') })?.columns).toMatchObject({ value_as_number: 1000 });
    expect(labRow({ valueQuantity: value('{ "value": 0.00000012 }') })?.columns).toMatchObject({ value_as_number: '0.00000012' });
    const made = rowsFor(observation({ code: coded('1-1', LOINC), valueQuantity: { value: -3 } }), [lab]);
    expect(made.rows[0]?.columns).toMatchObject({ value_source_value: '-3' });
    expect(made.rows[0]?.columns).not.toHaveProperty('value_as_number');
    expect(made.adjustments).toMatchObject([{ rule: 46 }]);
    const excess = { ...lab, concept_id: 3003396 };
    expect(rowsFor(observation({ code: coded('1-1', LOINC), valueQuantity: { value: -3 } }), [excess]).rows[0]?.columns).toMatchObject({
      value_as_number: -3,
    });
  });

  it('rule 47: no unit is NULL, an unmapped unit 0; no category is NULL, an unmapped one 0; exact has no operator', () => {
    const plain = labRow({ valueQuantity: { value: 3 } })?.columns ?? {};
    for (const name of ['unit_concept_id', 'unit_source_value', 'operator_concept_id', 'value_as_concept_id'])
      expect(plain).not.toHaveProperty(name);
    const odd = rowsFor(observation({ code: coded('1-1', LOINC), valueQuantity: { value: 3, unit: 'blobs' } }), [lab]);
    expect(odd.rows[0]?.columns).toMatchObject({ unit_concept_id: 0, unit_source_value: 'blobs', unit_source_concept_id: 0 });
    expect(odd.unmapped).toMatchObject([{ code: 'blobs' }]);
    expect(labRow({ valueCodeableConcept: coded('LA1', LOINC) })?.columns).toMatchObject({
      value_as_concept_id: 0,
      value_source_value: 'LA1',
    });
    expect(labRow({ valueQuantity: { value: 3, comparator: '=' } })?.columns).not.toHaveProperty('operator_concept_id');
  });

  it('rule 48: comparators of quantities and of texts', () => {
    expect(labRow({ valueQuantity: { value: 3, comparator: '>=' } })?.columns).toMatchObject({
      operator_concept_id: 4171755,
      value_as_number: 3,
      value_source_value: '>=3',
    });
    expect(labRow({ valueString: '<0.01' })?.columns).toMatchObject({
      operator_concept_id: 4171756,
      value_as_number: 0.01,
      value_source_value: '<0.01',
    });
    expect(labRow({ valueString: '≤5' })?.columns).toMatchObject({
      operator_concept_id: 4171754,
      value_as_number: 5,
      value_source_value: '≤5',
    });
    for (const valueString of ['>=1:80', '5-10']) {
      const made = labRow({ valueString })?.columns ?? {};
      expect(made).toMatchObject({ value_source_value: valueString });
      expect(made).not.toHaveProperty('value_as_number');
      expect(made).not.toHaveProperty('operator_concept_id');
    }
  });

  it('rule 49: worded results become concepts, SNOMED tests the SNOMED ones; "1+" is no number', () => {
    const made = labRow({ valueString: '1+' })?.columns ?? {};
    expect(made).toMatchObject({ value_as_concept_id: 45878548, value_source_value: '1+' });
    expect(made).not.toHaveProperty('value_as_number');
    expect(labRow({ valueCodeableConcept: { text: 'Positive' } })?.columns).toMatchObject({ value_as_concept_id: 45884084 });
    expect(labRow({ valueString: 'POS' })?.columns).not.toHaveProperty('value_as_concept_id');
    const snomed = concept({ concept_code: 'T', concept_id: 12, domain_id: 'Measurement' });
    expect(rowsFor(observation({ code: coded('T'), valueString: 'positive' }), [snomed]).rows[0]?.columns).toMatchObject({
      value_as_concept_id: 9191,
    });
  });

  it('rule 50: the interpretation is not taken for the value, nor for the operator', () => {
    const made = labRow({
      valueQuantity: { value: 60 },
      interpretation: [coded('H', 'http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation')],
    });
    expect(made?.columns).not.toHaveProperty('value_as_concept_id');
    expect(made?.columns).not.toHaveProperty('operator_concept_id');
  });

  it('rule 51: bounds are NULL when absent; one-sided texts have one', () => {
    const range = (referenceRange: JsonObject) =>
      labRow({ valueQuantity: { value: 3, unit: 'mg' }, referenceRange: [referenceRange] })?.columns ?? {};
    expect(range({ text: '<5' })).toMatchObject({ range_high: 5 });
    expect(range({ text: '<5' })).not.toHaveProperty('range_low');
    expect(range({ low: { value: 1 } })).toMatchObject({ range_low: 1 });
    expect(range({ low: { value: 1, unit: 'g' }, high: { value: 2, unit: 'mg' } })).not.toHaveProperty('range_low');
    expect(range({ text: 'negative' })).not.toHaveProperty('range_high');
  });

  it('rule 52: components make the rows; members are not repeated; a parent with a value of its own has one too', () => {
    const component = [
      { code: coded('1-1', LOINC), valueInteger: 4 },
      { code: coded('1-1', LOINC), dataAbsentReason: { text: 'x' } },
    ];
    const made = rowsFor(observation({ code: coded('P', LOINC), component }), [lab]);
    expect(made.rows.map((row) => row.n)).toEqual([16]);
    expect(made.exclusions.map((each) => [each.rule, each.at])).toEqual([
      [52, 'Observation'],
      [19, 'Observation.component[1]'],
    ]);
    expect(rowsFor(observation({ code: coded('1-1', LOINC), hasMember: [{ reference: 'Observation/2' }] }), [lab]).rows).toEqual([]);
    expect(rowsFor(observation({ code: coded('1-1', LOINC), valueInteger: 1, component }), [lab]).rows.map((row) => row.n)).toEqual([
      0, 16,
    ]);
  });

  it('rule 53: the time of collection, not of the result; the time of issue only where there is no other, and counted', () => {
    expect(labRow({ valueInteger: 1, issued: '2024-02-01T00:00:00Z' })?.columns).toMatchObject({ measurement_date: '2024-01-02' });
    const made = rowsFor(
      observation({ code: coded('1-1', LOINC), valueInteger: 1, effectiveDateTime: undefined, issued: '2024-02-01T00:00:00Z' }),
      [lab],
    );
    expect(made.rows[0]?.columns).toMatchObject({ measurement_date: '2024-02-01' });
    expect(made.adjustments).toMatchObject([{ rule: 53 }]);
    expect(
      rowsFor(observation({ code: coded('1-1', LOINC), valueInteger: 1, effectiveDateTime: undefined }), [lab]).exclusions,
    ).toMatchObject([{ rule: 53 }]);
  });

  it('rule 54: the domain decides, whatever the category says', () => {
    const survey = concept({ system: LOINC, vocabulary_id: 'LOINC', concept_code: '2-2', concept_id: 12, domain_id: 'Observation' });
    const category = [coded('social-history', 'http://terminology.hl7.org/CodeSystem/observation-category')];
    expect(tables(rowsFor(observation({ category, code: coded('1-1', LOINC), valueInteger: 1 }), [lab]).rows)).toEqual(['measurement']);
    const made = rowsFor(observation({ category, code: coded('2-2', LOINC), valueString: 'three' }), [survey]);
    expect(made.rows[0]).toMatchObject({ table: 'observation', columns: { value_as_string: 'three', value_source_value: 'three' } });
  });

  it('rule 55: dates, ranges and ratios stay words; no number is invented', () => {
    const survey = concept({ system: LOINC, vocabulary_id: 'LOINC', concept_code: '2-2', concept_id: 12, domain_id: 'Observation' });
    const made = (rest: JsonObject) => rowsFor(observation({ code: coded('2-2', LOINC), ...rest }), [survey]).rows[0]?.columns ?? {};
    expect(made({ valueDateTime: '2024-05' })).toMatchObject({ value_as_string: '2024-05' });
    expect(made({ valueRatio: { numerator: { value: 1 }, denominator: { value: 80 } } })).toMatchObject({ value_as_string: '1:80' });
    expect(made({ valueRange: { low: { value: 5, unit: 'mg' }, high: { value: 10, unit: 'mg' } } })).toMatchObject({
      value_as_string: '5 mg-10 mg',
    });
    expect(made({ valueRatio: { numerator: { value: 1 }, denominator: { value: 80 } } })).not.toHaveProperty('value_as_number');
    const sampled = rowsFor(observation({ code: coded('2-2', LOINC), valueSampledData: { data: '1 2' } }), [survey]);
    expect(sampled.adjustments).toMatchObject([{ rule: 55 }]);
  });

  it('rule 69: the n of a row does not change when an optional row or an earlier component goes missing its target', () => {
    const component = Array.from({ length: 300 }, () => ({ code: coded('1-1', LOINC), valueInteger: 4 }));
    const made = rowsFor(observation({ code: coded('1-1', LOINC), valueInteger: 1, component }), [lab]);
    const numbers = made.rows.map((row) => row.n);
    expect(new Set(numbers).size).toBe(301);
    expect(Math.max(...numbers)).toBeLessThan(1024);
    const withoutOwn = rowsFor(observation({ code: coded('1-1', LOINC), component }), [lab]);
    expect(withoutOwn.rows.slice(0, 250).map((row) => row.n)).toEqual(numbers.slice(1, 251));
    const tooMany = rowsFor(
      observation({
        code: coded('P', LOINC),
        component: Array.from({ length: 1100 }, () => ({ code: coded('1-1', LOINC), valueInteger: 4 })),
      }),
      [lab],
    );
    expect(tooMany.rows).toHaveLength(1024);
    expect(tooMany.exclusions.filter((each) => each.rule === 69)).toHaveLength(76);
  });
});
