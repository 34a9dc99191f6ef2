import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { vocabularyInto } from '../../services/commands/vocabulary/load.ts';
import { auditRecords } from '../../services/database/audit.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { receive } from '../../services/pipeline.ts';
import { type TestDoor, testDoor } from '../http/door.ts';
import { openBrowser, openPage, SKIPPED } from './browser.ts';
import { sendTraffic } from './traffic.ts';

const MARK = '<img src=x onerror="window.hit=1">\u202Eevil';
const RESULT = [
  'MSH|^~\\&|LAB|RIVERBEND|POLY|HERE|20260301101500||ORU^R01^ORU_R01|CHOL-1|P|2.5.1||||||UNICODE UTF-8',
  'PID|1||4711^^^RB^MR||Quellwasser^Rosalinde||19680117|F|||Geheimweg 3^^Linz',
  'OBR|1||F1|24331-1^Lipid panel^LN|||20260301093000|||||||||||||||20260301100000|||F',
  'OBX|1|NM|2345-7^Glucose^LN||187|mg/dL^mg/dL^UCUM|||||F|||20260301093000',
  `OBX|2|ST|8251-1^Note^LN||${MARK}||||||F|||20260301093000`,
].join('\r');

describe.skipIf(SKIPPED !== '')('the OMOP pages', () => {
  let browser: Browser;
  let door: TestDoor;
  let folder = '';
  let person = 0;
  let measurement = 0;
  beforeAll(async () => {
    [browser, door] = await Promise.all([openBrowser(), testDoor()]);
    folder = mkdtempSync(join(tmpdir(), 'polyseme-omop-'));
    await vocabularyInto(door.database, STARTER_FOLDER, folder);
    await sendTraffic(door);
    await receive(door.parts, Buffer.from(RESULT), 'mllp');
    await door.drain();
    await deriveStale(door.database, { pullDate: '2026-06-01' });
    const [row] = await door.database.query<{ id: number; person_id: number }>(
      'SELECT measurement_id AS id, person_id FROM cdm.measurement WHERE value_as_number = 187',
    );
    [person, measurement] = [row?.person_id ?? 0, row?.id ?? 0];
  });
  afterAll(async () => {
    await browser?.close();
    await door?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('show tables, persons, a timeline, a row and SQL at both sizes and in both schemes', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    for (const [name, path, sign] of [
      ['omop', '/omop', page.getByText('Vocabulary release')],
      ['omop-persons', '/omop/persons', page.getByText('The last persons that came')],
      ['omop-person', `/omop/persons/${person}`, page.getByRole('img', { name: /^Timeline: / })],
      ['omop-row', `/omop/rows/measurement/${measurement}`, page.getByText('Column by column')],
      ['omop-sql', '/omop/sql', page.getByRole('button', { name: 'Run' })],
    ] as const) {
      await page.goto(path);
      await sign.first().waitFor();
      expect(await opened.everywhere(name)).toEqual([]);
    }
    expect(opened.faults).toEqual([]);
  });

  it('explain a row: from the person by its identifier, over the timeline, to the field of the message', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/omop');
    await page.getByRole('navigation', { name: 'OMOP' }).getByRole('link', { name: 'Persons' }).click();
    await page.getByLabel('Person number or identifier').fill('4711');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('link', { name: String(person), exact: true }).click();
    expect(page.url()).not.toContain('4711');
    const drawing = page.getByRole('group', { name: /^Drawing of the time/ });
    const extent = page.locator('#time');
    const whole = await extent.textContent();
    await drawing.focus();
    await page.keyboard.press('+');
    await expect.poll(() => extent.textContent()).not.toBe(whole);
    // What is in sight stands in the address: whoever opens it sees the same.
    const nearer = await extent.textContent();
    expect([...new URL(page.url()).searchParams.keys()]).toEqual(['from', 'to']);
    await page.reload();
    await expect.poll(() => extent.textContent()).toBe(nearer);
    await drawing.focus();
    await page.keyboard.press('0');
    await expect.poll(() => extent.textContent()).toBe(whole);
    await page
      .getByRole('link', { name: /Glucose/ })
      .first()
      .click();
    await page.getByRole('heading', { name: `measurement ${measurement}` }).waitFor();
    await page.getByText('Maps to', { exact: true }).first().waitFor();
    const value = page.getByRole('row', { name: /value_as_number/ });
    expect(await value.textContent()).toContain('fhir-to-omop/observation.yaml:');
    await value.getByRole('link', { name: /^OBX-5 bytes \d+–\d+/ }).click();
    await page.getByLabel('What is chosen').getByText(/OBX/).first().waitFor();
    expect(new URL(page.url()).searchParams.get('at')).toBe('field:OBX-5');
    expect(opened.faults).toEqual([]);
  });

  it('a mark of the drawing opens its row', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto(`/omop/persons/${person}`);
    await page.locator('rect.measurement').first().click({ force: true });
    await page.getByRole('heading', { name: /^measurement \d+/ }).waitFor();
    expect(opened.faults).toEqual([]);
  });

  it('mask who it is until a reason is given, and what was written is harmless', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto(`/omop/persons/${person}`);
    await page.getByText(/^Who it is/).click();
    expect(await page.locator('main').textContent()).not.toMatch(/Quellwasser|Rosalinde|1968|Geheimweg/);
    await page.getByRole('button', { name: 'Reveal…' }).click();
    await page.getByLabel(/^Reason/).fill('a question of hers');
    await page.getByRole('button', { name: 'Show it' }).click();
    await page.getByText('Quellwasser').waitFor();
    const [entry] = await auditRecords(door.database, { action: 'person.reveal', limit: 1 });
    expect(entry).toMatchObject({ target: `person/${person}`, reason: 'a question of hers' });
    const [text] = await door.database.query<{
      id: number;
    }>(`SELECT observation_id AS id FROM cdm.observation WHERE value_as_string LIKE '<img%'
      UNION ALL SELECT measurement_id FROM cdm.measurement WHERE value_source_value LIKE '<img%'`);
    const [table] = await door.database.query<{ n: number }>(
      `SELECT count(*) AS n FROM cdm.observation WHERE value_as_string LIKE '<img%'`,
    );
    await page.goto(`/omop/rows/${(table?.n ?? 0) > 0 ? 'observation' : 'measurement'}/${text?.id}`);
    await page.getByRole('button', { name: 'Reveal…' }).click();
    await page.getByLabel(/^Reason/).fill('hostile');
    await page.getByRole('button', { name: 'Show it' }).click();
    await page
      .getByText(/<img src=x/)
      .first()
      .waitFor();
    await page.locator('.sign', { hasText: 'U+202E' }).first().waitFor();
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(opened.faults).toEqual([]);
  });

  it('run SQL, say how much of how much, stop it in the database, save it, and hear of each other', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/omop/sql');
    // What is read is not masked: no statement runs without a reason.
    expect(await page.getByRole('button', { name: 'Run' }).isDisabled()).toBe(true);
    await page.getByLabel(/^Why/).fill('a test');
    const box = page.getByRole('textbox', { name: /^One statement/ });
    await box.fill(`SELECT n, '<b>' || n AS text FROM generate_series(1, 2500) n`);
    await page.keyboard.press('Control+Enter');
    await page.getByText(/^First 1,000 of 2,500 rows in /).waitFor();
    await page.getByText('<b>1', { exact: true }).waitFor();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download all as CSV' }).click()]);
    expect(file.suggestedFilename()).toBe('polyseme.csv');
    await page.getByText('Downloaded, every row of it.').waitFor();
    const [other] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download all as Parquet' }).click(),
    ]);
    expect(other.suggestedFilename()).toBe('polyseme.parquet');
    await page.getByText('Downloaded, every row of it.').waitFor();
    await box.fill('SELECT content FROM journal.message');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText(/permission denied for schema journal/).waitFor();
    await box.fill('SELECT pg_sleep(50)');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('The statement was stopped.').waitFor();
    await box.fill('SELECT count(*) FROM person');
    await page.getByRole('button', { name: 'Save as…' }).click();
    await page.getByLabel(/^Name/).fill('How many persons');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^version 1 by/).waitFor();
    await door.database.run(`UPDATE ops.saved_query SET version = 2, text = 'SELECT 2'`);
    await box.fill('SELECT count(*) FROM cdm.person');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText(/Somebody else changed the query "How many persons": it is at version 2/).waitFor();
    await opened.shot('omop-sql-conflict');
    // What it said before comes back by a click, and is saved by nobody until somebody does.
    await page.reload();
    await page.getByText(/^version 2 by/).waitFor();
    await page.getByText('Earlier versions').click();
    await page.getByRole('button', { name: 'Bring back version 1' }).click();
    expect(await box.inputValue()).toBe('SELECT count(*) FROM person');
    await page.getByText(/, changed here/).waitFor();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('Removed', { exact: true }).click();
    await page.getByRole('button', { name: 'Bring back How many persons' }).waitFor();
    const entries = await auditRecords(door.database, { action: 'sql.', limit: 50 });
    expect(new Set(entries.flatMap(({ action, reason }) => (action === 'sql.run' ? [reason] : [])))).toEqual(new Set(['a test']));
    expect(entries.map(({ detail }) => detail['outcome'])).toEqual(expect.arrayContaining(['done', 'sql-failed', 'sql-stopped']));
    expect(JSON.stringify(entries)).not.toMatch(/generate_series|pg_sleep|journal\.message/);
    // The browser itself writes what a door refused.
    expect(opened.faults.filter((each) => !/Failed to load resource/.test(each))).toEqual([]);
  });

  it('read a quality failure: start the checks, follow one to a row that violates it', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/omop/quality');
    await page.getByText('The checks have not run yet').waitFor();
    await page.getByRole('button', { name: 'Run all checks' }).click();
    await page.getByText(/The last run that was started here is done/).waitFor();
    await page.getByRole('table', { name: /failures? of run 1/ }).waitFor();
    await page.getByRole('combobox', { name: /^Table/ }).selectOption('measurement');
    await page.getByRole('link', { name: 'standardConceptRecordCompleteness' }).first().click();
    const check = page.getByRole('region', { name: 'Check' });
    await check.getByText(/violate it in run 1/).waitFor();
    expect(await opened.everywhere('omop-quality')).toEqual([]);
    await check
      .getByRole('link', { name: /^measurement \d+/ })
      .first()
      .click();
    await page.getByText('Column by column').waitFor();
    expect(opened.faults).toEqual([]);
  });
});
