import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
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

  it('opens at both sizes and in both schemes without an error or a barrier', async () => {
    await using opened = await openPage(browser, door.door.url);
    await opened.page.goto('/');
    await opened.page.getByRole('heading', { level: 1, name: 'Messages' }).waitFor();
    await opened.page.getByText('Nothing has been received yet').waitFor();
    expect(await opened.everywhere('empty')).toEqual([]);
    expect(opened.faults).toEqual([]);
  });

  it('would not pass with what is wrong: a picture without words, a field without a name, letters too pale in one scheme', async () => {
    await using opened = await openPage(browser, door.door.url);
    await opened.page.goto('/');
    await opened.page.getByText('Nothing has been received yet').waitFor();
    await opened.page.evaluate(() => {
      const main = document.querySelector('main');
      const [picture, field, pale, wide] = ['img', 'input', 'p', 'div'].map((name) => document.createElement(name));
      picture?.setAttribute('src', '/icon.svg');
      pale?.append('too pale on dark ground');
      pale?.style.setProperty('color', 'light-dark(#111111, #333333)');
      wide?.append('wider than a small screen');
      wide?.style.setProperty('min-width', '600px');
      main?.append(...[picture, field, pale].flatMap((each) => each ?? []));
      if (wide !== undefined) document.body.append(wide);
    });
    const wrong = (await opened.everywhere('wrong')).map((each) => each.replace(/ \(.*/s, ''));
    const at = (size: number, colours: string, what: string): string => `wrong at ${size} pixels in ${colours} colours: ${what}`;
    for (const size of [1280, 390])
      expect(wrong).toEqual(
        expect.arrayContaining([at(size, 'light', 'image-alt'), at(size, 'light', 'label'), at(size, 'dark', 'color-contrast')]),
      );
    expect(wrong).toContain(at(390, 'light', 'wider than the screen'));
    expect(wrong).not.toContain(at(1280, 'light', 'color-contrast'));
  });

  it('opens on a small screen in dark colours as it is resized to there', async () => {
    await using opened = await openPage(browser, door.door.url, { size: SIZES[1], scheme: SCHEMES[1] });
    await opened.page.goto('/');
    await opened.page.getByText('Nothing has been received yet').waitFor();
    expect([await opened.violations(), await opened.fits(), opened.faults]).toEqual([[], true, []]);
  });

  it('asks for its size by style sheets only, and for the scheme by custom properties only', () => {
    const root = resolve(import.meta.dirname, '../../services/console');
    const own = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('dist'));
    const textOf = (name: string): string => readFileSync(join(root, name), 'utf8');
    const asks = /matchMedia|innerWidth|innerHeight|clientWidth|ResizeObserver|onresize|'resize'/;
    expect(own.filter((name) => /\.tsx?$/.test(name) && asks.test(textOf(name)))).toEqual([]);
    const outside = own
      .filter((name) => name.endsWith('.css'))
      .flatMap((name) => [...textOf(name).matchAll(/prefers-color-scheme[^{]*\{([^{}]*\{[^{}]*\})*/g)].map(([block]) => block))
      .flatMap((block) => block.split(/[{};]/).filter((line) => /:\s/.test(line) && !/^\s*(--|color-scheme:|:root|@media|\/)/.test(line)));
    expect(outside.map((line) => line.trim()).filter((line) => !line.startsWith('prefers-color-scheme'))).toEqual([]);
  });

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

  it('asks for the token also when the refusal comes before the first paint', async () => {
    await using opened = await openPage(browser, guarded.door.url);
    // What waits for a frame waits for a second.
    await opened.page.addInitScript(() => {
      const later = window.setTimeout.bind(window);
      window.requestAnimationFrame = (done) => later(() => done(performance.now()), 1_000);
      Object.assign(window, { setTimeout: (done: () => void, ms = 0) => later(done, ms > 0 && ms < 200 ? 1_000 : ms) });
    });
    await opened.page.goto('/');
    await opened.page.getByLabel('Access token').waitFor();
  });

  it('follows the address and the choices that change before the first paint', async () => {
    await using opened = await openPage(browser, door.door.url);
    // An effect waits for a frame: it would listen a second later.
    await opened.page.addInitScript(() => {
      const later = window.setTimeout.bind(window);
      window.requestAnimationFrame = (done) => later(() => done(performance.now()), 1_000);
      Object.assign(window, { setTimeout: (done: () => void, ms = 0) => later(done, ms > 0 && ms < 200 ? 1_000 : ms) });
      const watch = new MutationObserver(() => {
        if (document.querySelector('header') === null) return;
        watch.disconnect();
        localStorage.setItem('polyseme.zone', 'UTC');
        dispatchEvent(new Event('polyseme:preference'));
        history.pushState({}, '', '/nowhere');
        dispatchEvent(new Event('popstate'));
      });
      watch.observe(document, { childList: true, subtree: true });
    });
    await opened.page.goto('/');
    await opened.page.getByText('There is no such page').waitFor();
    expect(await opened.page.getByLabel('Times').inputValue()).toBe('UTC');
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
