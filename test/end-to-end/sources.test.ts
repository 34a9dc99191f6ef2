/** A server of its own process that follows its files of sources and of receivers. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sourceChecks } from '../../services/commands/doctor.ts';
import { readConfig } from '../../services/config.ts';
import { type Folder, folder } from '../commands/command-line.ts';
import { mllpReceiver } from '../commands/receivers.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';
import { message, sender } from '../mllp/doors.ts';
import { type ServerProcess, startServer } from './server-process.ts';

let dir: Folder;
let fresh: FreshDatabase;
let server: ServerProcess;
let file: string;
beforeAll(async () => {
  dir = folder();
  fresh = await freshDatabase();
  file = dir.write('sources.yaml', 'sources:\n  first: { acknowledge: committed }\n');
  server = await startServer({
    POLYSEME_DATABASE_URL: fresh.url,
    POLYSEME_DATA_DIR: `${dir.path}/data`,
    POLYSEME_SOURCES: file,
    POLYSEME_RECEIVERS: dir.write('receivers.yaml', 'receivers: {}\n'),
    POLYSEME_LOG_LEVEL: 'info',
  });
});
afterAll(async () => {
  await server.stop();
  await fresh.drop();
  dir[Symbol.dispose]();
});

/** Resolves when the server has said `text` so many times. */
async function said(text: string, times: number): Promise<void> {
  while (server.said().split(text).length <= times) await new Promise((resolve) => server.child.stderr?.once('data', resolve));
}

it('serve reads its receivers again at SIGHUP, and without being told when the file has changed: from then on they are sent to', async () => {
  let heard = (): void => {};
  const isHeard = new Promise<void>((resolve) => {
    heard = resolve;
  });
  await using receiver = await mllpReceiver(() => {
    heard();
    return { code: 'AA' };
  });
  dir.write('receivers.yaml', 'receivers:\n  lab: { too: "mllp://127.0.0.1:1", send: [Patient] }\n');
  server.child.kill('SIGHUP');
  await said('receiver-setting-unknown', 1);
  expect(server.said()).toMatch(/receivers\.yaml:2:/);
  // Nobody tells it of this one.
  dir.write('receivers.yaml', `receivers:\n  lab: { to: "mllp://127.0.0.1:${receiver.port}", send: [Patient] }\n`);
  await said('were read again', 1);
  using client = await sender(server.mllpPort);
  client.send(message('R1'));
  expect(await client.answers(1)).toEqual(['AA R1']);
  await isHeard;
  expect(receiver.heard).toEqual([Buffer.from(message('R1')).toString('latin1')]);
});

it('serve reads its sources again at SIGHUP; a file with a fault changes nothing and is told with its place', async () => {
  using client = await sender(server.mllpPort);
  client.send(message('1'));
  expect(await client.answers(1)).toEqual(['AA 1']);
  dir.write('sources.yaml', 'sources:\n  first: { acknowlege: committed }\n');
  server.child.kill('SIGHUP');
  await said('source-setting-unknown', 1);
  expect(server.said()).toMatch(/source-setting-unknown.*sources\.yaml:2:12/);
  client.send(message('2'));
  expect((await client.answers(2)).at(-1)).toBe('AA 2');
  dir.write('sources.yaml', 'sources:\n  first: { match: { sendingApplication: NOBODY } }\n');
  server.child.kill('SIGHUP');
  await said('were read again', 2);
  client.send(message('3'));
  expect((await client.answers(3)).at(-1)).toBe('AR 3');
});

it('doctor says what is wrong with the file, and what it holds when nothing is', () => {
  const config = readConfig({ POLYSEME_SOURCES: file, POLYSEME_DATABASE_URL: fresh.url });
  const checks = (text: string) => {
    dir.write('sources.yaml', text);
    return config.ok ? sourceChecks(config.value) : [];
  };
  expect(checks('sources:\n  first: {}\n')).toEqual([{ name: 'sources', ok: true, detail: `1 in ${file}: first` }]);
  const wrong = 'sources:\n  first: { ports: [99999] }\n  second: { ports: [2600], tls: { cert: no.crt, key: no.key } }\n';
  expect(checks(wrong)).toMatchObject([
    {
      ok: false,
      detail: expect.stringMatching(/sources\.yaml:2:20: sources\.first\.ports\.0: must be from 0 to 65535/),
      cure: expect.any(String),
    },
  ]);
  const open =
    'sources:\n  second: { ports: [2600], host: 0.0.0.0, tls: { cert: no.crt, key: no.key } }\n  third: { ports: [2601], host: 0.0.0.0 }\n';
  expect(checks(open).map(({ detail }) => detail)).toEqual([
    expect.stringContaining('Refusing to listen on 0.0.0.0'),
    expect.stringContaining('no.crt cannot be read'),
  ]);
});
