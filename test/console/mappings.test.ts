import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords } from '../../services/database/audit.ts';
import { createPlan } from '../../services/database/specs/plans.ts';
import { type HttpDoor, startHttp } from '../../services/http/server.ts';
import { beginDraft, changeDraft, type FileChange } from '../../services/pipeline/specs/drafts.ts';
import { startPlan } from '../../services/pipeline/specs/plan.ts';
import { replayAll } from '../../services/pipeline/specs/replay.ts';
import { receive } from '../../services/pipeline.ts';
import { fixture } from '../parts.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';
import { openBrowser, openPage, SKIPPED } from './browser.ts';
import { curedBy, editor, find } from './editor.ts';

const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
const LIMITS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };

describe.skipIf(SKIPPED !== '')('the mappings pages', () => {
  let browser: Browser;
  let house: SpecsHouse;
  let door: HttpDoor;
  beforeAll(async () => {
    [browser, house] = await Promise.all([openBrowser(), specsHouse()]);
    door = await startHttp({ ...LIMITS, verifyToken: undefined }, house.parts, pino({ level: 'silent' }));
    for (const name of ['us-adt-a01-admit', 'us-oru-r01-cbc', 'us-oru-r01-chemistry'])
      await receive(house.parts, readFileSync(fixture('hl7v2', `${name}.hl7`)), 'mllp');
    await house.drain();
  });
  afterAll(async () => {
    await browser?.close();
    await door?.close();
    await house?.[Symbol.asyncDispose]();
  });

  async function begun(page: Page, title: string): Promise<number> {
    await page.goto(`/mappings/file?path=${encodeURIComponent(PATIENT)}`);
    await page.getByRole('button', { name: 'Change it in a new draft' }).click();
    await page.getByLabel('What is to change').fill(title);
    await page.getByRole('button', { name: 'Begin', exact: true }).click();
    await page.getByText(/^Saved, revision 0/).waitFor();
    await editor(page).waitFor();
    return Number(/drafts\/(\d+)/.exec(page.url())?.[1]);
  }

  const save = async (page: Page): Promise<void> => {
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText(/^Saved, revision \d+/).waitFor();
  };

  it('edit a map: the fault and its cure, the live result; then the difference, a plan, publication, and back', async () => {
    await using opened = await openPage(browser, door.url);
    const { page } = opened;
    await begun(page, 'no marital status');
    await page.getByLabel('Recorded message', { exact: true }).selectOption('1');
    await page.locator('.line .element', { hasText: 'birthDate' }).first().waitFor();
    expect(await page.content()).not.toContain('Muñoz');
    // A mistake, and its cure by one click.
    await find(page, '  birthDate:');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await page.keyboard.insertText(':');
    await page.getByLabel('Faults of the text').getByText('Patient has no element "birthDat"').waitFor();
    await opened.shot('mappings-fault');
    await curedBy(page, 'Use "birthDate"');
    await page.getByLabel('Faults of the text').waitFor({ state: 'detached' });
    // The result changes while one types.
    await find(page, 'maritalStatus: { from: =PID-16, map: marital }');
    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+End');
    await page.keyboard.press('Backspace');
    await page.locator('.segment .value.unread').first().waitFor();
    await find(page, /^version: .*$/m.exec(house.text(PATIENT))?.[0] ?? '');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Backspace');
    await page.keyboard.insertText('9');
    // So do the cases: nothing is saved yet.
    await page
      .getByLabel('Cases of the text as it stands')
      .getByText(/✓ \d+ cases pass|No case is there/)
      .waitFor();
    // Lit both ways.
    await page.locator('.line', { hasText: 'birthDate' }).first().click();
    await page.locator('.code .lit-line', { hasText: 'birthDate: =PID-7' }).waitFor();
    await page.locator('.segment .value.lit[title^="PID-7"]').waitFor();
    await page.locator('.code .cm-line', { hasText: 'gender: { from: =PID-8' }).first().click();
    await page.locator('.line.lit .element', { hasText: 'gender' }).waitFor();
    await opened.shot('mappings-editor');
    await save(page);
    await page.getByText('✓ Fit to publish').waitFor();
    // What differs, and the plan.
    await page.getByRole('link', { name: /no marital status/ }).click();
    await page.getByRole('row', { name: /fields.maritalStatus/ }).waitFor();
    await opened.shot('mappings-draft');
    await page.getByRole('button', { name: 'Plan', exact: true }).click();
    await page.getByRole('heading', { name: 'What would change' }).waitFor();
    await page.getByRole('row', { name: /^Patient/ }).waitFor();
    await page.getByText('maritalStatus').first().waitFor();
    await opened.shot('mappings-plan');
    for (const box of await page.locator('.removals input').all()) await box.check();
    await page.getByRole('button', { name: 'Publish…' }).click();
    await page.getByLabel(/^Reason/).fill('nobody needs it');
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText('Release 2 is active.').waitFor();
    await house.specs.catchUp(house.database);
    await replayAll(house.parts);
    await page.getByText('✓ Done: what is stored is what release 2 makes of it.').waitFor();
    await opened.shot('mappings-replay');
    // And back.
    await page.goto('/mappings/releases');
    await page
      .getByRole('row', { name: /nobody needs it/ })
      .getByText('✓ active')
      .waitFor();
    await page.getByRole('link', { name: '1', exact: true }).first().click();
    await page.getByRole('button', { name: 'Go back to this release…' }).click();
    await page.getByLabel(/^Reason/).fill('somebody does');
    await page.getByRole('button', { name: 'Go back', exact: true }).click();
    await page.getByText('Release 1 is active.').waitFor();
    await house.specs.catchUp(house.database);
    await replayAll(house.parts);
    await page.getByText('✓ Done: what is stored is what release 1 makes of it.').waitFor();
    expect(opened.faults).toEqual([]);
  });

  it('two authors write the same file: nobody overwrites, both are in the merged text', async () => {
    await using ana = await openPage(browser, door.url);
    await using ben = await openPage(browser, door.url);
    // No time passes for Ben: what the editor joins because it followed quickly, it would join here.
    await ben.page.clock.setFixedTime(new Date());
    const id = await begun(ana.page, 'two authors');
    await ben.page.goto(`/mappings/drafts/${id}/edit?file=${encodeURIComponent(PATIENT)}`);
    await editor(ben.page).waitFor();
    const add = async (page: Page, line: string) => {
      await editor(page).click();
      await page.keyboard.press('Control+Home');
      await page.keyboard.insertText(`${line}\n`);
    };
    await add(ana.page, '# written by Ana');
    await save(ana.page);
    await add(ben.page, '# written by Ben');
    await ben.page.getByRole('button', { name: 'Save', exact: true }).click();
    await ben.page.getByText('Somebody else changed this file meanwhile').waitFor();
    await ben.page.getByLabel('Both, theirs first').check();
    await ben.page.getByText('The merged text', { exact: true }).click();
    await ben.shot('mappings-merge');
    expect(await ben.violations()).toEqual([]);
    await ben.page.getByRole('button', { name: 'Take the merged text' }).click();
    await ben.page.getByText(/^Saved, revision 2/).waitFor();
    const written = await (await fetch(`${door.url}/admin/maps/drafts/${id}`)).json();
    expect(written.files[0].text).toMatch(/^# written by Ana\n# written by Ben\n/);
    // One's own text comes back by undo, an earlier one from the history.
    await ben.page.getByText('History of this file').click();
    await ben.page.getByRole('button', { name: 'Bring back revision 1' }).click();
    await ben.page.getByText('Not saved').waitFor();
    await editor(ben.page).click();
    await ben.page.keyboard.press('Control+z');
    await ben.page.getByText(/^Saved, revision 2/).waitFor();
    // The one refusal is what the merge is for.
    expect([...ana.faults, ...ben.faults].filter((each) => !each.includes('412'))).toEqual([]);
  });

  /** A draft of the patient's map, and its plan. */
  async function planned(version: string, more: readonly FileChange[] = []): Promise<{ readonly draft: number; readonly plan: number }> {
    const { id } = await beginDraft(house.desk, 'ana', `no day of birth in ${version}`);
    const text = house
      .text(PATIENT)
      .replace(/^ {2}birthDate: .*$/m, '')
      .replace(/^version: .*$/m, `version: ${version}`);
    await changeDraft(house.desk, 'ana', { id, revision: 0, changes: [{ path: PATIENT, text }, ...more] });
    const { plan, done } = await startPlan(house.parts, house.dir, { actor: 'ana', draftId: id, filter: {} });
    await done;
    return { draft: id, plan: plan.id };
  }

  it('what a plan takes away is ticked one by one; who it is about is masked until a reason is given; what it showed is old once the draft changed', async () => {
    const { draft, plan } = await planned('1.0.20');
    await using opened = await openPage(browser, door.url);
    const { page } = opened;
    await page.goto(`/mappings/plans/${plan}`);
    const publish = page.getByRole('button', { name: 'Publish…' });
    await page.getByText('Tick what goes away first.').waitFor();
    const boxes = await page.locator('.removals input').all();
    expect(boxes.length).toBeGreaterThan(0);
    for (const box of boxes) {
      expect(await publish.isDisabled()).toBe(true);
      await box.check();
    }
    await expect.poll(() => publish.isDisabled()).toBe(false);
    // Removals first, their values masked.
    await page.getByLabel('Kind of change').selectOption('gone');
    await page.locator('summary', { hasText: '− goes away' }).first().waitFor();
    await page.getByLabel('Kind of change').selectOption('');
    await page.getByLabel('Kind of thing').selectOption('Patient');
    await page.getByText('•••').first().waitFor();
    await page.getByRole('button', { name: 'Reveal…' }).click();
    const dialog = page.getByRole('dialog', { name: `Show the changes of plan ${plan} unmasked` });
    await dialog.getByText(/written into the audit log before anything is shown/).waitFor();
    expect(await dialog.getByRole('button', { name: 'Show them' }).isDisabled()).toBe(true);
    await dialog.getByLabel(/^Reason/).fill('a look at the days');
    expect(await opened.violations()).toEqual([]);
    await dialog.getByRole('button', { name: 'Show them' }).click();
    await page.getByText('•••').first().waitFor({ state: 'detached' });
    expect((await auditRecords(house.database, { action: 'spec.reveal', limit: 1 }))[0]).toMatchObject({ reason: 'a look at the days' });
    const text = `${house.text(PATIENT)}# later\n`.replace(/^version: .*$/m, 'version: 1.0.21');
    await changeDraft(house.desk, 'ana', { id: draft, revision: 1, changes: [{ path: PATIENT, text }] });
    await page.reload();
    await page.getByText(/has changed since this plan/).waitFor();
    expect(await publish.isDisabled()).toBe(true);
    await opened.shot('mappings-plan-old');
    expect(opened.faults).toEqual([]);
  });

  it('a publication whose cases fail is refused, and says so with the cure', async () => {
    const text = `cases:\n  - name: never so\n    given: { message: ${JSON.stringify(readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'), 'utf8'))} }\n    expect: ["ack = 'AR'"]\n`;
    const { plan } = await planned('1.0.30', [{ path: 'v2-to-fhir/messages/wrong.cases.yaml', text }]);
    await using opened = await openPage(browser, door.url);
    const { page } = opened;
    await page.goto(`/mappings/plans/${plan}`);
    await page.getByText('Tick what goes away first.').waitFor();
    for (const box of await page.locator('.removals input').all()) await box.check();
    await page.getByRole('button', { name: 'Publish…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Reason/).fill('it does not matter');
    await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
    await dialog.getByText('spec-check-fails').waitFor();
    await opened.shot('mappings-refused');
    expect(await opened.violations()).toEqual([]);
    // The browser itself writes what a door refused.
    expect(opened.faults.filter((each) => !/Failed to load resource/.test(each))).toEqual([]);
  });

  it('a plan that is being made shows how far it is, and ends when somebody says so', async () => {
    const { draft } = await planned('1.0.40');
    const of = { draftRevision: 1, digest: 'x', baseDigest: 'y', filter: {}, actor: 'ana', total: 1_000 };
    const id = await createPlan(house.database, { draftId: draft, ...of });
    await using opened = await openPage(browser, door.url);
    const { page } = opened;
    await page.goto(`/mappings/plans/${id}`);
    await page.getByRole('progressbar', { name: 'Messages looked at' }).waitFor();
    await page.getByText('0 of 1,000').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('cancelled', { exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(0);
    expect((await auditRecords(house.database, { action: 'spec.plan-cancel', limit: 1 }))[0]).toMatchObject({ target: `plan/${id}` });
    expect(opened.faults).toEqual([]);
  });

  describe('for everybody', () => {
    let places: Readonly<Record<'draft' | 'plan' | 'release' | 'replay', number>>;
    beforeAll(async () => {
      const text = house.text(PATIENT).replace(/^ {2}birthDate: .*$/m, '');
      const { releaseId, replayId } = await house.publish([{ path: PATIENT, text: text.replace(/^version: .*$/m, 'version: 1.0.8') }]);
      await replayAll(house.parts);
      const { id } = await beginDraft(house.desk, 'ana', 'sex is left out <img src=x onerror=alert(1)>');
      const less = text.replace(/^ {2}gender: .*$/m, '').replace(/^version: .*$/m, 'version: 1.0.9');
      await changeDraft(house.desk, 'ana', { id, revision: 0, changes: [{ path: PATIENT, text: less }] });
      const { plan, done } = await startPlan(house.parts, house.dir, { actor: 'ana', draftId: id, filter: {} });
      await done;
      places = { draft: id, plan: plan.id, release: releaseId, replay: replayId };
    });

    it('can be used by everybody, at both sizes and in both schemes', async () => {
      await using opened = await openPage(browser, door.url);
      const { page } = opened;
      for (const [name, path, sign] of [
        // What cases try of the maps is counted after the tree is there: these have none.
        ['overview', '/mappings', page.getByText(/\b0 of [\d,]+ rules tried/)],
        ['file', `/mappings/file?path=${PATIENT}`, page.getByText(/ 0 of \d+ rules tried\. No case tries lines /)],
        ['draft', `/mappings/drafts/${places.draft}`, page.getByRole('heading', { name: 'Plan', exact: true })],
        ['edit', `/mappings/drafts/${places.draft}/edit?file=${PATIENT}&message=1`, page.locator('.line').first()],
        ['plan', `/mappings/plans/${places.plan}`, page.getByText('Change by change')],
        ['releases', '/mappings/releases', page.getByText('Releases, newest first')],
        ['release', `/mappings/releases/${places.release}`, page.getByText('What it changed')],
        ['replay', `/mappings/replays/${places.replay}`, page.getByText('Resources written')],
      ] as const) {
        await page.goto(path);
        await sign.first().waitFor();
        expect(await opened.everywhere(`mappings-${name}`)).toEqual([]);
      }
      expect(opened.faults).toEqual([]);
    });
  });
});
