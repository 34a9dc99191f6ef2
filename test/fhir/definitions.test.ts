import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  baseOf,
  choiceNames,
  codeSetOf,
  elementOf,
  elementsOf,
  isResourceType,
  kindOf,
  RESOURCE_TYPES,
  resourceTypeOf,
} from '../../services/fhir/definitions.ts';

describe('an element', () => {
  it('is found by path, through datatypes and children', () => {
    expect(elementOf('Patient', 'name.given')).toMatchObject({
      path: 'HumanName.given',
      min: 0,
      max: Number.POSITIVE_INFINITY,
      types: [{ code: 'string' }],
    });
    expect(elementOf('Patient.contact.name.family')?.path).toBe('HumanName.family');
    expect(elementOf('Patient.contact', 'gender')?.binding?.codes).toEqual(new Set(['male', 'female', 'other', 'unknown']));
    expect(elementOf('Observation', 'component.valueQuantity.value')?.types[0]?.code).toBe('decimal');
    expect(elementOf('Questionnaire.item.item.item.linkId')?.min).toBe(1);
    expect(elementOf('Patient', 'id')?.types[0]?.code).toBe('id');
    expect(elementOf('Patient', 'extension.url')?.path).toBe('Extension.url');
  });
  it('may be a choice or one of its properties', () => {
    const value = elementOf('Observation', 'value[x]');
    expect(value?.isChoice).toBe(true);
    expect(elementOf('Observation', 'value')).toEqual(value);
    expect(value === undefined ? [] : choiceNames(value)).toContain('valueCodeableConcept');
    expect(elementOf('Observation', 'valueQuantity')).toMatchObject({
      name: 'valueQuantity',
      path: 'Observation.value[x]',
      isChoice: false,
      types: [{ code: 'Quantity' }],
    });
    expect(elementOf('MedicationRequest', 'medicationReference')?.targets).toEqual(['Medication']);
  });
  it('knows the targets of references and what has no comparator', () => {
    expect(elementOf('Patient', 'managingOrganization')?.targets).toEqual(['Organization']);
    expect(elementOf('Provenance', 'target')?.targets).toBeUndefined();
    expect(elementOf('Observation', 'referenceRange.low')?.types[0]).toMatchObject({ code: 'Quantity', withoutComparator: true });
  });
  it.each([
    ['Patient', 'nothing'],
    ['Patient', 'name.nothing'],
    ['Patient', 'gender.nothing'],
    ['Observation', 'valueMoney'],
    ['Observation', 'value.value'],
    ['Nothing', 'id'],
    ['Patient', 'constructor'],
    ['Patient', ''],
    ['Patient', 'meta.project'],
    ['ResearchStudy', 'studyDesign'],
  ])('%s.%s is none', (type, path) => {
    expect(elementOf(type, path)).toBeUndefined();
  });
});

describe('types', () => {
  it('are told apart', () => {
    expect(['Patient', 'Resource', 'HumanName', 'code', 'Patient.contact', 'Patient.name', 'toString'].map(kindOf)).toEqual([
      'resource',
      'abstract',
      'datatype',
      'primitive',
      'backbone',
      undefined,
      undefined,
    ]);
    expect([baseOf('Patient'), baseOf('Age'), baseOf('canonical'), baseOf('Timing.repeat')]).toEqual([
      'DomainResource',
      'Quantity',
      'uri',
      'Element',
    ]);
    expect(isResourceType('Patient') && !isResourceType('HumanName') && !isResourceType('SubscriptionStatus')).toBe(true);
  });
  it('have stable numbers', () => {
    for (const [name, number] of RESOURCE_TYPES) expect(resourceTypeOf(number)).toBe(name);
    expect(resourceTypeOf(0)).toBeUndefined();
  });
  it('have inherited elements first', () => {
    expect([...elementsOf('Patient').keys()].slice(0, 9)).toEqual([
      'id',
      'meta',
      'implicitRules',
      'language',
      'text',
      'contained',
      'extension',
      'modifierExtension',
      'identifier',
    ]);
    expect(elementsOf('string').size).toBe(0);
  });
  it('have the codes of required bindings with their systems', () => {
    expect([...(codeSetOf('condition-clinical')?.systems.keys() ?? [])]).toEqual([
      'http://terminology.hl7.org/CodeSystem/condition-clinical',
    ]);
    expect(codeSetOf('observation-status')?.codes.has('entered-in-error')).toBe(true);
    expect(codeSetOf('no-such-set')).toBeUndefined();
  });
});

describe('generated files', () => {
  it.each(['generate-fhir-definitions.ts', 'generate-fhir-search-parameters.ts'])('%s --check finds no difference', (script) => {
    const path = fileURLToPath(new URL(`../../scripts/${script}`, import.meta.url));
    expect(() => execFileSync(process.execPath, [path, '--check'], { stdio: 'pipe' })).not.toThrow();
  });
});
