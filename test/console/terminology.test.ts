import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { loadedSources } from '../../terminology/sources.ts';
import { type TestDoor, testDoor } from '../http/door.ts';
import { openBrowser, openPage, SKIPPED } from './browser.ts';

const ANIMALS = 'http://example.org/animals';

/** Names that would run if anything believed them. */
const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script>';

describe.skipIf(SKIPPED !== '')('the terminology browser', () => {
  let browser: Browser;
  let door: TestDoor;
  beforeAll(async () => {
    const sources = await loadedSources(mkdtempSync(join(tmpdir(), 'polyseme-')), STARTER_FOLDER);
    [browser, door] = await Promise.all([openBrowser(), testDoor(undefined, { terminologies: () => sources })]);
    await door.database.run(
      `INSERT INTO cdm.concept (concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, standard_concept, concept_code, valid_start_date, valid_end_date)
       VALUES (4239408, 'Heart rate', 'Measurement', 'SNOMED', 'Observable Entity', NULL, '364075005', '1970-01-01', '2099-12-31')`,
    );
    await door.database.run(
      `INSERT INTO cdm.concept_relationship (concept_id_1, concept_id_2, relationship_id, valid_start_date, valid_end_date)
       VALUES (3027018, 4239408, 'Mapped from', '1970-01-01', '2099-12-31')`,
    );
    const concept = (code: string, display: string, ...children: readonly object[]) => ({
      code,
      display,
      ...(children.length === 0 ? {} : { concept: children }),
    });
    const many = Array.from({ length: 230 }, (_none, index) => concept(`moth-${index}`, `Moth ${String(index).padStart(3, '0')}`));
    const stored = await door.call('PUT', '/CodeSystem/animals', {
      resourceType: 'CodeSystem',
      id: 'animals',
      url: ANIMALS,
      title: 'Animals',
      status: 'active',
      content: 'complete',
      hierarchyMeaning: 'is-a',
      concept: [
        concept('animal', 'Animal', concept('insect', 'Insect', concept('moth', 'Moth', ...many)), concept('odd', `Odd ${HOSTILE}`)),
        { ...concept('wolf', 'Grey wolf'), designation: [{ language: 'de', value: 'Grauwolf' }], definition: 'Canis lupus' },
      ],
    });
    expect(stored.status).toBe(201);
    await door.call('PUT', '/Patient/p', { resourceType: 'Patient', id: 'p', gender: 'female', birthDate: '1970-01-01' });
    const heartRate = { coding: [{ system: 'http://loinc.org', code: '8867-4' }] };
    const observation = {
      ...{ resourceType: 'Observation', id: 'o', status: 'final', code: heartRate, subject: { reference: 'Patient/p' } },
      ...{
        effectiveDateTime: '2026-03-01T10:00:00Z',
        valueQuantity: { value: 70, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
      },
    };
    expect((await door.call('PUT', '/Observation/o', observation)).status).toBe(201);
  });
  afterAll(async () => {
    await browser?.close();
    await door?.[Symbol.asyncDispose]();
  });

  it('is usable at both sizes and in both schemes', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    for (const [name, path, sign] of [
      ['loaded', '/terminology', page.getByRole('cell', { name: 'Animals' })],
      ['search', '/terminology?text=wolf', page.getByRole('link', { name: 'Grey wolf' })],
      ['concept', '/terminology/concept?system=http%3A%2F%2Floinc.org&code=8867-4', page.getByText('In our data')],
    ] as const) {
      await page.goto(path);
      await sign.first().waitFor();
      expect(await opened.everywhere(`terminology-${name}`)).toEqual([]);
    }
    expect(opened.faults).toEqual([]);
  });

  it('answers as one types, in any order of words; every state has an address', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/terminology');
    await page.getByLabel('Words in any order, or a code').pressSequentially('wolf gre');
    await page.waitForURL((url) => url.searchParams.get('text') === 'wolf gre');
    await page.getByRole('link', { name: 'Grey wolf' }).waitFor();
    await page.reload();
    await page.getByRole('link', { name: 'Grey wolf' }).click();
    await page.getByText('Canis lupus').waitFor();
    expect(await page.getByRole('cell', { name: 'Grauwolf' }).count()).toBe(1);
    // What is chosen while the letters wait is not lost to the address of before.
    await page.goto('/terminology?text=wolf');
    await page.getByRole('link', { name: 'Grey wolf' }).waitFor();
    await page.clock.install();
    await page.getByLabel('Words in any order, or a code').fill('wolf g');
    await page.getByLabel('standard only').check();
    await page.clock.runFor(1_000);
    await page.waitForURL((url) => url.searchParams.get('text') === 'wolf g' && url.searchParams.has('standard'));
    await page.clock.resume();
    await page.getByLabel('Words in any order, or a code').fill('no such thing');
    await page.getByText('No concept fits').waitFor();
    // What is hidden for want of a licence says so: "not found" would say too much.
    await page.getByText(/^Not searched, for no release of them is loaded here: SNOMED CT, CPT, MedDRA\./).waitFor();
  });

  it('opens the hierarchy step by step, and says what is not shown yet', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto(`/terminology/concept?${new URLSearchParams({ system: ANIMALS, code: 'animal' })}`);
    await page.getByText('it is a root').waitFor();
    await page.getByRole('button', { name: 'What is below Insect' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'What is below Moth' }).click();
    await page.getByRole('button', { name: '200 of 230 shown: show more' }).click();
    await page.getByRole('link', { name: 'Moth 229' }).waitFor();
    expect(await page.getByRole('link', { name: /^Moth \d/ }).count()).toBe(230);
    await page.getByRole('link', { name: 'Moth 229' }).click();
    await page.getByRole('link', { name: 'Moth', exact: true }).waitFor();
    expect(opened.faults).toEqual([]);
  });

  it('says which rows of ours carry a concept, and finds only such when asked to', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/terminology/concept?system=http%3A%2F%2Floinc.org&code=8867-4');
    await page.getByText('1 row of measurement by measurement_concept_id').waitFor();
    await page.getByRole('cell', { name: 'Mapped from' }).waitFor();
    await page.goto('/terminology?text=heart&used=yes');
    await page.getByText('among the 500 best of each code system').waitFor();
    const codes = await page.locator('tbody code').allTextContents();
    expect(codes).toContain('8867-4');
    await page.goto('/terminology?text=heart');
    await page.locator('tbody code').first().waitFor();
    expect((await page.locator('tbody code').allTextContents()).length).toBeGreaterThan(codes.length);
  });

  it('shows names that would run as text', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto('/terminology?text=odd');
    await page.getByRole('link', { name: HOSTILE }).click();
    await page.getByRole('heading', { name: HOSTILE }).waitFor();
    expect(await page.title()).not.toBe('1');
    expect(opened.faults).toEqual([]);
  });

  it('tells of a code that is not there, with what to do', async () => {
    await using opened = await openPage(browser, door.door.url);
    const { page } = opened;
    await page.goto(`/terminology/concept?${new URLSearchParams({ system: ANIMALS, code: 'unicorn' })}`);
    await page.getByText(`No loaded code system ${ANIMALS} has the code unicorn.`).waitFor();
  });
});
