import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { receive } from '../../services/pipeline.ts';
import { type TestDoor, testDoor } from '../http/door.ts';
import { openBrowser, openPage, SKIPPED } from './browser.ts';
import { latestId, sendTraffic } from './traffic.ts';

const BROKEN = [
  'MSH|^~\\&|REG|RIVERBEND|POLY|HERE|20260301101500||ZZZ^Z99^ZZZ_Z99|WRONG-TYPE|P|2.5.1',
  'EVN||20260301101500',
  'PID|1||4711^^^RB^MR||Quellwasser^Rosalinde||19680117|F',
  'PV1|1|O|CLINIC^101^A',
].join('\r');

describe.skipIf(SKIPPED !== '')('the messages pages', () => {
  let browser: Browser;
  let door: TestDoor;
  let ids: ReadonlyMap<string, number>;
  let broken = 0;
  beforeAll(async () => {
    [browser, door] = await Promise.all([openBrowser(), testDoor()]);
    ids = await sendTraffic(door);
    await receive(door.parts, Buffer.from(BROKEN), 'http');
    broken = await latestId(door.database);
    await door.drain();
  });
  afterAll(async () => {
    await browser?.close();
    await door?.[Symbol.asyncDispose]();
  });
  const result = (): number => [...ids].find(([name]) => name === 'us-oru-r01-chemistry.hl7')?.[1] ?? 0;

  it('show sources, the list and a message at both sizes and in both schemes', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    for (const [name, path, sign] of [
      ['sources', '/', page.getByText('Parked, by cause')],
      ['list', '/messages', page.getByRole('link', { name: String(result()), exact: true })],
      ['message', `/messages/${result()}?at=field%3AOBX-5`, page.getByLabel('What is chosen')],
    ] as const) {
      await page.goto(path);
      await sign.first().waitFor();
      expect(await opened.everywhere(name)).toEqual([]);
    }
    expect(opened.faults).toEqual([]);
  });

  it('add up: received = applied + parked + refused + duplicate + waiting', async () => {
    await using opened = await openPage(browser, door.door.url);
    await opened.page.goto('/');
    const totals = opened.page.locator('.totals dd');
    await totals.first().waitFor();
    const [received = 0, ...ends] = (await totals.allTextContents()).map((text) => Number(text.replaceAll(',', '')));
    expect(received).toBeGreaterThan(5);
    expect(ends.reduce((sum, each) => sum + each, 0)).toBe(received);
  });

  it('lead from a field to the element and the column it became, and back, by keyboard too', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto(`/messages/${result()}`);
    const value = page.locator('.segment .value[title^="OBX-5 "]').first();
    await value.click();
    await page.locator('.line.lit .element', { hasText: 'valueQuantity.value' }).first().waitFor();
    await page.locator('.line.lit .element', { hasText: 'value_as_number' }).first().waitFor();
    expect(await page.getByLabel('What is chosen').textContent()).toMatch(/v2-to-fhir\/.*yaml:\d+/);
    expect(page.url()).toContain('at=field%3AOBX-5');
    // Back: the column says which field.
    await page.locator('.line', { hasText: 'value_as_number' }).first().click();
    await page.locator('.segment .value.lit').first().waitFor();
    expect(await page.locator('.segment .value.lit').first().getAttribute('title')).toMatch(/^OBX\[?\d?\]?-\d/);
    await page.locator('.segment .value').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    expect(page.url()).toContain('at=field%3AMSH');
  });

  it('find a parked message, see why, repair it and send it again', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/');
    await page.getByRole('link', { name: 'mapping-no-map' }).click();
    await page.getByRole('link', { name: String(broken), exact: true }).click();
    await page.getByText('No published map takes').first().waitFor();
    expect(await page.content()).not.toContain('Quellwasser');
    await page.getByRole('button', { name: 'Reveal…' }).click();
    await page.getByLabel(/^Reason/).fill('repair of the type');
    await page.getByRole('button', { name: 'Show it' }).click();
    await page.getByText('Quellwasser').first().waitFor();
    await page.getByRole('button', { name: 'Edit and send again…' }).click();
    const text = page.getByRole('dialog').getByLabel('Message', { exact: true });
    await text.fill((await text.inputValue()).replace('ZZZ^Z99^ZZZ_Z99', 'ADT^A04^ADT_A01'));
    await page.getByLabel(/^Reason/).fill('the vendor sends a wrong type');
    expect(await opened.violations()).toEqual([]);
    await opened.shot('edit-1280-light');
    await page.getByRole('button', { name: 'Store it as a new message' }).click();
    await page.waitForURL((url) => url.pathname !== `/messages/${broken}`);
    await door.drain();
    await page.reload();
    await page.getByText('Patient/').first().waitFor();
    const acts = await auditRecords(door.database, { action: 'message.', limit: 2 });
    expect(acts.map(({ action, reason }) => [action, reason])).toEqual([
      ['message.resend', 'the vendor sends a wrong type'],
      ['message.reveal', 'repair of the type'],
    ]);
    expect(opened.faults).toEqual([]);
  });

  it('put a whole group back with a look at what moves', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/');
    await page.getByRole('button', { name: 'Retry all parked for mapping-no-map' }).click();
    await page.getByRole('dialog').getByText(`${broken} ·`).waitFor();
    // What would become of them by the maps of today stands there before anybody puts them back.
    await page.getByRole('dialog').getByText('0 would be applied').waitFor();
    await page.getByRole('dialog').getByText('1 parked again for mapping-no-map').waitFor();
    expect(await opened.violations()).toEqual([]);
    await opened.shot('retry-1280-light');
    await page.getByLabel(/^Reason/).fill('a new map is there');
    await page.getByRole('button', { name: /^Retry \d+ message/ }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await auditRecords(door.database, { action: 'message.retry', limit: 1 }))[0]).toMatchObject({
      target: 'parked/mapping-no-map',
    });
    await door.drain();
  });

  it('find words of a message, say how far was looked, and keep the words out of the address', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/messages');
    await page.getByLabel('Words of the message').fill('ROSALINDE');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText(/that is everything/).waitFor();
    await page.getByRole('link', { name: String(broken), exact: true }).waitFor();
    expect(page.url().toLowerCase()).not.toContain('rosalinde');
    await page.getByLabel('Words of the message').fill('nobody says this');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('heading', { name: 'No message fits' }).waitFor();
    await page.getByText(/^Searched all .*: that is everything\.$/).waitFor();
    // What takes long goes on by itself, says how far it is, and ends when somebody says so.
    const steps: (() => void)[] = [];
    await page.route('**/admin/messages/search', async (route) => {
      await new Promise<void>((resolve) => steps.push(resolve));
      await route
        .fulfill({ json: { messages: [], before: 8_000 - steps.length, searched: steps.length * 1_000, of: 8_000_000 } })
        .catch(() => {});
    });
    await page.reload();
    for (const n of [0, 1, 2]) {
      await expect.poll(() => steps.length).toBe(n + 1);
      steps[n]?.();
    }
    await page.getByText(/^Searched the newest 3.* of 8/).waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Continue the search' }).waitFor();
    expect(opened.faults).toEqual([]);
  });

  it('show times in local time, UTC or the time of the source that a message came from', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    // Half an hour off: no zone that the browser is in.
    await page.route('**/admin/sources', async (route) => {
      const answer: { readonly sources: readonly object[] } = await (await route.fetch()).json();
      await route.fulfill({ json: { ...answer, sources: answer.sources.map((each) => ({ ...each, zone: 'Asia/Kolkata' })) } });
    });
    await page.goto('/messages');
    const first = page.locator('tbody time').first();
    await first.waitFor();
    const instant = Date.parse((await first.getAttribute('datetime')) ?? '');
    const shown = (zone: string): string =>
      new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone: zone }).format(instant);
    for (const [choice, zone] of [
      ['local', 'Europe/Vienna'],
      ['UTC', 'UTC'],
      ['source', 'Asia/Kolkata'],
    ] as const) {
      await page.getByLabel('Times').selectOption(choice);
      await expect.poll(() => first.textContent()).toBe(shown(zone));
    }
    expect(await first.getAttribute('title')).toContain('Asia/Kolkata');
    await page.goto('/messages');
    await expect.poll(() => first.textContent()).toBe(shown('Asia/Kolkata'));
    expect(opened.faults).toEqual([]);
  });

  it('keep a patient out of the address, through reload and back', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/messages');
    await page.getByLabel('Patient').fill('4711^RB');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText(/that is everything/).waitFor();
    expect(page.url()).not.toContain('4711');
    await page.reload();
    await page.getByText(/that is everything/).waitFor();
    expect(await page.getByLabel('Patient').inputValue()).toBe('4711^RB');
  });
});
