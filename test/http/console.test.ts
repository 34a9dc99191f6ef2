import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildConsole } from '../../scripts/build-console.ts';
import { type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
beforeAll(async () => {
  await buildConsole();
  door = await testDoor(async () => false);
});
afterAll(async () => door?.[Symbol.asyncDispose]());

const get = (path: string, headers: Readonly<Record<string, string>> = {}) => fetch(`${door.door.url}${path}`, { headers });
const scriptIn = async (): Promise<string> => /src="(\/assets\/[^"]+\.js)"/.exec(await (await get('/')).text())?.[1] ?? '';

describe('the files of the console', () => {
  it('come without a token, with a policy that allows nothing inline and nothing from elsewhere', async () => {
    const page = await get('/messages/4711');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(await page.text()).not.toMatch(/<script>|style=|https?:\/\//);
  });

  it('are kept by the browser for ever where their name holds their digest, and asked for again by their tag where not', async () => {
    const script = await get(await scriptIn());
    expect(script.headers.get('cache-control')).toContain('immutable');
    const page = await get('/');
    const again = await get('/', { 'if-none-match': page.headers.get('etag') ?? '' });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it('come compressed to whoever takes it, each coding under its own tag', async () => {
    const path = await scriptIn();
    const answers = await Promise.all(['br', 'gzip', 'identity', 'br;q=0, gzip'].map((coding) => get(path, { 'accept-encoding': coding })));
    expect(answers.map(({ headers }) => headers.get('content-encoding'))).toEqual(['br', 'gzip', null, 'gzip']);
    const texts = await Promise.all(answers.map((each) => each.text()));
    expect(new Set(texts).size).toBe(1);
    expect(new Set(answers.map(({ headers }) => headers.get('etag'))).size).toBe(3);
  });

  it('are nothing else of the disk, and open no other door', async () => {
    for (const path of ['/built.json', '/assets/../built.json', '/assets/%2e%2e/built.json', '/main.tsx', '/fhir/R4/Patient', '/readyz'])
      expect((await get(path)).status, path).toBe(401);
  });
});
