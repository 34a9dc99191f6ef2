/** What the console shows before a reveal: nothing that may say who somebody is, wherever FHIR has a place for it. */
import { describe, expect, it } from 'vitest';
import { isColumnPlain, isElementPlain } from '../../services/pipeline/message/mask.ts';

describe('elements', () => {
  it.each([
    // The display of a reference is who or what is meant, in words (http://hl7.org/fhir/R4/references-definitions.html#Reference.display).
    ['Observation.subject.display', 'Eve Everywoman'],
    ['Encounter.participant[0].individual.display', 'Dr. Ann Other'],
    ['Observation.performer[1].display', 'Dr. Ann Other'],
    ['Patient.generalPractitioner[0].display', 'Dr. Ann Other'],
    ['Observation.valueString', '123456789'],
    ['Observation.component[0].valueString', '123456789'],
    ['Observation.extension[0].valueIdentifier.value', '123456789'],
    ['Specimen.accessionIdentifier.value', '123456789'],
    ['ServiceRequest.requisition.value', '123456789'],
    ['Coverage.subscriberId', '123456789'],
    ['Coverage.class[0].value', '123456789'],
    ['Device.serialNumber', '123456789'],
    ['Immunization.lotNumber', '123456789'],
    ['Encounter.subject.identifier.value', '123456789'],
  ])('masks %s', (path, value) => {
    expect(isElementPlain(path, value)).toBe(false);
  });

  it.each([
    ['Observation.code.coding[0].display', 'Cholesterol'],
    ['Observation.valueCodeableConcept.coding[0].display', 'Positive'],
    ['Patient.extension[0].extension[0].valueCoding.display', 'White'],
    ['Encounter.class.display', 'ambulatory'],
    ['ImagingStudy.series[0].modality.display', 'CT'],
    ['Observation.subject.reference', 'Patient/1'],
    ['Observation.valueQuantity.value', '187'],
    ['Observation.referenceRange[0].low.value', '1.5'],
    ['Specimen.accessionIdentifier.system', 'urn:oid:1.2'],
    ['Observation.effectiveDateTime', '2026-01-01'],
  ])('shows %s', (path, value) => {
    expect(isElementPlain(path, value)).toBe(true);
  });
});

describe('columns', () => {
  it.each([
    ['location', 'location_source_value'],
    ['location', 'latitude'],
    ['location', 'longitude'],
    ['payer_plan_period', 'family_source_value'],
    ['note_nlp', 'snippet'],
    ['note_nlp', 'lexical_variant'],
    ['care_site', 'location_source_value'],
    ['person', 'person_source_value'],
  ])('masks %s.%s', (table, column) => {
    expect(isColumnPlain(table, column)).toBe(false);
  });

  it.each([
    ['measurement', 'measurement_source_value'],
    ['measurement', 'value_as_number'],
    ['visit_occurrence', 'visit_start_date'],
  ])('shows %s.%s', (table, column) => {
    expect(isColumnPlain(table, column)).toBe(true);
  });
});
