import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resourcesIn } from '../../services/fhir/bundle.ts';
import { choiceNames, elementsOf, kindOf, RESOURCE_TYPES } from '../../services/fhir/definitions.ts';
import { isArray, isObject, isResource, readJson } from '../../services/fhir/format/json.ts';
import type { JsonObject, JsonValue, Resource } from '../../services/fhir/resource.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { medplumValidator, schemaValidator } from './reference-validators.ts';

const fixtures = new URL('../../fixtures/fhir/', import.meta.url);
const corpus = new URL('../../../shared/corpus/fhir/', import.meta.url);
const fromSchema = schemaValidator();
const fromMedplum = medplumValidator();

function readResource(url: URL): JsonObject {
  const read = readJson(readFileSync(url));
  if (!read.ok) throw new Error(`${url.pathname}: ${read.problems[0]?.text}`);
  return read.value;
}
const jsonFiles = (folder: URL) => (existsSync(folder) ? readdirSync(folder).filter((each) => each.endsWith('.json')) : []);

/** Official examples that break the standard, each looked at; everything else must be valid. */
const WRONG_EXAMPLES: Readonly<Record<string, string>> = {
  'r4-examples/DeviceMetric-example.json': 'parent refers to a DeviceDefinition; R4 allows Device',
  'r4-examples/DeviceUseStatement-example.json': 'reasonReference refers to a Procedure, which R4 does not list',
  'r4-examples/MedicationRequest-medrx0301.json': 'dispenseRequest.performer refers to a Practitioner; R4 allows Organization',
  'r4-examples/Observation-clinical-gender.json': 'performer refers to an Encounter',
  'r4-examples/Questionnaire-qs1.json': 'items without linkId, which is required',
  'us-core-examples/diagnosticreport-cbc.json': 'narrative without div, which is required (narratives were taken out of the corpus)',
  'ips-2.0.0/validation-oo.json': 'OperationOutcomes without an issue, which is required',
};

/** Valid examples that a reference refuses, each looked at. */
const WRONG_REFERENCES: Readonly<Record<string, string>> = {
  'r4-examples/Binary-example.json': 'Medplum: base64 with line breaks, which the standard allows',
  'r4-examples/Media-example.json': 'Medplum: base64 with line breaks',
  'r4-examples/DiagnosticReport-gingival-mass.json': 'Medplum: base64 with line breaks; schema: \\S does not match a no-break space',
  'us-core-examples/QuestionnaireResponse-glasgow-coma-score.json': 'schema: no extension on item.answer.value',
  'us-core-examples/QuestionnaireResponse-hunger-vital-sign-example.json': 'schema: no extension on item.answer.value',
};

/** The references know numbers only as JavaScript has them. */
const plain = (resource: Resource): Resource => JSON.parse(JSON.stringify(resource));

describe.skipIf(!existsSync(corpus))('official examples (skipped when ../shared/corpus is not beside the checkout)', () => {
  it.each(['r4-examples', 'us-core-examples', 'ips-2.0.0'])('%s are valid, as the references say', (folder) => {
    const files = jsonFiles(new URL(`${folder}/`, corpus));
    expect(files.length).toBeGreaterThan(40);
    const wrong: string[] = [];
    const disagreeing: string[] = [];
    for (const file of files) {
      const name = `${folder}/${file}`;
      const resource = readResource(new URL(name, corpus));
      const valid = validateResource(resource).length === 0;
      if (!valid) wrong.push(name);
      if (!valid || !isResource(resource)) continue;
      const numbersPlain = plain(resource);
      if (!fromSchema(numbersPlain) || !fromMedplum(numbersPlain)) disagreeing.push(name);
    }
    const listed = (table: Readonly<Record<string, string>>) => Object.keys(table).filter((each) => each.startsWith(folder));
    expect(wrong).toEqual(listed(WRONG_EXAMPLES));
    expect(disagreeing.sort()).toEqual(listed(WRONG_REFERENCES).sort());
  });
});

describe('our fixtures', () => {
  const bundles = jsonFiles(fixtures).map((file) => ({ file, bundle: readResource(new URL(file, fixtures)) }));
  it.each(bundles)('$file is valid', ({ bundle }) => {
    expect(validateResource(bundle)).toEqual([]);
  });

  const resources = bundles.flatMap(({ bundle }) => {
    const read = resourcesIn(bundle);
    return read.ok ? read.value : [];
  });

  /** Every change of one place in a value: an unknown property, a wrong type, one for many and many for one, a property gone. */
  function* mutations(value: JsonValue, isTop = true): Generator<{ readonly value: JsonValue; readonly what: string }> {
    if (isArray(value)) {
      yield { value: value[0] ?? null, what: 'one for many' };
      yield { value: [], what: 'empty array' };
      for (const [i, item] of value.entries()) {
        for (const each of mutations(item, false)) yield { ...each, value: value.with(i, each.value) };
      }
      return;
    }
    if (!isTop) yield { value: [value], what: 'many for one' };
    if (!isObject(value)) {
      yield { value: { a: 1 }, what: 'object for text' };
      yield { value: typeof value === 'string' ? 17 : 'x y', what: 'another primitive' };
      yield { value: '', what: 'empty text' };
      yield { value: 'no such code', what: 'a text of our own' };
      return;
    }
    yield { value: { ...value, unknownElement: 'x' }, what: 'unknown element' };
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined || name === 'resourceType') continue;
      yield { value: { ...value, [name]: undefined }, what: `without ${name}` };
      for (const each of mutations(item, false)) yield { ...each, value: { ...value, [name]: each.value } };
    }
  }
  const mutants = resources.flatMap((resource) =>
    [...mutations(plain(resource))].flatMap(({ value, what }) => {
      const mutant = JSON.parse(JSON.stringify(value));
      return isObject(mutant) && isResource(mutant) ? [{ mutant, what, of: `${resource.resourceType}/${resource.id}` }] : [];
    }),
  );

  it('finds every mutation that the schema or Medplum finds, and more', () => {
    expect(mutants.length).toBeGreaterThan(5000);
    const missed: string[] = [];
    let ours = 0;
    let theirs = 0;
    for (const [i, { mutant, what, of }] of mutants.entries()) {
      const found = validateResource(mutant).length > 0;
      const refused = !fromSchema(mutant) || (i % 16 === 0 && !fromMedplum(mutant));
      if (found) ours++;
      if (refused) theirs++;
      if (refused && !found) missed.push(`${of}: ${what}`);
    }
    expect(missed).toEqual([]);
    expect(ours).toBeGreaterThan(theirs);
  });
  it('finds every unknown element, wrong shape and empty value', () => {
    const always = new Set(['unknown element', 'one for many', 'many for one', 'empty array', 'object for text', 'empty text']);
    const missed = mutants.filter(({ mutant, what }) => always.has(what) && validateResource(mutant).length === 0);
    expect(missed.map(({ of, what }) => `${of}: ${what}`)).toEqual([]);
  });
});

describe('definitions', () => {
  it('have the properties, cardinalities and codes of the official schema, type by type', () => {
    const seen = new Set<string>();
    const visit = (type: string): void => {
      if (seen.has(type)) return;
      seen.add(type);
      for (const each of [...elementsOf(type).values()].flatMap((element) => element.types)) {
        if (each.code !== 'Resource' && kindOf(each.code) !== 'primitive') visit(each.code);
      }
    };
    for (const type of RESOURCE_TYPES.keys()) visit(type);
    // 146 of R4, and ViewDefinition.
    expect(RESOURCE_TYPES.size).toBe(147);
    expect(seen.size).toBeGreaterThan(600);
    for (const type of seen) {
      for (const element of elementsOf(type).values()) {
        expect(element.types.length, element.path).toBeGreaterThan(0);
        expect(choiceNames(element).length, element.path).toBe(element.types.length);
        for (const { code } of element.types) expect(kindOf(code), `${element.path}: ${code}`).toBeDefined();
      }
    }
  });
});
