import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../../services/database/tokens.ts';
import { type TestDoor, testDoor } from '../http/door.ts';
import { openBrowser, openPage, SCHEMES, SIZES, SKIPPED } from './browser.ts';

describe.skipIf(SKIPPED !== '')('the console', () => {
  let browser: Browser;
  let door: TestDoor;
  let guarded: TestDoor;
  let right = '';
  beforeAll(async () => {
    browser = await openBrowser();
    [door, guarded] = await Promise.all([testDoor(), testDoor(async (token) => token === right)]);
    right = (await createToken(guarded.database, 'Ana', ['reader'])).token;
  });
  afterAll(async () => {
    await browser?.close();
    await door?.[Symbol.asyncDispose]();
    await guarded?.[Symbol.asyncDispose]();
  });

  for (const size of SIZES) {
    for (const scheme of SCHEMES) {
      it(`opens at ${size.width} pixels in ${scheme} colours without an error or a barrier`, async () => {
        await using opened = await openPage(browser, door.door.url, { size, scheme });
        await opened.page.goto('/');
        await opened.page.getByRole('heading', { level: 1, name: 'Messages' }).waitFor();
        await opened.page.getByText('Nothing has been received yet').waitFor();
        expect(await opened.violations()).toEqual([]);
        expect(await opened.fits()).toBe(true);
        await opened.shot(`empty-${size.width}-${scheme}`);
        expect(opened.faults).toEqual([]);
      });
    }
  }

  it('takes whoever comes by keyboard past the navigation', async () => {
    await using opened = await openPage(browser, door.door.url);
    await opened.page.goto('/');
    await opened.page.getByRole('heading', { level: 1 }).waitFor();
    await opened.page.keyboard.press('Tab');
    expect(await opened.page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await opened.page.keyboard.press('Enter');
    expect(await opened.page.evaluate('document.activeElement.id')).toBe('main');
  });

  it('keeps the colours that somebody chose', async () => {
    await using opened = await openPage(browser, door.door.url);
    await opened.page.goto('/');
    await opened.page.getByLabel('Colours').selectOption('dark');
    await opened.page.reload();
    await opened.page.getByRole('heading', { level: 1 }).waitFor();
    expect(await opened.page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(20, 24, 27)');
  });

  it('asks for the token where the server does, and shows nothing before', async () => {
    await using opened = await openPage(browser, guarded.door.url);
    await opened.page.goto('/');
    await opened.page.getByLabel('Access token').fill('wrong');
    await opened.page.getByRole('button', { name: 'Sign in' }).click();
    await opened.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await opened.violations()).toEqual([]);
    await opened.page.getByLabel('Access token').fill(right);
    await opened.page.getByRole('button', { name: 'Sign in' }).click();
    await opened.page.getByText('Nothing has been received yet').waitFor();
  });

  it('is small: everything that the first page loads, compressed', async () => {
    await using opened = await openPage(browser, door.door.url);
    const bytes: number[] = [];
    opened.page.on('requestfinished', async (request) => {
      const { responseBodySize } = await request.sizes();
      bytes.push(responseBodySize);
    });
    await opened.page.goto('/', { waitUntil: 'networkidle' });
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThan(400_000);
  });
});
