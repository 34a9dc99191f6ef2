import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSpecs } from '../../services/mapping/check.ts';
import { LOCK_FILE, lockFileText, specFiles } from '../../services/mapping/files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'polyseme-maps-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const faultsIn = (dir: string) => specFiles(dir).flatMap(({ read }) => read.diagnostics.map(({ code, text }) => `${code}: ${text}`));

describe('the files of a folder of maps', () => {
  it('are missed by nobody: what cannot be read, or stands too deep, is told', () => {
    symlinkSync('loop.yaml', join(folder, 'loop.yaml'));
    expect(faultsIn(folder)).toEqual([expect.stringMatching(/^file-unreadable: .*ELOOP/)]);
    rmSync(join(folder, 'loop.yaml'));
    const deep = join(folder, ...Array(10).fill('a'));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, 'site.yaml'), 'map: sites/deep\n');
    expect(faultsIn(folder)).toEqual([expect.stringMatching(/^file-unreadable: .*8 deep/)]);
    expect(checkSpecs(folder).ok).toBe(false);
  });

  it('are UTF-8: letters of another encoding are told with their line, a byte order mark is none', () => {
    writeFileSync(join(folder, 'a.yaml'), Buffer.from('map: a\n# M\xfcller\n', 'latin1'));
    writeFileSync(join(folder, 'b.yaml'), '\uFEFFmap: b\n');
    expect(specFiles(folder).map(({ read }) => read.diagnostics.map(({ code, line }) => [code, line]))).toEqual([
      [['file-not-utf8', 2]],
      [],
    ]);
  });

  it('may be none', () => {
    expect(specFiles(join(folder, 'nowhere'))).toEqual([]);
  });

  it('have a lock that is there, is not there, or cannot be read: three things', () => {
    expect(lockFileText(folder)).toBeUndefined();
    mkdirSync(join(folder, LOCK_FILE));
    expect(lockFileText(folder)).toBe('');
    expect(checkSpecs(folder).diagnostics.map(({ code }) => code)).toContain('lock-unreadable');
  });

  it('are read and compiled without their cases where only that is asked', () => {
    writeFileSync(join(folder, 'a.cases.yaml'), 'cases:\n  - { name: a, given: { table: none }, expect: { x: Y } }\n');
    writeFileSync(join(folder, 'b.yaml'), 'map: [\n');
    const codes = (runsCases: boolean): readonly string[] => checkSpecs(folder, { runsCases }).diagnostics.map(({ code }) => code);
    const [whole, compiled] = [codes(true), codes(false)];
    expect(whole).toContain('case-shape');
    expect(compiled).not.toContain('case-shape');
    expect(compiled.length).toBeGreaterThan(0);
    expect(checkSpecs(folder, { runsCases: false })).toMatchObject({ ok: false, cases: { passed: 0, failed: 0 } });
  });
});
