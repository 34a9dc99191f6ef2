/** postmaster.pid: what a running PostgreSQL says about itself in its data directory (src/include/utils/pidfile.h). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PostmasterFile {
  readonly pid: number;
  readonly port: number | undefined;
  /** 'ready' once it accepts connections. */
  readonly status: string | undefined;
}

export const postmasterFileIn = (cluster: string): string => join(cluster, 'postmaster.pid');

/** Returns what the file in `cluster` says, 'garbage' when it holds no process number, undefined when there is none. */
export function readPostmasterFile(cluster: string): PostmasterFile | 'garbage' | undefined {
  let text: string;
  try {
    text = readFileSync(postmasterFileIn(cluster), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return parsePostmasterFile(text);
}

/** Returns the content of a postmaster.pid: process number on line 1, port on line 4, status on line 8. */
export function parsePostmasterFile(text: string): PostmasterFile | 'garbage' {
  const lines = text.split('\n').map((line) => line.trim());
  // In single-user mode PostgreSQL writes its number with a minus sign.
  const pid = /^-?(\d{1,10})$/.exec(lines[0] ?? '')?.[1];
  if (pid === undefined || Number(pid) < 1) return 'garbage';
  const port = /^\d{1,5}$/.test(lines[3] ?? '') ? Number(lines[3]) : undefined;
  return { pid: Number(pid), port, status: lines[7] || undefined };
}
