/** `accepts` may say no where only the whole conversion can tell, but never yes where that parks or refuses. */
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mutated } from '../../scripts/fuzz/mutate.ts';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

const ROOT = join(import.meta.dirname, '../..');
const CORPUS = join(ROOT, '../shared/corpus/hl7v2');
const CONTEXT = { timezone: 'UTC' };
const loaded = loadMaps(join(ROOT, 'mappings'));
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const maps = loaded.value;

const fixtures = globSync('**/*.hl7', { cwd: join(ROOT, 'fixtures/hl7v2') })
  .toSorted()
  .map((name) => readFileSync(join(ROOT, 'fixtures/hl7v2', name)));

function messagesIn(bytes: Uint8Array): readonly Uint8Array[] {
  const split = splitBatch(bytes);
  return split.ok ? split.value : [];
}

/** 'taken', 'not', or 'unread' when the bytes are no message; throws when the judgement contradicts the conversion. */
function judged(bytes: Uint8Array): 'taken' | 'not' | 'unsure' | 'unread' {
  const parsed = parseMessage(bytes);
  if (!parsed.ok) return 'unread';
  const { rung } = maps.convert(parsed.value, CONTEXT);
  const isTaken = rung !== 'park-message' && rung !== 'refuse';
  const says = maps.accepts(parsed.value, CONTEXT);
  if (says && !isTaken) throw new Error(`accepted, but ${rung}: ${Buffer.from(bytes).toString('latin1')}`);
  return isTaken ? (says ? 'taken' : 'unsure') : 'not';
}

function tally(all: Iterable<Uint8Array>): Record<ReturnType<typeof judged>, number> {
  const counts = { taken: 0, not: 0, unsure: 0, unread: 0 };
  for (const each of all) counts[judged(each)] += 1;
  return counts;
}

it('fixtures are accepted without the whole conversion where it takes them', () => {
  const found = tally(fixtures.flatMap((file) => messagesIn(file)));
  expect(found.unsure).toBe(0);
  expect(found.taken).toBeGreaterThan(20);
});

it('every segment taken out, every field of it emptied: what is parked or refused is never accepted', () => {
  const variants = function* (): Generator<Uint8Array> {
    for (const file of fixtures) {
      const [message] = messagesIn(file);
      if (message === undefined) continue;
      const segments = Buffer.from(message)
        .toString('latin1')
        .split(/[\r\n]+/);
      for (let i = 1; i < segments.length; i++) {
        yield Buffer.from(segments.filter((_, n) => n !== i).join('\r'), 'latin1');
        const fields = (segments[i] ?? '').split('|');
        for (let f = 1; f < Math.min(fields.length, 25); f++) {
          if (fields[f] === '') continue;
          const emptied = fields.with(f, '').join('|');
          yield Buffer.from(segments.with(i, emptied).join('\r'), 'latin1');
        }
      }
    }
  };
  const found = tally(variants());
  expect(found.taken).toBeGreaterThan(1000);
  expect(found.not).toBeGreaterThan(50);
  expect(found.unsure).toBeLessThan(found.taken / 50);
});

it('2,000 mutated messages', () => {
  const found = tally(Array.from({ length: 2000 }, (_, n) => mutated(fixtures, chanceOf(7, n))));
  expect(found.taken + found.not).toBeGreaterThan(300);
});

it.skipIf(!existsSync(CORPUS))(
  'every message of the corpus (skipped where ../shared/corpus is not beside the checkout)',
  { timeout: 900_000 },
  () => {
    const files = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(hl7|txt|er7|dat)$/i.test(name))
      .map((name) => join(CORPUS, name))
      .filter((path) => statSync(path).isFile() && statSync(path).size < 1_000_000);
    const found = tally(files.flatMap((path) => messagesIn(readFileSync(path))));
    expect(found.taken).toBeGreaterThan(500);
    expect(found.unsure).toBeLessThan(found.taken / 20);
    console.log(found);
  },
);
