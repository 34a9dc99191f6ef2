import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDoor, testDoor } from '../http/door.ts';
import { openBrowser, openPage, SKIPPED } from './browser.ts';
import { sendTraffic } from './traffic.ts';

describe.skipIf(SKIPPED !== '')('the operations page', () => {
  let browser: Browser;
  let door: TestDoor;
  beforeAll(async () => {
    [browser, door] = await Promise.all([openBrowser(), testDoor()]);
    await sendTraffic(door);
  });
  afterAll(async () => {
    await browser?.close();
    await door?.[Symbol.asyncDispose]();
  });

  it('shows what the server tells, at both sizes and in both schemes', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    // What two hours look like cannot be waited for: the real answer with a past written into it.
    await page.route('**/admin/operations', async (route) => {
      const answer = await route.fetch();
      const found: unknown = await answer.json();
      await route.fulfill({ json: { ...(typeof found === 'object' ? found : {}), samples: past() } });
    });
    await page.goto('/operations');
    await page.getByRole('img', { name: /^Received: / }).waitFor();
    await page.getByText('journal', { exact: true }).waitFor();
    expect(await opened.everywhere('operations')).toEqual([]);
    await page.getByText('As a table').first().click();
    await page.getByRole('table', { name: /Received, newest first/ }).waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    expect(opened.faults).toEqual([]);
  });

  it('says that it knows too little when it has just begun', async () => {
    await using opened = await openPage(browser, door.door.url);
    await opened.page.goto('/operations');
    await opened.page
      .getByText(/Too little is known yet/)
      .first()
      .waitFor();
    await opened.page.getByText('None has run yet').waitFor();
    expect(opened.faults).toEqual([]);
  });
});

function past(): readonly object[] {
  return Array.from({ length: 120 }, (_, n) => ({
    at: new Date(Date.UTC(2026, 5, 1, 10, n)).toISOString(),
    received: n * 40 + 30 * Math.round(10 * Math.sin(n / 9)),
    applied: n * 39 + 30 * Math.round(10 * Math.sin(n / 9)),
    parked: Math.floor(n / 4),
    refused: Math.floor(n / 30),
    duplicate: 0,
    waiting: Math.round(20 + 18 * Math.sin(n / 5)),
    lagSeconds: Math.round(3 + 3 * Math.sin(n / 5)),
    residentBytes: 4e8 + n * 2e5,
  }));
}
