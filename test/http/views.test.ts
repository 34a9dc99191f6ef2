/** ViewDefinition as a stored resource, and $sql-run over the store and over what is sent along. */
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type TestDoor, testDoor } from './door.ts';

const VIEW = {
  resourceType: 'ViewDefinition',
  id: 'people',
  url: 'http://example.org/ViewDefinition/people',
  name: 'people',
  status: 'active',
  resource: 'Patient',
  select: [
    { column: [{ name: 'id', path: 'id', type: 'id' }] },
    {
      forEachOrNull: 'name',
      column: [
        { name: 'family', path: 'family' },
        { name: 'given', path: 'given', collection: true },
      ],
    },
    {
      column: [
        { name: 'alive', path: 'deceased.exists().not()' },
        { name: 'births', path: 'multipleBirth.ofType(integer)' },
      ],
    },
  ],
};

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
  for (const [id, family] of [
    ['a', '=HYPERLINK("http://evil.example")'],
    ['b', 'Doe, "Jo"'],
    ['c', '-1+2'],
  ]) {
    const patient = { resourceType: 'Patient', id, name: [{ family, given: ['x', 'y'] }], multipleBirthInteger: 2 };
    expect((await door.call('PUT', `/Patient/${id}`, patient)).status).toBe(201);
  }
  expect((await door.call('PUT', '/Patient/d', { resourceType: 'Patient', id: 'd', active: true })).status).toBe(201);
  expect((await door.call('DELETE', '/Patient/c')).status).toBe(204);
});
afterAll(() => door[Symbol.asyncDispose]());

const get = (path: string): Promise<Response> => fetch(`${door.door.url}/fhir/R4${path}`);

describe('a ViewDefinition', () => {
  it('is stored, read and searched like other resources, and refused where its form is wrong', async () => {
    expect((await door.call('PUT', '/ViewDefinition/people', VIEW)).status).toBe(201);
    expect(at((await door.call('GET', '/ViewDefinition/people')).body, 'select', 1, 'forEachOrNull')).toBe('name');
    expect(at((await door.call('GET', '/ViewDefinition?_id=people')).body, 'entry', 0, 'resource', 'name')).toBe('people');
    const wrong = await door.call('PUT', '/ViewDefinition/x', { ...VIEW, id: 'x', select: [{ colum: [] }] });
    expect([wrong.status, at(wrong.body, 'issue', 0, 'expression', 0)]).toEqual([400, 'ViewDefinition.select[0]']);
  });
});

describe('$sql-run', () => {
  it('makes rows of everything stored, in each format', async () => {
    const lines = await (await get('/ViewDefinition/people/$sql-run')).text();
    const rows = lines
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const expected = [
      { id: 'a', family: '=HYPERLINK("http://evil.example")', given: ['x', 'y'], alive: true, births: 2 },
      { id: 'b', family: 'Doe, "Jo"', given: ['x', 'y'], alive: true, births: 2 },
      { id: 'd', family: null, given: null, alive: true, births: null },
    ];
    expect(rows).toEqual(expected);
    expect(await (await get('/ViewDefinition/people/$sql-run?_format=json')).json()).toEqual(expected);
    const csv = await get('/ViewDefinition/people/$sql-run?_format=csv');
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect((await csv.text()).split('\r\n')).toEqual([
      'id,family,given,alive,births',
      `a,"'=HYPERLINK(""http://evil.example"")","[""x"",""y""]",true,2`,
      'b,"Doe, ""Jo""","[""x"",""y""]",true,2',
      'd,,,true,',
      '',
    ]);
    const parquet = await (await get('/ViewDefinition/people/$sql-run?_format=parquet')).arrayBuffer();
    expect(await parquetReadObjects({ file: parquet })).toEqual([
      { id: 'a', family: '=HYPERLINK("http://evil.example")', given: '["x","y"]', alive: true, births: 2n },
      { id: 'b', family: 'Doe, "Jo"', given: '["x","y"]', alive: true, births: 2n },
      { id: 'd', family: null, given: null, alive: true, births: null },
    ]);
  });

  it('takes a view and resources that are sent along, a limit and a time', async () => {
    const parameter = [
      { name: 'subjectResource', resource: VIEW },
      { name: '_format', valueCode: 'json' },
      { name: 'resource', resource: { resourceType: 'Patient', id: 'sent', name: [{ family: 'F' }, { family: 'G' }] } },
      { name: 'resource', resource: { resourceType: 'Group', id: 'other' } },
    ];
    const sent = await door.call('POST', '/$sql-run', { resourceType: 'Parameters', parameter });
    expect(sent.body).toEqual([
      { id: 'sent', family: 'F', given: [], alive: true, births: null },
      { id: 'sent', family: 'G', given: [], alive: true, births: null },
    ]);
    const limited = await door.call('GET', '/$sql-run?viewReference=ViewDefinition/people&_format=json&_limit=1');
    expect(Array.isArray(limited.body) && limited.body.length).toBe(1);
    expect((await door.call('GET', '/ViewDefinition/people/$sql-run?_format=json&_since=2999-01-01')).body).toEqual([]);
  });

  it.each([
    [
      'a view that is wrong',
      '/$sql-run',
      { ...VIEW, select: [{ column: [{ name: 'a', path: 'name.frist()' }] }] },
      422,
      'ViewDefinition.select[0].column[0].path',
    ],
    [
      'a resource that does not fit',
      '/$sql-run',
      { ...VIEW, select: [{ column: [{ name: 'a', path: 'name.given' }] }] },
      422,
      'ViewDefinition.select[0].column[0]',
    ],
    ['no view', '/$sql-run', { resourceType: 'Parameters', parameter: [{ name: '_format', valueCode: 'csv' }] }, 400, undefined],
    ['a view that is not there', '/$sql-run?viewReference=ViewDefinition/none', undefined, 404, undefined],
    ['a parameter that it does not have', '/ViewDefinition/people/$sql-run?patient=Patient/a', undefined, 400, undefined],
    ['a format that is none', '/ViewDefinition/people/$sql-run?_format=xlsx', undefined, 400, undefined],
  ])('refuses %s', async (_name, path, body, status, place) => {
    const answer = await door.call(body === undefined ? 'GET' : 'POST', path, body);
    expect([answer.status, at(answer.body, 'resourceType'), at(answer.body, 'issue', 0, 'expression', 0)]).toEqual([
      status,
      'OperationOutcome',
      place,
    ]);
  });

  it('is named in the CapabilityStatement', async () => {
    const { body } = await door.call('GET', '/metadata');
    expect(JSON.stringify(at(body, 'rest', 0, 'operation'))).toContain('sql-run');
    expect(at(body, 'rest', 0, 'documentation')).toContain('ViewDefinition');
  });
});
