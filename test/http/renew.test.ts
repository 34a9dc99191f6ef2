import { once } from 'node:events';
import { request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { startHttp } from '../../services/http/server.ts';
import { AUTHORITY, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY } from '../mllp/certificates.ts';
import { testHouse } from '../parts.ts';

async function secured(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: AUTHORITY });
  await once(socket, 'secureConnect');
  return socket;
}

/** The status of GET /healthz on this connection. */
const health = (socket: TLSSocket): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request({ createConnection: () => socket, path: '/healthz', headers: { host: '127.0.0.1', connection: 'keep-alive' } }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    })
      .on('error', reject)
      .end();
  });

it('the HTTP door renews its certificate for those who come; who is connected stays', async () => {
  await using house = await testHouse();
  const limits = { maxBodyBytes: 1_000, maxMessageBytes: 1_000 };
  const tls = { cert: SERVER_CERTIFICATE, key: SERVER_KEY, clientCa: undefined };
  const door = await startHttp(
    { host: '127.0.0.1', port: 0, tls, verifyToken: undefined, version: 'test', ...limits },
    house.parts,
    pino({ level: 'silent' }),
  );
  const port = Number(new URL(door.url).port);
  const before = await secured(port);
  door.renew({ cert: CLIENT_CERTIFICATE, key: CLIENT_KEY, clientCa: undefined });
  const after = await secured(port);
  expect([before, after].map((each) => each.getPeerCertificate().subject?.CN)).toEqual(['localhost', 'lab-sender']);
  expect([await health(before), await health(after)]).toEqual([200, 200]);
  for (const each of [before, after]) each.destroy();
  await door.close();
});
