import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../commands/command-line.ts';
import { openBrowser, openPage, SIZES, SKIPPED } from './browser.ts';
import { type CodesHouse, codesHouse, LAB } from './codes-house.ts';

const HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=2</script>';
const local = (code: string, display: string) => ({ coding: [{ system: LAB, code, display }] });

describe.skipIf(SKIPPED !== '')('the codes', () => {
  let browser: Browser;
  let codes: CodesHouse;
  beforeAll(async () => {
    [browser, codes] = await Promise.all([openBrowser(), codesHouse()]);
    for (const patient of ['a', 'b', 'c']) await codes.result(patient, local('HB', 'Hemoglobin blood'));
    for (const patient of ['a', 'b']) await codes.result(patient, local('GL', 'Glucose serum'));
    await codes.result('a', local('NA', 'Sodium'), {
      valueQuantity: { value: 140, unit: 'furlong', system: 'http://unitsofmeasure.org', code: 'furlong' },
    });
    await codes.result('b', { text: `Handwritten \u202E ${HOSTILE}` });
    await codes.result('c', local('=HYPERLINK("http://x","y")', '@SUM(1+1)*cmd'));
  });
  afterAll(async () => {
    await browser?.close();
    await codes?.[Symbol.asyncDispose]();
  });

  const signedIn = async (page: Page, name: string): Promise<void> => {
    await page.addInitScript(`sessionStorage.setItem('polyseme.token', ${JSON.stringify(codes.tokens[name])})`);
  };
  const conceptsOf = (code: string) =>
    codes.house.database.query<{ readonly concept: number }>(
      `SELECT DISTINCT measurement_concept_id AS concept FROM cdm.measurement WHERE measurement_source_value = '${code}'`,
    );

  it('are usable at both sizes and in both schemes', async () => {
    await using opened = await openPage(browser, codes.open);
    const { page } = opened;
    const look = async (name: string): Promise<void> => expect(await opened.everywhere(`codes-${name}`)).toEqual([]);
    await page.goto('/codes');
    await page.getByRole('button', { name: 'Hemoglobin blood' }).waitFor();
    await look('list');
    await page.getByRole('button', { name: 'Hemoglobin blood' }).click();
    await page.getByRole('heading', { name: 'Suggested' }).waitFor();
    await page.locator('.choices input').first().check();
    await page.getByRole('button', { name: 'Show what it would change' }).click();
    await page.getByText('Rows added').waitFor();
    await look('panel');
    await page.goto('/codes/answers');
    await page.getByText('Nothing has been answered yet').waitFor();
    await look('answers-empty');
    await page.goto('/codes/files');
    await page.getByRole('heading', { name: 'Import', exact: true }).waitFor();
    await look('files');
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(opened.faults).toEqual([]);
  });

  it('are listed by rank, filtered, and moved through by keys that can be switched off', async () => {
    await using opened = await openPage(browser, codes.open);
    const { page } = opened;
    const focused = () => page.evaluate('document.activeElement.textContent');
    await page.goto('/codes');
    await page.getByRole('button', { name: 'Hemoglobin blood' }).waitFor();
    const first = page.getByRole('row').nth(1);
    expect(await first.textContent()).toContain('HB');
    await page.keyboard.press('j');
    expect(await focused()).toBe('Hemoglobin blood');
    await page.keyboard.press('j');
    expect(await focused()).toBe('Glucose serum');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('k');
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toBe('Hemoglobin blood');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys of the list' }).waitFor();
    expect(await opened.violations()).toEqual([]);
    await page.getByLabel(/^Letters and signs/).uncheck();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Hemoglobin blood' }).focus();
    await page.keyboard.press('j');
    expect(await focused()).toBe('Hemoglobin blood');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('Glucose serum');
    // Letters are letters where somebody writes.
    await page.getByLabel('Code or name').fill('gluc');
    await page.getByText('1: that is everything.').waitFor();
    expect(page.url()).not.toContain('gluc');
    await page.getByLabel('Code or name').fill('no such code');
    await page.getByText('No code fits').waitFor();
    await page.getByLabel('Code or name').fill('');
    await page.getByLabel('Code system').selectOption('(free text)');
    await page.getByText('1: that is everything.').waitFor();
    expect(await page.getByRole('button', { name: /Handwritten/ }).textContent()).toContain(HOSTILE);
    await page.getByRole('button', { name: /Handwritten/ }).click();
    await page.getByRole('heading', { name: /Handwritten/ }).waitFor();
    expect(page.url()).not.toMatch(/Handwritten/);
    await page.reload();
    await page.getByRole('heading', { name: /Handwritten/ }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: /Handwritten/ }).waitFor({ state: 'detached' });
    expect([await page.evaluate('window.hit'), opened.faults]).toEqual([undefined, []]);
  });

  it('are mapped by keyboard alone: previewed, put in force, the row changes; then taken back', async () => {
    await using opened = await openPage(browser, codes.guarded);
    const { page } = opened;
    await signedIn(page, 'Ann');
    await page.goto('/codes');
    await page.getByRole('button', { name: 'Hemoglobin blood' }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 2, name: 'Hemoglobin blood' }).waitFor();
    await page.waitForFunction('document.activeElement.tagName === "H2"');
    const panel = page.getByRole('region', { name: 'Code', exact: true });
    for (const text of ['13.2 g/dL', 'St. Mary', '3 codings, 3 resources, 3 persons']) expect(await panel.textContent()).toContain(text);
    await tabTo(page, 'input[type=checkbox]');
    await page.keyboard.press('Space');
    const chosen = await page.locator('.chosen li').first().textContent();
    await tabTo(page, 'button[type=submit]');
    await page.keyboard.press('Enter');
    await page.getByText('Rows added').waitFor();
    expect(await page.getByRole('region', { name: 'What would change' }).textContent()).toMatch(/Resources3Persons3Messages3/);
    const before = await conceptsOf('HB');
    await page.keyboard.press('Enter');
    await page.getByText('3 resources left').waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Hemoglobin blood');
    await codes.remade();
    await page.getByText('All rows are made again.').waitFor();
    await page.getByRole('row', { name: /Hemoglobin blood.*answered, rows made again/ }).waitFor();
    const after = await conceptsOf('HB');
    expect([after, chosen]).not.toEqual([before, '']);
    expect(Number(after[0]?.concept)).toBeGreaterThan(0);
    await opened.shot('codes-answered-1280');
    await page.keyboard.press('u');
    await page.getByRole('dialog', { name: 'Take the answer back' }).waitFor();
    await page.getByText('loses its concept').waitFor();
    expect(await page.getByRole('region', { name: 'What would change' }).textContent()).toMatch(/Resources3Persons3Messages3/);
    expect(await opened.violations()).toEqual([]);
    await opened.shot('codes-undo-1280');
    await page.getByLabel(/^Reason/).fill('the wrong analyser');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await codes.remade();
    await page.getByRole('row', { name: /Hemoglobin blood.*to answer/ }).waitFor();
    expect(await conceptsOf('HB')).toEqual(before);
    expect(opened.faults).toEqual([]);
  });

  it('come page by page, the next one by going on; what only a table of a map lacks says so, with the cure', async () => {
    const { database } = codes.house;
    await database.run(
      `INSERT INTO ops.unmapped (resource_key, system, code, display, why, place)
       SELECT 900000 + n, 'urn:many', 'M' || lpad(n::text, 3, '0'), 'Many ' || n, 'unknown', 'Observation' FROM generate_series(1, 60) n`,
    );
    await database.run(
      `INSERT INTO ops.unmapped (resource_key, system, code, why, place) VALUES (900100, 'urn:table', 'Q', 'no-row', 'gender-to-omop')`,
    );
    await using opened = await openPage(browser, codes.open);
    const { page } = opened;
    await page.goto('/codes?system=urn%3Amany');
    await page.getByText('The first 50.').waitFor();
    await page.getByRole('button', { name: 'Many 50', exact: true }).focus();
    await page.getByRole('button', { name: 'Many 49', exact: true }).click();
    await page.getByRole('heading', { level: 2, name: 'Many 49' }).waitFor();
    await page.waitForFunction('document.activeElement.tagName === "H2"');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.getByText('60: that is everything.').waitFor();
    await page.getByRole('button', { name: 'Many 60', exact: true }).waitFor();
    await page.goto('/codes?kind=table');
    await page.getByRole('button', { name: 'Q', exact: true }).click();
    await page.getByRole('heading', { name: 'A table of a map lacks this code' }).waitFor();
    await page.getByText('gender-to-omop').first().waitFor();
    expect(await page.getByRole('button', { name: /Show what it would change/ }).count()).toBe(0);
    await opened.shot('codes-table-1280');
    expect([await opened.violations(), opened.faults]).toEqual([[], []]);
    await database.run(`DELETE FROM ops.unmapped WHERE resource_key > 900000`);
  });

  it('are answered by search where nothing suggested fits, and by a second person where asked for', async () => {
    await using opened = await openPage(browser, codes.guarded);
    const { page } = opened;
    await signedIn(page, 'Ann');
    await page.goto('/codes');
    await page.getByRole('button', { name: 'Glucose serum' }).click();
    await page.getByLabel(/^Standard concepts/).fill('glucose');
    await page.locator('section[aria-labelledby=searched] .choices input').first().check();
    await page.getByLabel('Equivalence').selectOption('EQUAL');
    await page.getByLabel(/^Reason/).fill('same method');
    await page.getByLabel('A second person approves it').check();
    await page.getByRole('button', { name: 'Show what it would change' }).click();
    await page.getByRole('button', { name: 'Propose it' }).click();
    await page.getByText('It waits for a second person').waitFor();
    await page.getByRole('link', { name: 'the answers' }).click();
    await page.getByRole('button', { name: 'Approve the answer to Glucose serum' }).click();
    await page.getByText('Rows added').waitFor();
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('An answer is approved by somebody other than its author.').waitFor();
    await opened.shot('codes-four-eyes-1280');
    expect(await opened.violations()).toEqual([]);
    // The refusal itself is what the console of the browser tells.
    expect(opened.faults.filter((each) => !each.includes('403'))).toEqual([]);

    await using second = await openPage(browser, codes.guarded, { size: SIZES[1] });
    await signedIn(second.page, 'Bob');
    await second.page.goto('/codes/answers?state=proposed');
    await second.page.getByRole('button', { name: 'Approve the answer to Glucose serum' }).click();
    await second.page.getByText('Rows added').waitFor();
    await second.page.getByRole('button', { name: 'Approve', exact: true }).click();
    await second.page.getByText('No answer is in this state').waitFor();
    await second.page.getByLabel('State').selectOption('in-force');
    await second.page.getByText('approved by').waitFor();
    const row = second.page.getByRole('row', { name: /Glucose serum/ });
    expect(await row.textContent()).toMatch(/said by Ann.*same method.*approved by Bob/);
    await codes.remade();
    await second.shot('codes-answers-390');
    expect([await second.violations(), await second.fits(), second.faults]).toEqual([[], true, []]);
    await row.getByRole('button', { name: /^Undo/ }).click();
    await second.page.getByText('loses its concept').waitFor();
    await second.page.getByLabel(/^Reason/).fill('not after all');
    await second.page.getByRole('dialog').getByRole('button', { name: 'Undo' }).click();
    await second.page.getByText('No answer is in this state').waitFor();
    await codes.remade();
    await second.page.getByLabel('State').selectOption('withdrawn');
    await second.page.getByText('not after all').waitFor();
  });

  it('go out as a file that no spreadsheet runs, and come back approved', async () => {
    using dir = folder();
    await using opened = await openPage(browser, codes.guarded);
    const { page } = opened;
    await signedIn(page, 'Ann');
    await page.goto('/codes/files');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download the file' }).click()]);
    const path = join(dir.path, 'codes.csv');
    await download.saveAs(path);
    await page.getByText(/codes without an answer/).waitFor();
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(`"'=HYPERLINK(""http://x"",""y"")"`);
    expect(text).toContain(`'@SUM(1+1)*cmd`);
    const answered = (concept: string) =>
      text
        .split('\n')
        .map((line) =>
          line.includes('HYPERLINK')
            ? line.replace(/,UNCHECKED,(.*?),\d+,[^,]*,[^,]*,MAPS_TO,/, `,APPROVED,$1,${concept},x,,MAPS_TO,`)
            : line,
        )
        .join('\n');
    writeFileSync(path, answered('999999999'));
    await page.getByLabel(/^Usagi's file/).setInputFiles(path);
    await page.getByRole('button', { name: 'Show what it would change' }).click();
    await page.getByText('1 line or code is wrong').waitFor();
    const fault = page.getByRole('row', { name: /has no concept 999999999/ });
    expect(await fault.textContent()).toMatch(/^line \d+/);
    await opened.shot('codes-import-wrong-1280');
    expect(await opened.violations()).toEqual([]);
    const right = join(dir.path, 'right.csv');
    writeFileSync(right, answered('3000963'));
    await page.getByLabel(/^Usagi's file/).setInputFiles(right);
    await page.getByRole('button', { name: 'Show what it would change' }).click();
    await page.getByText('1 code answered anew.').waitFor();
    await opened.shot('codes-import-1280');
    await page.getByRole('button', { name: 'Put in force: 1 code' }).click();
    await page.getByText('1 code answered.').waitFor();
    await codes.remade();
    await page.getByText('All rows are made again.').waitFor();
    expect(await conceptsOf('=HYPERLINK("http://x","y")')).toEqual([{ concept: 3000963 }]);
    await page.getByRole('button', { name: 'Show what it would change' }).click();
    await page.getByText('Nothing new is in it. 1 code answered so already.').waitFor();
    expect(opened.faults).toEqual([]);
  });
});

/** Presses Tab until what has the focus fits the selector. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
  }
  throw new Error(`${selector} is not reached by Tab`);
}
