/** Pages with nothing in them yet: each says why, and what fills it. A list that is looked up. */
import { pino } from 'pino';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpDoor, startHttp } from '../../services/http/server.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';
import { openBrowser, openPage, SKIPPED } from './browser.ts';

const LIMITS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };

/** Address, what the page says of being empty, and what of it leads on: a command, a link, a word. */
const EMPTY: readonly (readonly [path: string, title: string, teaches: RegExp])[] = [
  ['/', 'Nothing has been received yet', /npx polyseme send .*2575|npx polyseme send/],
  ['/messages', 'Nothing has been received yet', /npx polyseme send/],
  ['/messages?type=XYZ', 'No message fits', /All filters must hold/],
  ['/mappings', 'No open draft', /draft/i],
  ['/mappings/releases', 'Nothing is published yet', /publish/i],
  ['/codes', 'Every code has a concept', /npx polyseme|message|map/i],
  ['/codes/answers', 'Nothing has been answered yet', /code/i],
  ['/terminology?text=qqqqqq', 'No concept fits', /fewer filters/],
  ['/terminology/list', 'Nothing looked up yet', /Paste the ids/],
  ['/omop', 'No person is in the CDM yet', /npx polyseme|message/i],
  ['/omop/persons', 'No person is in the CDM yet', /npx polyseme|message/i],
  ['/omop/quality', 'The checks have not run yet', /npx polyseme|Run all checks/],
  ['/nowhere', 'There is no such page', /the messages/],
];

describe.skipIf(SKIPPED !== '')('the console of a new installation', () => {
  let browser: Browser;
  let house: SpecsHouse;
  let door: HttpDoor;
  beforeAll(async () => {
    [browser, house] = await Promise.all([openBrowser(), specsHouse()]);
    door = await startHttp({ ...LIMITS, verifyToken: undefined }, house.parts, pino({ level: 'silent' }));
  });
  afterAll(async () => {
    await browser?.close();
    await door?.close();
    await house?.[Symbol.asyncDispose]();
  });

  it('says on each empty page why it is empty and what fills it', async () => {
    await using opened = await openPage(browser, door.url);
    const { page } = opened;
    for (const [path, title, teaches] of EMPTY) {
      // Of an address that is no page the server knows nothing either.
      await page.goto(path === '/nowhere' ? '/operations' : path);
      if (path === '/nowhere') {
        await page.evaluate("history.pushState({}, '', '/nowhere'); dispatchEvent(new Event('popstate'))");
      }
      const empty = page.locator('.empty', { has: page.getByRole('heading', { name: title }) });
      await empty.waitFor();
      expect([path, await empty.innerText()]).toEqual([path, expect.stringMatching(teaches)]);
    }
    expect(opened.faults).toEqual([]);
  });

  it('looks up a list that is pasted, what is wrong with it first, and gives it as a file', async () => {
    await using opened = await openPage(browser, door.url);
    const { page } = opened;
    await page.goto('/terminology');
    await page.getByRole('link', { name: 'Look up a list' }).click();
    const ids = ['3000963', ...Array.from({ length: 400 }, (_none, n) => String(2_100_000_000 + n)), '3000963', 'a <b>'];
    await page.getByLabel(/^Concept ids or codes/).fill(ids.join('\n'));
    await page.getByRole('button', { name: 'Look up', exact: true }).click();
    await page.getByText(/^402 different \(1 given again\): 1 standard, 0 not standard, 0 no longer valid, 401 unknown/).waitFor();
    await page.getByRole('row', { name: /2100000000 ✕ unknown/ }).waitFor();
    expect(await opened.everywhere('terminology-list')).toEqual([]);
    await page.getByRole('button', { name: '200 of 402 shown: show more' }).click();
    await page.getByRole('button', { name: '400 of 402 shown: show more' }).click();
    await page.getByRole('row', { name: /^3000963 ✓ standard/ }).waitFor();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download all as CSV' }).click()]);
    expect(file.suggestedFilename()).toBe('concepts.csv');
    expect(opened.faults).toEqual([]);
  });
});
