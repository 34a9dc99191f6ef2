import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { receiversCheck } from '../../services/commands/outgoing/receivers-check.ts';
import { readConfig } from '../../services/config.ts';
import { folder } from './command-line.ts';

function checksOf(file: string | undefined): ReturnType<typeof receiversCheck> {
  const read = readConfig(file === undefined ? {} : { POLYSEME_RECEIVERS: file });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return receiversCheck(read.value);
}

it('doctor looks at the file of receivers: who they are, or every fault with its cure; nothing without a file', () => {
  using dir = folder();
  expect(checksOf(undefined)).toEqual([]);
  const file = join(dir.path, 'receivers.yaml');
  writeFileSync(file, 'receivers:\n  lab:\n    to: mllp://lab.example:2575\n    send: [Patient]\n');
  expect(checksOf(file)).toEqual([{ name: 'receivers', ok: true, detail: `1 in ${file}: lab` }]);
  writeFileSync(file, 'receivers:\n  lab:\n    to: mllp://lab.example:2575\n    send: [Patience]\n');
  const wrong = checksOf(file);
  expect(wrong).toHaveLength(1);
  expect(wrong.every(({ ok, cure }) => !ok && cure !== undefined)).toBe(true);
  expect(wrong.map(({ detail }) => detail).join()).toContain('Patience');
  expect(checksOf(join(dir.path, 'none.yaml'))).toMatchObject([{ name: 'receivers', ok: false }]);
  // What it names is not there: the certificates are read too.
  writeFileSync(file, 'receivers:\n  lab:\n    to: mllps://lab.example:2575\n    send: [Patient]\n    tls: { ca: nothing.pem }\n');
  expect(checksOf(file)).toMatchObject([{ ok: false, detail: expect.stringContaining('nothing.pem') }]);
});
