/** Several editions of SNOMED CT side by side, one of them experimental: each answers under its own URI. */
import { cpSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { compareVersions } from '../../terminology/fhir/versions.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import { openSources } from '../../terminology/sources.ts';
import { vocabulariesOfSystem } from '../../terminology/systems.ts';
import { at, call, codesOf, listAt, parameterOf } from './fhir/call.ts';
import { temporaryFolder } from './write-release.ts';

const SYSTEM = 'http://snomed.info/sct';
const MODULE = '900000000000207008';
const tiny = join(import.meta.dirname, '../../fixtures/vocabulary/tiny-rf2');
let library: Library;
let versions: readonly string[];
beforeAll(async () => {
  const home = temporaryFolder();
  const experimental = temporaryFolder();
  cpSync(tiny, experimental, { recursive: true });
  for (const each of readdirSync(experimental, { recursive: true, withFileTypes: true })) {
    if (each.isFile()) renameSync(join(each.parentPath, each.name), join(each.parentPath, `x${each.name.replace('_INT_', '_Sub1_')}`));
  }
  versions = [(await loadCodeSystem([tiny], home)).version, (await loadCodeSystem([experimental], home)).version];
  library = new Library(openSources(home));
});

const totalOf = (url: string) => at(call(library, 'ValueSet/$expand', { url, count: 0 }).resource, 'expansion', 'total');
const usedBy = (url: string, more = {}) =>
  listAt(call(library, 'ValueSet/$expand', { url, count: 1, ...more }).resource, 'expansion', 'parameter').flatMap((each) =>
    at(each, 'name') === 'used-codesystem' ? [String(at(each, 'valueUri'))] : [],
  );

describe('editions side by side', () => {
  it('have URIs of their own; what is not for production says so', () => {
    expect(versions).toEqual([`${SYSTEM}/${MODULE}/version/20260101`, `http://snomed.info/xsct/${MODULE}/version/20260101`]);
    expect(dirname(versions[1] ?? '')).toBe(`http://snomed.info/xsct/${MODULE}/version`);
    expect(vocabulariesOfSystem(versions[1] ?? '')).toEqual(['SNOMED']);
  });

  it('are asked by edition, by version, or, when nobody says which, for the newest that is for use', () => {
    for (const [i, version] of versions.entries()) {
      const edition = dirname(dirname(version));
      for (const base of [version, edition]) {
        expect(usedBy(`${base}?fhir_vs=isa/404684003`), base).toEqual([`${SYSTEM}|${version}`]);
        expect(totalOf(`${base}?fhir_vs`), base).toBe(totalOf(`${SYSTEM}?fhir_vs`));
        const { resource } = call(library, 'CodeSystem/$lookup', { system: SYSTEM, version: base, code: '404684003' });
        expect(parameterOf(resource, 'version')).toBe(version);
      }
      expect(usedBy(`${SYSTEM}?fhir_vs=isa/404684003`, { 'system-version': `${SYSTEM}|${edition}` }).length, String(i)).toBe(1);
    }
    expect(usedBy(`${SYSTEM}?fhir_vs=isa/404684003`)).toEqual([`${SYSTEM}|${versions[0]}`]);
    expect(compareVersions(versions[0], versions[1])).toBeGreaterThan(0);
    expect(call(library, 'ValueSet/$expand', { url: `http://snomed.info/xsct/1?fhir_vs` }).status).toBe(404);
  });
});

describe('names that dialects prefer', () => {
  it('are shown to who asks for the dialect by its tag or by its reference set, to $lookup, $expand and $validate-code alike', async () => {
    const folder = temporaryFolder();
    cpSync(tiny, folder, { recursive: true });
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const fileOf = (part: string) => {
      const found = entries.find((each) => each.isFile() && each.name.includes(part));
      return found === undefined ? '' : join(found.parentPath, found.name);
    };
    const rows = readFileSync(fileOf('_Description_'), 'utf8')
      .split(/\r?\n/)
      .map((line) => line.split('\t'));
    const synonyms = Map.groupBy(
      rows.filter(([, , active, , , , type]) => active === '1' && type === '900000000000013009'),
      ([, , , , concept]) => concept ?? '',
    );
    const [code, [first, second] = []] = [...synonyms].find(([, names]) => names.length > 1) ?? [];
    if (first === undefined || second === undefined || code === undefined) throw new Error('the fixture has a concept with two names');
    const path = fileOf('LanguageSnapshot');
    // British English prefers the other name.
    const swapped = readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => {
        const isOf = (id = '') => line.includes(`\t900000000000508004\t${id}\t`);
        if (!isOf(first[0]) && !isOf(second[0])) return line;
        return line.includes('900000000000548007')
          ? line.replace('900000000000548007', '900000000000549004')
          : line.replace('900000000000549004', '900000000000548007');
      });
    writeFileSync(path, swapped.join('\n'));
    const home = temporaryFolder();
    await loadCodeSystem([folder], home);
    const loaded = new Library(openSources(home));
    const shown = (displayLanguage: string) => {
      const asked = { system: SYSTEM, code, displayLanguage };
      const valueSet = { resourceType: 'ValueSet', status: 'active', compose: { include: [{ system: SYSTEM, concept: [{ code }] }] } };
      return [
        parameterOf(call(loaded, 'CodeSystem/$lookup', asked).resource, 'display'),
        at(call(loaded, 'ValueSet/$expand', { valueSet, displayLanguage }).resource, 'expansion', 'contains', 0, 'display'),
        parameterOf(call(loaded, 'CodeSystem/$validate-code', { url: SYSTEM, code, displayLanguage }).resource, 'display'),
      ];
    };
    const american = String(parameterOf(call(loaded, 'CodeSystem/$lookup', { system: SYSTEM, code }).resource, 'display'));
    const [british] = [first[7], second[7]].filter((name) => name !== american);
    for (const tag of ['en-GB', 'en-gb', 'en-x-sctlang-90000000-00005080-04', 'fr-CA, en-GB'])
      expect(shown(tag), tag).toEqual([british, british, british]);
    for (const tag of ['en-US', 'en', 'en-US, en-GB', 'fr-CA, en']) expect(shown(tag), tag).toEqual([american, american, american]);
  });
});

describe('the filter expressions', () => {
  const EXPRESSION = '404684003:363698007=123037004';
  const valueSet = (value: string) => ({
    resourceType: 'ValueSet',
    status: 'active',
    compose: {
      include: [
        {
          system: SYSTEM,
          filter: [
            { property: 'concept', op: 'is-a', value: '404684003' },
            { property: 'expressions', op: '=', value },
          ],
        },
      ],
    },
  });
  it('says whether expressions belong to a value set, and leaves the concepts as they are', () => {
    const isIn = (value: string) =>
      parameterOf(
        call(library, 'ValueSet/$validate-code', { valueSet: valueSet(value), coding: { system: SYSTEM, code: EXPRESSION } }).resource,
        'result',
      );
    expect([isIn('true'), isIn('false')]).toEqual([true, false]);
    const expanded = (value: string) => call(library, 'ValueSet/$expand', { valueSet: valueSet(value) }).resource;
    const [open, closed] = [expanded('true'), expanded('false')];
    expect(codesOf(open)).toEqual(codesOf(closed));
    expect([listAt(open, 'expansion', 'extension').length > 0, listAt(closed, 'expansion', 'extension')]).toEqual([true, []]);
    expect(call(library, 'ValueSet/$expand', { valueSet: valueSet('maybe') }).status).toBe(400);
  });
});
