import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementsOf } from '../../services/fhir/definitions.ts';
import type { JsonObject, JsonValue, Resource } from '../../services/fhir/resource.ts';
import { isByEngine } from '../../services/mapping/to-rows/engine-columns.ts';
import type { CdmRow, CdmValue } from '../../services/omop/row.ts';
import type { CdmColumn } from '../../services/omop/tables.generated.ts';
import { columnOf, columnsOf, isAside } from '../../services/omop/tables.ts';
import { concept, contextOf, projectMaps } from './rows-maps.ts';

const CODES = ['A', 'B', 'C', 'D', 'M', 'final', 'completed', 'confirmed', '2106-3', 'IMP', 'x'.repeat(70)];
const context = contextOf([
  concept({ concept_code: 'A', concept_id: 1 }),
  concept({ concept_code: 'B', concept_id: 2, domain_id: 'Drug', concept_class_id: 'Ingredient' }),
  concept({ concept_code: 'C', concept_id: 3, domain_id: 'Measurement' }),
  concept({ concept_code: 'D', concept_id: 4, standard_concept: '', to: [1, 2, 3].map((concept_id) => ({ concept_id, value: 3 })) }),
]);

const coding: fc.Arbitrary<JsonObject> = fc.record(
  { system: fc.constantFrom('http://snomed.info/sct', 'urn:local'), code: fc.constantFrom(...CODES), display: fc.string() },
  { requiredKeys: [] },
);
const text = fc.oneof(
  fc.constantFrom(
    '2024-05-01',
    '2024',
    '2024-05-01T23:30:00-05:00',
    '2024-13-01',
    '<5',
    '1+',
    'self',
    'Patient/p1',
    'Encounter/e',
    ...CODES,
  ),
  fc.string({ maxLength: 90, unit: 'grapheme' }),
);
/** Anything JSON can be, with what the maps look for more often than chance would have it. */
const { any } = fc.letrec<{ any: JsonValue }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    coding,
    fc.record({ coding: fc.array(coding, { maxLength: 3 }), text }, { requiredKeys: [] }),
    fc.record({ reference: text }),
    fc.record(
      { value: fc.oneof(fc.double(), text), unit: text, comparator: text, code: text, start: text, end: text },
      { requiredKeys: [] },
    ),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('value', 'code', 'extension', 'url', 'start', 'valueQuantity', 'low', 'text', 'timing'), tie('any')),
  ),
}));

const types = [...projectMaps().maps.keys()];
const names = (type: string): string[] =>
  [...elementsOf(type).values()].flatMap((each) =>
    each.name.endsWith('[x]')
      ? each.types.map(({ code }) => `${each.name.slice(0, -3)}${code.charAt(0).toUpperCase()}${code.slice(1)}`)
      : [each.name],
  );
/** What most rows need, so that many are made; the arbitrary elements stand above it. */
const USUAL: JsonObject = {
  subject: { reference: 'Patient/p1' },
  patient: { reference: 'Patient/p1' },
  status: 'completed',
  birthDate: '1980-01-01',
  effectiveDateTime: '2024-05-01',
  authoredOn: '2024-05-01',
};

const resource: fc.Arbitrary<Resource> = fc
  .constantFrom(...types)
  .chain((type) =>
    fc.dictionary(fc.constantFrom(...names(type)), any).map((rest): Resource => ({ ...USUAL, ...rest, resourceType: type, id: 'r' })),
  );

function fits(value: CdmValue, column: CdmColumn): boolean {
  if (typeof value === 'object' && value !== null) return column.type === 'integer' || column.type === 'date';
  switch (column.type) {
    case 'integer':
      return typeof value === 'number' && Number.isSafeInteger(value);
    case 'float':
      return (typeof value === 'number' && Number.isFinite(value)) || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value));
    case 'date':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value);
    case 'datetime':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(value);
    default:
      return typeof value === 'string' && [...value].length <= (column.length ?? Number.POSITIVE_INFINITY);
  }
}

function expectRow(row: CdmRow): void {
  for (const [name, value] of Object.entries(row.columns)) {
    // Tables that say nothing of their person are told it all the same.
    const column = columnOf(isAside(row.table) && name === 'person_id' ? 'person' : row.table, name);
    expect(column, `${row.table}.${name}`).toBeDefined();
    if (column !== undefined) expect(fits(value, column), `${row.table}.${name}: ${JSON.stringify(value)}`).toBe(true);
  }
  for (const column of columnsOf(row.table)) {
    if (isByEngine(row.table, column.name)) continue;
    if (column.required && column.primaryKey !== true) expect(row.columns, `${row.table}.${column.name}`).toHaveProperty(column.name);
  }
}

describe('whatever a resource holds', () => {
  it('the maps do not throw, every row fits its table, n is distinct, and a resource without rows says why', () => {
    let rows = 0;
    fc.assert(
      fc.property(resource, (given) => {
        const made = projectMaps().rows(given, context);
        for (const row of made.rows) expectRow(row);
        rows += made.rows.length;
        expect(new Set(made.rows.map((row) => row.n)).size).toBe(made.rows.length);
        expect(made.rows.every((row) => row.n >= 0 && row.n < 1024)).toBe(true);
        expect(made.rows.length + made.exclusions.length).toBeGreaterThan(0);
        expect(projectMaps().rows(given, context)).toEqual(made);
      }),
      { numRuns: Number(process.env['POLYSEME_TEST_RUNS'] ?? 2000) },
    );
    // Else the property would say little.
    expect(rows).toBeGreaterThan(50);
  });
});
