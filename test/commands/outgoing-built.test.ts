import { describe, expect, it } from 'vitest';
import { retryEvents } from '../../services/database/outgoing/take.ts';
import { receive } from '../../services/pipeline.ts';
import { outgoingHouse } from './outgoing-house.ts';
import { mllpReceiver } from './receivers.ts';

const PAYLOAD = 'x-application/hl7-v2+er7; content=built';
const channel = (port: number, payload = PAYLOAD) => ({ type: 'message', endpoint: `mllp://127.0.0.1:${port}`, payload });
const patient = (family: string, more: object = {}) => ({
  resourceType: 'Patient',
  id: 'p1',
  identifier: [{ system: 'urn:oid:1.2.3', value: 'P1' }],
  name: [{ family }],
  ...more,
});
const result = (value: number, more: object = {}) => ({
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '2093-3' }] },
  subject: { reference: 'Patient/p1' },
  valueQuantity: { value, unit: 'mg/dL' },
  ...more,
});
const field = (message: string, segment: string, n: number): string | undefined =>
  message
    .split('\r')
    .find((each) => each.startsWith(segment))
    ?.split('|')[segment === 'MSH' ? n - 1 : n];

describe('a receiver of messages that are built', () => {
  it('gets what FHIR requests wrote, each version by its own control id, deletions too', async () => {
    await using receiver = await mllpReceiver();
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.subscribe('Observation', channel(receiver.port));
    await house.subscribe('Patient', channel(receiver.port));
    await house.call('PUT', '/Patient/p1', patient('Doe', { birthDate: '1980-01-02' }));
    await house.call('PUT', '/Patient/p1', patient('Roe'));
    await house.call('PUT', '/Observation/o1', result(1));
    await house.call('PUT', '/Observation/o1', result(2, { status: 'corrected' }));
    await house.call('DELETE', '/Observation/o1');
    const worker = await house.sender();
    await house.until(worker, async () => (await house.events()).length === 0);
    const told = receiver.heard.map((each) => [
      field(each, 'MSH', 9),
      field(each, 'PID', 5),
      field(each, 'PID', 7),
      field(each, 'OBX', 5),
      field(each, 'OBX', 11),
    ]);
    expect(told.toSorted()).toEqual([
      ['ADT^A28^ADT_A05', 'Doe', '19800102', undefined, undefined],
      ['ADT^A31^ADT_A05', 'Roe', '""', undefined, undefined],
      ['ORU^R01^ORU_R01', 'Roe', undefined, '1', 'F'],
      ['ORU^R01^ORU_R01', 'Roe', undefined, '2', 'C'],
      ['ORU^R01^ORU_R01', 'Roe', undefined, '2', 'D'],
    ]);
    const ids = receiver.heard.map((each) => field(each, 'MSH', 10) ?? '');
    expect(new Set(ids).size).toBe(5);
    expect(ids.every((each) => /^[A-Za-z0-9]{20}$/.test(each))).toBe(true);
  });

  it('that did not answer gets the same bytes again, though its patient was changed meanwhile', async () => {
    await using receiver = await mllpReceiver((_text, count) => (count === 1 ? { code: 'AA', id: 'ANOTHER' } : { code: 'AA' }));
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.call('PUT', '/Patient/p1', patient('Doe'));
    await house.subscribe('Observation', channel(receiver.port));
    await house.call('PUT', '/Observation/o1', result(1));
    const worker = await house.sender({ firstPauseMs: 300 });
    await house.until(worker, () => receiver.heard.length === 1);
    await house.call('PUT', '/Patient/p1', patient('Roe'));
    await house.until(worker, async () => (await house.events()).length === 0);
    expect(receiver.heard).toHaveLength(2);
    expect(receiver.heard[1]).toBe(receiver.heard[0]);
  });

  it('gets a message that came by HL7v2 built anew, resource by resource', async () => {
    await using receiver = await mllpReceiver();
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.subscribe('DiagnosticReport', channel(receiver.port));
    await receive(
      house.parts,
      Buffer.from(
        [
          'MSH|^~\\&|LAB|TESTHOSP|POLYSEME|HUB|20260301120000+0000||ORU^R01^ORU_R01|F1|P|2.3',
          'PID|1||P1^^^TESTHOSP^MR||Doe^Ann||19800101|F',
          'OBR|1|A1|B1|24331-1^Lipids^LN|||20260301||||||||||||||||||F',
          'OBX|1|NM|2093-3^Cholesterol^LN||180|mg/dL|||||F|||20260301',
          'OBX|2|NM|2571-8^Triglyceride^LN||90|mg/dL|||||F|||20260301',
        ].join('\r'),
      ),
      'mllp',
    );
    await house.drain();
    await (await house.sender()).idle();
    expect(await house.events()).toEqual([]);
    expect(receiver.heard).toHaveLength(1);
    expect(receiver.heard[0]?.split('\r').filter((each) => each.startsWith('OBX'))).toEqual([
      'OBX|1|NM|2093-3^Cholesterol^LN||180|mg/dL|||||F|||20260301',
      'OBX|2|NM|2571-8^Triglyceride^LN||90|mg/dL|||||F|||20260301',
    ]);
    expect(field(receiver.heard[0] ?? '', 'MSH', 4)).toBe('POLYSEME');
  });

  it('has parked what no message can say, with the place and without its content, and gets the next', async () => {
    await using receiver = await mllpReceiver();
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.call('PUT', '/Patient/p1', patient('Doe'));
    await house.subscribe('Observation', channel(receiver.port));
    await house.call('PUT', '/Observation/o1', result(1, { note: [{ text: 'x', authorString: 'Dr. Secret' }] }));
    await house.call('PUT', '/Observation/o1', result(2));
    await (await house.sender()).idle();
    expect(receiver.heard.map((each) => field(each, 'OBX', 5))).toEqual(['2']);
    const events = await house.events();
    expect(events).toMatchObject([
      { state: 'parked', problems: [{ code: 'outgoing-not-expressible', at: 'Observation.note[0].authorString' }] },
    ]);
    expect(JSON.stringify(events)).not.toContain('Secret');
  });

  it('is told as deleted what the version that it took last said, whatever became of those between, in any process', async () => {
    await using receiver = await mllpReceiver((text) => ({ code: text.includes('Refused') ? 'AE' : 'AA' }));
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.subscribe('Patient?active=true', channel(receiver.port));
    const put = (family: string, more: object = {}) => house.call('PUT', '/Patient/p1', { active: true, ...patient(family, more) });
    const told = (n: number) => [5, 7, 8].map((place) => field(receiver.heard[n] ?? '', 'PID', place) ?? '');
    await put('Refused', { birthDate: '1979-01-01', gender: 'male' });
    let worker = await house.sender();
    await worker.idle();
    // Nothing that it took is taken back.
    await put('Doe', { birthDate: '1980-01-02' });
    await worker.idle();
    expect([receiver.heard.length, told(1)]).toEqual([2, ['Doe', '19800102', '']]);
    // Neither a version that was refused nor one that it was not to hear of is what it has.
    await put('Refused');
    await house.call('PUT', '/Patient/p1', { ...patient('Unheard', { gender: 'female' }), active: false });
    await worker.stop();
    worker = await house.sender();
    await put('Roe');
    await worker.idle();
    expect(told(receiver.heard.length - 1)).toEqual(['Roe', '""', '']);
    const heard = receiver.heard.length;
    // What is older than that is not told over it.
    await retryEvents(house.database, {});
    await worker.idle();
    expect(receiver.heard).toHaveLength(heard);
    expect((await house.events()).map(({ state, problems }) => [state, problems[0]?.code])).toEqual([
      ['skipped', 'outgoing-overtaken'],
      ['skipped', 'outgoing-overtaken'],
    ]);
    await put('Roe', { gender: 'female' });
    await put('Poe');
    await worker.idle();
    expect([told(heard), told(heard + 1)]).toEqual([
      ['Roe', '', 'F'],
      ['Poe', '', '""'],
    ]);
    expect(new Set(receiver.heard.map((each) => field(each, 'MSH', 10))).size).toBe(receiver.heard.length);
  });

  it('takes what was parked before anything newer came, and what comes after is told by that', async () => {
    let isRefusing = true;
    await using receiver = await mllpReceiver((text) => ({ code: isRefusing && text.includes('Second') ? 'AE' : 'AA' }));
    await using house = await outgoingHouse(`mllp://127.0.0.1:${receiver.port}`);
    await house.subscribe('Patient', channel(receiver.port));
    const worker = await house.sender();
    await house.call('PUT', '/Patient/p1', patient('First', { birthDate: '1980-01-02' }));
    await house.call('PUT', '/Patient/p1', patient('Second', { gender: 'female' }));
    await worker.idle();
    isRefusing = false;
    await retryEvents(house.database, {});
    await house.call('PUT', '/Patient/p1', patient('Third'));
    await worker.idle();
    expect(await house.events()).toEqual([]);
    const told = receiver.heard.map((each) => [5, 7, 8].map((place) => field(each, 'PID', place) ?? ''));
    expect(told).toEqual([
      ['First', '19800102', ''],
      ['Second', '""', 'F'],
      ['Second', '""', 'F'],
      ['Third', '', '""'],
    ]);
    expect(receiver.heard[1]).toBe(receiver.heard[2]);
  });

  it('of a type that no map takes, or by a way that is none, is refused', async () => {
    await using house = await outgoingHouse('mllp://127.0.0.1:9');
    await expect(house.subscribe('Basic', channel(9))).rejects.toThrow(/outgoing-no-map/);
    await expect(house.subscribe('Patient', channel(9, 'x-application/hl7-v2+er7; content=guessed'))).rejects.toThrow(/content=built/);
    await house.subscribe('Patient', channel(9, 'x-application/hl7-v2+er7; content=forwarded'));
  });
});
