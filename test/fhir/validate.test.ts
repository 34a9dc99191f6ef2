import { describe, expect, it } from 'vitest';
import { isObject } from '../../services/fhir/format/json.ts';
import { Decimal, type JsonObject } from '../../services/fhir/resource.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';

const found = (resource: unknown) => validateResource(resource).map((each) => `${each.at}: ${each.code}`);
const loinc = (code: string) => ({ coding: [{ system: 'http://loinc.org', code }] });

const patient = {
  resourceType: 'Patient',
  id: 'p-1',
  identifier: [{ system: 'urn:mrn', value: '1', period: { start: '2020' } }],
  active: true,
  name: [{ use: 'official', family: 'Doe', given: ['Jane', 'Q'] }],
  gender: 'female',
  birthDate: '1980-02-29',
  _birthDate: { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/patient-birthTime', valueDateTime: '1980-02-29T10:00:00Z' }] },
  contact: [{ name: { text: 'Mother' } }],
  managingOrganization: { reference: 'Organization/o' },
};
const observation = {
  resourceType: 'Observation',
  status: 'final',
  code: loinc('718-7'),
  subject: { reference: 'Patient/1' },
  effectiveDateTime: '2020-01-01T10:00:00+01:00',
  valueQuantity: { value: new Decimal('5.10'), unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
};
const bundle = (entry: readonly JsonObject[], type = 'collection') => ({ resourceType: 'Bundle', type, entry });

describe('valid resources have no problems', () => {
  it.each<[string, JsonObject]>([
    ['a patient', patient],
    ['an observation', observation],
    ['a primitive with an extension alone', { ...patient, birthDate: undefined, gender: undefined, _gender: patient._birthDate }],
    ['a required primitive with an extension alone', { ...observation, status: undefined, _status: patient._birthDate }],
    [
      'null where the extension stands',
      { ...patient, name: [{ given: ['Ann', null], _given: [null, { extension: [{ url: 'urn:x', valueCode: 'y' }] }] }] },
    ],
    [
      'a contained resource',
      {
        ...observation,
        contained: [{ resourceType: 'Device', id: 'd' }],
        device: { reference: '#d' },
      },
    ],
    ['a bundle', bundle([{ fullUrl: 'urn:uuid:0b5f2f3c-0000-4000-8000-000000000000', resource: patient }])],
    ['a logical reference', { ...observation, subject: { identifier: { value: '1' } } }],
    ['a conditional reference', { ...observation, subject: { reference: 'Patient?identifier=urn:mrn|1' } }],
    [
      'children of children',
      { resourceType: 'Questionnaire', status: 'draft', item: [{ linkId: '1', type: 'group', item: [{ linkId: '2', type: 'display' }] }] },
    ],
  ])('%s', (_name, resource) => {
    expect(found(resource)).toEqual([]);
  });
});

describe('shape', () => {
  it.each<[string, unknown, string]>([
    ['no object', [], 'undefined: fhir-shape'],
    ['null', null, 'undefined: fhir-shape'],
    ['no resourceType', {}, 'Resource: fhir-resource-type'],
    ['an unknown resourceType', { resourceType: 'Patientt' }, 'Resource: fhir-resource-type'],
    ['an abstract resourceType', { resourceType: 'DomainResource' }, 'Resource: fhir-resource-type'],
    ['a type of R5', { resourceType: 'SubscriptionStatus' }, 'Resource: fhir-resource-type'],
    ['a name of Object', { resourceType: 'constructor' }, 'Resource: fhir-resource-type'],
    ['an unknown element', { ...patient, birthdate: '1980' }, 'Patient: fhir-unknown-element'],
    ['an element of Object', JSON.parse('{"resourceType":"Patient","__proto__":{"a":1}}'), 'Patient: fhir-unknown-element'],
    ['a deep unknown element', { ...patient, name: [{ surname: 'x' }] }, 'Patient.name[0]: fhir-unknown-element'],
    ['an element of another package', { ...patient, meta: { project: 'x' } }, 'Patient.meta: fhir-unknown-element'],
    ['one where many', { ...patient, name: { family: 'x' } }, 'Patient.name: fhir-shape'],
    ['many where one', { ...patient, gender: ['male'] }, 'Patient.gender: fhir-shape'],
    ['text where an object', { ...patient, name: ['Doe'] }, 'Patient.name[0]: fhir-shape'],
    ['an object where text', { ...patient, gender: { code: 'male' } }, 'Patient.gender: fhir-value'],
    ['an empty object', { ...patient, maritalStatus: {} }, 'Patient.maritalStatus: fhir-empty'],
    ['only an id', { ...patient, maritalStatus: { id: 'x' } }, 'Patient.maritalStatus: fhir-empty'],
    ['an empty array', { ...patient, name: [] }, 'Patient.name: fhir-empty'],
    ['an empty string', { ...patient, name: [{ family: '' }] }, 'Patient.name[0].family: fhir-empty'],
    ['null', { ...patient, gender: null }, 'Patient.gender: fhir-empty'],
    ['null in an array', { ...patient, name: [{ given: ['a', null] }] }, 'Patient.name[0].given[1]: fhir-empty'],
    ['a required element missing', { ...observation, status: undefined }, 'Observation: fhir-required'],
    ['a required child missing', { ...patient, link: [{ type: 'refer' }] }, 'Patient.link[0]: fhir-required'],
    ['a choice twice', { ...observation, valueString: 'x' }, 'Observation: fhir-choice'],
    [
      'a choice of no such type',
      { ...observation, valueQuantity: undefined, valueMoney: { value: 1 } },
      'Observation: fhir-unknown-element',
    ],
    ['an extension that is no object', { ...patient, _gender: 'x' }, 'Patient.gender: fhir-shape'],
    ['a wrong extension', { ...patient, extension: [{ valueString: 'x' }] }, 'Patient.extension[0]: fhir-required'],
    ['a resource of a bundle', bundle([{ resource: { ...patient, gender: 'f' } }]), 'Bundle.entry[0].resource.gender: fhir-code'],
    ['an unknown type in a bundle', bundle([{ resource: { resourceType: 'X' } }]), 'Bundle.entry[0].resource: fhir-resource-type'],
  ])('%s', (_name, resource, expected) => {
    expect(found(resource)).toContain(expected);
  });
  it('names an element only when it looks like one', () => {
    const [problem] = validateResource({ resourceType: 'Patient', 'Jane Doe 1980': 1 });
    expect(problem?.text).not.toContain('Jane');
  });
  it('stops at 100 problems and says so', () => {
    const problems = validateResource({ resourceType: 'Patient', name: Array.from({ length: 500 }, () => ({ a: 1 })) });
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)?.code).toBe('fhir-more-problems');
  });
  it('finds what is wrong in a value that many resources share, each time', () => {
    const right = Object.freeze({ coding: Object.freeze([Object.freeze({ system: 'http://loinc.org', code: '718-7' })]) });
    const wrong = Object.freeze({ coding: Object.freeze([Object.freeze({ system: 'http://loinc.org', code: ' 718-7 ' })]) });
    for (let i = 0; i < 3; i++) {
      expect(found({ ...observation, code: right })).toEqual([]);
      expect(found({ ...observation, code: wrong, category: [wrong] })).toEqual([
        'Observation.code.coding[0].code: fhir-value',
        'Observation.category[0].coding[0].code: fhir-value',
      ]);
    }
  });
  it('ends on a value that contains itself', () => {
    const item: Record<string, unknown> = { linkId: '1', type: 'group' };
    item['item'] = [item];
    expect(found({ resourceType: 'Questionnaire', status: 'draft', item: [item] }).length).toBeGreaterThan(0);
  });
});

describe('primitives', () => {
  const at = (type: string, value: unknown) =>
    validateResource({
      resourceType: 'Parameters',
      parameter: [{ name: 'x', [`value${type.charAt(0).toUpperCase()}${type.slice(1)}`]: value }],
    });
  it.each<[string, readonly unknown[], readonly unknown[]]>([
    ['boolean', [true, false], ['true', 1]],
    ['integer', [0, -2147483648, 2147483647], [2147483648, 1.5, '1', new Decimal('1.0')]],
    ['unsignedInt', [0], [-1]],
    ['positiveInt', [1], [0]],
    ['decimal', [1.5, 0, new Decimal('5.10'), new Decimal('1e3')], ['1.5', new Decimal('1e999'), Number.NaN]],
    ['string', ['a', ' a ', 'a\nb\t', '😀'], [1, 'a\u0001', 'x'.repeat(1024 * 1024 + 1)]],
    ['markdown', ['# a'], [true]],
    ['code', ['a', 'a b'], [' a', 'a ', 'a  b', 'a\tb']],
    ['id', ['a', 'A-1.b', '1'.repeat(64)], ['a_b', '1'.repeat(65), 'a b']],
    ['uri', ['urn:oid:1.2', 'http://x', '#a'], ['a b']],
    ['oid', ['urn:oid:1.2.3'], ['1.2.3', 'urn:oid:3.1', 'urn:oid:1.02']],
    ['uuid', ['urn:uuid:0b5f2f3c-0000-4000-8000-000000000000'], ['0b5f2f3c-0000-4000-8000-000000000000']],
    ['base64Binary', ['YQ==', 'YWJj\nYWJj'], ['YQ=', 'Y*==', 'abc']],
    ['date', ['1980', '1980-02', '2000-02-29'], ['1900-02-29', '1980-2-1', '1980-04-31', '0000', '1980-02-29T10:00:00Z', '80', 1980]],
    [
      'dateTime',
      ['1980', '1980-02-28', '1980-02-28T10:00:00Z', '1980-02-28T10:00:00.123456+14:00', '2016-12-31T23:59:60Z'],
      ['1980-02-28T10:00', '1980-02-28T10:00:00', '1980-02-28T10Z', '1980-02-30T10:00:00Z', '1980-02-28T24:00:00Z', '1980-02-28 10:00:00Z'],
    ],
    ['instant', ['2015-02-07T13:28:17.239+02:00'], ['2015-02-07', '2015-02-07T13:28:17']],
    ['time', ['10:00:00', '23:59:59.9'], ['24:00:00', '10:00', '10:00:00Z']],
  ])('%s', (type, good, bad) => {
    for (const value of good) expect([value, at(type, value)]).toEqual([value, []]);
    for (const value of bad) expect([value, at(type, value).length > 0]).toEqual([value, true]);
  });
  it('takes basic narrative and refuses what a browser would run', () => {
    const narrative = (div: string) =>
      found({ ...patient, text: { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml">${div}</div>` } });
    expect(narrative('<p>a <b>b</b><br/></p><table><tr><td>1 &lt; 2</td></tr></table><a href="https://x">x</a>')).toEqual([]);
    expect(narrative('<!-- a comment --><img src="#a"/><a href="a/b:c">x</a>')).toEqual([]);
    for (const evil of [
      '<script>x</script>',
      '<img src="x" onerror="x"/>',
      '<img/onerror="x"/>',
      '<a href="javascript:x">x</a>',
      "<a href = 'java&#x73;cript:x'>x</a>",
      '<a href=\n"vbscript:x">x</a>',
      '<img src="data:text/html,x"/>',
      '<iframe/>',
      '<form/>',
      '< b>x</b>',
      '1 < 2',
    ]) {
      expect([evil, narrative(`a${evil}`)]).toEqual([evil, ['Patient.text.div: fhir-value']]);
    }
    expect(narrative('  ')).toEqual(['Patient.text: fhir-invariant']);
  });
});

describe('hostile values', () => {
  const long = 500_000;
  it.each<[string, JsonObject]>([
    ['narrative of brackets', { text: { status: 'generated', div: `<div>${'<'.repeat(long)}` } }],
    ['narrative of blanks', { text: { status: 'generated', div: `<div><a href=${' '.repeat(long)}x` } }],
    ['base64 of blanks', { photo: [{ contentType: 'x', data: `YQ==${' '.repeat(long)}*` }] }],
    ['a reference of slashes', { managingOrganization: { reference: `https://x${'/a'.repeat(long)} ` } }],
    ['a code of blanks', { language: `a${' a'.repeat(long / 2)}  ` }],
    [
      'contained resources without end',
      { contained: Array.from({ length: 20_000 }, (_, i) => ({ resourceType: 'Basic', id: `b${i}`, code: { text: 'x' } })) },
    ],
  ])('%s is refused in linear time', (_name, elements) => {
    expect(validateResource({ resourceType: 'Patient', ...elements }).length).toBeGreaterThan(0);
  });
  it.each(['\u0000', '\ud800', '\u0001'])('%j is in no text', (character) => {
    expect(found({ ...patient, name: [{ family: `a${character}` }] })).toEqual(['Patient.name[0].family: fhir-value']);
    expect(found({ ...patient, identifier: [{ system: `urn:${character}` }] })).toEqual(['Patient.identifier[0].system: fhir-value']);
  });
});

describe('codes', () => {
  const allergy = (clinicalStatus: unknown) => ({
    resourceType: 'AllergyIntolerance',
    patient: { reference: 'Patient/1' },
    clinicalStatus,
  });
  const system = 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical';
  it.each<[string, unknown, string[]]>([
    ['a code of the set', allergy({ coding: [{ system, code: 'active' }] }), []],
    [
      'a code of the set among others',
      allergy({
        coding: [
          { system: 'urn:x', code: 'y' },
          { system, code: 'active' },
        ],
      }),
      [],
    ],
    ['an unknown code', allergy({ coding: [{ system, code: 'Active' }] }), ['AllergyIntolerance.clinicalStatus: fhir-code']],
    ['an unknown system', allergy({ coding: [{ system: 'urn:x', code: 'active' }] }), ['AllergyIntolerance.clinicalStatus: fhir-code']],
    ['text alone', allergy({ text: 'active' }), ['AllergyIntolerance.clinicalStatus: fhir-code']],
    ['a code element', { ...patient, gender: 'F' }, ['Patient.gender: fhir-code']],
    ['a code of R4 that the package has from R5', { resourceType: 'ResearchStudy', status: 'completed' }, []],
  ])('%s', (_name, resource, expected) => {
    expect(found(resource)).toEqual(expected);
  });
});

describe('references', () => {
  const to = (reference: string) => found({ ...observation, subject: { reference } });
  it.each([
    'Patient/1',
    'Group/1',
    'Patient/1/_history/2',
    'https://x.example/fhir/Patient/1',
    'urn:uuid:0b5f2f3c-0000-4000-8000-000000000000',
  ])('%s', (reference) => {
    expect(to(reference)).toEqual([]);
  });
  it.each([
    ['Practitioner/1', 'fhir-reference-target'],
    ['https://x.example/fhir/Practitioner/1', 'fhir-reference-target'],
    ['Patient', 'fhir-reference'],
    ['1', 'fhir-reference'],
    ['patient/1', 'fhir-reference'],
    ['Patient/a b', 'fhir-reference'],
    ['#nothing', 'fhir-invariant'],
  ])('%s is refused', (reference, code) => {
    expect(to(reference)).toEqual([`Observation.subject: ${code}`]);
  });
});

describe('a code that stands twice in a code system', () => {
  it('is named, with where it stands again', () => {
    const concept = ['a', 'b', 'a', 'b', 'a', 'c', 'a'].map((code) => ({ code }));
    const [fault] = validateResource({ resourceType: 'CodeSystem', status: 'active', content: 'complete', concept });
    expect(fault?.text).toContain('a (concept[2]), b (concept[3]), a (concept[4]) and 1 more');
  });
});

describe('invariants', () => {
  const keys = (resource: unknown) =>
    validateResource(resource)
      .filter((each) => each.code === 'fhir-invariant')
      .map((each) => `${each.at} ${/rule (\S+)/.exec(each.text)?.[1]}`);
  const condition = { resourceType: 'Condition', subject: { reference: 'Patient/1' } };
  const codes = { resourceType: 'CodeSystem', status: 'active', content: 'complete' };
  const composed = (part: JsonObject) => ({
    resourceType: 'ValueSet',
    status: 'active',
    compose: { include: [{ system: 'http://example.org/c' }], exclude: [part] },
  });
  const status = (kind: string, code: string) => ({ coding: [{ system: `http://terminology.hl7.org/CodeSystem/${kind}`, code }] });
  it.each<[string, JsonObject]>([
    ['Patient.identifier[0].period per-1', { ...patient, identifier: [{ value: '1', period: { start: '2021', end: '2020' } }] }],
    ['Patient.contact[0] pat-1', { ...patient, contact: [{ gender: 'male' }] }],
    ['Patient.telecom[0] cpt-2', { ...patient, telecom: [{ value: '1' }] }],
    [
      'Patient.extension[0] ext-1',
      { ...patient, extension: [{ url: 'x', valueString: 'a', extension: [{ url: 'y', valueString: 'b' }] }] },
    ],
    ['Patient.extension[0] ext-1', { ...patient, extension: [{ url: 'x' }] }],
    ['Patient.photo[0] att-1', { ...patient, photo: [{ data: 'YQ==' }] }],
    ['Observation obs-6', { ...observation, dataAbsentReason: loinc('x') }],
    ['Observation obs-7', { ...observation, component: [{ code: loinc('718-7'), valueString: 'x' }] }],
    ['Observation.referenceRange[0] obs-3', { ...observation, referenceRange: [{ appliesTo: [loinc('x')] }] }],
    ['Observation.valueQuantity qty-3', { ...observation, valueQuantity: { value: 1, code: 'g' } }],
    ['Observation.valueRatio rat-1', { ...observation, valueQuantity: undefined, valueRatio: { numerator: { value: 1 } } }],
    ['Observation.valueRange rng-2', { ...observation, valueQuantity: undefined, valueRange: { low: { value: 2 }, high: { value: 1 } } }],
    ['Observation.referenceRange[0].low sqty-1', { ...observation, referenceRange: [{ low: { value: 1, comparator: '<' } }] }],
    ['Condition con-4', { ...condition, abatementDateTime: '2020', clinicalStatus: status('condition-clinical', 'active') }],
    [
      'Condition con-5',
      {
        ...condition,
        verificationStatus: status('condition-ver-status', 'entered-in-error'),
        clinicalStatus: status('condition-clinical', 'active'),
      },
    ],
    ['AllergyIntolerance ait-1', { resourceType: 'AllergyIntolerance', patient: { reference: 'Patient/1' } }],
    ['Organization org-1', { resourceType: 'Organization', active: true }],
    ['Observation dom-3', { ...observation, contained: [{ resourceType: 'Device', id: 'd' }] }],
    [
      'Observation dom-4',
      { ...observation, device: { reference: '#d' }, contained: [{ resourceType: 'Device', id: 'd', meta: { versionId: '1' } }] },
    ],
    ['Bundle bdl-1', { ...bundle([]), entry: undefined, total: 1 }],
    ['Bundle bdl-3', bundle([{ resource: patient }], 'transaction')],
    ['Bundle bdl-4', bundle([{ resource: patient }], 'transaction-response')],
    ['Bundle.entry[0] bdl-5', bundle([{ fullUrl: 'urn:x:1' }])],
    [
      'Bundle bdl-7',
      bundle([
        { fullUrl: 'urn:x:1', resource: patient },
        { fullUrl: 'urn:x:1', resource: patient },
      ]),
    ],
    [
      'Bundle bdl-11',
      { ...bundle([{ resource: patient }], 'document'), timestamp: '2020-01-01T00:00:00Z', identifier: { system: 'urn:x', value: '1' } },
    ],
    [
      'CodeSystem csd-1',
      {
        ...codes,
        concept: [
          { code: 'a', concept: [{ code: 'b' }] },
          { code: 'c', concept: [{ code: 'd', concept: [{ code: 'a' }] }] },
        ],
      },
    ],
    ['ValueSet.compose vsd-1', composed({ version: '1' })],
    ['ValueSet.compose vsd-2', composed({ valueSet: ['http://example.org/v'], concept: [{ code: 'a' }] })],
    [
      'ValueSet.compose vsd-3',
      composed({ system: 'http://example.org/c', concept: [{ code: 'a' }], filter: [{ property: 'concept', op: 'is-a', value: 'a' }] }),
    ],
    [
      'ConceptMap.group[0].unmapped cmd-2',
      { resourceType: 'ConceptMap', status: 'active', group: [{ element: [{ code: 'a' }], unmapped: { mode: 'fixed' } }] },
    ],
    [
      'ConceptMap.group[0].unmapped cmd-3',
      { resourceType: 'ConceptMap', status: 'active', group: [{ element: [{ code: 'a' }], unmapped: { mode: 'other-map' } }] },
    ],
    ['Parameters.parameter[0] inv-1', { resourceType: 'Parameters', parameter: [{ name: 'a', valueString: 'b', resource: patient }] }],
    ['Parameters.parameter[0] inv-1', { resourceType: 'Parameters', parameter: [{ name: 'a' }] }],
    [
      'MedicationRequest.dosageInstruction[0].timing.repeat tim-2',
      {
        resourceType: 'MedicationRequest',
        status: 'active',
        intent: 'order',
        subject: { reference: 'Patient/1' },
        medicationCodeableConcept: loinc('x'),
        dosageInstruction: [{ timing: { repeat: { period: 1 } } }],
      },
    ],
  ])('%s', (expected, resource) => {
    expect(keys(resource)).toContain(expected);
  });
  it('judges only what the precision tells', () => {
    expect(keys({ ...patient, identifier: [{ value: '1', period: { start: '2020-05-01', end: '2020' } }] })).toEqual([]);
    expect(isObject(patient)).toBe(true);
  });
});
