/** view run and view check over files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { folder, ran } from './command-line.ts';

const VIEW = {
  resourceType: 'ViewDefinition',
  resource: 'Patient',
  select: [
    {
      column: [
        { name: 'id', path: 'id' },
        { name: 'name', path: 'name.family.first()' },
        { name: 'born', path: 'birthDate' },
      ],
    },
  ],
};

const bundle = {
  resourceType: 'Bundle',
  type: 'collection',
  entry: [{ resource: { resourceType: 'Patient', id: 'b', birthDate: '1980' } }, { resource: { resourceType: 'Basic', id: 'x' } }],
};
const lines = ['{"resourceType":"Patient","id":"a","name":[{"family":"@SUM(1)"}]}', '{"resourceType":"Group","id":"g"}'].join('\n');

describe('view', () => {
  it('makes a table of the resources in a folder, bundles included', async () => {
    using files = folder();
    const view = files.write('people.view', JSON.stringify(VIEW));
    files.write('a.ndjson', lines);
    files.write('b.json', JSON.stringify(bundle));
    files.write('c.json', '{"no":"resource"}');
    const { code, out, said } = await ran(['view', 'run', view, '--from', files.path]);
    expect([code, out.split(/\r?\n/)]).toEqual([0, ['id,name,born', "a,'@SUM(1),", 'b,,1980']]);
    expect(said).toContain('c.json: no FHIR resource, left out');
    const lined = await ran(['view', 'run', view, '--from', files.path, '--format', 'ndjson']);
    expect(lined.out.split('\n').map((each): unknown => JSON.parse(each))).toEqual([
      { id: 'a', name: '@SUM(1)', born: null },
      { id: 'b', name: null, born: '1980' },
    ]);
    const file = join(files.path, 'people.parquet');
    expect((await ran(['view', 'run', view, '--from', files.path, '--format', 'parquet', '--out', file])).code).toBe(0);
    const { buffer, byteOffset, byteLength } = readFileSync(file);
    expect(await parquetReadObjects({ file: new Uint8Array(buffer, byteOffset, byteLength).slice().buffer })).toEqual([
      { id: 'a', name: '@SUM(1)', born: null },
      { id: 'b', name: null, born: '1980' },
    ]);
  });

  it('checks a view, and says where it is wrong', async () => {
    using files = folder();
    const good = await ran(['view', 'check', files.write('good.json', JSON.stringify(VIEW))]);
    expect([good.code, good.out]).toEqual([0, 'Patient: id id, name string, born date']);
    const wrong = { ...VIEW, select: [{ column: [{ name: 'id', path: 'name.frist()' }] }] };
    const bad = await ran(['view', 'check', files.write('bad.json', JSON.stringify(wrong))]);
    expect([bad.code, bad.said.includes('ViewDefinition.select[0].column[0].path'), bad.said.includes('first()')]).toEqual([1, true, true]);
  });

  it.each([
    ['a folder without resources', ['run', 'VIEW', '--from', 'FOLDER/empty'], 1],
    ['a format that is none', ['run', 'VIEW', '--from', 'FOLDER', '--format', 'xlsx'], 2],
    ['Parquet to the terminal', ['run', 'VIEW', '--from', 'FOLDER', '--format', 'parquet'], 2],
    ['a file that is not there', ['check', 'FOLDER/none.json'], 1],
  ])('refuses %s', async (_name, args, code) => {
    using files = folder();
    const view = files.write('people.view', JSON.stringify(VIEW));
    const ended = await ran(['view', ...args.map((each) => each.replace('FOLDER', files.path).replace('VIEW', view))]);
    expect(ended.code).toBe(code);
  });
});
