/** Where a process's memory lies, by kind of region: what the engine's heap does not explain. */
import { readFileSync } from 'node:fs';

const ARENA_KB = 64 * 1024;

/** Returns resident megabytes by kind of region; undefined where the system does not tell (Linux does). */
export function residentByRegion(smaps = '/proc/self/smaps'): ReadonlyMap<string, number> | undefined {
  let text: string;
  try {
    text = readFileSync(smaps, 'latin1');
  } catch {
    return undefined;
  }
  const kb = new Map<string, number>();
  let kind = '';
  for (const line of text.split('\n')) {
    const [, from, to, rights, name] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$/.exec(line) ?? [];
    if (from !== undefined && to !== undefined) kind = kindOf(BigInt(`0x${from}`), BigInt(`0x${to}`), rights ?? '', name ?? '');
    const resident = /^Rss:\s+(\d+) kB/.exec(line)?.[1];
    if (resident !== undefined) kb.set(kind, (kb.get(kind) ?? 0) + Number(resident));
  }
  return new Map([...kb].map(([each, size]) => [each, Math.round(size / 1024)]));
}

function kindOf(from: bigint, to: bigint, rights: string, name: string): string {
  const sizeKb = Number(to - from) / 1024;
  if (name === '[heap]') return 'malloc, first thread';
  if (name.startsWith('/')) return 'files';
  if (name !== '') return name;
  // glibc gives each further thread arenas of 64 MB, at multiples of that.
  if (rights.startsWith('rw') && from % BigInt(ARENA_KB * 1024) === 0n && sizeKb <= ARENA_KB) return 'malloc, other threads';
  // The engine's pages are of 256 KB; what is larger is a large object, a buffer or a stack.
  return sizeKb <= 1024 ? 'engine pages' : rights.includes('x') ? 'compiled code' : 'large';
}
