/** Under which account PostgreSQL runs: it refuses root, so a root parent lends it an unprivileged one. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Tried in this order. `nobody` is last because other services use it too. */
const CANDIDATES = ['polyseme', 'postgres', 'nobody'];

/**
 * Returns the account to run PostgreSQL under, or undefined when this process is not root and runs it as itself. An existing
 * cluster keeps its owner; `wanted` (POLYSEME_POSTGRES_ACCOUNT) chooses for a new one.
 */
export function databaseAccount(clusterDir: string, wanted?: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const known = passwd();
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) {
    return known.find((each) => each.uid === owner.uid) ?? { name: String(owner.uid), uid: owner.uid, gid: owner.gid };
  }
  const names = wanted === undefined ? CANDIDATES : [wanted];
  for (const name of names) {
    const found = known.find((each) => each.name === name && each.uid !== 0);
    if (found !== undefined) return found;
  }
  return wanted === undefined ? { name: '65534', uid: 65534, gid: 65534 } : undefined;
}

/** True when this process is root and must therefore run PostgreSQL under another account. */
export const isRoot = (): boolean => process.getuid?.() === 0;

/** True when this process's own account has a name: initdb looks it up and refuses to run without one. */
export function hasName(uid: number): boolean {
  const known = passwd();
  return known.length === 0 || known.some((each) => each.uid === uid);
}

function passwd(): Account[] {
  let text: string;
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    return /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}

/**
 * Returns the first folder or file on the way to `path` that `account` may not enter (or, for the last one, read), or undefined when it
 * can be reached. Judged by owner and mode; access lists are not read, so the answer may be too careful, never too bold for them.
 */
export function firstClosed(account: Account, path: string): string | undefined {
  const target = resolve(path);
  const way: string[] = [];
  for (let at = target; ; at = dirname(at)) {
    way.unshift(at);
    if (at === dirname(at)) break;
  }
  return way.find((each) => {
    const found = statSync(each, { throwIfNoEntry: false });
    if (found === undefined) return false;
    const shift = found.uid === account.uid ? 6 : found.gid === account.gid ? 3 : 0;
    const granted = (found.mode >> shift) & 7;
    const needed = each !== target ? 1 : found.isDirectory() ? 5 : 4;
    return (granted & needed) !== needed;
  });
}
