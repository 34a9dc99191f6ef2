/**
 * Loaded before each test file: what would make one run differ from another.
 *
 * Draws: fast-check draws the same in every run, so that a run fails by what it tests and not by the day. POLYSEME_TEST_SEED=17 draws others,
 * POLYSEME_TEST_SEED=random others in each file and run, and prints by what seed.
 *
 * Midnight: what is open lasts until the day it was written. What is written before midnight and again after it differs, rightly; so no file
 * begins shortly before (UTC, the zone of the CDM in tests).
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';

const SEED = 20_261_121;
const DAY_MS = 86_400_000;
const LONGEST_FILE_MS = 120_000;

// Loaded only where it is used: few files draw.
if (/'fast-check'/.test(readFileSync(expect.getState().testPath ?? '', 'utf8'))) {
  const { default: fc } = await import('fast-check');
  const asked = process.env['POLYSEME_TEST_SEED'] ?? String(SEED);
  const seed = asked === 'random' ? Date.now() % 0x7fff_ffff : Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error(`POLYSEME_TEST_SEED is "${asked}": it must be a whole number or "random"`);
  if (seed !== SEED) console.log(`fast-check draws by seed ${seed}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}

const leftMs = DAY_MS - (Date.now() % DAY_MS);
if (leftMs < LONGEST_FILE_MS) await pause(leftMs + 1_000);
