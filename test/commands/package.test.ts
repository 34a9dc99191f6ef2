import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { afterAll, describe, expect, it } from 'vitest';
import { readPackage } from '../../services/commands/package/archive.ts';
import { Refusal } from '../../services/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'polyseme-package-'));
afterAll(() => rmSync(folder, { recursive: true }));

type TypeName = 'File' | 'SymbolicLink' | 'Link' | 'Directory' | 'CharacterDevice';
interface Entry {
  readonly path: string;
  readonly text?: string;
  readonly type?: TypeName;
  readonly linkpath?: string;
  /** What the header says, where that is not the truth. */
  readonly size?: number;
}

function block({ path, text = '', type = 'File', linkpath, size }: Entry): Buffer {
  const content = Buffer.from(text);
  const header = new Header({ path, type, size: size ?? content.length, mode: 0o644, ...(linkpath === undefined ? {} : { linkpath }) });
  const head = Buffer.alloc(512);
  header.encode(head, 0);
  return Buffer.concat([head, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** Writes an archive and returns what reading it gives: what it holds, or why it is refused. */
async function read(entries: readonly Entry[]): Promise<unknown> {
  const path = join(folder, 'package.tgz');
  writeFileSync(path, gzipSync(Buffer.concat([...entries.map(block), Buffer.alloc(1024)])));
  return outcomeOf(path);
}

const outcomeOf = (path: string): Promise<unknown> =>
  readPackage(path).then(
    ({ name, version, resources }) => [name, version, resources.map(({ type, url }) => `${type} ${url}`)],
    (error: unknown) => (error instanceof Refusal ? error.problems.map(({ text }) => text.replace(/^.*?: /, '')) : error),
  );

const MANIFEST = { path: 'package/package.json', text: '{"name":"hl7.fhir.test","version":"1.0.0","fhirVersions":["4.0.1"]}' };
const PROFILE = { path: 'package/StructureDefinition-p.json', text: '{"resourceType":"StructureDefinition","url":"urn:p"}' };

describe('a FHIR package', () => {
  it('is read for what validation needs', async () => {
    const example = { path: 'package/example/Patient-x.json', text: '{"resourceType":"Patient"}' };
    const page = { path: 'package/other/page.html', text: '<p>' };
    const long = { path: 'package/ValueSet-v.json', text: '{"resourceType":"ValueSet","url":"urn:v","version":"2"}' };
    expect(await read([{ path: 'package/', type: 'Directory' }, PROFILE, MANIFEST, example, page, long])).toEqual([
      'hl7.fhir.test',
      '1.0.0',
      ['StructureDefinition urn:p', 'ValueSet urn:v'],
    ]);
  });

  it.each<[string, readonly Entry[], string]>([
    ['a path that leads out', [MANIFEST, { path: 'package/../../evil.json', text: '{}' }], 'a path leads out of it.'],
    ['an absolute path', [MANIFEST, { path: '/etc/evil.json', text: '{}' }], 'a path leads out of it.'],
    ['a path of another system', [MANIFEST, { path: 'package\\..\\evil.json', text: '{}' }], 'a path leads out of it.'],
    [
      'a symbolic link',
      [MANIFEST, { path: 'package/a.json', type: 'SymbolicLink', linkpath: '/etc/passwd' }],
      'it holds something that is neither a file nor a folder.',
    ],
    [
      'a hard link',
      [MANIFEST, { path: 'package/a.json', type: 'Link', linkpath: '/etc/passwd' }],
      'it holds something that is neither a file nor a folder.',
    ],
    [
      'a device',
      [MANIFEST, { path: 'package/a.json', type: 'CharacterDevice' }],
      'it holds something that is neither a file nor a folder.',
    ],
    ['a file that says it is huge', [MANIFEST, { path: 'package/a.json', size: 2 ** 36 }], 'a file is larger than 67108864 bytes.'],
    ['no manifest', [PROFILE], 'it has no package/package.json.'],
    ['a manifest beside the package', [{ ...MANIFEST, path: 'package.json' }], 'it has no package/package.json.'],
    [
      'another release of FHIR',
      [{ path: MANIFEST.path, text: '{"name":"a","version":"1","fhirVersions":["5.0.0"]}' }],
      'it is not for FHIR R4 (4.0.1).',
    ],
    [
      'a name that is none',
      [{ path: MANIFEST.path, text: '{"name":"a b; DROP","version":"1"}' }],
      'its package.json names no package and version.',
    ],
    ['a file that is not JSON', [MANIFEST, { path: 'package/a.json', text: '{' }], 'package/a.json is not JSON.'],
  ])('is refused with %s', async (_name, entries, reason) => {
    expect(await read(entries)).toEqual([reason]);
  });

  it('is refused when it is no archive, half of one, or unpacks to far more than it is', async () => {
    const path = join(folder, 'other.tgz');
    writeFileSync(path, 'hello');
    expect(await outcomeOf(path)).toEqual(['it cannot be read as a gzipped tar archive.']);
    const whole = gzipSync(Buffer.concat([block(MANIFEST), block(PROFILE), Buffer.alloc(1024)]));
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    expect(await outcomeOf(path)).toEqual(['it cannot be read as a gzipped tar archive.']);
    const many = Array.from({ length: 50_100 }, (_, i) => block({ path: `package/${i}.html` }));
    writeFileSync(path, gzipSync(Buffer.concat([...many, Buffer.alloc(1024)])));
    expect(await outcomeOf(path)).toEqual(['it has more than 50000 files.']);
  });
});
