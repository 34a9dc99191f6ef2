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
  /**
   * Looks at what is shown in both sizes and schemes, with a picture of each (NAME-WIDTH-SCHEME.png), and returns what is wrong: axe's violations,
   * and what is wider than the screen. The page is not loaded anew: no part of the console asks for its size but by style sheets, which a test of
   * this folder looks after; and only custom properties know the scheme, so that in the other one what depends on colours is looked at again.
   */
  everywhere(name: string): Promise<readonly string[]>;
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
  // Events are waited for as long as the test lasts: on a machine that others load a first check of all maps takes minutes.
  context.setDefaultTimeout(Number(process.env['POLYSEME_TEST_BROWSER_MS'] ?? 240_000));
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(`${error.name}: ${error.message}`));
  page.on('response', (response) => response.status() >= 500 && faults.push(`${response.status()} ${response.url()}`));
  page.on(
    'request',
    (request) => !/^(data|blob):/.test(request.url()) && !request.url().startsWith(base) && faults.push(`asks ${request.url()}`),
  );
  const fits = (): Promise<boolean> => page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth');
  const shot = async (name: string): Promise<void> => {
    await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
  };
  return {
    page,
    context,
    faults,
    violations: () => violationsOf(page, {}),
    shot,
    fits,
    everywhere: async (name) => {
      const wrong: string[] = [];
      for (const width of SIZES) {
        for (const colours of SCHEMES) {
          await page.setViewportSize(width);
          await page.emulateMedia({ colorScheme: colours });
          // What watches the size of an element hears of it before the second frame.
          await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
          const at = `${name} at ${width.width} pixels in ${colours} colours`;
          const found = await violationsOf(page, colours === SCHEMES[0] ? {} : { rules: OF_COLOURS });
          wrong.push(...found.map((each) => `${at}: ${each}`), ...((await fits()) ? [] : [`${at}: wider than the screen`]));
          await shot(`${name}-${width.width}-${colours}`);
        }
      }
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme: scheme });
      return wrong;
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

const RULES_OF = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];

async function violationsOf(page: Page, { rules }: { readonly rules?: string[] }): Promise<readonly string[]> {
  // Without frames in it the page needs no second one to put results together in.
  // Every rule runs; only what is told of those that hold is left out, which is most of what there is to tell and takes half the time.
  const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ['violations'] });
  const { violations } = await (rules === undefined ? axe.withTags(RULES_OF) : axe.withRules(rules)).analyze();
  // One place of each kind tells enough.
  return violations.map(({ id, nodes: [first], nodes }) => `${id} (${nodes.length}): ${first?.html} ${first?.failureSummary}`);
}
