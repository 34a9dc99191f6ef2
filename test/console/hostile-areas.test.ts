/** Text that would run, turn lines round or hide, stored in every field that somebody else can fill and that a page of any area shows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { saveQuery } from '../../services/database/sql/saved-queries.ts';
import { type HttpDoor, startHttp } from '../../services/http/server.ts';
import { allChecks } from '../../services/omop/quality.ts';
import { beginDraft, changeDraft } from '../../services/pipeline/specs/drafts.ts';
import { startPlan } from '../../services/pipeline/specs/plan.ts';
import { publishDraft } from '../../services/pipeline/specs/publish.ts';
import { replayAll } from '../../services/pipeline/specs/replay.ts';
import { answerCodes } from '../../services/pipeline/unmapped/answer.ts';
import { receive } from '../../services/pipeline.ts';
import { loadedSources } from '../../terminology/sources.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';
import { openBrowser, openPage, SIZES, SKIPPED } from './browser.ts';
import { codeSystem, evil, hostileMessage, SHOWN, SYSTEM, storeElsewhere, usagiFile, WIDEST } from './hostile-data.ts';

const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
/** A check that the page knows. */
const CHECK = allChecks()[0]?.id ?? '';
const SETTINGS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };

describe.skipIf(SKIPPED !== '')('text of others in every area', () => {
  let browser: Browser;
  let house: SpecsHouse;
  let door: HttpDoor;
  let folder = '';
  let places: Readonly<Record<'draft' | 'plan' | 'release' | 'replay' | 'person', number>>;
  let row = '';
  beforeAll(async () => {
    [browser, house] = await Promise.all([openBrowser(), specsHouse()]);
    folder = mkdtempSync(join(tmpdir(), 'polyseme-'));
    const sources = await loadedSources(folder, STARTER_FOLDER);
    door = await startHttp(
      { ...SETTINGS, verifyToken: undefined },
      { ...house.parts, terminologies: () => sources },
      pino({ level: 'silent' }),
    );
    await receive(house.parts, Buffer.from(hostileMessage()), 'http');
    await house.drain();
    const system = await fetch(`${door.url}/fhir/R4/CodeSystem/evil`, {
      method: 'PUT',
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify(codeSystem()),
    });
    expect([200, 201]).toContain(system.status);
    await storeElsewhere(house, CHECK);
    await answerCodes(house.parts, [answered('mapped')], false);
    await answerCodes(house.parts, [answered('proposed')], true);
    await saveQuery(house.database, {
      name: evil('query').slice(0, 110),
      text: `SELECT '${evil('sql').replaceAll("'", "''")}' AS x`,
      version: 0,
      author: evil('author'),
    });
    places = { ...(await published()), person: await only('SELECT max(person_id) AS n FROM cdm.person') };
    row = `measurement/${await only('SELECT max(measurement_id) AS n FROM cdm.measurement')}`;
  });
  afterAll(async () => {
    await browser?.close();
    await door?.close();
    await house?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const only = async (text: string): Promise<number> => (await house.database.query<{ n: number | null }>(text))[0]?.n ?? 0;

  const answered = (code: string) => ({
    ...{ system: SYSTEM, code: evil(code), display: evil('display'), targets: [{ conceptId: 3000963, type: 'MAPS_TO' as const }] },
    ...{ equivalence: 'EQUAL', reason: evil('reason'), author: evil('author') },
  });

  /** A release, its replay, and a draft with a plan, every name and reason of them hostile. */
  async function published() {
    const drafted = async (version: string, without: RegExp) => {
      const { id } = await beginDraft(house.desk, evil('author'), evil('title'));
      const text = house
        .text(PATIENT)
        .replace(/^version: .*$/m, `version: ${version} # ${evil('comment').replace(/\p{Cc}/gu, '')}`)
        .replace(without, '');
      await changeDraft(house.desk, evil('author'), { id, revision: 0, changes: [{ path: PATIENT, text }] });
      const started = await startPlan(house.parts, house.dir, { actor: evil('planner'), draftId: id, filter: {} });
      return { draftId: id, plan: await started.done };
    };
    const first = await drafted('1.0.1', /^ {2}gender: .*$/m);
    const acknowledged = (first.plan.summary as { readonly removals: object } | null)?.removals ?? {};
    const made = await publishDraft(house.desk, {
      ...{ actor: evil('publisher'), draftId: first.draftId, planId: first.plan.id, acknowledged, reason: evil('because') },
    });
    await house.specs.catchUp(house.database);
    await replayAll(house.parts);
    const second = await drafted('1.0.2', /^ {2}maritalStatus: .*$/m);
    return { draft: second.draftId, plan: second.plan.id, release: made.releaseId, replay: made.replayId };
  }

  const reveal = async (page: Page): Promise<void> => {
    await page.getByRole('button', { name: 'Reveal…' }).first().click();
    await page.getByLabel(/^Reason/).fill('hostile');
    await page.getByRole('dialog').getByRole('button', { name: /^Show/ }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };

  it.each(['messages', 'mappings', 'codes', 'OMOP'] as const)(
    'is shown harmlessly among %s: no script ran, no element came of it, nothing unseen is left unseen, no page is wider for it',
    async (area) => {
      await using opened = await openPage(browser, door.url);
      const { page } = opened;
      page.on('dialog', (dialog) => expect.unreachable(`a dialog: ${dialog.message()}`));
      const wrong: unknown[] = [];
      const looked = async (where: string): Promise<void> => {
        const { found, hit, title } = await page.evaluate<{ found: readonly string[]; hit: unknown; title: string }>(SHOWN);
        if (found.length > 0 || hit !== undefined || /[\u202e\u2066]/.test(title)) wrong.push([where, hit, found.slice(0, 5), title]);
        for (const size of [SIZES[1], SIZES[0]]) {
          await page.setViewportSize(size);
          if (!(await opened.fits())) wrong.push([where, `wider than ${size.width} pixels`, await page.evaluate(WIDEST)]);
        }
      };
      const text = (field: string) => page.getByText(`${field} <img src=x`).first();
      // What only a busy week brings: the real answer, with silent sources and refusals written into it.
      await page.route('**/admin/operations', async (route) => {
        const answer = await route.fetch();
        const found: unknown = await answer.json();
        const silences = [{ source: evil('silent'), seconds: 7_200, chance: 0.0001, learnedDays: 9, isSilent: true }];
        await route.fulfill({
          json: { ...(typeof found === 'object' ? found : {}), silences, refusals: [{ code: evil('refusal'), count: 1 }] },
        });
      });
      const imported = async (): Promise<void> => {
        await page
          .locator('input[type=file]')
          .setInputFiles({ name: `${evil('file')}.csv`, mimeType: 'text/csv', buffer: Buffer.from(usagiFile()) });
        await page.getByRole('button', { name: 'Show what it would change' }).click();
        await page.getByText(/wrong: nothing is done/).waitFor();
      };
      const failing = async (): Promise<void> => {
        await page
          .getByRole('textbox')
          .first()
          .fill(`SELECT '${evil('sql-fault').replaceAll("'", "''")}'::int`);
        await page.getByLabel(/^Why/).fill(evil('why').replace(/\p{Cc}/gu, ''));
        await page.getByRole('button', { name: 'Run' }).click();
        await page.getByRole('alert').waitFor();
      };
      const query = new URLSearchParams({ query: evil('query').slice(0, 110) });
      const concept = new URLSearchParams({ system: 'http://evil.example/cs', code: 'evil-child' });
      const all: readonly (readonly [
        of: string,
        where: string,
        path: string,
        ready: ReturnType<typeof text>,
        then?: () => Promise<void>,
      ])[] = [
        ['messages', 'sources', '/', text('facility')],
        ['messages', 'messages', '/messages', text('control')],
        ['messages', 'operations', '/operations', text('receiver'), () => text('silent').waitFor()],
        [
          'messages',
          'messages of a source',
          `/messages?${new URLSearchParams({ source: evil('facility') })}`,
          page.getByText(/that is everything/),
        ],
        ['messages', 'no page', `/omop/${encodeURIComponent(evil('nowhere'))}`, page.getByText('There is no such page')],
        [
          'messages',
          'message',
          '/messages/1',
          page.getByRole('heading', { level: 1 }),
          () => reveal(page).then(() => text('family').waitFor()),
        ],
        ['mappings', 'maps', '/mappings', text('title')],
        ['mappings', 'draft', `/mappings/drafts/${places.draft}`, text('title')],
        [
          'mappings',
          'file of a draft',
          `/mappings/drafts/${places.draft}/edit?file=${PATIENT}&message=1`,
          page.locator('.cm-specialChar').first(),
          () => page.locator('.line').first().waitFor(),
        ],
        ['mappings', 'map', `/mappings/file?${new URLSearchParams({ path: PATIENT })}`, page.getByText('comment <img src=x').first()],
        ['mappings', 'no map', `/mappings/file?${new URLSearchParams({ path: evil('path') })}`, page.getByRole('alert')],
        ['mappings', 'plan', `/mappings/plans/${places.plan}`, page.getByText('Change by change'), () => reveal(page)],
        ['mappings', 'releases', '/mappings/releases', text('because')],
        ['mappings', 'release', `/mappings/releases/${places.release}`, text('publisher')],
        ['mappings', 'replay', `/mappings/replays/${places.replay}`, text('publisher')],
        [
          'codes',
          'codes',
          '/codes',
          text('code-display'),
          () =>
            text('code-display')
              .click()
              .then(() => page.getByRole('heading', { name: 'Suggested' }).waitFor()),
        ],
        ['codes', 'answers', '/codes/answers', text('reason')],
        ['codes', 'files of codes', '/codes/files', page.getByRole('heading', { name: 'Import', exact: true })],
        ['codes', 'import of codes', '/codes/files', page.getByRole('heading', { name: 'Import', exact: true }), imported],
        [
          'codes',
          'no concept',
          `/terminology/concept?${new URLSearchParams({ system: evil('system'), code: evil('code') })}`,
          page.getByRole('main'),
        ],
        [
          'codes',
          'a list',
          '/terminology/list',
          page.getByRole('heading', { name: 'Look up a list' }),
          () =>
            page
              .getByLabel(/^Concept ids or codes/)
              .fill(evil('given'))
              .then(() => page.getByRole('button', { name: 'Look up', exact: true }).click())
              .then(() => text('given').waitFor()),
        ],
        [
          'codes',
          'a message that is tried',
          '/messages/try',
          page.getByRole('heading', { name: 'Try a message' }),
          () =>
            page
              .locator('input[type=file]')
              .setInputFiles({ name: evil('file').replaceAll('/', ''), mimeType: 'text/plain', buffer: Buffer.from(hostileMessage()) })
              .then(() => text('family').waitFor()),
        ],
        ['codes', 'terminology', '/terminology', page.getByRole('cell', { name: /system-title/ })],
        ['codes', 'search', '/terminology?text=evil', text('evil child')],
        ['codes', 'concept', `/terminology/concept?${concept}`, text('evil child')],
        ['OMOP', 'tables', '/omop', text('cdm-name')],
        ['OMOP', 'persons', '/omop/persons', page.getByText('The last persons that came')],
        [
          'OMOP',
          'person',
          `/omop/persons/${places.person}`,
          page.getByText(/^Who it is/),
          () =>
            page
              .getByText(/^Who it is/)
              .click()
              .then(() => reveal(page)),
        ],
        ['OMOP', 'row', `/omop/rows/${row}`, page.getByText('Column by column'), () => reveal(page)],
        [
          'OMOP',
          'SQL',
          `/omop/sql?${query}`,
          text('query'),
          () =>
            page
              .getByLabel(/^Why/)
              .fill('hostile')
              .then(() => page.getByRole('button', { name: 'Run' }).click())
              .then(() => page.getByRole('cell').first().waitFor()),
        ],
        ['OMOP', 'SQL that fails', '/omop/sql', page.getByRole('button', { name: 'Run' }), failing],
        ['OMOP', 'quality', '/omop/quality', text('dq-note')],
        ['OMOP', 'quality, a check', `/omop/quality?${new URLSearchParams({ check: CHECK })}`, page.getByText('that violate it').first()],
        ['OMOP', 'quality, no check', `/omop/quality?${new URLSearchParams({ check: evil('dq-check') })}`, page.getByRole('alert')],
      ];
      for (const [of, where, path, ready, then] of all) {
        if (of !== area) continue;
        await page.goto(path);
        await ready.first().waitFor();
        await then?.();
        await looked(where);
      }
      expect(wrong).toEqual([]);
      // A browser says of every answer of 4xx that it came.
      expect(opened.faults.filter((each) => !/status of 40[04]|status of 422/.test(each))).toEqual([]);
    },
    240_000,
  );
});
