import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderTransaction, references, resourcesIn } from '../../services/fhir/bundle.ts';
import { choiceNames, elementsOf, RESOURCE_TYPES } from '../../services/fhir/definitions.ts';
import type { JsonObject, JsonValue, Resource } from '../../services/fhir/resource.ts';
import { indexRows } from '../../services/fhir/search/index.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';

/** Values that trip readers who trust: objects that cannot become text or number, names of Object, wrong types everywhere. */
const scalars: fc.Arbitrary<JsonValue> = fc.constantFrom<JsonValue>(
  null,
  true,
  0,
  -1.5,
  '',
  'x',
  '2020-02-30',
  'Patient/1',
  '#',
  '#x',
  'urn:uuid:x',
  '<div>',
  { toString: 1, valueOf: 1 },
  { length: 3 },
  [],
  {},
  [null],
  [[]],
);
const names = fc.constantFrom(
  'resourceType',
  'id',
  'meta',
  'contained',
  'extension',
  'url',
  'reference',
  'coding',
  'code',
  'system',
  'value',
  'start',
  'end',
  'div',
  'entry',
  'resource',
  'request',
  'type',
  'toString',
  'constructor',
  'length',
);
const values: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalars,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4 }),
  ),
})).value;

const resources: fc.Arbitrary<Resource> = fc.constantFrom(...RESOURCE_TYPES.keys()).chain((resourceType) => {
  const elements = [...elementsOf(resourceType).values()].flatMap(choiceNames);
  return fc
    .dictionary(fc.constantFrom(...elements, ...elements.map((each) => `_${each}`)), values, { maxKeys: 6 })
    .map((rest: JsonObject): Resource => ({ ...rest, resourceType }));
});

it('no value makes validation, index or bundles throw', () => {
  fc.assert(
    fc.property(resources, (resource) => {
      expect(validateResource(resource)).toBeInstanceOf(Array);
      indexRows(resource);
      references(resource);
      resourcesIn(resource);
      resourcesIn({ resourceType: 'Bundle', entry: [{ resource }, resource] });
      orderTransaction({ resourceType: 'Bundle', type: 'transaction', entry: [{ resource, request: resource }] });
      validateResource({ resourceType: 'Bundle', type: 'collection', entry: [{ resource }], signature: resource });
    }),
    { numRuns: 3000 },
  );
});
it('nothing but a resource is valid', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(validateResource(value)).toBeInstanceOf(Array);
    }),
  );
});
