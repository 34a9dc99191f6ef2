/**
 * Every flush fails for real: the data folder lies on an ext4 of its own that is shut down under load (EXT4_IOC_SHUTDOWN without a flush of
 * its log, https://man7.org/linux/man-pages/man2/ioctl.2.html), so that writes and fsync answer EIO and what was not flushed is gone, as
 * when the power fails. Contents are sealed. Then it is mounted again.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStore } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { drained, NOTHING_WRONG, reckoning, startLoad, storiesOf } from './load.ts';
import { postmasterPid, type ServerProcess, startServer } from './server-process.ts';

const FAILURES = Number(process.env['POLYSEME_TEST_FLUSH_FAILURES'] ?? 1);
const SHUTDOWN = `import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))`;
const MASTER_KEY = `k1:${Buffer.alloc(32, 7).toString('base64')}`;

const ran = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** A file system in a file, that can fail and be mounted again. */
class FailingDisk {
  readonly #folder = mkdtempSync(join(tmpdir(), 'polyseme-flush-'));
  readonly path = join(this.#folder, 'disk');
  readonly #image = join(this.#folder, 'image');

  /** Undefined where this machine does not allow one. */
  static make(): FailingDisk | undefined {
    const disk = new FailingDisk();
    mkdirSync(disk.path);
    const isMade = ran('truncate', '-s', '900M', disk.#image) && ran('mkfs.ext4', '-q', '-F', disk.#image) && disk.mount();
    if (isMade && ran('python3', '-c', 'import fcntl')) return disk;
    disk.remove();
    return undefined;
  }

  mount(): boolean {
    return ran('mount', '-o', 'loop', this.#image, this.path);
  }

  fail(): void {
    if (!ran('python3', '-c', SHUTDOWN, this.path)) throw new Error('the file system could not be shut down');
  }

  /** Once nobody uses it any more: what its log has is there again. */
  async mountAgain(): Promise<void> {
    while (!ran('umount', this.path)) await new Promise((resolve) => setTimeout(resolve, 100));
    if (!this.mount()) throw new Error('the file system could not be mounted again');
  }

  remove(): void {
    ran('umount', '-l', this.path);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const isOnUrl = process.env['POLYSEME_TEST_DATABASE_URL'] !== undefined;
const disk = isOnUrl ? undefined : FailingDisk.make();
if (!disk) console.log('flush.test.ts is skipped: it takes root, loop devices, mkfs.ext4, python3, and an embedded database');

/** Kills the process group of PostgreSQL as far as it is still there. */
function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself: that is what PostgreSQL does when a flush fails.
  }
}

it.skipIf(!disk)(
  `of ${FAILURES} failures of every write and flush none loses what was accepted`,
  { timeout: 120_000 * (FAILURES + 1) },
  async () => {
    if (!disk) return;
    const dataDir = join(disk.path, 'data');
    mkdirSync(dataDir);
    const environment = { POLYSEME_DATA_DIR: dataDir, POLYSEME_MODE: 'production', POLYSEME_MASTER_KEY: MASTER_KEY };
    let server: ServerProcess | undefined = await startServer(environment);
    try {
      const stories = storiesOf(41, 6 * (FAILURES + 1));
      const total = stories.flat().length;
      const load = startLoad(stories, () => server?.mllpPort ?? 1, 4, 100);
      for (let round = 1; round <= FAILURES; round++) {
        await load.reached(Math.floor((total * round) / (FAILURES + 1)));
        const postmaster = postmasterPid(dataDir);
        disk.fail();
        const before = load.accepted.length;
        const next = await Promise.race([
          load.reached(total).then(() => 'all accepted'),
          new Promise((done) => setTimeout(done, 2_000, 'none')),
        ]);
        expect(next).toBe('none');
        // What had been flushed before may still have been answered; then no more.
        expect(load.accepted.length - before).toBeLessThanOrEqual(8);
        await server?.kill();
        server = undefined;
        killed(postmaster);
        await disk.mountAgain();
        server = await startServer(environment);
      }
      await load.done;
      const config = readConfig(environment);
      if (!config.ok) throw new Error('settings');
      await using store = await openStore(config.value);
      await drained(store.database);
      expect(load.accepted.length).toBe(total);
      expect(await reckoning(store.database, load.accepted)).toEqual(NOTHING_WRONG);
      const [sealed] = await store.database.query<{ n: number }>('SELECT count(*)::int AS n FROM journal.message WHERE key_id IS NULL');
      expect(sealed?.n).toBe(0);
      console.log(`${FAILURES} failures of every flush, ${total} messages accepted, all there once, applied, in order, sealed`);
    } finally {
      const postmaster = server === undefined ? undefined : postmasterPid(dataDir);
      await server?.kill();
      if (postmaster !== undefined) killed(postmaster);
      disk.remove();
    }
  },
);
