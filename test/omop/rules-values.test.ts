import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOrderOfChoice } from '../../services/omop/coding-choice.ts';
import { qualitativeConcept } from '../../services/omop/qualitative.ts';
import { personEthnicity, personRace } from '../../services/omop/race.ts';
import { cut } from '../../services/omop/source-value.ts';
import { columnFor, columnOf, ROUTED_TABLES, tableOfDomain } from '../../services/omop/tables.ts';
import { exact, numberAllowed, numericText, OPERATORS, operatorConcept, rangeOfText } from '../../services/omop/values.ts';

const LOINC = 'http://loinc.org';
const SNOMED = 'http://snomed.info/sct';
const LOCAL = 'urn:local';

describe('tables', () => {
  it('rule 3: the domain chooses the table, never the resource', () => {
    expect(tableOfDomain('Observation', 'condition_occurrence')).toBe('observation');
    expect(tableOfDomain('Measurement', 'condition_occurrence')).toBe('measurement');
    expect(tableOfDomain('Procedure', 'condition_occurrence')).toBe('procedure_occurrence');
    expect(tableOfDomain('Drug', 'condition_occurrence')).toBe('drug_exposure');
    expect(tableOfDomain('Device', 'condition_occurrence')).toBe('device_exposure');
    expect(tableOfDomain('Condition', 'observation')).toBe('condition_occurrence');
    expect(tableOfDomain('Specimen', 'observation')).toBe('specimen');
  });

  it('rule 3: domains without a table of their own go to observation', () => {
    for (const domain of ['Meas Value', 'Spec Anatomic Site', 'Type Concept', 'Unit', 'Race', 'Visit', 'Note', 'Geography', 'Payer', '']) {
      expect(tableOfDomain(domain, 'condition_occurrence'), domain).toBe('observation');
    }
  });

  it("rule 3: a combined domain stays with the resource's table when that is one half, else goes to the first half", () => {
    expect(tableOfDomain('Measurement/Procedure', 'procedure_occurrence')).toBe('procedure_occurrence');
    expect(tableOfDomain('Meas/Procedure', 'condition_occurrence')).toBe('measurement');
    expect(tableOfDomain('Condition/Meas', 'condition_occurrence')).toBe('condition_occurrence');
    expect(tableOfDomain('Condition/Obs', 'procedure_occurrence')).toBe('condition_occurrence');
    expect(tableOfDomain('Obs/Procedure', 'observation')).toBe('observation');
  });

  it('a role means a column of whichever table wins', () => {
    for (const table of ROUTED_TABLES) {
      for (const role of ['concept', 'source_value', 'type', 'date', 'datetime'])
        expect(columnFor(table, role), `${table}.${role}`).toBeDefined();
    }
    expect(columnFor('drug_exposure', 'date')?.name).toBe('drug_exposure_start_date');
    expect(columnFor('drug_exposure', 'concept')?.name).toBe('drug_concept_id');
    expect(columnFor('procedure_occurrence', 'end_date')?.name).toBe('procedure_end_date');
    expect(columnFor('measurement', 'end_date')).toBeUndefined();
    expect(columnFor('visit_occurrence', 'end_date')?.name).toBe('visit_end_date');
    expect(columnFor('measurement', 'value_as_concept')?.name).toBe('value_as_concept_id');
    expect(columnOf('measurement', 'measurement_source_value')?.length).toBe(50);
  });
});

describe('choice and cutting', () => {
  it('rule 8: one choice among codings: preferred system, then what the user chose, then as sent, local last', () => {
    const known = (system: string): boolean => system !== LOCAL;
    const local = { system: LOCAL, code: 'K' };
    const loinc = { system: LOINC, code: '2823-3' };
    const snomed = { system: SNOMED, code: '1' };
    const other = { system: 'urn:other', code: '2' };
    const chosen = { system: 'urn:third', code: '3', userSelected: true };
    expect(inOrderOfChoice([local, other, snomed, loinc, chosen], [LOINC, SNOMED], known)).toEqual([loinc, snomed, chosen, other, local]);
    expect(inOrderOfChoice([local, snomed], [], known)).toEqual([snomed, local]);
    const second = { system: LOINC, code: 'b', userSelected: true };
    expect(inOrderOfChoice([loinc, second], [LOINC], known)).toEqual([second, loinc]);
  });

  it('rule 10: a text is cut to its column by characters and the loss is said', () => {
    expect(cut('x'.repeat(50), 50)).toEqual({ text: 'x'.repeat(50), lost: 0 });
    expect(cut('x'.repeat(53), 50)).toEqual({ text: 'x'.repeat(50), lost: 3 });
    expect(cut('😀'.repeat(50), 50)).toEqual({ text: '😀'.repeat(50), lost: 0 });
    expect(cut('a😀b', 2)).toEqual({ text: 'a😀', lost: 1 });
  });

  it('rule 25: one known race is it, several are 1546847 and one observation each, unknowns are ignored', () => {
    expect(personRace([8527])).toEqual({ concept_id: 8527, each: [] });
    expect(personRace([8515, 8527])).toEqual({ concept_id: 1546847, each: [8515, 8527] });
    expect(personRace([8527, 8527, 0])).toEqual({ concept_id: 8527, each: [] });
    expect(personRace([0, 0])).toEqual({ concept_id: 0, each: [] });
    expect(personRace([])).toEqual({ concept_id: 0, each: [] });
  });

  it('rule 26: contradicting ethnicities are 0 and an observation each', () => {
    expect(personEthnicity([38003563])).toEqual({ concept_id: 38003563, each: [] });
    expect(personEthnicity([38003563, 38003564])).toEqual({ concept_id: 0, each: [38003563, 38003564] });
  });
});

describe('values', () => {
  it('rule 46: digits are kept exactly', () => {
    expect(exact('5.1')).toBe(5.1);
    expect(exact('5.10')).toBe('5.10');
    expect(exact('9007199254740993')).toBe('9007199254740993');
    expect(exact('007')).toBe('007');
  });

  it('rule 46: a negative number only for the 57 listed measurements', () => {
    expect(numberAllowed(3003396, -2.5)).toBe(true);
    expect(numberAllowed(3006277, '-30')).toBe(true);
    expect(numberAllowed(3004249, -1)).toBe(false);
    expect(numberAllowed(3004249, 0)).toBe(true);
    expect(numberAllowed(0, '12.0')).toBe(true);
  });

  it('rule 48: each comparator has its own concept id', () => {
    expect([...OPERATORS]).toEqual([
      ['<', 4171756],
      ['<=', 4171754],
      ['=', 4172703],
      ['>=', 4171755],
      ['>', 4172704],
    ]);
    expect(operatorConcept('<')).toBe(4171756);
    expect(operatorConcept('>')).toBe(4172704);
  });

  it('rule 47: the operator of an exact value is NULL', () => {
    expect(operatorConcept(undefined)).toBeNull();
    expect(operatorConcept('=')).toBeNull();
  });

  it('rule 48: comparators in texts', () => {
    expect(numericText('<0.01')).toEqual({ comparator: '<', digits: '0.01' });
    expect(numericText('>=1:80')).toBeUndefined();
    expect(numericText('≤5')).toEqual({ comparator: '<=', digits: '5' });
    expect(numericText(' ≥ 5 ')).toEqual({ comparator: '>=', digits: '5' });
    expect(numericText('5-10')).toBeUndefined();
    expect(numericText('065.88')).toEqual({ comparator: undefined, digits: '065.88' });
    for (const text of ['', '1+', '<', '5 mg', '1,000', '1e3', '5.', '--5', '<<5', '=<5']) expect(numericText(text), text).toBeUndefined();
  });

  it('rule 48: whatever text it is given, a number comes back only from its own digits', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const found = numericText(text);
        if (found !== undefined) expect(text).toContain(found.digits);
      }),
    );
  });

  it('rule 49: worded results get the LOINC answer or the SNOMED value; abbreviations only through a table', () => {
    expect(qualitativeConcept('1+', 'loinc')).toBe(45878548);
    expect(qualitativeConcept('Positive', 'loinc')).toBe(45884084);
    expect(qualitativeConcept(' NOT DETECTED ', 'loinc')).toBe(45880296);
    expect(qualitativeConcept('Non-reactive', 'loinc')).toBe(45884092);
    expect(qualitativeConcept('Positive', 'snomed')).toBe(9191);
    expect(qualitativeConcept('Reactive', 'snomed')).toBe(45881802);
    expect(qualitativeConcept('POS', 'loinc')).toBeUndefined();
    expect(qualitativeConcept('positive for flu', 'loinc')).toBeUndefined();
  });

  it('rule 51: one-sided ranges have one bound', () => {
    expect(rangeOfText('<5')).toEqual({ low: null, high: 5 });
    expect(rangeOfText('>=60')).toEqual({ low: 60, high: null });
    expect(rangeOfText('3.5-5.10')).toEqual({ low: 3.5, high: '5.10' });
    expect(rangeOfText('-2 - 2')).toEqual({ low: -2, high: 2 });
    expect(rangeOfText('Negative')).toEqual({ low: null, high: null });
    expect(rangeOfText('5')).toEqual({ low: null, high: null });
  });
});
