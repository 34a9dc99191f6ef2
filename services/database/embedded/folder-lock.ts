/**
 * Who owns the data folder: a lock of the operating system, which ends with its process however that ends. Node offers no file locks of
 * its own; SQLite, which comes with it, takes one (fcntl) on the file, between processes, containers and calls of one process alike.
 * A file with a process number would not do: after SIGKILL it stays, and its number may belong to a stranger.
 */
import { DatabaseSync } from 'node:sqlite';
import { problem, Refusal } from '../../errors.ts';
import type { Folder } from './folder.ts';
import { keepOwner, reasonOf } from './folder.ts';

export interface FolderLock {
  release(): void;
}

const SQLITE_BUSY = 5;

/** Returns the lock of `folder`, or undefined while another process (or an earlier call in this one) holds it. */
export function takeLock(folder: Folder): FolderLock | undefined {
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(folder.lock, { timeout: 0 });
    file.exec('BEGIN EXCLUSIVE');
    keepOwner(folder.lock);
    const held = file;
    return { release: () => held.isOpen && held.close() };
  } catch (error) {
    file?.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw new Refusal([problem('database-folder-unreachable', { folder: folder.path, reason: `it cannot be locked: ${reasonOf(error)}` })]);
  }
}
