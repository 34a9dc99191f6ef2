import { describe, expect, it } from 'vitest';
import { ran } from './command-line.ts';

const COMMANDS = [
  [],
  ['serve'],
  ['import'],
  ['send'],
  ['convert'],
  ['check'],
  ['vocabulary'],
  ['vocabulary', 'load'],
  ['explain'],
  ['doctor'],
  ['psql'],
  ['token'],
  ['token', 'create'],
  ['token', 'list'],
  ['token', 'revoke'],
];

describe('--help', () => {
  it.each(COMMANDS.map((each) => [each.join(' ') || 'polyseme', each] as const))(
    'of %s begins with examples and lists exit codes',
    async (_name, command) => {
      const { code, out } = await ran([...command, '--help']);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^Examples:\\n  \\$ .*polyseme ${command.join(' ')}`));
      expect(out).toMatch(/\nExit codes:\n( {2}.+\n?)+/);
    },
  );

  it('names every command there is', async () => {
    const { out } = await ran(['--help']);
    const named = [...(out.split('Commands:\n')[1] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map((each) => each[1]);
    expect(named.filter((each) => each !== 'help').toSorted()).toEqual(
      COMMANDS.flatMap((each) => (each.length === 1 ? each : [])).toSorted(),
    );
  });
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
});
