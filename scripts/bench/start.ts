/** From nothing to the first acknowledgement: `polyseme serve` in an empty folder, as a user starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once as event } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectMllp } from '../../services/mllp/client.ts';
import { type Figure, once, spreadOf } from './measure.ts';
import { admission } from './messages.ts';
import { root } from './samples.ts';

const REPEATS = 3;

interface Started {
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  readonly residentMb: number;
}

export async function startFigures(): Promise<readonly Figure[]> {
  const all: Started[] = [];
  for (let i = 0; i < REPEATS; i++) all.push(await startOnce());
  const cold = spreadOf(all.map((each) => each.coldSeconds));
  const row = 'g start';
  return [
    { row, what: 'cold start, embedded, empty, to the first ACK', value: cold, unit: 's', target: '≤ 5', met: cold.median <= 5 },
    { row, what: '  started again on the same folder', value: spreadOf(all.map((each) => each.warmSeconds)), unit: 's' },
    {
      row,
      what: '  resident memory of the service then',
      value: once(all[0]?.residentMb ?? 0),
      unit: 'MB',
      target: '≤ 700',
      met: (all[0]?.residentMb ?? 0) <= 700,
    },
  ];
}

async function startOnce(): Promise<Started> {
  const dataDir = mkdtempSync(join(tmpdir(), 'polyseme-bench-start-'));
  try {
    const cold = await untilAcknowledged(dataDir, 1);
    const warm = await untilAcknowledged(dataDir, 2);
    return { coldSeconds: cold.seconds, warmSeconds: warm.seconds, residentMb: cold.residentMb };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function untilAcknowledged(dataDir: string, number: number) {
  const start = performance.now();
  const environment = {
    ...process.env,
    POLYSEME_DATA_DIR: dataDir,
    POLYSEME_HTTP_PORT: '0',
    POLYSEME_MLLP_PORT: '0',
    POLYSEME_LOG_LEVEL: 'error',
  };
  const child = spawn(process.execPath, [join(root, 'services', 'main.ts'), 'serve'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = event(child, 'exit');
  try {
    const port = await portOf(child);
    const client = connectMllp({ host: '127.0.0.1', port, timeoutMs: 10_000 });
    const answer = Buffer.from(await client.send(Buffer.from(admission(number)))).toString('latin1');
    const seconds = (performance.now() - start) / 1000;
    if (!answer.includes('\rMSA|AA|')) throw new Error('the first message was not accepted');
    await client.close();
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1];
    return { seconds, residentMb: Number(resident ?? 0) / 1000 };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

/** The port that `serve` says it listens on. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said += chunk.toString('utf8');
        const port = /MLLP [^\s]+:(\d+)/.exec(said)?.[1];
        if (port !== undefined) resolve(Number(port));
      });
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${said.slice(-500)}`)));
  });
}
