import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import { openSources } from '../../terminology/sources.ts';
import { at, call, listAt, parameterOf } from './fhir/call.ts';

const SNOMED = 'http://snomed.info/sct';
const ICD_10 = 'http://hl7.org/fhir/sid/icd-10';
const folder = mkdtempSync(join(tmpdir(), 'polyseme-maps-'));
let library: Library;
beforeAll(async () => {
  const release = join(folder, 'release');
  cpSync(join(import.meta.dirname, '../../fixtures/vocabulary/tiny-rf2'), release, { recursive: true });
  const file = join(release, 'Snapshot/Refset/Map/der2_iisssccRefset_ExtendedMapSnapshot_INT_20260101.txt');
  const text = readFileSync(file, 'utf8').replace('TRUE\tALWAYS B56.0', 'IFA 248152002 | Female |\tIF FEMALE CHOOSE B56.0');
  expect(text).toContain('IFA 248152002');
  writeFileSync(file, text.replace('ALWAYS I22.2\tI22.2', 'CANNOT BE CLASSIFIED\t'));
  await loadCodeSystem([release], join(folder, 'home'));
  library = new Library(openSources(join(folder, 'home')));
});
afterAll(() => rmSync(folder, { recursive: true }));

const translated = (parameters: Readonly<Record<string, string>>) => {
  const { resource } = call(library, 'ConceptMap/$translate', parameters);
  const matches = listAt(resource, 'parameter').filter((each) => at(each, 'name') === 'match');
  return matches.map((each) => {
    const coding = at(each, 'part', 1, 'valueCoding');
    const condition = listAt(each, 'part').find((part) => at(part, 'name') === 'message');
    return [at(each, 'part', 0, 'valueCode'), at(coding, 'system'), at(coding, 'code'), at(condition, 'valueString')]
      .filter(Boolean)
      .join(' ');
  });
};

describe('maps of SNOMED CT to other code systems', () => {
  it('translate as implicit concept maps, both ways, and without naming one', () => {
    const url = `${SNOMED}?fhir_cm=447562003`;
    expect(translated({ url, system: SNOMED, code: '700000031007' }).toSorted()).toEqual([
      `inexact ${ICD_10} F16.5`,
      `inexact ${ICD_10} F37.5`,
    ]);
    expect(translated({ system: SNOMED, code: '700000031007', targetsystem: ICD_10 })).toHaveLength(2);
    expect(translated({ url, system: ICD_10, code: 'F16.5', reverse: 'true' })).toEqual([`inexact ${SNOMED} 700000031007`]);
    expect(translated({ url: `${SNOMED}?fhir_cm=446608001`, system: SNOMED, code: '700000035003' })).toEqual([
      'equivalent http://terminology.hl7.org/CodeSystem/icd-o-3 8266/3',
    ]);
    expect(translated({ url, system: 'http://loinc.org', code: '700000031007' })).toEqual([]);
  });

  it('say the condition of a rule, and nothing where the map says that there is no target', () => {
    const url = `${SNOMED}?fhir_cm=447562003`;
    expect(translated({ url, system: SNOMED, code: '700000035003' })).toEqual([
      `inexact ${ICD_10} B56.0 Only where: IFA 248152002 | Female |`,
    ]);
    const none = call(library, 'ConceptMap/$translate', { url, system: SNOMED, code: '700000023002' });
    expect([none.status, parameterOf(none.resource, 'result')]).toEqual([200, false]);
  });
});
