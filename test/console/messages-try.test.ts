/** A dry run at the page: pasted, chosen as a file and dropped; nothing is stored. */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messagesOf } from '../../services/console/parts/dropped.ts';
import { type HttpDoor, startHttp } from '../../services/http/server.ts';
import { fixture } from '../parts.ts';
import { type SpecsHouse, specsHouse } from '../specs-house.ts';
import { openBrowser, openPage, SKIPPED } from './browser.ts';

const LIMITS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };
const REPORT = readFileSync(fixture('hl7v2', 'us-oru-r01-chemistry.hl7'));
const bytes = (text: string, as: BufferEncoding = 'utf8'): Uint8Array => new Uint8Array(Buffer.from(text, as));

describe('a file of messages', () => {
  it('is read whatever frames, batches and line ends are around them', () => {
    const batch = '\ufeffFHS|^~\\&|A\r\nBHS|^~\\&|A\r\n\u000bMSH|^~\\&|A\rPID|1\r\u001c\rMSH|^~\\&|B\n\nPID|2\nBTS|2\nFTS|1\n';
    expect(messagesOf(bytes(batch))).toEqual({ texts: ['MSH|^~\\&|A\nPID|1', 'MSH|^~\\&|B\nPID|2'], charset: 'UTF-8' });
    expect(messagesOf(bytes('PID|1||7\nnothing')).texts).toEqual([]);
    expect(messagesOf(new Uint8Array()).texts).toEqual([]);
  });

  it('is read in the character set that MSH-18 names where it is not UTF-8', () => {
    const of = (name: string): string => `MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5||||||${name}\rPID|1||7||M\u00fcller\u00a4`;
    expect(messagesOf(bytes(of('8859/15'), 'latin1'))).toEqual({
      texts: [of('8859/15').replace('\u00a4', '\u20ac').replace('\r', '\n')],
      charset: '8859/15',
    });
    expect(messagesOf(bytes(of('nobody knows'), 'latin1'))).toEqual({
      texts: [of('nobody knows').replace('\r', '\n')],
      charset: 'ISO 8859-1',
    });
    expect(messagesOf(bytes(of('8859/1'))).charset).toBe('UTF-8');
  });
});

describe.skipIf(SKIPPED !== '')('the page where a message is tried', () => {
  let browser: Browser;
  let house: SpecsHouse;
  let door: HttpDoor;
  beforeAll(async () => {
    [browser, house] = await Promise.all([openBrowser(), specsHouse()]);
    door = await startHttp({ ...LIMITS, verifyToken: undefined }, house.parts, pino({ level: 'silent' }));
  });
  afterAll(async () => {
    await browser?.close();
    await door?.close();
    await house?.[Symbol.asyncDispose]();
  });
  const stored = () =>
    house.database.query('SELECT (SELECT count(*) FROM journal.message) AS messages, (SELECT count(*) FROM fhir.resource) AS resources');

  it('takes what is pasted, chosen or dropped, and tells answer, resources, rows and what is wrong; nothing is stored', async () => {
    const before = await stored();
    await using opened = await openPage(browser, door.url);
    const { page } = opened;
    page.setDefaultTimeout(25_000);
    await page.goto('/');
    await page.getByRole('link', { name: 'paste or drop a message' }).click();
    const text = page.getByLabel('A message, one segment on each line');
    await text.fill('MSH|^~\\&|A|B|C|D|20260301||ZZZ^Z99|1|P|2.5.1\nPID|1||7^^^B||Muster');
    await page.locator('.live .state.parked').waitFor();
    await page.getByRole('tab', { name: /^Answer/ }).click();
    await page.getByText('MSA|AE|').first().waitFor();
    // Chosen as a file: its second message too.
    const [first = '', second = ''] = [
      REPORT.toString('latin1'),
      REPORT.toString('latin1').replace(/^PID\|.*$/m, 'PID|1||4712^^^RB^MR||Zweite||19680117'),
    ];
    await page.getByLabel('Or drop a file here, or choose one').setInputFiles({
      name: 'two <img src=x>.hl7',
      mimeType: 'text/plain',
      buffer: Buffer.from(`${first}\r${second}`, 'latin1'),
    });
    await page.getByText('message 1 of 2').waitFor();
    await page.getByRole('tab', { name: /^FHIR/ }).click();
    await page.locator('.line .element', { hasText: 'birthDate' }).first().waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('Zweite').first().waitFor();
    // What a value came from lights up.
    await page.locator('.line', { hasText: 'birthDate' }).first().click();
    await page.locator('.segment .value.lit').first().waitFor();
    expect(await opened.everywhere('try')).toEqual([]);
    // Dropped; what is no message says so.
    const drop = async (name: string, content: string): Promise<void> => {
      const transfer = await page.evaluateHandle(
        ([called, held]) => {
          const made = new DataTransfer();
          made.items.add(new File([held ?? ''], called ?? ''));
          return made;
        },
        [name, content],
      );
      await page.locator('.drop').dispatchEvent('drop', { dataTransfer: transfer });
    };
    await drop('letter.txt', 'Dear doctor');
    await page.getByRole('alert').getByText('holds no HL7v2 message').waitFor();
    await drop('one.hl7', first);
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.getByRole('tab', { name: /^OMOP/ }).click();
    await page.locator('.thing summary', { hasText: 'measurement' }).first().waitFor();
    expect(new URL(page.url()).search).toBe('');
    expect(await stored()).toEqual(before);
    expect(opened.faults).toEqual([]);
  });
});
