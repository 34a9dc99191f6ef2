import { createServer } from 'node:tls';
import { expect, it } from 'vitest';
import { forgetEvents } from '../../services/database/outgoing/view.ts';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { FrameReader, framed } from '../../services/mllp/frame.ts';
import { receive } from '../../services/pipeline.ts';
import { laboratoryMessage } from '../end-to-end/messages.ts';
import { AUTHORITY, SERVER_CERTIFICATE, SERVER_KEY } from '../mllp/certificates.ts';
import { ran } from './command-line.ts';
import { outgoingHouse } from './outgoing-house.ts';
import { httpReceiver } from './receivers.ts';

const patient = (id: string) => ({ resourceType: 'Patient', id, name: [{ family: 'Secretname' }] });

it('an operator sees receivers and what is parked, sends it again or skips it; nothing said holds patient data', async () => {
  await using receiver = await httpReceiver(() => 400);
  await using house = await outgoingHouse(`http://127.0.0.1:${receiver.port}`);
  const outgoing = (...args: readonly string[]) => ran(['outgoing', ...args], { POLYSEME_DATABASE_URL: house.url });
  const channel = { type: 'rest-hook', endpoint: `http://127.0.0.1:${receiver.port}/in`, payload: 'application/fhir+json' };
  const id = await house.subscribe('Patient', channel);
  for (const each of ['p1', 'p2', 'p3']) await house.call('PUT', `/Patient/${each}`, patient(each));
  const worker = await house.sender();
  await worker.idle();
  const listed = JSON.parse((await outgoing('list', '--json')).out);
  expect(listed).toMatchObject([{ name: id, state: 'active', sent: 0, waiting: 0, parked: 3, skipped: 0 }]);
  const parked = await outgoing('list', '--status', 'parked');
  expect(parked.out).toContain('outgoing-rejected: The receiver refused it: HTTP 400.');
  expect(parked.out).not.toContain('Secretname');
  const ids: readonly { readonly id: number }[] = JSON.parse((await outgoing('list', '--receiver', id, '--json')).out);
  const [first, second] = ids.map((each) => String(each.id));
  expect(await outgoing('skip', String(first), '--because', 'known already')).toMatchObject({
    code: 0,
    said: expect.stringContaining('1 event skipped'),
  });
  expect(await outgoing('skip', String(first), '--because', 'again')).toMatchObject({ code: 1 });
  expect(await outgoing('retry', String(second))).toMatchObject({ code: 0, said: expect.stringContaining('Nothing was done') });
  expect(await outgoing('retry', '--all', '--yes')).toMatchObject({ code: 0, said: expect.stringContaining('2 events put back') });
  expect(await outgoing('retry', '--yes')).toMatchObject({ code: 1 });
  await worker.idle();
  await house.until(worker, () => receiver.heard.length === 5);
  await worker.idle();
  const metrics = await (await fetch(`${house.address}/metrics`)).text();
  const figure = (name: string) => new RegExp(`^polyseme_outgoing_${name}\\{receiver="${id}"\\} (\\S+)$`, 'm').exec(metrics)?.[1];
  expect(['sent_total', 'repeated_total', 'parked', 'skipped', 'waiting', 'lag_seconds'].map(figure)).toEqual([
    '0',
    '0',
    '2',
    '1',
    '0',
    '0',
  ]);
});

it('HL7v2 goes by TLS to whom the authority vouches for, and to nobody else', async () => {
  const heard: string[] = [];
  const server = createServer({ cert: SERVER_CERTIFICATE, key: SERVER_KEY }, (socket) => {
    const reader = new FrameReader(1 << 20);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const event of reader.push(chunk)) {
        if (event.kind !== 'message') continue;
        heard.push(Buffer.from(event.bytes).toString('latin1'));
        const parsed = parseMessage(event.bytes);
        socket.write(
          framed(
            acknowledgement(parsed.ok ? parsed.value : undefined, { code: 'AA', problems: [], controlId: 'a', timestamp: new Date(0) }),
          ),
        );
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await using house = await outgoingHouse(`mllps://127.0.0.1:${port}`);
  await house.subscribe('Observation', { type: 'message', endpoint: `mllps://127.0.0.1:${port}`, payload: 'x-application/hl7-v2+er7' });
  const bytes = laboratoryMessage('tls', 1);
  await receive(house.parts, bytes, 'mllp');
  await house.drain();
  const stranger = await house.sender({ firstPauseMs: 1, longestPauseMs: 1 });
  await stranger.idle();
  await stranger.stop();
  expect([heard.length, (await house.events()).map(({ state, problems }) => [state, problems[0]?.code])]).toEqual([
    0,
    [['waiting', 'mllp-closed']],
  ]);
  const worker = await house.sender({ ca: AUTHORITY });
  await house.until(worker, async () => (await house.events()).length === 0);
  expect(heard).toEqual([Buffer.from(bytes).toString('latin1')]);
  server.close();
});

it('what was erased leaves no event behind, but that it is gone is told', async () => {
  await using house = await outgoingHouse('http://127.0.0.1:9');
  await house.database.run(
    `INSERT INTO outgoing.event (receiver, type, id, version, change, state) SELECT 'r', 'Patient', id, 1, change, state
     FROM (VALUES ('p1', 'create', 'parked'), ('p1', 'update', 'waiting'), ('p1', 'delete', 'waiting'), ('p2', 'create', 'parked')) AS n(id, change, state)`,
  );
  await house.database.run(
    `INSERT INTO outgoing.event_key (receiver, key, seq) SELECT receiver, 'Patient/' || id, seq FROM outgoing.event`,
  );
  await forgetEvents(house.database, [{ type: 'Patient', id: 'p1' }]);
  expect(await house.database.query('SELECT id, change FROM outgoing.event ORDER BY seq')).toEqual([
    { id: 'p1', change: 'delete' },
    { id: 'p2', change: 'create' },
  ]);
  expect(await house.database.query('SELECT key FROM outgoing.event_key ORDER BY seq')).toEqual([
    { key: 'Patient/p1' },
    { key: 'Patient/p2' },
  ]);
});
