import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFhirFolder, loadFhirTerminology } from '../../../services/commands/vocabulary/fhir.ts';
import { readResource } from '../../../services/database/resources/resources.ts';
import { circleIn } from '../../../terminology/fhir/circle.ts';
import { kindOfFile, packageFiles } from '../../../terminology/fhir/package.ts';
import type { JsonObject } from '../../../terminology/provider.ts';
import { type TestHouse, testHouse } from '../../parts.ts';

let folder: string;
let house: TestHouse;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  house = await testHouse();
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A tar archive as npm packs it. */
function tar(entries: readonly { readonly name: string; readonly text: string; readonly type?: string; readonly size?: number }[]): Buffer {
  const blocks = entries.flatMap(({ name, text, type = '0', size }) => {
    const body = Buffer.from(text);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write('0000644\0', 100);
    header.write(`${(size ?? body.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write(type, 156);
    header.write('ustar\0', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
const saved = async (name: string, bytes: Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};
const codeOf = async (path: string): Promise<string> => {
  try {
    for await (const _ of packageFiles(path));
    return 'read';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
};
const colors = {
  resourceType: 'CodeSystem',
  id: 'colors',
  url: 'http://example.org/colors',
  status: 'active',
  content: 'complete',
  concept: [{ code: 'red' }],
};
const all = {
  resourceType: 'ValueSet',
  id: 'all',
  url: 'http://example.org/all',
  status: 'active',
  compose: { include: [{ system: colors.url }] },
};

describe('FHIR packages', () => {
  it('are recognised by content, stored once, and other types are counted', async () => {
    const files = [
      { name: 'package/package.json', text: '{"name":"x"}' },
      { name: 'package/.index.json', text: '{}' },
      { name: 'package/CodeSystem-colors.json', text: JSON.stringify(colors) },
      { name: 'package/ValueSet-all.json', text: JSON.stringify(all) },
      { name: 'package/Patient-p.json', text: '{"resourceType":"Patient","id":"p"}' },
      { name: 'package/broken.json', text: '{' },
      { name: 'package/other/CodeSystem-hidden.json', text: JSON.stringify({ ...colors, id: 'hidden' }) },
    ];
    const path = await saved('any.name', gzipSync(tar(files)));
    expect(await kindOfFile(path)).toBe('archive');
    const report = await loadFhirTerminology(house.parts, path);
    expect(report).toMatchObject({ read: 2, created: 2, others: 1 });
    expect(report.refused.map(({ from, problems }) => [from, problems[0]?.code])).toEqual([
      [`${path}/package/broken.json`, 'fhir-not-json'],
    ]);
    expect(await loadFhirTerminology(house.parts, path)).toMatchObject({ created: 0, unchanged: 2 });
    expect((await readResource(house.database, 'CodeSystem', 'colors'))?.deleted).toBe(false);
    expect(await readResource(house.database, 'CodeSystem', 'hidden')).toBeUndefined();
  });

  it('whose code system has a code twice are told which, and what was stored before stays', async () => {
    const path = await saved('good.json', Buffer.from(JSON.stringify({ ...colors, id: 'hues' })));
    await loadFhirTerminology(house.parts, path);
    const concept = [
      { code: 'red', concept: [{ code: 'dark' }] },
      { code: 'blue', concept: [{ code: 'dark' }] },
    ];
    const files = [{ name: 'package/CodeSystem-hues.json', text: JSON.stringify({ ...colors, id: 'hues', concept }) }];
    const twice = await saved('twice.tgz', gzipSync(tar(files)));
    const { refused } = await loadFhirTerminology(house.parts, twice);
    expect(refused.map(({ from, problems }) => [from, problems[0]?.code, problems[0]?.at])).toEqual([
      [`${twice}/package/CodeSystem-hues.json`, 'fhir-invariant', 'CodeSystem'],
    ]);
    expect(refused[0]?.problems[0]?.text).toContain('dark (concept[1].concept[0])');
    expect((await readResource(house.database, 'CodeSystem', 'hues'))?.body).not.toContain('dark');
  });

  it('whose code system has a circle are told of it; the others of the package are stored', async () => {
    const below = (code: string, parent: string) => ({ code, property: [{ code: 'parent', valueCode: parent }] });
    const property = [{ code: 'parent', type: 'code' }];
    const system = (id: string, concept: readonly JsonObject[]) => ({ ...colors, id, url: `http://example.org/${id}`, property, concept });
    const whole = system('whole', [{ code: 'a' }, below('b', 'a'), below('c', 'b'), { ...below('d', 'b'), concept: [below('e', 'c')] }]);
    const round = system('round', [{ code: 'x' }, below('a', 'c'), below('b', 'a'), below('c', 'b')]);
    expect([circleIn(whole), circleIn(round)?.toSorted()]).toEqual([undefined, ['a', 'b', 'c']]);
    const files = [whole, round].map((each) => ({ name: `package/CodeSystem-${each.id}.json`, text: JSON.stringify(each) }));
    const path = await saved('circle.tgz', gzipSync(tar(files)));
    const { created, refused } = await loadFhirTerminology(house.parts, path);
    expect([created, refused.map(({ from, problems }) => [from, problems[0]?.code, problems[0]?.at])]).toEqual([
      1,
      [[`${path}/package/CodeSystem-round.json`, 'terminology-circle', `${path}/package/CodeSystem-round.json`]],
    ]);
  });

  it('may hold names longer than a header has room for', async () => {
    const name = `package/CodeSystem-${'long-'.repeat(30)}.json`;
    const link = { name: '././@LongLink', type: 'L', text: `${name}\0` };
    const path = await saved('long', gzipSync(tar([link, { name: name.slice(0, 100), text: JSON.stringify(colors) }])));
    const places: string[] = [];
    for await (const { place } of packageFiles(path)) places.push(place);
    expect(places).toEqual([`${path}/${name}`]);
  });

  it('may be bundles and single files too', async () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'collection',
      entry: [{ resource: { ...colors, id: 'b' } }, { resource: { resourceType: 'Patient', id: 'p' } }],
    };
    const path = await saved('bundle.txt', Buffer.from(`\n ${JSON.stringify(bundle)}`));
    expect(await loadFhirTerminology(house.parts, path)).toMatchObject({ read: 1, created: 1, others: 1, refused: [] });
  });

  it('may be unpacked: the files of a folder, or of its folder package', async () => {
    const content = [
      ['package.json', '{"name":"x"}'],
      ['.index.json', '{}'],
      ['CodeSystem-a.json', '{'],
      ['CodeSystem-u.json', JSON.stringify({ ...colors, id: 'unpacked' })],
      ['Patient-p.json', '{"resourceType":"Patient","id":"p"}'],
      ['notes.txt', 'nothing of it'],
    ] as const;
    const unpacked = join(folder, 'unpacked', 'package');
    await mkdir(unpacked, { recursive: true });
    for (const [name, text] of content) await writeFile(join(unpacked, name), text);
    expect([await isFhirFolder(unpacked), await isFhirFolder(join(folder, 'unpacked'))]).toEqual([true, true]);
    const broken = [join(unpacked, 'CodeSystem-a.json'), 'fhir-not-json'];
    for (const [path, created] of [[unpacked, 1] as const, [join(folder, 'unpacked'), 0] as const]) {
      const report = await loadFhirTerminology(house.parts, path);
      expect(report).toMatchObject({ read: 1, created, others: 1 });
      expect(report.refused.map(({ from, problems }) => [from, problems[0]?.code])).toEqual([broken]);
    }
    // What describes a release in JSON beside its files is no resource; an Athena download is one whatever lies beside it.
    for (const [name, file] of [
      ['rf2', 'release_package_information.json'],
      ['athena', 'CONCEPT.csv'],
    ] as const) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, file), '{"effectiveTime":"20260101"}');
      if (name === 'athena') await writeFile(join(folder, name, 'CodeSystem-u.json'), JSON.stringify(colors));
      expect(await isFhirFolder(join(folder, name))).toBe(false);
    }
    expect(await isFhirFolder(join(folder, 'nowhere'))).toBe(false);
  });

  it('that are hostile are refused: names that lead out, links, sizes, damage', async () => {
    const archive = async (name: string, entry: Parameters<typeof tar>[0][number]) => codeOf(await saved(name, gzipSync(tar([entry]))));
    expect(await archive('up', { name: 'package/../../etc/x.json', text: '{}' })).toBe('terminology-hostile-archive');
    expect(await archive('root', { name: '/etc/x.json', text: '{}' })).toBe('terminology-hostile-archive');
    expect(await archive('drive', { name: 'C:\\x.json', text: '{}' })).toBe('terminology-hostile-archive');
    expect(await archive('link', { name: 'package/x.json', text: '', type: '2' })).toBe('terminology-hostile-archive');
    expect(await archive('huge', { name: 'package/x.json', text: '{}', size: 2 ** 32 })).toBe('terminology-hostile-archive');
    expect(await archive('cut', { name: 'package/x.json', text: '{}', size: 1_000_000 })).toBe('terminology-hostile-archive');
    expect(await codeOf(await saved('zeros', gzipSync(Buffer.alloc(5_000, 7))))).toBe('terminology-hostile-archive');
    expect(await codeOf(await saved('half', gzipSync(tar([{ name: 'package/x.json', text: '{}' }])).subarray(0, 60)))).toBe(
      'terminology-hostile-archive',
    );
    expect(await archive('fine', { name: 'package/x.json', text: '{}' })).toBe('read');
  });
});
