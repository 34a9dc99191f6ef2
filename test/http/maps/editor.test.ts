import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../parts.ts';
import { at, listAt } from '../door.ts';
import { codes, type MapsHouse, mapsHouse, PATIENT } from './maps-house.ts';

let house: MapsHouse;
beforeAll(async () => {
  house = await mapsHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const call: MapsHouse['call'] = (...asked) => house.call(...asked);
const original = (): string => house.original();
const edited = (): string => house.edited();

describe('an editor', () => {
  it('gets completion, hover and faults of a text that nobody saved', async () => {
    const asked = { path: PATIENT, text: edited().replace('  gender:', '  nonsense: =PID-5\n  gender:'), line: 0, character: 0 };
    const { body } = await call('POST', '/maps/editor/diagnostics', asked);
    expect(listAt(body, 'diagnostics').map((each) => at(each, 'code'))).toContain('unknown-element');
    const text = edited().replace('  gender:', '  birthDat: =PID-\n  gender:');
    const line = text.split('\n').findIndex((each) => each.includes('birthDat: =PID-'));
    const completion = await call('POST', '/maps/editor/completion', { path: PATIENT, text, line, character: '  birthDat: =PID-'.length });
    expect(listAt(completion.body, 'items').map((each) => at(each, 'label'))).toContain('PID-7');
    const keyed = { path: PATIENT, text: original(), line: line, character: 4 };
    const keys = await call('POST', '/maps/editor/completion', keyed);
    expect(listAt(keys.body, 'items').map((each) => at(each, 'label'))).toContain('birthDate');
    expect((await call('POST', '/maps/editor/hover', keyed)).body).toMatchObject({ text: expect.stringContaining('Patient.gender') });
  });

  it('tries a message: acknowledgement, resources, rows, trace, what nobody read; nothing is stored', async () => {
    const message = readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'), 'utf8').replaceAll('\r', '\n');
    const before = await house.database.query(
      'SELECT (SELECT count(*) FROM journal.message) AS m, (SELECT count(*) FROM fhir.resource) AS r',
    );
    const tried = (await call('POST', '/maps/try', { message })).body;
    expect(tried).toMatchObject({ status: 'applied' });
    expect(at(tried, 'acknowledgement')).toContain('MSA|AA|RBL2603020310');
    expect(listAt(tried, 'resources').map((each) => at(each, 'resource', 'resourceType'))).toContain('Observation');
    const rows = listAt(tried, 'rows')
      .flatMap((each) => listAt(each, 'rows'))
      .map((each) => at(each, 'table'));
    expect(rows).toContain('measurement');
    const patient = Object.entries(at(tried, 'trace', 'elements') ?? {}).find(([reference]) => reference.startsWith('Patient/'));
    const family = listAt(patient?.[1]).find((each) => at(each, 'path') === 'Patient.name[0].family');
    expect(family).toMatchObject({ value: 'Muñoz', sources: [{ path: 'PID-5.1.1' }] });
    expect(at(family, 'rules', 0, 'at', 'line')).toBeGreaterThan(1);
    const wrong = (await call('POST', '/maps/try', { message: message.replace('ORU^R01^ORU_R01', 'ZZZ^Z99') })).body;
    expect(wrong).toMatchObject({ status: 'parked', resources: [] });
    expect(at(wrong, 'acknowledgement')).toContain('MSA|AE|');
    const hidden = await call('POST', '/maps/try', { messageId: 2 });
    expect([hidden.status, codes(hidden.body)]).toEqual([403, ['spec-message-masked']]);
    await call('POST', '/messages/2/reveal', { reason: 'a test' });
    const byNumber = (await call('POST', '/maps/try', { messageId: 2, files: [{ path: PATIENT, text: edited() }] })).body;
    expect(at(byNumber, 'status')).toBe('applied');
    expect(
      await house.database.query('SELECT (SELECT count(*) FROM journal.message) AS m, (SELECT count(*) FROM fhir.resource) AS r'),
    ).toEqual(before);
  });
});

describe('a preview', () => {
  const elementsOf = (body: unknown) => listAt(body, 'resources').flatMap((each) => listAt(each, 'elements'));

  it('of a recorded message is masked until it was revealed, wherever a map puts a name', async () => {
    const text = original()
      .replace(/^ {2}maritalStatus: .*$/m, '  maritalStatus: { coding: { code: =PID-5.1.1.first() } }')
      .replace('from: =PID-15.1.lower()', 'from: =PID-5.1.1.first()');
    const path = 'Patient.maritalStatus.coding[0].code';
    const asked = { messageId: 3, path: PATIENT, files: [{ path: PATIENT, text }] };
    const masked = (await call('POST', '/maps/preview', asked)).body;
    expect(masked).toMatchObject({ isMasked: true, isStored: false });
    expect(elementsOf(masked).find((each) => at(each, 'path') === path)).toMatchObject({ value: '•••' });
    const whole = readFileSync(fixture('hl7v2', 'us-oru-r01-chemistry.hl7'), 'utf8');
    const name = /^PID(?:\|[^|]*){4}\|([^|^]+)/m.exec(whole.replaceAll('\r', '\n'))?.[1] ?? '?';
    expect(name.length).toBeGreaterThan(2);
    expect(JSON.stringify(masked)).not.toContain(name);
    expect(listAt(masked, 'unmapped')).toContainEqual(expect.objectContaining({ code: '•••', why: 'no-row' }));
    await call('POST', '/messages/3/reveal', { reason: 'a test' });
    const shown = (await call('POST', '/maps/preview', asked)).body;
    expect(elementsOf(shown).find((each) => at(each, 'path') === path)).toMatchObject({
      value: name,
      sources: ['PID-5.1.1'],
    });
  });

  it('tells the rule of each value and what became of the rules of the open file', async () => {
    const message = readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'), 'utf8');
    const { body } = await call('POST', '/maps/preview', { message, path: PATIENT });
    const line =
      original()
        .split('\n')
        .findIndex((each) => each.startsWith('  birthDate:')) + 1;
    const birth = elementsOf(body).find((each) => at(each, 'path') === 'Patient.birthDate');
    const rules = listAt(birth, 'rules').map((each) => listAt(body, 'places')[Number(each)]);
    expect(rules).toContainEqual({ file: PATIENT, line, text: '=PID-7' });
    expect(rules[0]).toEqual(listAt(body, 'places')[Number(at(birth, 'rule'))]);
    expect(listAt(body, 'rules')).toContainEqual({ line, ran: 1, made: 1, why: '' });
    expect(listAt(body, 'unread').length).toBeGreaterThanOrEqual(0);
    expect(listAt(body, 'acknowledgement').join()).toContain('MSA|AA|');
  });
});
