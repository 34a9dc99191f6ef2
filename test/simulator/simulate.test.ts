import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { simulate } from '../../scripts/simulate.ts';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { readHeader } from '../../services/hl7v2/parse.ts';
import { folder } from '../commands/command-line.ts';
import { at } from '../http/door.ts';
import { accepted, door } from '../mllp/doors.ts';

async function simulation(...args: readonly string[]) {
  const out: string[] = [];
  const said: string[] = [];
  const code = await simulate(args, { out: (text) => void out.push(text), say: (text) => void said.push(text), interactive: false });
  return { code, out: out.join('\n'), said: said.join('\n') };
}

describe('node scripts/simulate.ts', () => {
  it('writes one batch and says of each message what it is', async () => {
    using files = folder();
    const { code, out } = await simulation('--patients', '20', '--broken', '0.1', '--out', files.path, '--json');
    const batch = splitBatch(readFileSync(join(files.path, 'traffic.hl7')));
    if (!batch.ok) throw new Error(JSON.stringify(batch.problems));
    const manifest = readFileSync(join(files.path, 'manifest.ndjson'), 'utf8').trim().split('\n');
    expect([code, batch.problems, batch.value.length]).toEqual([0, [], manifest.length]);
    expect(at(JSON.parse(out), 'messages')).toBe(manifest.length);
    expect(batch.value.map((bytes) => readHeader(bytes)?.controlId)).toEqual(manifest.map((line) => at(JSON.parse(line), 'controlId')));
  });

  it('sends over MLLP on several connections, each patient in order', async () => {
    const numbers = new Map<string, number[]>();
    await using server = await door({
      receive: async (bytes) => {
        const [, person = '', number] = (readHeader(bytes)?.controlId ?? '').split('.');
        numbers.set(person, [...(numbers.get(person) ?? []), Number(number)]);
        return accepted(bytes);
      },
    });
    const calm = ['--duplicates', '0', '--broken', '0', '--merges', '0.3'];
    const { code, out } = await simulation('--patients', '25', ...calm, '--to', `127.0.0.1:${server.port}`, '--connections', '3', '--json');
    expect([code, numbers.size]).toEqual([0, 25]);
    for (const each of numbers.values()) expect(each).toEqual(each.map((_, index) => index + 1));
    expect(at(JSON.parse(out), 'delivery', 'codes', 'AA')).toBe([...numbers.values()].flat().length);
  });

  it('begins its help with examples and tells a wrong call', async () => {
    expect((await simulation('--help')).out).toMatch(/^Examples:\n {2}\$ node scripts\/simulate\.ts/);
    expect((await simulation('--patients', '3')).code).toBe(2);
    expect((await simulation('--broken', '2', '--out', 'x')).code).toBe(2);
    expect((await simulation('--start', '2026-13-40', '--out', 'x')).code).toBe(2);
    expect((await simulation('--patients', '3', '--to', 'nowhere')).code).toBe(1);
    expect((await simulation('--patients', '3', '--out', '/dev/null/x')).said).toMatch(/folder-unwritable/);
  });
});
