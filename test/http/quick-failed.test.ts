/** What goes wrong on a quick way is answered by the usual one and told; the process never hears of it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Answered, putBefore } from '../../services/http/quick.ts';

const unhandled: unknown[] = [];
const note = (error: unknown): void => {
  unhandled.push(error);
};
const told: unknown[] = [];
const done: Answered = { route: '/', status: 200, type: 'text/plain', bytes: Buffer.from('quick') };
const wrong: Answered = { ...done, headers: { 'x-name': 'two\nlines' } };

/** What the quick way does, by address. */
const ANSWERS: Readonly<Record<string, () => Answered | undefined | Promise<Answered | undefined>>> = {
  '/now': () => done,
  '/later': async () => done,
  '/not-now': () => undefined,
  '/not-later': async () => undefined,
  '/throws': () => {
    throw new Error('thrown');
  },
  '/rejects': async () => {
    throw new Error('rejected');
  },
  '/wrong-now': () => wrong,
  '/wrong-later': async () => wrong,
  '/ended-now': () => ({ ...done, route: 'ended' }),
  '/ended-later': async () => ({ ...done, route: 'ended' }),
};

let address = '';
let secured = '';
const servers = [undefined, async (token: string) => token === 'known'].map((verifyToken) => {
  const server = createServer((_request, response) => response.end('usual'));
  const takes = ({ url }: { readonly url?: string | undefined }): boolean => {
    if (url === '/takes') throw new Error('taken');
    return true;
  };
  const answer = ({ url = '' }: { readonly url?: string | undefined }) => ANSWERS[url]?.();
  const settings = {
    host: '127.0.0.1',
    verifyToken,
    isClosing: () => false,
    ended: ({ route }: { readonly route: string }) => {
      if (route === 'ended') throw new Error('the log is full');
    },
    failed: (error: unknown) => told.push(error instanceof Error ? error.message : error),
  };
  putBefore(server, { takes, answer }, settings);
  return server;
});
beforeAll(async () => {
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const found = server.address();
    ports.push(typeof found === 'object' && found !== null ? found.port : 0);
  }
  [address, secured] = [`http://127.0.0.1:${ports[0]}`, `http://127.0.0.1:${ports[1]}`];
});
afterAll(async () => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(() => {
  told.length = 0;
});

it('is answered by the usual way, whenever it fails, and told', async () => {
  const paths = [...Object.keys(ANSWERS), '/takes'];
  for (const [at, headers] of [
    [address, {}],
    [secured, { authorization: 'Bearer known' }],
  ] as const) {
    told.length = 0;
    const answers: string[] = [];
    for (const path of paths) answers.push(await (await fetch(`${at}${path}`, { headers })).text());
    expect(answers).toEqual(['quick', 'quick', 'usual', 'usual', 'usual', 'usual', 'usual', 'usual', 'quick', 'quick', 'usual']);
    expect(told).toEqual([
      'thrown',
      'rejected',
      expect.stringContaining('x-name'),
      expect.stringContaining('x-name'),
      'the log is full',
      'the log is full',
      'taken',
    ]);
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});
