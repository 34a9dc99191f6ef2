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
import { beginDraft, changeDraft } from '../../services/pipeline/specs/drafts.ts';
import { startPlan } from '../../services/pipeline/specs/plan.ts';
import { publishDraft } from '../../services/pipeline/specs/publish.ts';
import { replayAll } from '../../services/pipeline/specs/replay.ts';
import { answerCodes } from '../../services/pipeline/unmapped/answer.ts';
import { receive } from '../../services/pipeline.ts';
import { loadedSources } from '../../terminology/sources.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';
import { openBrowser, openPage, SIZES, SKIPPED } from './browser.ts';

/** Right-to-left override and isolate, zero width, escape, bell, a tag character. */
const UNSEEN = 'a\u202Eb\u2066c\u200Bd\u001Be\u0007f\u{E0041}g';
/** It would run in an element, an attribute, an address. */
const evil = (field: string): string => `${field} <img src=x onerror="window.hit='${field}'">"'><svg onload=window.hit=1> ${UNSEEN}`;
const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
const SYSTEM = `urn:evil:<img/src=x/onerror=window.hit=2>\u202Ex`;
const escaped = (text: string): string => text.replaceAll('&', '\\T\\').replaceAll('^', '\\S\\');
const SETTINGS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };

/** Everything that stands in the page, shadow roots and attributes included, but what is written into fields. */
const SHOWN = `(() => {
  const unseen = /[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]|[\\u{e0000}-\\u{e007f}]/u;
  const found = [];
  const walk = (node) => {
    if (node.nodeType === 3) { if (unseen.test(node.data)) found.push('text ' + JSON.stringify(node.data.slice(0, 80))); return; }
    if (node.nodeType === 1) {
      if (node.localName === 'textarea' || node.localName === 'style') return;
      for (const { name, value } of node.attributes) {
        if (name.startsWith('on')) found.push('handler ' + name);
        if (/^(title|aria-\\w+|alt|placeholder|label)$/.test(name) && unseen.test(value)) found.push(name + ' ' + JSON.stringify(value.slice(0, 80)));
        if (/^(href|src)$/.test(name) && /^\\s*(javascript|data):/i.test(value)) found.push(name + ' ' + value.slice(0, 80));
      }
      if (/^(script|img|iframe|object|embed)$/.test(node.localName) && node.closest('main')) found.push('element ' + node.localName);
      if (node.shadowRoot) for (const each of node.shadowRoot.childNodes) walk(each);
    }
    for (const each of node.childNodes) walk(each);
  };
  walk(document.body);
  return { found, hit: window.hit, title: document.title };
})()`;

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
    await receive(house.parts, Buffer.from(message()), 'http');
    await house.drain();
    const system = await fetch(`${door.url}/fhir/R4/CodeSystem/evil`, {
      method: 'PUT',
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify(codeSystem()),
    });
    expect([200, 201]).toContain(system.status);
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
          if (!(await opened.fits())) wrong.push([where, `wider than ${size.width} pixels`]);
        }
      };
      const text = (field: string) => page.getByText(`${field} <img src=x`).first();
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
        ['messages', 'operations', '/operations', page.getByText('Room on disk, by schema')],
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
        ['codes', 'terminology', '/terminology', page.getByRole('cell', { name: /system-title/ })],
        ['codes', 'search', '/terminology?text=evil', text('evil child')],
        ['codes', 'concept', `/terminology/concept?${concept}`, text('evil child')],
        ['OMOP', 'tables', '/omop', page.getByText('Vocabulary release')],
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
              .getByRole('button', { name: 'Run' })
              .click()
              .then(() => page.getByRole('cell').first().waitFor()),
        ],
        ['OMOP', 'quality', '/omop/quality', page.getByText('The checks have not run yet')],
      ];
      for (const [of, where, path, ready, then] of all) {
        if (of !== area) continue;
        await page.goto(path);
        await ready.first().waitFor();
        await then?.();
        await looked(where);
      }
      expect(wrong).toEqual([]);
      expect(opened.faults).toEqual([]);
    },
    240_000,
  );
});

function message(): string {
  // Control characters are no text of FHIR: with them the message would be parked, and nothing of it seen in the other areas.
  const of = (field: string): string => escaped(printing(field));
  return [
    `MSH|^~\\&|${of('app')}|${of('facility')}|${of('to')}|${of('hub')}|20260301101500||ORU^R01^ORU_R01|${of('control')}|P|2.5.1||||||UNICODE UTF-8`,
    `PID|1||${of('mrn')}^^^${of('authority')}^MR||${of('family')}^${of('given')}||19680117|F|||${of('street')}^^${of('city')}`,
    `OBR|1||${of('order')}|${of('panel')}^${of('panel-display')}^${escaped(SYSTEM)}|||20260301093000|||||||||||||||20260301100000|||F`,
    `OBX|1|NM|${of('code')}^${of('code-display')}^${escaped(SYSTEM)}||5|${of('unit')}|${of('range')}||||F|||20260301093000`,
    `OBX|2|ST|8251-1^${of('note')}^LN||${of('value')}||||||F|||20260301093000`,
    `ZZZ|${escaped(evil('own'))}`,
  ].join('\r');
}

/** FHIR takes no control characters in strings: the rest of it. */
const printing = (field: string): string => evil(field).replace(/\p{Cc}/gu, '');

const codeSystem = () => ({
  ...{
    resourceType: 'CodeSystem',
    id: 'evil',
    url: 'http://evil.example/cs',
    title: printing('system-title'),
    status: 'active',
    content: 'complete',
  },
  hierarchyMeaning: 'is-a',
  concept: [
    {
      code: 'evil-parent',
      display: printing('evil parent'),
      concept: [
        {
          ...{ code: 'evil-child', display: printing('evil child'), definition: printing('definition') },
          designation: [{ language: 'de', value: printing('designation') }],
        },
      ],
    },
  ],
});
