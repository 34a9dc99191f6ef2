import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receive } from '../../services/pipeline.ts';
import { type OutgoingHouse, outgoingHouse } from './outgoing-house.ts';
import { httpReceiver, mllpReceiver } from './receivers.ts';

const patient = (id: string, family = 'Doe') => ({ resourceType: 'Patient', id, name: [{ family }] });
const observation = (id: string, subject: string, code: string, value = 1) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code }] },
  subject: { reference: `Patient/${subject}` },
  valueQuantity: { value, system: 'http://unitsofmeasure.org', code: 'mg/dL', unit: 'mg/dL' },
});
const hook = (port: number, payload?: string, header: readonly string[] = []) => ({
  type: 'rest-hook',
  endpoint: `http://127.0.0.1:${port}/in`,
  ...(payload === undefined ? {} : { payload }),
  ...(header.length === 0 ? {} : { header }),
});
const JSON_PAYLOAD = 'application/fhir+json';

describe('a Subscription', () => {
  it('becomes active, and its receiver is put what meets the criteria, as it was written', async () => {
    await using receiver = await httpReceiver();
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}/in`);
    const id = await house.subscribe(
      'Observation?code=http://loinc.org|1975-2',
      hook(receiver.port, JSON_PAYLOAD, ['Authorization: Bearer secret']),
    );
    expect((await house.call('GET', `/Subscription/${id}`)).body['status']).toBe('active');
    await house.call('PUT', '/Patient/p1', patient('p1'));
    await house.call('PUT', '/Observation/o1', observation('o1', 'p1', '1975-2'));
    await house.call('PUT', '/Observation/o2', observation('o2', 'p1', '2951-2'));
    await house.call('PUT', '/Observation/o1', observation('o1', 'p1', '1975-2', 2));
    await house.call('PUT', '/Observation/o1', observation('o1', 'p1', '1975-2', 2));
    const worker = await house.sender();
    await worker.idle();
    expect(receiver.heard.map(({ method, path, body }) => [method, path, JSON.parse(body).meta.versionId])).toEqual([
      ['PUT', '/in/Observation/o1', '1'],
      ['PUT', '/in/Observation/o1', '2'],
    ]);
    expect(receiver.heard.map(({ headers }) => [headers.authorization, headers['content-type'], headers['idempotency-key']])).toEqual([
      ['Bearer secret', 'application/fhir+json; charset=utf-8', `"${id}-1"`],
      ['Bearer secret', 'application/fhir+json; charset=utf-8', `"${id}-2"`],
    ]);
    expect(await house.events()).toEqual([]);
  });

  it('without payload is a POST with an empty body; with XML the resource is XML', async () => {
    await using receiver = await httpReceiver();
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
    await house.subscribe('Patient', hook(receiver.port));
    await house.subscribe('Patient?family=Doe', hook(receiver.port, 'application/fhir+xml'));
    await house.call('PUT', '/Patient/p1', patient('p1'));
    await (await house.sender()).idle();
    const told = receiver.heard.map(({ method, path, body }) => [method, path, body.slice(0, 60)]).sort();
    expect(told).toEqual([
      ['POST', '/in', ''],
      ['PUT', '/in/Patient/p1', expect.stringContaining('<Patient xmlns')],
    ]);
  });

  it('that is off, or ends, is told nothing more, and what waited is kept as skipped', async () => {
    await using receiver = await httpReceiver();
    await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
    const id = await house.subscribe('Patient', hook(receiver.port));
    const past = await house.subscribe('Patient', hook(receiver.port), { end: '2020-01-01T00:00:00Z' });
    await house.call('PUT', '/Patient/p1', patient('p1'));
    const { body } = await house.call('GET', `/Subscription/${id}`);
    await house.call('PUT', `/Subscription/${id}`, { ...body, status: 'off' });
    await house.call('PUT', '/Patient/p2', patient('p2'));
    await (await house.sender()).idle();
    expect(receiver.heard).toEqual([]);
    expect(await house.events()).toMatchObject([{ state: 'skipped', problems: [{ code: 'outgoing-subscription-off' }] }]);
    expect((await house.call('GET', `/Subscription/${past}`)).body['status']).toBe('off');
  });
});

describe('a Subscription that cannot be served', () => {
  let house: OutgoingHouse;
  beforeAll(async () => {
    house = await outgoingHouse('http://127.0.0.1:9/in');
  });
  afterAll(() => house[Symbol.asyncDispose]());

  it.each([
    ['a chain', 'Observation?patient.name=Doe', {}],
    ['_has', 'Patient?_has:Observation:patient:code=1', {}],
    ['an unknown parameter', 'Observation?colour=red', {}],
    ['an unknown type', 'Colour?x=1', {}],
    ['something about the answer', 'Observation?_count=5', {}],
    ['a filter with a chain', 'Observation?_filter=patient.name eq Doe', {}],
    ['another payload', 'Patient', { payload: 'text/plain' }],
    ['another channel', 'Patient', { type: 'email', endpoint: 'mailto:a@b.example' }],
    ['a header with a line break', 'Patient', { header: ['X: a\r\nHost: evil'] }],
    ['a header of the transport', 'Patient', { header: ['Host: evil'] }],
    ['an address that is not allowed', 'Patient', { endpoint: 'http://127.0.0.1:9/other' }],
    ['an HL7v2 payload by HTTP', 'Patient', { payload: 'x-application/hl7-v2+er7' }],
  ])('with %s is refused, and nothing is stored', async (_name, criteria, channel) => {
    await expect(house.subscribe(criteria, { ...hook(9), ...channel })).rejects.toThrow(/OperationOutcome/);
    expect((await house.call('GET', '/Subscription?_total=accurate')).body['total']).toBe(0);
  });
});

describe('an HL7v2 receiver', () => {
  const oru = (control: string, patientId: string) =>
    Buffer.from(
      [
        `MSH|^~\\&|LAB|TESTHOSP|POLYSEME|HUB|20260301120000+0000||ORU^R01^ORU_R01|${control}|P|2.5.1||||||8859/1`,
        `PID|1||${patientId}^^^TESTHOSP^MR||Müller^Ann||19800101|F`,
        'OBR|1|A1|B1|24331-1^Lipids^LN|||20260301',
        `OBX|1|NM|2093-3^Cholesterol^LN||${180 + control.charCodeAt(1)}|mg/dL|||||F|||20260301`,
        'OBX|2|NM|2571-8^Triglyceride^LN||90|mg/dL|||||F|||20260301',
      ].join('\r'),
      'latin1',
    );
  const channel = (port: number) => ({ type: 'message', endpoint: `mllp://127.0.0.1:${port}`, payload: 'x-application/hl7-v2+er7' });

  it('gets the message that made what it subscribed to: once, byte for byte; what FHIR made is skipped', async () => {
    await using receiver = await mllpReceiver();
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.subscribe('Observation', channel(receiver.port));
    await receive(house.parts, oru('F1', 'P1'), 'mllp');
    await receive(house.parts, oru('F2', 'P1'), 'mllp');
    await house.drain();
    await house.call('PUT', '/Patient/x', patient('x'));
    await house.call('PUT', '/Observation/x', observation('x', 'x', '2093-3'));
    await (await house.sender()).idle();
    expect(receiver.heard).toEqual([oru('F1', 'P1'), oru('F2', 'P1')].map((each) => each.toString('latin1')));
    expect(await house.events()).toMatchObject([{ state: 'skipped', problems: [{ code: 'outgoing-no-message' }] }]);
  });

  it.each(['AE', 'AR', 'CE', 'CR', 'XX'])('that answers %s: the message is parked with the reason, the next one goes on', async (code) => {
    await using receiver = await mllpReceiver((text) => ({ code: text.includes('|F1|') ? code : 'AA' }));
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.subscribe('Observation', channel(receiver.port));
    await receive(house.parts, oru('F1', 'P1'), 'mllp');
    await receive(house.parts, oru('F2', 'P1'), 'mllp');
    await house.drain();
    await (await house.sender()).idle();
    expect(receiver.heard.map((each) => /\|(F\d)\|/.exec(each)?.[1])).toEqual(['F1', 'F2']);
    expect(await house.events()).toMatchObject([{ state: 'parked', attempts: 1, problems: [{ code: 'outgoing-rejected' }] }]);
  });

  it('that acknowledges another message has acknowledged nothing: it is sent again, and only then the next', async () => {
    await using receiver = await mllpReceiver((_text, count) => (count === 1 ? { code: 'AA', id: 'ANOTHER' } : { code: 'AA' }));
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.subscribe('Observation', channel(receiver.port));
    await receive(house.parts, oru('F1', 'P1'), 'mllp');
    await receive(house.parts, oru('F2', 'P1'), 'mllp');
    await house.drain();
    const worker = await house.sender();
    await house.until(worker, () => receiver.heard.length >= 3);
    await worker.idle();
    expect(receiver.heard.map((each) => /\|(F\d)\|/.exec(each)?.[1])).toEqual(['F1', 'F1', 'F2']);
    expect(await house.events()).toEqual([]);
  });
});
