/**
 * node scripts/bench/console.ts [messages]: what somebody at the console waits for, measured by the browser itself: the first load, with nothing
 * cached; the next page of a list of so many messages; the live result after one letter, on a report of 12 results. Medians and the worst; the load
 * of the machine beside them. Needs Chromium (/usr/bin/chromium, or POLYSEME_CHROMIUM).
 */
import { loadavg } from 'node:os';
import { pino } from 'pino';
import { type Browser, chromium, type Page } from 'playwright-core';
import { startHttp } from '../../services/http/server.ts';
import { beginDraft } from '../../services/pipeline/specs/drafts.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { buildConsole } from '../build-console.ts';
import { withHouse } from './house.ts';
import { laboratoryReport } from './messages.ts';

const [messages = 1_000_000] = process.argv.slice(2).map(Number);
const ROUNDS = 15;
const FILE = 'v2-to-fhir/resources/obx-to-observation.yaml';
const LIMITS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'bench' };
const FILL = `WITH m AS (INSERT INTO journal.message (received_at, source, channel, control_id, message_type, patient_keys, content, content_hash, conflict)
  SELECT now() - n * interval '1 ms', 'LAB' || n % 7, 'mllp', 'B' || n, 'ORU^R01', ARRAY['P' || n % 5000], 'MSH|', decode(md5(n::text) || md5(n::text), 'hex'), false
  FROM generate_series(1, $1) n RETURNING id, received_at, source)
INSERT INTO journal.outcome (message_id, received_at, source, status, attempts, spec, problems)
SELECT id, received_at, source, CASE WHEN id % 50 = 0 THEN 'parked' ELSE 'applied' END, 1, '', '[]' FROM m`;

const say = (name: string, all: readonly number[], unit = 'ms'): void => {
  const sorted = all.toSorted((a, b) => a - b);
  console.log(
    `${name}: median ${sorted[Math.floor(sorted.length / 2)]?.toFixed(0)} ${unit}, worst ${sorted.at(-1)?.toFixed(0)} ${unit}; load ${loadavg()[0]?.toFixed(1)}`,
  );
};

await buildConsole();
await withHouse(async ({ parts, database }) => {
  await receive(parts, Buffer.from(laboratoryReport(1, 12)), 'mllp');
  while ((await processNext(parts, 50)) > 0);
  for (let left = messages; left > 0; left -= 100_000) await database.run(FILL, [Math.min(left, 100_000)]);
  await database.run('ANALYZE journal.message, journal.outcome');
  const { id } = await beginDraft({ database, dir: parts.specs?.dir ?? 'mappings' }, 'bench', 'live');
  const door = await startHttp({ ...LIMITS, verifyToken: undefined }, parts, pino({ level: 'silent' }));
  const executablePath = process.env['POLYSEME_CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    await firstLoad(browser, door.url);
    const page = await (await browser.newContext({ bypassCSP: true, baseURL: door.url, viewport: { width: 1280, height: 800 } })).newPage();
    await list(page);
    await live(page, `/mappings/drafts/${id}/edit?file=${FILE}&message=1`);
  } finally {
    await browser.close();
    await door.close();
  }
});

/** Until the counters of the first page stand there; by the browser's own clock, from the begin of the navigation. */
async function firstLoad(browser: Browser, base: string): Promise<void> {
  const [took, bytes]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const context = await browser.newContext({ bypassCSP: true, baseURL: base, viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.addInitScript(`new MutationObserver((_all, own) => { if (document.querySelector('.totals dd')) { window.ready = performance.now(); own.disconnect(); } })
      .observe(document, { childList: true, subtree: true });`);
    await page.goto('/');
    await page.waitForFunction('window.ready');
    took.push(await page.evaluate<number>('window.ready'));
    bytes.push(
      await page.evaluate<number>(
        `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, each) => sum + each.transferSize, 0)`,
      ),
    );
    await context.close();
  }
  say('first load, nothing cached', took);
  say(
    'first load, compressed',
    bytes.map((each) => each / 1_000),
    'kB',
  );
}

/** Page after page of the list, as the page asks for them, until the lines are read. */
async function list(page: Page): Promise<void> {
  await page.goto('/messages');
  await page.locator('tbody tr').first().waitFor();
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    took.push(
      await page.evaluate<number>(`(async () => {
        const start = performance.now();
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch('/admin/messages/search', { method: 'POST', headers, body: JSON.stringify({ limit: 50, before: window.before }) });
        const { messages } = await answer.json();
        window.before = messages.at(-1).id;
        return performance.now() - start;
      })()`),
    );
  }
  say(`a page of a list of ${messages.toLocaleString('en')} messages`, took);
}

/** From a letter typed into the map to another result beside it. */
async function live(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await page.locator('.line').first().waitFor();
  await page.locator('.code .cm-content').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.insertText('\n# ');
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await page.evaluate(`window.took = undefined;
      addEventListener('keydown', () => {
        const start = performance.now();
        let asked = false;
        new MutationObserver((_all, own) => {
          const isAsking = document.querySelector('.live').classList.contains('asking');
          if (asked && !isAsking) { window.took = performance.now() - start; own.disconnect(); }
          asked ||= isAsking;
        }).observe(document.querySelector('.living'), { childList: true, subtree: true, characterData: true, attributes: true });
      }, { once: true, capture: true });`);
    await page.keyboard.press('x');
    await page.waitForFunction('window.took', undefined, { timeout: 20_000 });
    took.push(await page.evaluate<number>('window.took'));
    await page.waitForTimeout(700);
  }
  say('live result after a letter, 12 results', took.slice(3));
}
