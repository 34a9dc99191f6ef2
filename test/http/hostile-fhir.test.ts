/** Hostile bodies at the FHIR door: refused with an OperationOutcome, and the memory they took comes back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

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
  const answer = await fetch(`${door.door.url}/fhir/R4/Patient/h`, { method: 'PUT', headers: { 'content-type': type }, body });
  const text = await answer.text();
  expect([answer.status, at(JSON.parse(text), 'resourceType')]).toEqual([status, 'OperationOutcome']);
  expect(text).not.toContain('root:');
  expect(Reflect.get({}, 'admin')).toBeUndefined();
});
