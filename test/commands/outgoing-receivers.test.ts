import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { configuredReceivers, ReceiverBook } from '../../services/commands/outgoing/receivers.ts';
import { readConfig } from '../../services/config.ts';
import { AUTHORITY, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY } from '../mllp/certificates.ts';
import { type OutgoingHouse, outgoingHouse } from './outgoing-house.ts';
import { mllpReceiver } from './receivers.ts';

const patient = (family: string) => ({
  resourceType: 'Patient',
  id: 'p1',
  identifier: [{ system: 'urn:oid:1.2.3', value: 'P1' }],
  name: [{ family }],
});
const TLS = { cert: SERVER_CERTIFICATE, key: SERVER_KEY, ca: AUTHORITY };

/** A folder with certificates and a file of receivers, and the book that follows it. */
async function followed(house: OutgoingHouse) {
  const dir = mkdtempSync(join(tmpdir(), 'polyseme-receivers-'));
  const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);
  for (const [name, text] of [
    ['ca.pem', AUTHORITY],
    ['hub.pem', CLIENT_CERTIFICATE],
    ['hub.key', CLIENT_KEY],
  ] as const)
    write(name, text);
  const read = readConfig({ POLYSEME_RECEIVERS: join(dir, 'receivers.yaml') });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const config = read.value;
  const book = new ReceiverBook(house.parts, undefined);
  return {
    book,
    write,
    follow: async (yaml: string) => {
      write('receivers.yaml', yaml);
      await book.follow(house.database, configuredReceivers(config, house.parts));
    },
    [Symbol.asyncDispose]: async () => {
      await book.close();
      rmSync(dir, { recursive: true });
    },
  };
}

describe('a receiver of the file', () => {
  it('is sent everything it wants in each patient’s order, over MLLP with a certificate of ours, and no more when it is gone', async () => {
    await using receiver = await mllpReceiver(() => ({ code: 'AA' }), TLS);
    await using house = await outgoingHouse('');
    await using file = await followed(house);
    const tls = 'tls: { cert: hub.pem, key: hub.key, ca: ca.pem }';
    await file.follow(
      `receivers: { lab: { to: "mllps://localhost:${receiver.port}", send: [Patient, "Encounter", "Patient?family=Doe"], content: built, receivingApplication: LIS, ${tls} } }`,
    );
    await house.call('PUT', '/Patient/p1', patient('Doe'));
    const stay = { resourceType: 'Encounter', id: 'e1', status: 'planned', class: { code: 'AMB' }, subject: { reference: 'Patient/p1' } };
    await house.call('PUT', '/Encounter/e1', stay);
    await house.call('PUT', '/Patient/p1', patient('Roe'));
    const worker = await house.sender({ receivers: file.book });
    await house.until(worker, async () => (await house.events()).length === 0);
    expect(receiver.heard.map((each) => [each.split('|')[4], each.split('|')[8]])).toEqual([
      ['LIS', 'ADT^A28^ADT_A05'],
      ['LIS', 'ADT^A05^ADT_A05'],
      ['LIS', 'ADT^A31^ADT_A05'],
    ]);
    await file.follow('receivers: {}');
    await house.call('PUT', '/Patient/p1', patient('Poe'));
    await worker.idle();
    expect(receiver.heard).toHaveLength(3);
  });

  it('that asks for a certificate is not reached without; once it is there, everything is sent', async () => {
    await using receiver = await mllpReceiver(() => ({ code: 'AA' }), TLS);
    await using house = await outgoingHouse('');
    await using file = await followed(house);
    const yaml = (tls: string) =>
      `receivers: { lab: { to: "mllps://localhost:${receiver.port}", send: [Patient], content: built, tls: ${tls} } }`;
    await file.follow(yaml('{ ca: ca.pem }'));
    await house.call('PUT', '/Patient/p1', patient('Doe'));
    const worker = await house.sender({ receivers: file.book });
    await house.until(worker, async () => (await house.events())[0]?.problems.length === 1);
    expect(receiver.heard).toEqual([]);
    await file.follow(yaml('{ cert: hub.pem, key: hub.key, ca: ca.pem }'));
    await house.until(worker, async () => (await house.events()).length === 0);
    expect(receiver.heard).toHaveLength(1);
  });

  it('by HTTPS is shown the certificate too', async () => {
    const heard: (string | undefined)[] = [];
    const server = createServer(
      { key: SERVER_KEY, cert: SERVER_CERTIFICATE, ca: AUTHORITY, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        const name = request.socket instanceof TLSSocket ? request.socket.getPeerCertificate().subject.CN : undefined;
        heard.push(Array.isArray(name) ? name[0] : name, request.headers.authorization);
        request.resume().on('end', () => response.end());
      },
    );
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await using house = await outgoingHouse('');
    await using file = await followed(house);
    await file.follow(
      `receivers: { registry: { to: "https://localhost:${port}/in", send: [Patient], headers: ["Authorization: Bearer x"], tls: { cert: hub.pem, key: hub.key, ca: ca.pem } } }`,
    );
    await house.call('PUT', '/Patient/p1', patient('Doe'));
    const worker = await house.sender({ receivers: file.book });
    await house.until(worker, async () => (await house.events()).length === 0);
    expect(heard).toEqual(['lab-sender', 'Bearer x']);
    server.closeAllConnections();
    server.close();
  });

  it('with a key that is no key of the certificate is refused, and those before stay', async () => {
    await using house = await outgoingHouse('');
    await using file = await followed(house);
    await file.follow('receivers: { a: { to: "mllps://localhost:1", send: [Patient] } }');
    file.write('hub.key', SERVER_KEY);
    const wrong = 'receivers: { b: { to: "mllps://localhost:1", send: [Patient], tls: { cert: hub.pem, key: hub.key } } }';
    await expect(file.follow(wrong)).rejects.toMatchObject({ problems: [{ code: 'receiver-setting-invalid' }] });
    expect(file.book.receivers.map(({ name }) => name)).toEqual(['a']);
  });
});
