/** Traffic into files: the messages, and beside them what each of them is. */
import { accessSync, constants, createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { problem, Refusal } from '../../services/errors.ts';
import { segment, time } from './segments.ts';
import type { SimulatedMessage } from './traffic.ts';

/**
 * Writes DIR/traffic.hl7, one batch (FHS, BHS, messages, BTS, FTS) in the order of sending, and DIR/manifest.ndjson, one line per
 * message: controlId, person, number, type, mark, breakage, sendSeconds. Same traffic, same bytes. Returns the number of messages.
 */
export async function writeTraffic(folder: string, traffic: Iterable<SimulatedMessage>, seed: number, startMs: number): Promise<number> {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new Refusal([
      problem('folder-unwritable', { folder, reason: error instanceof Error && 'code' in error ? String(error.code) : '' }),
    ]);
  }
  const messages = createWriteStream(join(folder, 'traffic.hl7'));
  const manifest = createWriteStream(join(folder, 'manifest.ndjson'));
  const ended = Promise.all([finished(messages), finished(manifest)]);
  // A full disk is heard of while writing, too.
  ended.catch(() => {});
  const begun = time(startMs, 0);
  const header = { 1: '^~\\&', 2: 'SIMULATOR', 3: 'SIMHOSP', 6: begun };
  messages.write(`${segment('FHS', { ...header, 10: `F${seed}` })}\r${segment('BHS', { ...header, 10: `B${seed}` })}\r`);
  let count = 0;
  for (const { bytes, ...about } of traffic) {
    count += 1;
    const isFull = !messages.write(bytes);
    manifest.write(`${JSON.stringify(about)}\n`);
    if (isFull) await Promise.race([new Promise<void>((drained) => messages.once('drain', () => drained())), ended]);
  }
  messages.end(`BTS|${count}\rFTS|1\r`);
  manifest.end();
  await ended;
  return count;
}
