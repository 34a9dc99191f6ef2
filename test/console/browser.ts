/** Debian's Chromium, and pages that report what goes wrong in them. Nothing is downloaded: without Chromium these tests are skipped, and say so. */
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { buildConsole } from '../../scripts/build-console.ts';

const CANDIDATES = [process.env['POLYSEME_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const CHROMIUM = CANDIDATES.find((each) => each !== undefined && existsSync(each));
/** Why the browser's tests are skipped; '' when they run. */
export const SKIPPED = CHROMIUM === undefined ? 'no Chromium on this machine: apt-get install chromium, or set POLYSEME_CHROMIUM' : '';
if (SKIPPED !== '') console.warn(`test/console: skipped, ${SKIPPED}`);

const SHOTS = resolve(import.meta.dirname, '../../coverage/console');
export const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
] as const;
export const SCHEMES = ['light', 'dark'] as const;

/** Builds the console if need be and starts the browser. */
export async function openBrowser(): Promise<Browser> {
  await buildConsole();
  mkdirSync(SHOTS, { recursive: true });
  return chromium.launch({ ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }), args: ['--no-sandbox', '--disable-gpu'] });
}

export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the console, exceptions, answers of 500 and more, requests to other hosts. */
  readonly faults: readonly string[];
  /** Axe's violations of WCAG 2.2 A and AA, one line each. */
  violations(): Promise<readonly string[]>;
  /** Keeps a picture as coverage/console/NAME.png. */
  shot(name: string): Promise<void>;
  /** True when nothing stands wider than the screen. */
  fits(): Promise<boolean>;
}

interface PageSettings {
  readonly size?: (typeof SIZES)[number];
  readonly scheme?: (typeof SCHEMES)[number];
}

/** Opens a page of its own context; `base` is the door's address. */
export async function openPage(
  browser: Browser,
  base: string,
  { size = SIZES[0], scheme = 'light' }: PageSettings = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    baseURL: base,
    viewport: size,
    colorScheme: scheme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'Europe/Vienna',
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(`${error.name}: ${error.message}`));
  page.on('response', (response) => response.status() >= 500 && faults.push(`${response.status()} ${response.url()}`));
  page.on(
    'request',
    (request) => !/^(data|blob):/.test(request.url()) && !request.url().startsWith(base) && faults.push(`asks ${request.url()}`),
  );
  return {
    page,
    context,
    faults,
    violations: async () => {
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
        .analyze();
      // One place of each kind tells enough.
      return violations.map(({ id, nodes: [first], nodes }) => `${id} (${nodes.length}): ${first?.html} ${first?.failureSummary}`);
    },
    shot: async (name) => {
      await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    },
    fits: () => page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
    [Symbol.asyncDispose]: () => context.close(),
  };
}
