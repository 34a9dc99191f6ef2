import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../services/mapping/expression/compile.ts';
import { expressionRuntime, type Run } from '../../services/mapping/expression/runtime.ts';
import type { ElementType, FhirScope } from '../../services/mapping/expression/scope.ts';
import { asCondition, asText } from '../../services/mapping/expression/typed.ts';
import type { ScalarNode } from '../../services/mapping/read.ts';

const node = (text: string): ScalarNode => ({
  kind: 'scalar',
  value: `=${text}`,
  quoted: false,
  at: { file: 'x.yaml', line: 3, column: 7 },
});

const run = (): Run => ({ error: undefined, authority: 'A', messageOffset: undefined, timezone: 'Europe/Lisbon', note: () => undefined });

const ELEMENTS: Record<string, Record<string, ElementType>> = {
  Observation: {
    status: { types: ['code'], many: false, choice: false },
    code: { types: ['CodeableConcept'], many: false, choice: false },
    value: { types: ['Quantity', 'string', 'dateTime', 'Period', 'boolean'], many: false, choice: true },
    extension: { types: ['Extension'], many: true, choice: false },
  },
  CodeableConcept: { coding: { types: ['Coding'], many: true, choice: false }, text: { types: ['string'], many: false, choice: false } },
  Coding: {
    system: { types: ['uri'], many: false, choice: false },
    code: { types: ['code'], many: false, choice: false },
  },
  Quantity: { value: { types: ['decimal'], many: false, choice: false } },
  Extension: { url: { types: ['uri'], many: false, choice: false }, value: { types: ['code', 'string'], many: false, choice: true } },
};
const scope: FhirScope = {
  format: 'fhir',
  root: { js: 'resource', type: 'Observation' },
  types: {
    element: (type, name) =>
      Object.hasOwn(ELEMENTS, type) && Object.hasOwn(ELEMENTS[type] ?? {}, name) ? ELEMENTS[type]?.[name] : undefined,
    elements: (type) => (Object.hasOwn(ELEMENTS, type) ? Object.keys(ELEMENTS[type] ?? {}) : undefined),
  },
};
const resource = {
  resourceType: 'Observation',
  status: 'final',
  code: {
    text: 'Sodium',
    coding: [
      { system: 'http://loinc.org', code: '2951-2' },
      { system: 'urn:x', code: 'NA' },
    ],
  },
  valueQuantity: { value: 65.88 },
  extension: [{ url: 'http://e', valueCode: 'c' }],
};

function evaluate(text: string, as: 'value' | 'condition' | 'text' = 'value', over: unknown = resource): unknown {
  const compiled = compileExpression(node(text), scope);
  if (!compiled.ok) return compiled.diagnostics.map((each) => each.code).join();
  const js = as === 'condition' ? asCondition(compiled.value) : as === 'text' ? asText(compiled.value) : compiled.value.js;
  return new Function('R', 'X', 'resource', `"use strict"; return ${js};`)(expressionRuntime, run(), over);
}

describe('expressions over FHIR', () => {
  it.each([
    ['status', 'final'],
    ['code.coding.code', ['2951-2', 'NA']],
    ["code.coding.where(system = 'http://loinc.org').code.first()", '2951-2'],
    ['value.ofType(Quantity).value', 65.88],
    ['value.ofType(Quantity).value = 65.880', true],
    ['value.exists()', true],
    ['value.value', 65.88],
    ['value as date', undefined],
    ["extension('http://e').value.ofType(code).first()", 'c'],
    ["status in ('final', 'amended')", true],
    ["status not in ('final')", false],
    ["status != 'final'", false],
    ["status = 'final' and code.text.exists().not()", false],
    ["iif(status = 'final', 'yes', 'no')", 'yes'],
    ["code.coding.code.join('|')", '2951-2|NA'],
    ["code.text ?? 'none'", 'Sodium'],
    ["code.coding.where((code ?? system).exists() and system = 'urn:x').code.first()", 'NA'],
    ["code.coding.where(system = 'urn:x' and (code ?? system) = 'NA' or (code ?? system) = 'no').code.first()", 'NA'],
    ["(code.text ?? status).exists() and (status ?? code.text) = 'final'", true],
    ["(status = 'x' or (code.text ?? status) = 'y') ?? 'none'", 'false'],
    ["iif((code.text ?? status).exists(), (status ?? code.text) = 'final' and true, false)", true],
    ["code.text.upper() + '!'", 'SODIUM!'],
    ['code.coding.count()', 2],
    ['code.coding[1].code', 'NA'],
    ["code.coding.where(system = 'nowhere').exists()", false],
    ["'it''s' + \" fine\"", "it's fine"],
  ])('%s', (text, expected) => {
    expect(evaluate(text)).toEqual(expected);
  });

  it('takes periods and dateTimes for "as date"', () => {
    expect(evaluate('value as date', 'value', { valueDateTime: '2024-05-06T10:00:00Z' })).toBe('2024-05-06');
    expect(evaluate('value as date', 'value', { valuePeriod: { start: '2024-05' } })).toBe('2024-05');
  });

  it.each([
    ['statuss', 'unknown-element'],
    ['code.coding.code = "x"', 'expression-many'],
    ['value.start', 'unknown-element'],
    ['value.ofType(Ratio)', 'unknown-type'],
    ['status.shout()', 'unknown-function'],
    ['status.upper(1)', 'function-arguments'],
    ['PID-5', 'expression-type'],
    ['status as Quantity', 'unknown-type'],
    ['status and', 'expression-syntax'],
    ["status = 'a", 'expression-syntax'],
    ['status ; process.exit()', 'expression-syntax'],
    ['constructor', 'unknown-element'],
    ['__proto__.x', 'unknown-element'],
    ['toString()', 'unknown-function'],
    ["status.constructor('return process')", 'unknown-function'],
    ["status.constructor('return process')()", 'expression-syntax'],
  ])('%s is refused as %s', (text, code) => {
    expect(evaluate(text)).toContain(code);
  });

  it('points at the fault and offers the nearest name', () => {
    const compiled = compileExpression(node('code.codng.code'), scope);
    expect(compiled).toMatchObject({ ok: false, diagnostics: [{ line: 3, column: 13, cure: expect.stringContaining('"coding"') }] });
  });

  it('emits no text of the author except quoted', () => {
    const hostile = "'\\'+process.exit()+\\'' + \"`$[process]`\u2028\"";
    expect(evaluate(hostile)).toBe("'+process.exit()+'`$[process]`\u2028");
  });
});
