/** Cases run while somebody writes: of the text as it stands, in a thread, and no longer than somebody waits for them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { specTexts } from '../../../services/mapping/files.ts';
import { CasesDesk } from '../../../services/pipeline/specs/cases-desk.ts';
import { fixture } from '../../parts.ts';
import { smallMaps } from '../../specs-house.ts';

const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
const BESIDE = 'v2-to-fhir/resources/beside.cases.yaml';
let dir = '';
let texts: ReadonlyMap<string, string>;
const desk = new CasesDesk();
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'polyseme-cases-'));
  smallMaps(dir);
  const message = JSON.stringify(readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'), 'utf8'));
  const cases = [1, 2, 3].map(
    (n) => `  - name: case ${n}\n    given: { message: ${message} }\n    expect: ["patient[0].gender.exists()"]\n`,
  );
  texts = new Map([...specTexts(dir).texts, [BESIDE, `cases:\n${cases.join('')}`]]);
});
afterAll(async () => {
  await desk[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const asked = (text: string) => ({ texts, path: PATIENT, text, dir });
const stays = (): boolean => false;

it('are those of the text as it stands; what fails is told with its place', async () => {
  const text = texts.get(PATIENT) ?? '';
  const now = await desk.run('ana', asked(text), stays);
  expect(now).toMatchObject({ failed: 0, isWhole: true, diagnostics: [] });
  expect(now.passed).toBeGreaterThanOrEqual(3);
  const less = await desk.run('ana', asked(text.replace(/^ {2}gender: .*$/m, '')), stays);
  expect(less).toMatchObject({ failed: 3, passed: now.passed - 3, isWhole: true });
  expect(less.diagnostics.map(({ file, line }) => [file, line])).toEqual([
    [BESIDE, expect.any(Number)],
    [BESIDE, expect.any(Number)],
    [BESIDE, expect.any(Number)],
  ]);
});

it('of an earlier text are ended by a later one of the same window, not by another window, and by whoever leaves', async () => {
  const text = texts.get(PATIENT) ?? '';
  let isGone = false;
  const runs = [
    desk.run('ana', asked(`${text}# 1`), stays),
    desk.run('ben', asked(`${text}# 2`), stays),
    desk.run('ana', asked(`${text}# 3`), stays),
    desk.run('cem', asked(`${text}# 4`), () => isGone),
  ];
  isGone = true;
  expect((await Promise.all(runs)).map(({ isWhole }) => isWhole)).toEqual([false, true, true, false]);
});
