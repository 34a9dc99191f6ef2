import { describe, expect, it } from 'vitest';
import {
  mapReferences,
  orderTransaction,
  questionsOf,
  references,
  resolveTransaction,
  resourcesIn,
  searchsetBundle,
  transactionResponse,
} from '../../services/fhir/bundle.ts';
import { capabilityStatement, INTERACTIONS } from '../../services/fhir/capability.ts';
import { isArray, isObject } from '../../services/fhir/format/json.ts';
import { mapLinks } from '../../services/fhir/references.ts';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';

const base = 'https://here.example/fhir/R4';
const urn = (n: number) => `urn:uuid:00000000-0000-4000-8000-00000000000${n}`;
const bundle = (entry: readonly JsonObject[], type = 'transaction'): JsonObject => ({ resourceType: 'Bundle', type, entry });
const post = (fullUrl: string, resource: Resource, request: JsonObject = {}): JsonObject => ({
  fullUrl,
  resource,
  request: { method: 'POST', url: resource.resourceType, ...request },
});
const put = (resource: Resource): JsonObject => ({
  fullUrl: `${base}/${resource.resourceType}/${resource.id}`,
  resource,
  request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` },
});
const patient: Resource = { resourceType: 'Patient', id: 'sent', active: true };
const encounter = (subject: string, more: JsonObject = {}): Resource => ({
  resourceType: 'Encounter',
  status: 'finished',
  class: { code: 'AMB' },
  subject: { reference: subject },
  ...more,
});

let next = 0;
function done(sent: JsonObject, answers: Readonly<Record<string, readonly string[]>> = {}) {
  next = 0;
  const ordered = orderTransaction(sent, { base });
  if (!ordered.ok) return ordered;
  return resolveTransaction(ordered.value, new Map(Object.entries(answers)), { base, newId: () => `new${++next}` });
}
function entries(sent: JsonObject, answers: Readonly<Record<string, readonly string[]>> = {}) {
  const result = done(sent, answers);
  if (!result.ok) throw new Error(result.problems.map((each) => `${each.at} ${each.code}`).join());
  return result.value;
}
const codes = (sent: JsonObject, answers: Readonly<Record<string, readonly string[]>> = {}) =>
  done(sent, answers).problems.map((each) => `${each.at} ${each.code}`);
const subject = (resource: Resource | undefined) => (resource === undefined ? '' : references(resource)[0]?.reference);

describe('references', () => {
  const resource: Resource = {
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'x' },
    subject: { reference: 'Patient/1' },
    performer: [{ reference: 'Organization/2' }, { display: 'none' }],
    device: { reference: '#d' },
    contained: [{ resourceType: 'Device', id: 'd', patient: { reference: 'Patient/3' } }],
    extension: [{ url: 'urn:x', valueReference: { reference: 'Group/4' } }],
    identifier: [{ system: 'urn:y', value: 'Patient/1', assigner: { reference: 'Organization/5' } }],
    note: [{ text: 'Patient/1', authorReference: { reference: 'Patient/6' } }],
    _status: { extension: [{ url: 'urn:x', valueReference: { reference: 'Patient/7' } }] },
  };
  it('are found with their places, contained and extensions included', () => {
    expect(
      references(resource)
        .map(({ reference, at }) => `${at} ${reference}`)
        .sort(),
    ).toEqual([
      'Observation.contained[0].patient Patient/3',
      'Observation.extension[0].valueReference Group/4',
      'Observation.identifier[0].assigner Organization/5',
      'Observation.note[0].authorReference Patient/6',
      'Observation.performer[0] Organization/2',
      'Observation.status.extension[0].valueReference Patient/7',
      'Observation.subject Patient/1',
    ]);
  });
  it('are mapped without changing the original or anything else', () => {
    const before = JSON.stringify(resource);
    const mapped = mapReferences(resource, (reference) => (reference === 'Patient/1' ? 'Patient/9' : reference));
    expect(JSON.stringify(resource)).toBe(before);
    expect(JSON.stringify(mapped)).toBe(before.replace('{"reference":"Patient/1"}', '{"reference":"Patient/9"}'));
    expect(mapReferences(resource, (reference) => reference)).toBe(resource);
  });
  it('leave canonicals, systems and extension urls alone, and see uris and narratives', () => {
    const seen: string[] = [];
    mapLinks(
      {
        resourceType: 'Immunization',
        instantiatesCanonical: ['x'],
        extension: [{ url: 'url', valueUri: 'uri', valueCanonical: 'canonical' }],
        education: [{ reference: 'education' }],
        identifier: [{ system: 'system' }],
        text: { div: '<div/>' },
      },
      (text, kind) => {
        seen.push(`${kind} ${text}`);
        return text;
      },
    );
    expect(seen.sort()).toEqual(['link education', 'link uri', 'narrative <div/>']);
  });
});

describe('a transaction', () => {
  it('runs DELETE, POST, PUT, GET, and remembers the places', () => {
    const sent = bundle([
      { request: { method: 'GET', url: 'Patient?active=true' } },
      put({ ...patient, id: 'a' }),
      post(urn(1), encounter('Patient/a')),
      post(urn(2), patient),
      { request: { method: 'DELETE', url: 'Patient/old' } },
    ]);
    expect(entries(sent).map(({ method, index }) => `${method} ${index}`)).toEqual(['DELETE 4', 'POST 2', 'POST 3', 'PUT 1', 'GET 0']);
    expect(entries(sent)[4]?.search).toEqual([['active', 'true']]);
  });
  it('gives new ids and rewrites urn:uuid references, uris and links of narratives', () => {
    const div = `<div xmlns="http://www.w3.org/1999/xhtml"><a href="${urn(1)}">x</a></div>`;
    const [first, second] = entries(
      bundle([
        post(urn(2), encounter(urn(1), { text: { status: 'generated', div }, extension: [{ url: urn(1), valueUri: urn(1) }] })),
        post(urn(1), patient),
      ]),
    );
    expect(second?.resource).toEqual({ ...patient, id: 'new2' });
    expect(first?.resource).toMatchObject({
      id: 'new1',
      subject: { reference: 'Patient/new2' },
      text: { div: div.replace(urn(1), 'Patient/new2') },
      extension: [{ url: urn(1), valueUri: 'Patient/new2' }],
    });
  });
  it('reads relative references against the fullUrl of their entry', () => {
    const there = 'https://there.example/fhir';
    const [first] = entries(bundle([post(`${there}/Encounter/e`, encounter('Patient/sent')), post(`${there}/Patient/sent`, patient)]));
    expect(subject(first?.resource)).toBe('Patient/new2');
    const [stored] = entries(bundle([post(urn(2), encounter('Patient/sent')), post(`${there}/Patient/sent`, patient)]));
    expect(subject(stored?.resource)).toBe('Patient/sent');
    const [own] = entries(bundle([post(urn(2), encounter(`${base}/Patient/x`))]));
    expect(subject(own?.resource)).toBe('Patient/x');
  });
  it('refuses a urn: that no entry has, at its place', () => {
    expect(codes(bundle([post(urn(1), patient), post(urn(2), encounter(urn(3)))]))).toEqual([
      'Bundle.entry[1].resource.subject fhir-bundle-reference',
    ]);
  });
  it('refuses two writes of one resource', () => {
    expect(codes(bundle([put({ ...patient, id: 'a' }), put({ ...patient, id: 'a' })]))).toEqual(['Bundle.entry[1] fhir-bundle-overlap']);
  });
  it.each<[JsonObject, string]>([
    [{ request: { method: 'DELETE', url: 'Patient' } }, 'fhir-bundle-url'],
    [{ request: { method: 'DELETE', url: 'Patient?_count=1' } }, 'fhir-bundle-url'],
    [{ request: { method: 'HEAD', url: 'Patient/1' } }, 'fhir-interaction'],
    [{ request: { method: 'POST', url: 'Patient/1' }, resource: patient }, 'fhir-bundle-url'],
    [{ request: { method: 'POST', url: 'Encounter' }, resource: patient }, 'fhir-bundle-url'],
    [{ request: { method: 'PUT', url: 'Patient/other' }, resource: patient }, 'fhir-bundle-url'],
    [{ request: { method: 'PUT', url: 'Patient' }, resource: patient }, 'fhir-bundle-url'],
    [{ request: { method: 'POST', url: 'Nothing' }, resource: patient }, 'fhir-bundle-url'],
    [{ request: { method: 'GET', url: 'https://there.example/Patient/1' } }, 'fhir-bundle-url'],
    [{ request: { method: 'PUT', url: 'Patient/sent', ifMatch: '3' }, resource: patient }, 'fhir-if-match'],
  ])('%j is refused', (entry, code) => {
    expect(codes(bundle([entry])).map((each) => each.split(' ')[1])).toEqual([code]);
  });
  it('takes If-Match and own absolute urls', () => {
    const [entry] = entries(bundle([{ request: { method: 'PUT', url: `${base}/Patient/sent`, ifMatch: 'W/"3"' }, resource: patient }]));
    expect(entry).toMatchObject({ id: 'sent', ifMatch: 3 });
  });
});

describe('conditions', () => {
  const npi = 'Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|999';
  const practitioner: Resource = { resourceType: 'Practitioner' };
  const conditional = post(urn(1), practitioner, { ifNoneExist: 'identifier=http://hl7.org/fhir/sid/us-npi|999' });
  it('are asked as questions, each once, decoded', () => {
    const ordered = orderTransaction(
      bundle([conditional, post(urn(2), encounter(npi)), post(urn(3), encounter('Patient?identifier=a%20b&active=true'))]),
    );
    expect(ordered.ok && ordered.value.questions).toEqual([
      { key: npi, type: 'Practitioner', parameters: [['identifier', 'http://hl7.org/fhir/sid/us-npi|999']] },
      {
        key: 'Patient?identifier=a%20b&active=true',
        type: 'Patient',
        parameters: [
          ['identifier', 'a b'],
          ['active', 'true'],
        ],
      },
    ]);
    expect(ordered.ok && questionsOf(ordered.value.entries.slice(2)).length).toBe(1);
  });
  it('become references when they find one, problems otherwise', () => {
    const sent = bundle([post(urn(2), encounter(npi))]);
    expect(subject(entries(sent, { [npi]: ['p'] })[0]?.resource)).toBe('Practitioner/p');
    expect(codes(sent)).toEqual(['Bundle.entry[0].resource.subject fhir-reference-none']);
    expect(codes(sent, { [npi]: ['p', 'q'] })).toEqual(['Bundle.entry[0].resource.subject fhir-reference-multiple']);
  });
  it('create when nothing is there, keep what is there, refuse several', () => {
    const sent = bundle([conditional, post(urn(2), encounter(urn(1)))]);
    expect(entries(sent)[0]).toMatchObject({ id: 'new1', exists: false, resource: { id: 'new1' } });
    const [kept, referring] = entries(sent, { [npi]: ['p'] });
    expect(kept).toMatchObject({ id: 'p', exists: true, resource: undefined });
    expect(subject(referring?.resource)).toBe('Practitioner/p');
    expect(codes(sent, { [npi]: ['p', 'q'] })).toEqual(['Bundle.entry[0].request fhir-condition-multiple']);
  });
  it('that are the same create one resource, which the same conditional reference finds', () => {
    const again = { ...conditional, fullUrl: urn(4) };
    const all = entries(bundle([conditional, again, post(urn(2), encounter(urn(4))), post(urn(3), encounter(npi))]));
    expect(all.map((each) => each.exists)).toEqual([false, true, false, false]);
    expect(all.slice(2).map((each) => subject(each.resource))).toEqual(['Practitioner/new1', 'Practitioner/new1']);
  });
  it('without a criterion are refused: they would find anything', () => {
    for (const ifNoneExist of ['', '?', '_count=1', '_sort=_id&_total=none']) {
      expect(codes(bundle([post(urn(1), practitioner, { ifNoneExist })]))).toEqual(['Bundle.entry[0].request fhir-bundle-url']);
    }
    expect(codes(bundle([post(urn(1), encounter('Patient?_count=1'))]))).toEqual(['Bundle.entry[0].resource.subject fhir-reference']);
  });
  it('update what they find', () => {
    const sent = (resource: Resource) => bundle([{ request: { method: 'PUT', url: 'Patient?active=true' }, resource }]);
    const key = 'Patient?active=true';
    expect(entries(sent({ resourceType: 'Patient' }), { [key]: ['a'] })[0]).toMatchObject({
      method: 'PUT',
      id: 'a',
      resource: { id: 'a' },
    });
    expect(entries(sent({ resourceType: 'Patient' }))[0]).toMatchObject({ id: 'new1', exists: false });
    expect(codes(sent(patient), { [key]: ['a'] })).toEqual(['Bundle.entry[0].resource.id fhir-condition-id']);
  });
});

describe('a batch', () => {
  it('keeps its order and lets each entry fail alone', () => {
    const result = entries(
      bundle([put({ ...patient, id: 'a' }), { request: { method: 'HEAD', url: 'Patient/1' } }, post(urn(1), encounter(urn(9)))], 'batch'),
    );
    expect(result.map(({ index, problems }) => [index, problems[0]?.code])).toEqual([
      [0, undefined],
      [1, 'fhir-interaction'],
      [2, 'fhir-bundle-reference'],
    ]);
  });
  it('is one of two types that can be posted', () => {
    expect(codes(bundle([], 'collection'))).toEqual(['Bundle.type fhir-bundle-type']);
    expect(codes(patient)).toEqual(['Bundle.type fhir-bundle-type']);
  });
});

describe('a file', () => {
  it('gives its resources with their own ids and references among each other', () => {
    const read = resourcesIn(
      bundle(
        [
          { fullUrl: urn(1), resource: { resourceType: 'Patient' } },
          { fullUrl: urn(2), resource: { ...encounter(urn(1)), id: 'e' } },
          { resource: encounter('Patient?identifier=1') },
        ],
        'collection',
      ),
    );
    expect(read.ok && read.value.map((each) => [each.id, subject(each)])).toEqual([
      [urn(1).slice(9), undefined],
      ['e', `Patient/${urn(1).slice(9)}`],
      [undefined, 'Patient?identifier=1'],
    ]);
    expect(resourcesIn(patient)).toMatchObject({ ok: true, value: [patient] });
  });
});

describe('answers are valid resources', () => {
  it('a searchset', () => {
    const query = parseSearch('Patient', [
      ['name', 'a&b'],
      ['_count', '2'],
    ]);
    if (!query.ok) throw new Error('not read');
    const answer = searchsetBundle({
      base,
      query: query.value,
      resources: [patient],
      total: 3,
      next: 'c=1',
      problems: [{ code: 'fhir-search-ignored', text: 'x' }],
    });
    expect(validateResource(answer)).toEqual([]);
    expect(answer['link']).toEqual([
      { relation: 'self', url: `${base}/Patient?name=a%26b&_count=2` },
      { relation: 'next', url: `${base}/Patient?name=a%26b&_count=2&_page=c%3D1` },
    ]);
    expect(validateResource(searchsetBundle({ base, query: query.value, resources: [] }))).toEqual([]);
  });
  it('a transaction response, in the order that was sent', () => {
    const answer = transactionResponse('batch', [
      { index: 1, status: '400 Bad Request', problems: [{ code: 'fhir-value', text: 'x', at: 'Bundle.entry[1].resource.gender' }] },
      { index: 0, status: '201 Created', location: 'Patient/1/_history/1', etag: 'W/"1"', lastModified: '2026-01-01T00:00:00.000Z' },
    ]);
    expect(validateResource(answer)).toEqual([]);
    expect(JSON.stringify(answer).indexOf('201')).toBeLessThan(JSON.stringify(answer).indexOf('400'));
  });
  it('the capability statement, claiming what the table says', () => {
    const statement = capabilityStatement({ base, version: '1.2.3', date: '2026-11-21' });
    expect(validateResource(statement)).toEqual([]);
    const rest = isArray(statement['rest']) ? statement['rest'][0] : undefined;
    const types = isObject(rest) && isArray(rest['resource']) ? rest['resource'].filter(isObject) : [];
    expect(types).toHaveLength(146);
    const claimed = new Set(
      types.flatMap((each) => (isArray(each['interaction']) ? each['interaction'] : [])).map((each) => JSON.stringify(each)),
    );
    const codes = (isSystem: boolean) => [
      ...new Set(
        INTERACTIONS.filter((each) => each.level !== 'compartment' && (each.level === 'system') === isSystem).map(({ code }) => code),
      ),
    ];
    expect([...claimed]).toEqual(codes(false).map((code) => JSON.stringify({ code })));
    expect(codes(true)).toContain('capabilities');
    const system = codes(true).filter((code) => code !== 'capabilities');
    expect(isObject(rest) && rest['interaction']).toEqual(system.map((code) => ({ code })));
    for (const type of types) {
      for (const each of (isArray(type['searchParam']) ? type['searchParam'] : []).filter(isObject)) {
        const [name, kind] = [String(each['name']), each['type']];
        if (kind === 'composite') continue;
        expect(
          parseSearch(String(type['type']), [[name, kind === 'special' ? '48.1|11.5|20|km' : '2020']]).ok,
          `${type['type']}?${name}`,
        ).toBe(true);
      }
    }
  });
});
