/** Bulk data by its manifest: the files beside it, and what does not agree with them. */
import { expect, it } from 'vitest';
import { inputsOf } from '../../services/commands/convert/inputs.ts';
import { folder } from './command-line.ts';

async function read(file: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const input of inputsOf(file))
    found.push(
      input.kind === 'problem'
        ? `${input.problems[0]?.code} ${input.problems[0]?.text}`
        : input.kind === 'resource'
          ? String(input.resource['id'])
          : input.kind,
    );
  return found;
}

const patients = '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n';
const url = 'https://server.example/fhir/_export/1/Patient-1.ndjson?x=1';

it.each([
  ['what the files hold', { output: [{ type: 'Patient', url, count: 2 }], error: [] }, ['a', 'b']],
  ['an import manifest', { inputFormat: 'application/fhir+ndjson', input: [{ type: 'Patient', url: 'Patient-1.ndjson' }] }, ['a', 'b']],
  ['a wrong count', { output: [{ type: 'Patient', url, count: 3 }] }, ['a', 'b', 'should have 3 resources and has 2']],
  ['a wrong type', { output: [{ type: 'Group', url }] }, ['a', 'b', '2 lines are no Group']],
  ['a file that is missing', { output: [{ type: 'Group', url: 'Group-1.ndjson', count: 1 }] }, ['file-unreadable', 'should have 1']],
  ['a way out of the folder', { output: [{ type: 'Patient', url: '../../Patient-1.ndjson' }] }, ['a', 'b']],
  ['an address that is no such file', { output: [{ type: 'Patient', url: 'file:///etc/passwd' }] }, ['import-manifest']],
  ['deletions', { output: [], deleted: [{ type: 'Bundle', url }] }, ['deletions are not applied']],
])('reads %s', async (_name, manifest, expected) => {
  using files = folder();
  files.write('Patient-1.ndjson', patients);
  const found = await read(files.write('manifest.json', JSON.stringify(manifest)));
  expect(found.length).toBe(expected.length);
  for (const [i, each] of expected.entries()) expect(found[i]).toContain(each);
});

it('leaves other JSON what it is', async () => {
  using files = folder();
  expect(await read(files.write('record.json', '{"output":"text"}'))).toEqual(['record']);
  expect(await read(files.write('patient.json', '{"resourceType":"Patient","id":"p"}'))).toEqual(['p']);
});
