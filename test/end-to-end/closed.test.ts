/** Closed by default: nobody from outside this machine is answered unless the operator said so, and then only with a token. */
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../services/database/connect.ts';
import { connectMllp } from '../../services/mllp/client.ts';
import { type Folder, folder, ran, ranAlone } from '../commands/command-line.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { AUTHORITY, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY } from '../mllp/certificates.ts';
import { laboratoryMessage } from './messages.ts';
import { type ServerProcess, startServer } from './server-process.ts';

let fresh: FreshDatabase;
let dir: Folder;
let environment: Record<string, string>;
beforeAll(async () => {
  fresh = await freshDatabase();
  dir = folder();
  environment = { POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') };
});
afterAll(async () => {
  await fresh.drop();
  dir[Symbol.dispose]();
});

/** As the client's, made by itself: a stranger with a good name. */
const STRANGER_KEY = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIOO79Mqwadj+9qb82UO+UqXUL/nCGzKGaE8QoViBcb3uoAoGCCqGSM49
AwEHoUQDQgAElcnkyPuIEmhvLHj0Y2NOH7moqo5FqQA25EnGKPywTHPEwgPkAWdb
2lbCe1u3bB5GpxP85zzPJnwGgGhpmEAcsQ==
-----END EC PRIVATE KEY-----
`;
const STRANGER_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBgjCCASegAwIBAgIUHqVGKAnZ3UUmbmd+T6Co9P9ved4wCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKbGFiLXNlbmRlcjAgFw0yNjExMjExMTU1MDVaGA8yMTI2MTAy
ODExNTUwNVowFTETMBEGA1UEAwwKbGFiLXNlbmRlcjBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABJXJ5Mj7iBJobyx49GNjTh+5qKqORakANuRJxij8sExzxMID5AFn
W9pWwntbt2weRqcT/Oc8zyZ8BoBoaZhAHLGjUzBRMB0GA1UdDgQWBBRFVzM/Q5Dj
jxG2q4kfNnTh08XzVDAfBgNVHSMEGDAWgBRFVzM/Q5DjjxG2q4kfNnTh08XzVDAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDRr00QEbJ7lWNST2Fu
JgbGyi7N9FMuT9VISma+iXkaWAIhAPWMmat5nAmkYlCbKjVr/VB3Tb3sULgcILdM
81+hItqo
-----END CERTIFICATE-----
`;

const TOKEN = /polyseme_[\w-]{43}/g;
/** The address of a server on every interface, as this machine reaches it. */
const local = (server: ServerProcess): string => server.httpUrl.replace('0.0.0.0', '127.0.0.1');

/** The first line of the answer to bytes sent as they are; the connection is kept open for more to come. */
function firstLine(port: number, bytes: string): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(bytes));
    socket.once('error', failed);
    socket.once('data', (chunk: Buffer) => {
      socket.destroy();
      done(chunk.toString('latin1').split('\r\n')[0] ?? '');
    });
  });
}

describe('beyond this machine without TLS', () => {
  it.each([{ POLYSEME_HTTP_HOST: '0.0.0.0' }, { POLYSEME_MLLP_HOST: '0.0.0.0' }, { POLYSEME_HTTP_HOST: '::' }])(
    '%j is refused with the cure before anything is opened',
    async (host) => {
      const { code, said } = await ranAlone(['serve'], { ...environment, ...host });
      expect([code, said]).toEqual([1, expect.stringContaining('--insecure-bind')]);
      expect(said).toContain('POLYSEME_TLS_CERT');
      expect(said).not.toContain('listening');
    },
  );
});

describe('serve --insecure-bind', () => {
  let server: ServerProcess;
  let token: string;
  beforeAll(async () => {
    server = await startServer({ ...environment, POLYSEME_HTTP_HOST: '0.0.0.0', POLYSEME_MLLP_HOST: '0.0.0.0' }, ['--insecure-bind']);
    token = server.said().match(TOKEN)?.[0] ?? '';
  });
  afterAll(() => server.stop());
  const get = (path: string, authorization?: string) =>
    fetch(`${local(server)}${path}`, authorization === undefined ? {} : { headers: { authorization } });

  it('says a token once and stores only its hash; with it the door answers', async () => {
    expect(server.said().match(TOKEN)).toHaveLength(1);
    const database = openDatabase(fresh.url);
    const [row] = await database.query<{ text: string }>(`SELECT string_agg(t::text, ' ') AS text FROM ops.access_token t`);
    await database.close();
    expect(row?.text).toContain('first start');
    expect(row?.text).not.toContain(token);
    expect((await get('/fhir/R4/metadata', `Bearer ${token}`)).status).toBe(200);
  });

  it("gives the console's own files to whoever may come here, for they ask for the token; and nothing with them", async () => {
    const page = await get('/');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const text = await page.text();
    expect(text).not.toContain(token);
    expect(await (await get(`/?token=${token}`, `Bearer ${token}x`)).text()).toBe(text);
  });

  it('answers nobody without it, at any other address', async () => {
    const wrong = [
      undefined,
      'Bearer',
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Basic ${btoa(`:${token}`)}`,
      'Bearer x y',
      `bearer${token}`,
    ];
    for (const path of [
      '/healthz',
      '/readyz',
      '/fhir/R4/metadata',
      '/fhir/R4/Patient',
      '/nowhere',
      '/fhir/R4/%ff',
      `/fhir/R4/Patient/${'x'.repeat(300)}`,
      `/fhir/R4/Patient?token=${token}`,
      '/admin/sources',
      '/admin/operations',
      '/admin/messages/1',
      '/admin/maps',
      '/admin/audit',
      '/admin/terminology/systems',
      '/fhir/R4/_import/x',
    ]) {
      for (const each of wrong) expect([path, each, (await get(path, each)).status]).toEqual([path, each, 401]);
    }
    const answer = await get('/fhir/R4/Patient');
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(await answer.json()).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ code: 'login' }] });
  });

  it('refuses before any body is read: huge, malformed, never sent', async () => {
    const port = Number(new URL(server.httpUrl).port);
    const head = (path: string, more: string) =>
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/fhir+json\r\n${more}\r\n\r\n`;
    for (const path of ['/fhir/R4/Patient', '/fhir/R4', '/hl7v2', '/fhir/R4/Patient/_search', '/nowhere']) {
      expect(await firstLine(port, head(path, 'content-length: 99999999999'))).toContain(' 401 ');
      expect(await firstLine(port, `${head(path, 'content-length: 9')}{"broken}`)).toContain(' 401 ');
      expect(await firstLine(port, `${head(path, 'transfer-encoding: chunked')}FFFFFFF\r\nMSH|`)).toContain(' 401 ');
      expect(await firstLine(port, head(path, 'content-length: 5\r\ncontent-type: text/x; charset=?'))).toContain(' 401 ');
    }
  });

  it('knows other tokens too, until they are revoked', async () => {
    const { out } = await ran(['token', 'create', 'second'], environment);
    expect((await get('/healthz', `Bearer ${out}`)).status).toBe(200);
    await ran(['token', 'revoke', '2'], environment);
    expect((await get('/healthz', `Bearer ${out}`)).status).toBe(401);
    expect((await get('/healthz', `Bearer ${token}`)).status).toBe(200);
  });
});

describe('a second start', () => {
  it('makes no other token, also when all are revoked: that it says', async () => {
    const start = async () => {
      const server = await startServer({ ...environment, POLYSEME_HTTP_HOST: '0.0.0.0' }, ['--insecure-bind']);
      const said = server.said();
      expect(await server.stop()).toBe(0);
      return said;
    };
    expect((await start()).match(TOKEN)).toBeNull();
    await ran(['token', 'revoke', '1'], environment);
    const said = await start();
    expect(said.match(TOKEN)).toBeNull();
    expect(said).toContain('token create');
  });
});

describe('with TLS', () => {
  it('answers by https and by MLLP to those whose certificate the authority signed, and to no stranger', async () => {
    const tls = {
      POLYSEME_TLS_CERT: dir.write('cert.pem', SERVER_CERTIFICATE),
      POLYSEME_TLS_KEY: dir.write('key.pem', SERVER_KEY),
      POLYSEME_TLS_CLIENT_CA: dir.write('ca.pem', AUTHORITY),
    };
    const server = await startServer({ ...environment, ...tls, POLYSEME_HTTP_HOST: '0.0.0.0' });
    const { out: token } = await ran(['token', 'create', 'by TLS'], environment);
    const own = { cert: CLIENT_CERTIFICATE, key: CLIENT_KEY };
    const get = (options: object): Promise<number | string> =>
      new Promise((done) => {
        const asked = httpsRequest(`${local(server)}/healthz`, { ca: AUTHORITY, agent: false, ...options }, (answer) => {
          answer.resume();
          done(answer.statusCode ?? 0);
        });
        asked.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.name));
        asked.end();
      });
    expect(server.httpUrl).toMatch(/^https:/);
    const authorized = { headers: { authorization: `Bearer ${token}` } };
    expect(await get({ ...own, ...authorized })).toBe(200);
    expect(await get(own)).toBe(401);
    expect(String(await get(authorized))).toMatch(/^(ERR_SSL|ECONNRESET)/);
    expect(String(await get({ ...authorized, cert: STRANGER_CERTIFICATE, key: STRANGER_KEY }))).toMatch(/^(ERR_SSL|ECONNRESET)/);
    const send = async (options: object) => {
      const client = connectMllp({ host: '127.0.0.1', port: server.mllpPort, timeoutMs: 60_000, tls: { ca: AUTHORITY, ...options } });
      const answer = await client.send(laboratoryMessage('TLS', 1)).then(
        (bytes) => Buffer.from(bytes).toString('latin1'),
        () => 'refused',
      );
      await client.close();
      return answer;
    };
    expect(await send(own)).toContain('MSA|AA|');
    expect(await send({})).toBe('refused');
    expect(await send({ cert: STRANGER_CERTIFICATE, key: STRANGER_KEY })).toBe('refused');
    expect(await server.stop()).toBe(0);
  });

  it('refuses what is no certificate, no key of it, or no authority', async () => {
    const good = { POLYSEME_TLS_CERT: dir.write('cert.pem', SERVER_CERTIFICATE), POLYSEME_TLS_KEY: dir.write('key.pem', SERVER_KEY) };
    const empty = dir.write('empty.pem', '');
    for (const wrong of [
      { POLYSEME_TLS_CERT: empty },
      { POLYSEME_TLS_KEY: dir.write('other.pem', CLIENT_KEY) },
      { POLYSEME_TLS_CLIENT_CA: empty },
      { POLYSEME_TLS_CLIENT_CA: join(dir.path, 'not-there.pem') },
    ]) {
      const { code, said } = await ran(['serve'], { ...environment, ...good, ...wrong });
      expect([code, said]).toEqual([1, expect.stringMatching(/cure: /)]);
      expect(said).not.toContain('internal');
    }
  });
});

describe('on this machine without tokens', () => {
  it('answers no page of another site: neither by a name that leads here nor by posting blindly', async () => {
    const server = await startServer(environment);
    const port = Number(new URL(server.httpUrl).port);
    const ask = (headers: string, method = 'GET', path = '/fhir/R4/metadata') =>
      firstLine(port, `${method} ${path} HTTP/1.1\r\n${headers}connection: close\r\n\r\n`);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '10.0.0.1',
      '[::2]',
      '',
    ]) {
      expect([host, await ask(`host: ${host}\r\n`)]).toEqual([host, expect.stringMatching(/ 40[03] /)]);
    }
    for (const host of ['127.0.0.1', `localhost:${port}`, `[::1]:${port}`]) expect(await ask(`host: ${host}\r\n`)).toContain(' 200 ');
    const post = (origin: string) => ask(`host: 127.0.0.1:${port}\r\norigin: ${origin}\r\ncontent-length: 0\r\n`, 'POST', '/hl7v2');
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1.evil.example']) expect(await post(origin)).toContain(' 403 ');
    expect(await post(`http://127.0.0.1:${port}`)).not.toContain(' 403 ');
    expect(await server.stop()).toBe(0);
  });

  it('says which address is taken, and ends', async () => {
    const server = await startServer(environment);
    const taken = [
      { POLYSEME_MLLP_PORT: String(server.mllpPort), POLYSEME_HTTP_PORT: '0' },
      { POLYSEME_HTTP_PORT: new URL(server.httpUrl).port, POLYSEME_MLLP_PORT: '0' },
    ];
    for (const ports of taken) {
      const { code, said } = await ranAlone(['serve'], { ...environment, ...ports, POLYSEME_LOG_LEVEL: 'silent' });
      expect([code, said]).toEqual([1, expect.stringContaining('address-unavailable')]);
    }
    expect(await server.stop()).toBe(0);
  });
});
