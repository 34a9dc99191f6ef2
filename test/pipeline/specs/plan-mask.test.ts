import { describe, expect, it } from 'vitest';
import type { PlanSummary } from '../../../services/pipeline/specs/plan-desk.ts';
import { maskedChange, maskedSummary, wordsOf } from '../../../services/pipeline/specs/plan-mask.ts';

const words = wordsOf(
  new Map([['a.yaml', "status: { from: =OBX-11, map: status }\nrows: [[F, 'final'], [X, cancelled]]\nsystem: http://loinc.org\n"]]),
);
const change = (fields: readonly { readonly path: string; readonly before?: unknown; readonly after?: unknown }[], kind = 'Observation') =>
  maskedChange(
    { what: 'resource', change: 'changed', grade: 2, kind, reference: `${kind}/1`, fields, before: 'x', after: 'y' } as const,
    words,
  ).fields;

describe('a difference before it is revealed', () => {
  it('shows what the draft makes only where it stood there before or the maps that run say it themselves, wherever the draft puts it', () => {
    expect(
      change([
        { path: 'status', before: 'preliminary', after: 'final' },
        { path: 'code.coding[0].code', before: '718-7', after: 'Quellwasser' },
        { path: 'code.coding[0].system', before: 'http://loinc.org', after: 'http://loinc.org' },
        // A number, a day: of whom, only the draft knows.
        { path: 'valueQuantity.value', before: '5', after: '4711' },
        { path: 'effectiveDateTime', after: '1968-01-17' },
        { path: 'component', after: [{ code: { coding: [{ code: '718-7' }] }, valueCode: 'Rosalinde' }] },
      ]),
    ).toEqual([
      { path: 'status', before: 'preliminary', after: 'final' },
      { path: 'code.coding[0].code', before: '718-7', after: '•••' },
      { path: 'code.coding[0].system', before: 'http://loinc.org', after: 'http://loinc.org' },
      { path: 'valueQuantity.value', before: '5', after: '•••' },
      { path: 'effectiveDateTime', after: '•••' },
      { path: 'component', after: [{ code: { coding: [{ code: '718-7' }] }, valueCode: '•••' }] },
    ]);
  });

  it('does not take for known what a hidden place held before', () => {
    expect(
      change(
        [
          { path: 'name[0].family', before: 'Quellwasser' },
          { path: 'gender', before: 'female', after: 'Quellwasser' },
        ],
        'Patient',
      ),
    ).toEqual([
      { path: 'name[0].family', before: '•••' },
      { path: 'gender', before: 'female', after: '•••' },
    ]);
  });
});

describe('what a plan found out, before it is revealed', () => {
  it('names no code that only the draft makes: it can make one of a name', () => {
    const none = { added: 0, changed: 0, gone: 0, moved: 0 };
    const summary: PlanSummary = {
      messages: { looked: 1, before: {}, after: {}, willPark: 0, willApply: 0 },
      resources: { ...none, byKind: {} },
      rows: { ...none, byKind: {} },
      unmapped: {
        ...{ before: 3, after: 5, differ: 3 },
        codes: [
          { system: 'urn:Quellwasser', code: 'Quellwasser', before: 0, after: 1 },
          { system: 'http://loinc.org', code: 'F', before: 0, after: 4 },
          { system: 'urn:lab', code: 'GLU', before: 3, after: 0 },
        ],
      },
      issues: { before: 0, after: 0, differ: 0, codes: [] },
      time: { beforeMs: 0, afterMs: 0, messages: 0 },
      removals: { resourcesGone: 0, rowsGone: 0, moved: 0, messagesParked: 0 },
    };
    expect(maskedSummary(summary, words).unmapped).toEqual({
      ...{ before: 3, after: 5, differ: 3 },
      codes: [
        { system: '•••', code: '•••', before: 0, after: 1 },
        // What the maps that run say themselves, and what they leave unmapped today, is no secret.
        { system: 'http://loinc.org', code: 'F', before: 0, after: 4 },
        { system: 'urn:lab', code: 'GLU', before: 3, after: 0 },
      ],
    });
  });
});
