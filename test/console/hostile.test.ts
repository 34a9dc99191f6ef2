import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import type { Browser } from 'playwright-core';
import { h } from 'preact';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { visiblePieces, visibleText } from '../../services/console/parts/visible.ts';
import { makeVisibleEverywhere } from '../../services/console/parts/visible-everywhere.ts';
import { receive } from '../../services/pipeline.ts';
import { type TestDoor, testDoor } from '../http/door.ts';
import { openBrowser, openPage, SIZES, SKIPPED } from './browser.ts';
import { latestId } from './traffic.ts';

const ATTACKS = [
  '<script>window.hit=1</script>',
  '<img src=x onerror="window.hit=2">',
  '"><svg onload=window.hit=3>',
  'javascript:window.hit=4',
  '{{constructor.constructor("window.hit=5")()}}',
];
/** Right-to-left override, zero width, escape, bell. */
const UNSEEN = 'a\u202Egpj.exe\u200Bb\u001B[31mc\u0007';
const escaped = (text: string): string => text.replaceAll('&', '\\T\\').replaceAll('^', '\\S\\');

/** An attack in every field that the pages show: sender, type, control id, names, codes, units, values. */
function attack(n: number, type: string): string {
  const own = escaped(ATTACKS[n % ATTACKS.length] ?? '');
  const huge = 'W'.repeat(30_000);
  return [
    `MSH|^~\\&|${own}|${own}${UNSEEN}|${own}|${own}|20260301101500||${type}|${own}${n}|P|2.5.1||||||UNICODE UTF-8`,
    `PID|1||${own}^^^${own}^MR||${own}${UNSEEN}^${own}||19680117|${own}|||${own}^^${own}`,
    `OBR|1||${own}|${own}^${own}^${own}|||20260301093000|||||||||||||||20260301100000|||F`,
    `OBX|1|ST|${own}^${own}^L||${own}${UNSEEN}${huge}|${own}|${own}|${own}|||F|||20260301093000`,
    `ZZZ|${own}|${UNSEEN}`,
  ].join('\r');
}

describe.skipIf(SKIPPED !== '')('text of others', () => {
  let browser: Browser;
  let door: TestDoor;
  const ids: number[] = [];
  beforeAll(async () => {
    [browser, door] = await Promise.all([openBrowser(), testDoor()]);
    for (const n of ATTACKS.keys()) {
      for (const type of ['ORU^R01^ORU_R01', `${escaped(ATTACKS[n] ?? '').slice(0, 40)}^X01`]) {
        await receive(door.parts, Buffer.from(attack(n, type)), 'http');
        ids.push(await latestId(door.database));
      }
    }
    await door.drain();
  });
  afterAll(async () => {
    await browser?.close();
    await door?.[Symbol.asyncDispose]();
  });

  for (const size of SIZES) {
    it(`is shown and does nothing, on every page, at ${size.width} pixels`, async () => {
      await using opened = await openPage(browser, door.door.url, { size });
      const { page } = opened;
      let dialogs = 0;
      page.on('dialog', (dialog) => {
        dialogs += 1;
        void dialog.dismiss();
      });
      const harmless = async (where: string): Promise<void> => {
        expect(await page.evaluate('window.hit'), where).toBeUndefined();
        expect(
          await page.evaluate(
            "document.querySelectorAll('main script, main img, main svg[onload], main iframe, main a[href^=javascript]').length",
          ),
          where,
        ).toBe(0);
        expect(await opened.fits(), where).toBe(true);
      };
      await page.goto('/');
      await page.getByText('Parked, by cause').waitFor();
      await harmless('sources');
      await page.goto('/messages');
      await page.getByText(/that is everything/).waitFor();
      await page.getByText('<script>window.hit=1</script>0').first().waitFor();
      await harmless('list');
      await opened.shot(`hostile-list-${size.width}`);
      for (const id of ids.slice(0, 2)) {
        await page.goto(`/messages/${id}`);
        await page.getByRole('button', { name: 'Reveal…' }).click();
        await page.getByLabel(/^Reason/).fill('hostile');
        await page.getByRole('button', { name: 'Show it' }).click();
        await page.locator('.segment .sign', { hasText: 'U+202E' }).first().waitFor();
        await page.locator('.segment .value', { hasText: '<script>window.hit=1</script>' }).first().waitFor();
        await page
          .getByRole('button', { name: /more characters/ })
          .first()
          .waitFor();
        await harmless(`message ${id}`);
        await opened.shot(`hostile-message-${ids.indexOf(id)}-${size.width}`);
      }
      await page.goto('/operations');
      await page.getByText('Room on disk, by schema').waitFor();
      await harmless('operations');
      expect([dialogs, opened.faults]).toEqual([0, []]);
    });
  }
});

describe('what does not print', () => {
  it('is named, and nothing else is changed', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(
            fc.constantFrom('a', '\u202E', '\u0000', '\r', '\u200D', '\ud800', '\u{E0041}', '\u009b'),
            fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
          ),
        }),
        (text) => {
          const pieces = visiblePieces(text);
          const shown = pieces.map((piece) => piece.text).join('');
          // biome-ignore lint/suspicious/noControlCharactersInRegex: to find them is the purpose
          expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b-\u200f]/u);
          const kept = pieces.filter(({ isSign }) => !isSign).map((piece) => piece.text);
          expect(kept.every((piece) => text.includes(piece))).toBe(true);
        },
      ),
    );
  });

  it('is named in what is plain text too, lines and tabs apart, and in what is said on hover, whoever forgets it', () => {
    expect(visibleText('a\u202Eb\u0007\n\tc\u{E0041}')).toBe('a⟨U+202E⟩b⟨U+0007⟩\n\tc⟨U+E0041⟩');
    makeVisibleEverywhere();
    const node = h('p', { title: 'a\u202Eb', 'data-x': 'a\u202Eb' }, 'c');
    expect(node.props).toMatchObject({ title: 'a⟨U+202E⟩b', 'data-x': 'a\u202Eb' });
  });

  it('comes to no page but as text: nothing writes HTML, no attribute holds script', () => {
    const root = resolve(import.meta.dirname, '../../services/console');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (name) => /\.tsx?$/.test(name) && !name.startsWith('dist'),
    );
    const wrong = files.filter((name) =>
      /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/.test(
        readFileSync(join(root, name), 'utf8'),
      ),
    );
    expect(wrong).toEqual([]);
  });
});
