/**
 * node scripts/bench/console.ts [messages]: what somebody at the console waits for, measured by the browser itself: the first load, with nothing
 * cached; the live result of a report of 12 results, by the door with the same text and with another one, and on the page after one letter; the next
 * page of a list of so many messages, which PostgreSQL makes by COPY. Medians and the worst; the load of the machine beside them. No part goes on for
 * longer than 25 s: how often it was measured stands with each. Needs Chromium (/usr/bin/chromium, or POLYSEME_CHROMIUM).
 */
import { loadavg } from 'node:os';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from, to } from 'pg-copy-streams';
import { pino } from 'pino';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Database } from '../../services/database/connect.ts';
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
const PART_MS = 25_000;
/** Lines of journal.message as COPY reads them. */
const LINES = `SELECT nextval('journal.message_id'), now() - n * interval '1 ms', 'LAB' || n % 7, 'mllp', 'B' || n, 'ORU^R01', ARRAY['P' || n % 5000], 'MSH|'::bytea,
  decode(md5(n::text) || md5(n::text), 'hex'), false FROM generate_series(1, ${messages}) n`;
const MESSAGE = '(id, received_at, source, channel, control_id, message_type, patient_keys, content, content_hash, conflict)';
const OUTCOMES = `INSERT INTO journal.outcome (message_id, received_at, source, status, attempts, spec, problems)
  SELECT id, received_at, source, CASE WHEN id % 50 = 0 THEN 'parked' ELSE 'applied' END, 1, '', '[]' FROM journal.message WHERE content = 'MSH|'`;

const say = (name: string, all: readonly number[], unit = 'ms'): void => {
  const sorted = all.toSorted((a, b) => a - b);
  console.log(
    `${name}: median ${sorted[Math.floor(sorted.length / 2)]?.toFixed(0)} ${unit}, worst ${sorted.at(-1)?.toFixed(0)} ${unit} of ${all.length}; load ${loadavg()[0]?.toFixed(1)}`,
  );
};

await buildConsole();
await withHouse(async ({ parts, database, url }) => {
  await receive(parts, Buffer.from(laboratoryReport(1, 12)), 'mllp');
  while ((await processNext(parts, 50)) > 0);
  const { id } = await beginDraft({ database, dir: parts.specs?.dir ?? 'mappings' }, 'bench', 'live');
  const door = await startHttp({ ...LIMITS, verifyToken: undefined }, parts, pino({ level: 'silent' }));
  const executablePath = process.env['POLYSEME_CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    await firstLoad(browser, door.url);
    const page = await (await browser.newContext({ bypassCSP: true, baseURL: door.url, viewport: { width: 1280, height: 800 } })).newPage();
    await previews(page, id);
    await live(page, `/mappings/drafts/${id}/edit?file=${FILE}&message=1`).catch((error: unknown) =>
      console.log(`the page's live result was not measured: ${error instanceof Error ? error.message.split('\n')[0] : error}`),
    );
    await fill(database, url);
    await list(page);
  } finally {
    await browser.close();
    await door.close();
  }
});

/** Puts so many messages into the journal as applied: PostgreSQL writes their lines and reads them again by COPY. */
async function fill(database: Database, url: string): Promise<void> {
  const start = performance.now();
  const [out, into] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
  await Promise.all([out.connect(), into.connect()]);
  try {
    await pipeline(out.query(to(`COPY (${LINES}) TO STDOUT`)), into.query(from(`COPY journal.message ${MESSAGE} FROM STDIN`)));
  } finally {
    await Promise.all([out.end(), into.end()]);
  }
  await database.run(OUTCOMES);
  await database.run('ANALYZE journal.message, journal.outcome');
  console.log(`${messages.toLocaleString('en')} messages by COPY in ${((performance.now() - start) / 1_000).toFixed(0)} s`);
}

/** Measures again and again, until it was often enough or took too long. */
async function repeated(once: (round: number) => Promise<number>): Promise<readonly number[]> {
  const took: number[] = [];
  for (const start = performance.now(); took.length < ROUNDS && performance.now() - start < PART_MS; ) took.push(await once(took.length));
  return took;
}

/** Until the counters of the first page stand there; by the browser's own clock, from the begin of the navigation. */
async function firstLoad(browser: Browser, base: string): Promise<void> {
  const bytes: number[] = [];
  const took = await repeated(async () => {
    const context = await browser.newContext({ bypassCSP: true, baseURL: base, viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.addInitScript(`new MutationObserver((_all, own) => { if (document.querySelector('.totals dd')) { window.ready = performance.now(); own.disconnect(); } })
      .observe(document, { childList: true, subtree: true });`);
    await page.goto('/');
    await page.waitForFunction('window.ready');
    const ready = await page.evaluate<number>('window.ready');
    bytes.push(
      await page.evaluate<number>(
        `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, each) => sum + each.transferSize, 0)`,
      ),
    );
    await context.close();
    return ready;
  });
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
  const took = await repeated(() =>
    page.evaluate<number>(`(async () => {
        const start = performance.now();
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch('/admin/messages/search', { method: 'POST', headers, body: JSON.stringify({ limit: 50, before: window.before }) });
        const { messages } = await answer.json();
        window.before = messages.at(-1).id;
        return performance.now() - start;
      })()`),
  );
  say(`a page of a list of ${messages.toLocaleString('en')} messages`, took);
}

/** The live result as the page asks for it: with the text that was asked for before, and with one that nobody compiled yet. */
async function previews(page: Page, draft: number): Promise<void> {
  await page.goto('/mappings');
  const asked = (more: string): Promise<number> =>
    page.evaluate<number>(`(async () => {
      const path = ${JSON.stringify(FILE)};
      window.text ??= (await (await fetch('/admin/maps/file/' + path)).json()).text;
      const body = JSON.stringify({ draft: ${draft}, path, messageId: 1, files: [{ path, text: window.text + ${JSON.stringify(more)} }] });
      const start = performance.now();
      const answer = await fetch('/admin/maps/preview', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const { resources } = await answer.json();
      if (!(resources?.length > 0)) throw new Error('no live result: ' + answer.status);
      return performance.now() - start;
    })()`);
  for (let warm = 0; warm < 3; warm++) await asked('');
  say('a live result by the door, the same text, 12 results', await repeated(() => asked('')));
  say('a live result by the door, another text each time', await repeated((round) => asked(`\n# ${round}`)));
}

/** From a letter typed into the map to another result beside it, as somebody at the page sees it. */
async function live(page: Page, path: string): Promise<void> {
  page.setDefaultTimeout(PART_MS);
  await page.goto(path);
  await page.locator('.line').first().waitFor();
  await page.locator('.code .cm-content').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.insertText('\n# ');
  const took = await repeated(async () => {
    // What was typed before has been answered.
    await page.waitForTimeout(700);
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
    await page.waitForFunction('window.took');
    return page.evaluate<number>('window.took');
  });
  say('the live result on the page after a letter', took.slice(Math.min(3, took.length - 1)));
}
