/**
 * A process that starts the embedded PostgreSQL, as `polyseme serve` would: for tests that kill it. Options come as JSON in the first
 * argument; it prints one JSON line when the server is ready (or why it is not) and stops when its standard input ends.
 */

import { startEmbedded } from '../../../services/database/embedded/embedded.ts';
import { keepEmbedded } from '../../../services/database/embedded/keep.ts';
import { Refusal } from '../../../services/errors.ts';

const { keep, leave, ...options } = JSON.parse(process.argv[2] ?? '{}');
try {
  const database = await (keep ? keepEmbedded(options) : startEmbedded(options));
  const { url, pid, role, version } = database;
  process.stdout.write(`${JSON.stringify({ url, pid, role, version })}\n`);
  if (leave) process.exit(0);
  process.stdin.resume();
  process.stdin.once('end', async () => {
    await database.stop();
    process.exit(0);
  });
} catch (error) {
  const codes = error instanceof Refusal ? error.problems.map((each) => each.code) : [];
  process.stdout.write(`${JSON.stringify({ codes, text: String(error) })}\n`);
  process.exit(1);
}
