import { expect, it } from 'vitest';
import { ERRORS, type ErrorCode, problem } from '../../services/errors.ts';
import { operationOutcome } from '../../services/fhir/outcome.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';

const isCode = (name: string): name is ErrorCode => Object.hasOwn(ERRORS, name);

it('is a valid OperationOutcome for every code of the table', () => {
  const all = Object.keys(ERRORS).filter(isCode);
  const outcome = operationOutcome(all.map((code) => problem(code, {}, 'Patient.name[0].given[1]')));
  expect(validateResource(outcome)).toEqual([]);
});

it('says what, where, how grave and what to do', () => {
  expect(operationOutcome([problem('fhir-value', { datatype: 'date' }, 'Patient.birthDate')])['issue']).toEqual([
    {
      severity: 'error',
      code: 'value',
      details: {
        coding: [{ system: 'urn:polyseme:error', code: 'fhir-value' }],
        text: 'The value is not a date as FHIR R4 writes it.',
      },
      diagnostics: `The value is not a date as FHIR R4 writes it. ${ERRORS['fhir-value'].cure}`,
      expression: ['Patient.birthDate'],
    },
  ]);
});

it('puts a place that is no FHIRPath into the diagnostics', () => {
  const outcome = operationOutcome([problem('fhir-not-json', { reason: 'x' }, '4:7')]);
  expect(JSON.stringify(outcome)).toContain('(4:7)');
  expect(JSON.stringify(outcome)).not.toContain('expression');
});

it('says that all is well when it is', () => {
  expect(validateResource(operationOutcome([]))).toEqual([]);
});
