/** Hostile bodies at the FHIR door: refused with an OperationOutcome, and the memory they took comes back. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

it('an address that is too long, and what is no HTTP, are refused with an OperationOutcome too', async () => {
  const long = await door.call('GET', `/Patient?name=${'a'.repeat(100_000)}`);
  expect([long.status, at(long.body, 'issue', 0, 'details', 'coding', 0, 'code')]).toEqual([431, 'headers-too-large']);
  const socket = connect(Number(new URL(door.door.url).port), '127.0.0.1');
  socket.end('HELLO\r\n\r\n');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(at(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))), 'resourceType')).toBe('OperationOutcome');
});

const deep = (open: string, close: string, levels: number): string => `${open.repeat(levels)}1${close.repeat(levels)}`;
const JSON_TYPE = 'application/fhir+json';
const XML_TYPE = 'application/fhir+xml';
const PATIENT = (inside: string): string => `{"resourceType":"Patient","id":"h"${inside}}`;

it.each<[string, string, string | Buffer, number]>([
  ['ten thousand levels of JSON', JSON_TYPE, PATIENT(`,"contact":${deep('[', ']', 10_000)}`), 400],
  ['ten thousand levels of objects', JSON_TYPE, PATIENT(`,"contact":${deep('{"a":', '}', 10_000)}`), 400],
  ['a number of a million digits', JSON_TYPE, PATIENT(`,"multipleBirthInteger":${'9'.repeat(1_000_000)}`), 400],
  ['a huge exponent', JSON_TYPE, PATIENT(',"extension":[{"url":"urn:x","valueDecimal":1e999999999}]'), 400],
  ['an integer beyond integers', JSON_TYPE, PATIENT(',"multipleBirthInteger":9007199254740993'), 400],
  ['NUL', JSON_TYPE, PATIENT(',"language":"\\u0000"'), 400],
  ['NUL bytes', JSON_TYPE, Buffer.from(PATIENT(',"language":"\u0000"')), 400],
  ['half a surrogate pair', JSON_TYPE, PATIENT(',"language":"\\ud800"'), 400],
  ['bytes that are no UTF-8', JSON_TYPE, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400],
  ['__proto__', JSON_TYPE, PATIENT(',"__proto__":{"admin":true}'), 400],
  ['an escaped __proto__', JSON_TYPE, PATIENT(',"\\u005f_proto__":{"admin":true}'), 400],
  ['constructor', JSON_TYPE, PATIENT(',"constructor":{"prototype":{"admin":true}}'), 400],
  ['one name twice', JSON_TYPE, PATIENT(',"active":true,"active":false'), 400],
  [
    'an external entity',
    XML_TYPE,
    '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"><id value="&x;"/></Patient>',
    400,
  ],
  ['ten thousand levels of XML', XML_TYPE, `<Patient xmlns="http://hl7.org/fhir">${'<contact>'.repeat(10_000)}`, 400],
  ['a body larger than it may be', JSON_TYPE, `{"resourceType":"Bundle","type":"transaction","a":"${'x'.repeat(3_000_000)}"}`, 413],
])('%s', async (_name, type, body, status) => {
  const answer = await fetch(`${door.door.url}/fhir/R4/Patient/h`, {
    method: 'PUT',
    headers: { 'content-type': type },
    body: new Uint8Array(Buffer.from(body)),
  });
  const text = await answer.text();
  expect([answer.status, at(JSON.parse(text), 'resourceType')]).toEqual([status, 'OperationOutcome']);
  expect(text).not.toContain('root:');
  expect(Reflect.get({}, 'admin')).toBeUndefined();
});

const LONE = '\\ud800';
it.each<[string, string, string, string]>([
  ['an operation', '/Patient/$validate', JSON_TYPE, PATIENT(`,"language":"${LONE}"`)],
  ['a patch', '/Patient/h', 'application/json-patch+json', `[{"op":"add","path":"/language","value":"${LONE}"}]`],
  [
    'a transaction',
    '',
    JSON_TYPE,
    `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":${PATIENT(`,"language":"${LONE}"`)},"request":{"method":"PUT","url":"Patient/h"}}]}`,
  ],
  ['GraphQL', '/$graphql', 'application/json', `{"query":"{ PatientList(name: \\"${LONE}\\") { id } }"}`],
  [
    'a terminology operation',
    '/ValueSet/$expand',
    JSON_TYPE,
    `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"${LONE}"}]}`,
  ],
  ['XML', '/Patient/$validate', XML_TYPE, '<Patient xmlns="http://hl7.org/fhir"><language value="&#xD800;"/></Patient>'],
  ['a huge number in a transaction', '', JSON_TYPE, `{"resourceType":"Bundle","type":"transaction","total":${'9'.repeat(400_000)}}`],
])('half a character or too much of a number is refused by every door: %s', async (_name, path, type, body) => {
  const method = type.includes('patch') ? 'PATCH' : 'POST';
  const answer = await fetch(`${door.door.url}/fhir/R4${path}`, { method, headers: { 'content-type': type }, body });
  expect([answer.status, at(await answer.json(), 'resourceType')]).toEqual([400, 'OperationOutcome']);
});

const values = Array.from({ length: 10_000 }, (_, i) => `urn:x|${i}`).join(',');
const form = { 'content-type': 'application/x-www-form-urlencoded' };
it.each([
  ['ten thousand values of a token', '/Observation/_search', `code=${values}`, 422],
  ['ten thousand ids', '/Observation/_search', `_id=${Array.from({ length: 10_000 }, (_, i) => `a${i}`).join(',')}`, 422],
  ['ten thousand value sets', '/Observation/_search', `code:in=${values}`, 422],
  ['a filter of brackets', '/Observation/_search', `_filter=${'('.repeat(100_000)}`, 422],
  ['a filter of nots', '/Observation/_search', `_filter=${'not '.repeat(100_000)}`, 400],
  ['a filter of quotes', '/Observation/_search', `_filter=code eq "${'\\\\'.repeat(100_000)}`, 400],
  ['a filter of chains', '/Observation/_search', `_filter=${'subject.'.repeat(50_000)}name eq x`, 400],
  ['a filter of comparisons', '/Observation/_search', `_filter=${'code eq x or '.repeat(20_000)}code eq x`, 422],
  ['a chain of links', '/Observation/_search', `${'subject.'.repeat(10_000)}name=x`, 400],
  ['a number of digits', '/Observation/_search', `value-quantity=${'9'.repeat(500_000)}`, 400],
  ['a number of exponents', '/Observation/_search', 'value-quantity=1e999', 400],
])('a search of %s ends soon, with an OperationOutcome', async (_name, path, body, status) => {
  const answer = await fetch(`${door.door.url}/fhir/R4${path}`, { method: 'POST', headers: form, body });
  expect([answer.status, at(await answer.json(), 'resourceType')]).toEqual([status, 'OperationOutcome']);
});
