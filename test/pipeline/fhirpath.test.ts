/** What FHIRPath may take is counted in time of the processor: an expression is not refused because something else kept the machine busy. */
import { expect, it } from 'vitest';
import { evaluateFhirPath } from '../../services/pipeline/fhir/fhirpath.ts';

const patient = { resourceType: 'Patient', name: [{ family: 'Doe' }] };

it('answers what is cheap, however long the answer is not looked at', async () => {
  await evaluateFhirPath(patient, [{ expression: 'Patient.name' }]);
  const asked = evaluateFhirPath(patient, [{ expression: "Patient.name.where(family = 'Doe').family" }], 500);
  // The time for it is long over when this thread looks again.
  const start = performance.now();
  while (performance.now() - start < 1_000);
  expect(await asked).toMatchObject({ ok: true, value: { answers: [{ values: ['"Doe"'] }] } });
});

it('ends what takes too much of it, and answers the next', async () => {
  const evil = { expression: "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')" };
  expect(await evaluateFhirPath(patient, [evil], 200)).toMatchObject({ ok: false, problems: [{ code: 'fhirpath-costly' }] });
  expect(await evaluateFhirPath(patient, [{ expression: 'Patient.name.count()' }])).toMatchObject({
    ok: true,
    value: { answers: [{ values: ['1'] }] },
  });
});
