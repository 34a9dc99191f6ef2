import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLoopback, readConfig } from '../../services/config.ts';
import { folder, ran, ranAlone } from './command-line.ts';

/** Every command and subcommand, found as a user finds them. */
async function commandsBelow(command: readonly string[]): Promise<readonly (readonly string[])[]> {
  const { out } = await ran([...command, '--help']);
  const names = [...(out.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z][a-z-]*)/gm)].flatMap(
    (each) => each[1] ?? [],
  );
  const below = await Promise.all(names.filter((name) => name !== 'help').map((name) => commandsBelow([...command, name])));
  return [command, ...below.flat()];
}

const COMMANDS = await commandsBelow([]);

describe('--help', () => {
  it('names the commands there must be', () => {
    const names = COMMANDS.map((each) => each.join(' '));
    const needed = [
      'serve',
      'import',
      'convert',
      'check',
      'vocabulary load',
      'explain',
      'doctor',
      'psql',
      'token create',
      'token list',
      'token revoke',
    ];
    expect(names).toEqual(expect.arrayContaining(needed));
  });

  it.each(COMMANDS.map((each) => [each.join(' ') || 'polyseme', each] as const))(
    'of %s begins with examples and lists exit codes',
    async (_name, command) => {
      const { code, out } = await ran([...command, '--help']);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^Examples:\\n  \\$ .*polyseme ${command.join(' ')}`));
      expect(out).toMatch(/\nExit codes:\n( {2}.+\n?)+/);
    },
  );
});

describe('a wrong call', () => {
  it.each([
    [['conver', 'x'], 'convert'],
    [['serv'], 'serve'],
    [['convert', 'x', '--fromat', 'csv'], '--format'],
    [['explain', 'person', '1', '--jsn'], '--json'],
    [['token', 'creat', 'x'], 'create'],
    [['vocabulary', 'laod', 'x'], 'load'],
  ])('%j gets a suggestion and exit code 2', async (args, suggestion) => {
    const { code, said, out } = await ran(args);
    expect([code, out]).toEqual([2, '']);
    expect(said).toContain(`(Did you mean ${suggestion}?)`);
    expect(said).toContain('--help');
  });

  it.each([[['convert']], [['explain', 'person']], [['convert', 'x', '--to', 'omob']], [['convert', 'x', '--format', 'xml']]])(
    '%j says what is wrong with exit code 2',
    async (args) => {
      const { code, said } = await ran(args);
      expect(code).toBe(2);
      expect(said).toMatch(/^error: /);
    },
  );
});

describe('settings', () => {
  it('that are wrong or unknown are refused by name with a cure, and their values are not shown', async () => {
    const { code, said } = await ran(['convert', 'x'], {
      POLYSEME_HTTP_PORT: 'seven',
      POLYSEME_HTPP_HOST: 'x',
      POLYSEME_DATABASE_URL: 'secret',
    });
    expect(code).toBe(1);
    for (const name of ['POLYSEME_HTTP_PORT', 'POLYSEME_HTPP_HOST', 'POLYSEME_DATABASE_URL']) expect(said).toContain(name);
    expect(said).not.toContain('secret');
    expect(said.match(/cure: /g)).toHaveLength(3);
  });

  it('may be read from a file, whose last newline is no part of them', () => {
    using dir = folder();
    const url = 'postgres://polyseme:hidden@db/polyseme';
    for (const end of ['', '\n', '\r\n']) {
      const config = readConfig({ POLYSEME_DATABASE_URL_FILE: dir.write('url', `${url}${end}`) });
      expect(config).toMatchObject({ ok: true, value: { databaseUrl: url } });
    }
    const missing = readConfig({ POLYSEME_DATABASE_URL_FILE: `${dir.path}/not-there` });
    expect(missing).toMatchObject({ ok: false, problems: [{ code: 'setting-invalid' }] });
  });

  it('know which addresses only this machine can reach', () => {
    expect(['127.0.0.1', '127.3.2.1', '::1', 'localhost'].filter(isLoopback)).toHaveLength(4);
    expect(
      ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.example', '1127.0.0.1', 'localhost.example', '', '::ffff:10.0.0.1'].filter(isLoopback),
    ).toEqual([]);
  });
});

describe('compiled code', () => {
  it('is kept in a folder of the user that nobody else can write to, unless it is to be kept nowhere', async () => {
    using dir = folder();
    const cache = join(dir.path, 'polyseme');
    const version = (more = {}) => ranAlone(['--version'], { XDG_CACHE_HOME: dir.path, ...more });
    expect((await version({ NODE_DISABLE_COMPILE_CACHE: '1' })).code).toBe(0);
    expect(readdirSync(dir.path)).toEqual([]);
    const { code, out, said } = await version();
    expect([code, out, said]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/), '']);
    expect(statSync(cache).mode & 0o022).toBe(0);
    const [kept] = readdirSync(cache);
    expect(readdirSync(join(cache, kept ?? '')).length).toBeGreaterThan(100);
    expect((await version()).out).toBe(out);
  });
});
