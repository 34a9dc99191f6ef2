/** Rules that the project's own maps keep, each by its number. */
import { describe, expect, it } from 'vitest';
import { readJson } from '../../services/fhir/format/json.ts';
import type { Resource } from '../../services/fhir/resource.ts';
import type { CdmRow } from '../../services/omop/row.ts';
import { coded, concept, rowsFor } from './rows-maps.ts';

const made = (resourceType: string, rest: object): Resource => {
  const read = readJson(JSON.stringify({ resourceType, id: 'x', ...rest }));
  if (!read.ok || typeof read.value !== 'object' || read.value === null) throw new Error('no JSON');
  return { ...read.value, resourceType };
};
const subject = { reference: 'Patient/p1' };
const patient = { reference: 'Patient/p1' };
const DISEASE = coded('A');
const vocabulary = [
  concept({ concept_code: 'A', concept_id: 5 }),
  concept({ concept_code: 'P', concept_id: 6, domain_id: 'Procedure', concept_class_id: 'Procedure' }),
  concept({
    concept_code: 'D',
    concept_id: 7,
    domain_id: 'Drug',
    concept_class_id: 'Clinical Drug',
    system: 'http://www.nlm.nih.gov/research/umls/rxnorm',
    vocabulary_id: 'RxNorm',
  }),
  concept({
    concept_code: '1-1',
    concept_id: 8,
    domain_id: 'Measurement',
    system: 'http://loinc.org',
    vocabulary_id: 'LOINC',
    concept_class_id: 'Lab Test',
  }),
  concept({ concept_code: '716186003', concept_id: 9, domain_id: 'Observation' }),
  concept({ concept_code: '416471007', concept_id: 10, domain_id: 'Observation' }),
];
const rows = (resource: Resource): readonly CdmRow[] => rowsFor(resource, vocabulary, { asOf: '2024-12-31' }).rows;
const first = (resource: Resource): Readonly<Record<string, unknown>> => rows(resource)[0]?.columns ?? {};
const drug = coded('D', 'http://www.nlm.nih.gov/research/umls/rxnorm');

describe('which resources make rows', () => {
  it('rule 16: only what has taken place: procedures, statements of drugs, immunizations, encounters', () => {
    const statuses = (values: readonly string[], of: (status: string) => Resource) =>
      values.filter((status) => rows(of(status)).length > 0);
    const procedure = (status: string) => made('Procedure', { status, subject, code: coded('P'), performedDateTime: '2024-01-02' });
    expect(statuses(['preparation', 'in-progress', 'not-done', 'on-hold', 'stopped', 'completed', 'unknown'], procedure)).toEqual([
      'completed',
    ]);
    const statement = (status: string) =>
      made('MedicationStatement', { status, subject, medicationCodeableConcept: drug, effectiveDateTime: '2024-01-02' });
    expect(statuses(['active', 'completed', 'intended', 'stopped', 'on-hold', 'unknown', 'not-taken'], statement)).toEqual([
      'active',
      'completed',
    ]);
    const immunization = (status: string) => made('Immunization', { status, patient, vaccineCode: drug, occurrenceDateTime: '2024-01-02' });
    expect(statuses(['completed', 'not-done'], immunization)).toEqual(['completed']);
    const encounter = (status: string) => made('Encounter', { status, subject, class: { code: 'AMB' }, period: { start: '2024-01-02' } });
    expect(statuses(['planned', 'arrived', 'triaged', 'in-progress', 'onleave', 'finished', 'cancelled', 'unknown'], encounter)).toEqual([
      'arrived',
      'triaged',
      'in-progress',
      'onleave',
      'finished',
    ]);
  });

  it('rule 17: proposals, plans, options and what is not to be done make no row', () => {
    const request = (intent: string, more: object = {}) =>
      made('MedicationRequest', { status: 'active', intent, subject, medicationCodeableConcept: drug, authoredOn: '2024-01-02', ...more });
    const kept = ['proposal', 'plan', 'order', 'original-order', 'reflex-order', 'filler-order', 'instance-order', 'option'].filter(
      (intent) => rows(request(intent)).length > 0,
    );
    expect(kept).toEqual(['order', 'original-order', 'reflex-order', 'filler-order', 'instance-order']);
    expect(rows(request('order', { doNotPerform: true }))).toEqual([]);
  });

  it('rule 19: an absent value makes no row and is counted', () => {
    const result = rowsFor(
      made('Observation', {
        status: 'final',
        subject,
        code: coded('1-1', 'http://loinc.org'),
        effectiveDateTime: '2024-01-02',
        dataAbsentReason: { text: 'haemolysed' },
      }),
      vocabulary,
    );
    expect(result).toMatchObject({ rows: [], exclusions: [{ rule: 19 }] });
  });

  it('rule 20: a dose that was not given makes no row; no known allergy is an observation', () => {
    const dose = (status: string) =>
      rows(made('MedicationAdministration', { status, subject, medicationCodeableConcept: drug, effectiveDateTime: '2024-01-02' })).length;
    expect([dose('not-done'), dose('completed')]).toEqual([0, 1]);
    const none = rows(made('AllergyIntolerance', { patient, code: coded('716186003'), recordedDate: '2024-01-02' }));
    expect(none.map(({ table, columns }) => [table, columns['observation_concept_id']])).toEqual([['observation', 9]]);
  });

  it('rule 22: a person without a possible year of birth has no row', () => {
    for (const birthDate of [undefined, '1700-01-01', '2025-06-01'])
      expect(rowsFor(made('Patient', { birthDate }), vocabulary, { asOf: '2024-12-31' })).toMatchObject({
        rows: [],
        exclusions: [{ rule: 22 }],
      });
  });
});

describe('what rows say', () => {
  it('rule 23: gender is the sex at birth, else the gender; what is neither is 0', () => {
    const url = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex';
    const gender = (gender: string | undefined, sex?: string) =>
      first(made('Patient', { birthDate: '1970', gender, ...(sex === undefined ? {} : { extension: [{ url, valueCode: sex }] }) }))[
        'gender_concept_id'
      ];
    expect([gender('male'), gender('female'), gender('male', 'F'), gender('other'), gender('unknown'), gender(undefined)]).toEqual([
      8507, 8532, 8532, 0, 0, 0,
    ]);
  });

  it('rule 28: no name, number or street of a patient stands in any column', () => {
    const text = JSON.stringify(
      rows(
        made('Patient', {
          birthDate: '1970-01-01',
          name: [{ family: 'Hidden', given: ['Secret'] }],
          identifier: [{ value: 'MRN-1234' }],
          telecom: [{ value: '555-0000' }],
          address: [{ line: ['12 Veiled Street'], city: 'Springfield', postalCode: '01101' }],
        }),
      ),
    );
    expect(text).toContain('Springfield');
    for (const secret of ['Hidden', 'Secret', 'MRN-1234', '555-0000', 'Veiled']) expect(text).not.toContain(secret);
  });

  it('rules 32 and 36: the class becomes the visit and its source value, never the id of the encounter', () => {
    const classes = Object.fromEntries(
      ['IMP', 'AMB', 'EMER', 'VR', 'HH', 'OBSENC', 'WARD'].map((code) => {
        const columns = first(made('Encounter', { status: 'finished', subject, class: { code }, period: { start: '2024-01-02' } }));
        return [columns['visit_source_value'], columns['visit_concept_id']];
      }),
    );
    expect(classes).toEqual({ IMP: 9201, AMB: 9202, EMER: 9203, VR: 722455, HH: 581476, OBSENC: 262, WARD: 0 });
  });

  it('rule 35: where somebody came from and went to; home is 0', () => {
    const hospitalization = (admitSource: string, dischargeDisposition: string) => ({
      admitSource: coded(admitSource, 'http://terminology.hl7.org/CodeSystem/admit-source'),
      dischargeDisposition: coded(dischargeDisposition, 'http://terminology.hl7.org/CodeSystem/discharge-disposition'),
    });
    const both = (from: string, to: string) => {
      const columns = first(
        made('Encounter', {
          status: 'finished',
          subject,
          class: { code: 'IMP' },
          period: { start: '2024-01-02' },
          hospitalization: hospitalization(from, to),
        }),
      );
      return [columns['admitted_from_concept_id'], columns['discharged_to_concept_id']];
    };
    expect([both('emd', 'snf'), both('outp', 'home'), both('nursing', 'hosp')]).toEqual([
      [8870, 8863],
      [8756, 0],
      [8676, 8546],
    ]);
  });

  it('rules 39 and 40: the category is the type, the verification the status of a condition', () => {
    const of = (category: string | undefined, status: string) => {
      const columns = first(
        made('Condition', {
          subject,
          code: DISEASE,
          onsetDateTime: '2024-01-02',
          ...(category === undefined ? {} : { category: [coded(category, 'http://terminology.hl7.org/CodeSystem/condition-category')] }),
          verificationStatus: coded(status, 'http://terminology.hl7.org/CodeSystem/condition-ver-status'),
        }),
      );
      return [columns['condition_type_concept_id'], columns['condition_status_concept_id']];
    };
    expect([of('encounter-diagnosis', 'confirmed'), of('problem-list-item', 'provisional'), of(undefined, 'differential')]).toEqual([
      [32827, 32893],
      [32840, 32899],
      [32817, 32899],
    ]);
  });

  it('rules 41 and 45: a drug starts with its order, dispensing, administration or occurrence, and its type says which', () => {
    const common = { subject, medicationCodeableConcept: drug };
    const all = [
      made('MedicationRequest', { ...common, status: 'active', intent: 'order', authoredOn: '2024-01-01' }),
      made('MedicationDispense', { ...common, status: 'completed', whenPrepared: '2024-01-01', whenHandedOver: '2024-01-02' }),
      made('MedicationAdministration', { ...common, status: 'completed', effectiveDateTime: '2024-01-03' }),
      made('MedicationStatement', { ...common, status: 'active', effectiveDateTime: '2024-01-04' }),
      made('Immunization', { patient, status: 'completed', vaccineCode: drug, occurrenceDateTime: '2024-01-05' }),
    ].map((resource) => [first(resource)['drug_exposure_start_date'], first(resource)['drug_type_concept_id']]);
    expect(all).toEqual([
      ['2024-01-01', 32838],
      ['2024-01-02', 32825],
      ['2024-01-03', 32818],
      ['2024-01-04', 32830],
      ['2024-01-05', 32818],
    ]);
  });

  it('rule 44: refills, sig and lot number as they are', () => {
    const request = first(
      made('MedicationRequest', {
        status: 'active',
        intent: 'order',
        subject,
        medicationCodeableConcept: drug,
        authoredOn: '2024-01-01',
        dosageInstruction: [{ text: 'one a day' }],
        dispenseRequest: { numberOfRepeatsAllowed: 3 },
      }),
    );
    expect([request['refills'], request['sig']]).toEqual([3, 'one a day']);
    const shot = first(
      made('Immunization', { patient, status: 'completed', vaccineCode: drug, occurrenceDateTime: '2024-01-05', lotNumber: 'L7' }),
    );
    expect(shot['lot_number']).toBe('L7');
  });

  it('rule 56: a procedure without a quantity is one; without a date it is none; a device has its unique id', () => {
    const procedure = (more: object) => rows(made('Procedure', { status: 'completed', subject, code: coded('P'), ...more }));
    expect(procedure({ performedPeriod: { start: '2024-01-02' } })[0]?.columns).toMatchObject({
      procedure_date: '2024-01-02',
      quantity: 1,
    });
    expect(procedure({ performedString: 'last spring' })).toEqual([]);
  });

  it('rule 57: a note has a text, its encoding and language; an empty one is none', () => {
    const note = (text: string) =>
      rows(
        made('DocumentReference', {
          status: 'current',
          subject,
          date: '2024-01-02T10:00:00Z',
          type: { text: 'letter' },
          content: [{ attachment: { contentType: 'text/plain', data: Buffer.from(text).toString('base64') } }],
        }),
      );
    expect(note('All is well.')[0]?.columns).toMatchObject({ note_text: 'All is well.', encoding_concept_id: 32678 });
    expect(note('  ')).toEqual([]);
  });

  it('rule 58: the condition of a relative is an observation, never a condition of the person', () => {
    const family = rows(
      made('FamilyMemberHistory', {
        status: 'completed',
        patient,
        date: '2024-01-02',
        relationship: coded('72705000'),
        condition: [{ code: DISEASE }],
      }),
    );
    expect([...new Set(family.map(({ table }) => table))]).toEqual(['observation']);
  });
});
