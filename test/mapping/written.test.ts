import { describe, expect, it } from 'vitest';
import { DEFINED_VERSIONS } from '../../services/hl7v2/definitions.ts';
import type { MessageMap, Variant } from '../../services/mapping/compiled.ts';
import { mapsOf } from '../../services/mapping/maps.ts';
import { readSpec } from '../../services/mapping/read.ts';
import { specFilesOf } from '../../services/mapping/texts.ts';
import { messageMap, NAME, SEX } from './specs.ts';

const FIELDS = `name: =PID-5
gender: { from: =PID-8, map: sex }
maritalStatus: =PID-16
multipleBirthInteger: =PID-25
contact: { each: NK1, name: =NK1-2.first(), relationship: { all: [=NK1-3] } }`;
const CONCEPT = `map: t/cwe
version: 1.0.0
source: { format: hl7v2, type: [CWE, CE] }
target: { format: fhir, type: CodeableConcept }
fields: { text: =.1, coding: { all: [{ code: =.4 }] } }
`;
const VISITS = `  visit:
    each: PV1
    type: Encounter
    key: [=PV1-19.1]
    fields: { status: finished, class: { code: =PV1-2 }, subject: =ref(patient) }
  seen:
    each: OBX
    type: Observation
    key: [=OBX-1]
    fields: { status: final, code: =OBX-3, subject: =ref(patient) }
`;

const written = (version: string): string =>
  messageMap(FIELDS, VISITS).replace('ADT^A01', '[ADT^A01, ADT^A05, ADT^A28]').replace('"2.5.1"', version);

const TEXTS: ReadonlyMap<string, string> = new Map([
  ['written/messages/adt.yaml', written('"*"')],
  ['written/tables/sex.yaml', SEX],
  ['written/types/xpn.yaml', NAME],
  ['written/types/cwe.yaml', CONCEPT],
]);

/** Read anew: nothing that was compiled before is of these specs. */
const fresh = (texts: ReadonlyMap<string, string>): MessageMap =>
  only(mapsOf(specFilesOf(texts).map((each) => ({ ...each, read: readSpec(texts.get(each.file) ?? '', each.file) }))).messageMaps);
const shared = (texts: ReadonlyMap<string, string>): MessageMap => only(mapsOf(specFilesOf(texts)).messageMaps);

function only(maps: readonly MessageMap[]): MessageMap {
  const [map] = maps;
  if (map === undefined) throw new Error('no map');
  return map;
}

function described(map: MessageMap, version: string, structure: string, variant: Variant): unknown {
  const { ok, text, constants, reads, rules, diagnostics } = map.module(version, structure, variant);
  const named = constants.map((each) => JSON.stringify(each, (_, value: unknown) => (value instanceof Map ? [...value] : value)));
  return { ok, text, reads: [...reads].map(([segment, fields]) => [segment, [...fields]]), named, rules, diagnostics };
}

const VARIANTS: readonly Variant[] = ['fast', 'traced', 'judging'];

describe('modules of one map', () => {
  it('are in every version and structure what they would be had no other been written', () => {
    const together = shared(TEXTS);
    expect(together.resolveDiagnostics).toEqual([]);
    const kinds = new Set<string>();
    for (const { version, structure } of together.structures()) {
      for (const variant of VARIANTS) {
        const alone = described(fresh(TEXTS), version, structure, variant);
        expect(described(together, version, structure, variant)).toEqual(alone);
        expect(together.module(version, structure, variant).diagnostics.map(({ code, line, text }) => `${line} ${code} ${text}`)).toEqual(
          [],
        );
        kinds.add(JSON.stringify(alone));
      }
    }
    // Versions differ, but not all of them: else nothing was proven of either.
    expect(kinds.size).toBeGreaterThan(VARIANTS.length * 2);
    expect(kinds.size).toBeLessThan(together.structures().length * VARIANTS.length);
  });

  it.each([
    ['a datatype map', 'written/types/xpn.yaml', NAME.replace('=.3', '=.4')],
    ['a concept map', 'written/tables/sex.yaml', SEX.replace('F: female', 'F: female, O: other')],
    ['a concept map with a wrong code', 'written/tables/sex.yaml', SEX.replace('female', 'woman')],
    ['the map itself', 'written/messages/adt.yaml', written('"*"').replace('PID-16', 'PID-17')],
    ['nothing but a line', 'written/types/cwe.yaml', `# why\n${CONCEPT}`],
  ])('are written anew when %s changes', (_, path, text) => {
    const before = shared(TEXTS);
    for (const version of DEFINED_VERSIONS) before.module(version, 'ADT_A01');
    const texts = new Map([...TEXTS, [path, text]]);
    const [after, alone] = [shared(texts), fresh(texts)];
    expect(after.digest).toBe(alone.digest);
    for (const variant of VARIANTS)
      expect(described(after, '2.5.1', 'ADT_A01', variant)).toEqual(described(alone, '2.5.1', 'ADT_A01', variant));
    // And back again.
    expect(described(shared(TEXTS), '2.5.1', 'ADT_A01', 'fast')).toEqual(described(fresh(TEXTS), '2.5.1', 'ADT_A01', 'fast'));
  });

  it('remember nothing of each other: what a rule makes of the same words may be another thing in another version', () => {
    const map = shared(TEXTS);
    expect(map.module('2.8', 'ADT_A01').memories).not.toBe(map.module('2.8.1', 'ADT_A01').memories);
  });

  it('come back when a datatype map that was missing is written, without one line of the message map changing', () => {
    const without = new Map([...TEXTS].filter(([path]) => !path.includes('/types/')));
    expect(shared(without).module('2.5.1', 'ADT_A01').ok).toBe(false);
    expect(described(shared(TEXTS), '2.5.1', 'ADT_A01', 'fast')).toEqual(described(fresh(TEXTS), '2.5.1', 'ADT_A01', 'fast'));
    expect(shared(without).module('2.5.1', 'ADT_A01').ok).toBe(false);
  });
});
