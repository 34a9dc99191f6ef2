import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { run } from '../../services/commands/program.ts';

/** What a command line came to. */
export interface Ran {
  readonly code: number | null;
  /** Results. */
  readonly out: string;
  /** Everything said about the work. */
  readonly said: string;
}

type Environment = Readonly<Record<string, string>>;

/** Runs one command line in this process, with `environment` as its only POLYSEME_ settings. */
export async function ran(args: readonly string[], environment: Environment = {}): Promise<Ran> {
  const out: string[] = [];
  const said: string[] = [];
  const before = Object.entries(process.env).filter(([name]) => name.startsWith('POLYSEME_') && !name.startsWith('POLYSEME_TEST_'));
  for (const [name] of before) delete process.env[name];
  Object.assign(process.env, environment);
  try {
    const code = await run(args, { out: (each) => out.push(each), say: (each) => said.push(each), interactive: false });
    return { code, out: out.join('\n'), said: said.join('\n') };
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
    Object.assign(process.env, Object.fromEntries(before));
  }
}

/** The program. */
export const MAIN = resolve(import.meta.dirname, '..', '..', 'services', 'main.ts');

/** Runs one command line as a user does, in a process of its own, with `input` on its standard input. */
export async function ranAlone(args: readonly string[], environment: Environment = {}, input: string | Uint8Array = ''): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env['PATH'] ?? '', ...environment } });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise<number | null>((done) => child.once('close', done));
  const [out, said, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, said };
}

export interface Folder extends Disposable {
  readonly path: string;
  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string;
}

/** A folder that is gone at the end of the `using` block. */
export function folder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'polyseme-command-'));
  return {
    path,
    write: (name, content) => {
      writeFileSync(join(path, name), content);
      return join(path, name);
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
