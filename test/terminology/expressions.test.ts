import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Library } from '../../terminology/fhir/library.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import type { CodeSystemProvider, JsonObject } from '../../terminology/provider.ts';
import { parseExpression } from '../../terminology/snomed/expression.ts';
import { openSources } from '../../terminology/sources.ts';
import { REF, refIndex, refKind } from '../../terminology/system/arrays.ts';
import { CodeSystem } from '../../terminology/system/code-system.ts';
import { readSystems } from '../../terminology/system/system-files.ts';
import { call, issuesOf, parameterOf } from './fhir/call.ts';
import { temporaryFolder } from './write-release.ts';

const SYSTEM = 'http://snomed.info/sct';
let library: Library;
let provider: CodeSystemProvider;
let index: CodeSystem;
beforeAll(async () => {
  const home = temporaryFolder();
  await loadCodeSystem([join(import.meta.dirname, '../../fixtures/vocabulary/tiny-rf2')], home);
  library = new Library(openSources(home));
  const [image] = readSystems(home);
  const found = library.codeSystem(SYSTEM);
  if (image === undefined || found === undefined) throw new Error('nothing was loaded');
  index = new CodeSystem(image);
  provider = found;
});

/** The definition of a concept as text: its parents, and its attributes in their groups. */
function definitionOf(row: number): { readonly parents: readonly string[]; readonly attributes: readonly string[] } {
  const groups = new Map<number, string[]>();
  for (let edge = index.arrays['edge-offset'][row] ?? 0; edge < (index.arrays['edge-offset'][row + 1] ?? 0); edge += 1) {
    const ref = index.arrays['edge-target'][edge] ?? 0;
    const value = refKind(ref) === REF.row ? index.code(refIndex(ref)) : `#${index.refText(ref)}`;
    const group = index.arrays['edge-group'][edge] ?? 0;
    const text = `${index.manifest.properties[index.arrays['edge-kind'][edge] ?? 0]?.code}=${value}`;
    groups.set(group === 0 ? -edge - 1 : group, [...(groups.get(group) ?? []), text]);
  }
  return {
    parents: [...index.parents(row)].map((each) => index.code(each)),
    attributes: [...groups.values()].map((each) => `{${each.join(',')}}`),
  };
}
const rowsWith = (holds: (row: number) => boolean) => Array.from({ length: index.total }, (_, row) => row).filter(holds);
const refined = () => rowsWith((row) => index.isActive(row) && definitionOf(row).attributes.length > 0);
const outcome = (codeA: string, codeB: string) =>
  parameterOf(call(library, 'CodeSystem/$subsumes', { system: SYSTEM, codeA, codeB }).resource, 'outcome');

describe('the compositional grammar', () => {
  it.each([
    '404684003',
    '404684003 |Clinical finding|',
    '=== 404684003 + 71388002',
    '<<< 404684003 |a (b)| : 363698007 |site| = 123037004',
    '404684003:363698007=123037004,116676008=123037004',
    '404684003:{363698007=123037004,116676008=123037004}{363698007=123037004}',
    '404684003 : 363698007=123037004 , { 116676008 = (123037004 : 363698007 = 123037004) }',
    '373873005:1142135004=#50.5,1142135004="a \\" b",1142135004=true',
  ])('has %s', (text) => {
    expect(parseExpression(text)).toBeDefined();
  });

  it.each([
    '',
    'abc',
    '12345',
    '404684003:',
    '404684003 |open',
    '404684003+',
    '404684003:363698007',
    '404684003:363698007=',
    '404684003:{363698007=123037004',
    '404684003:363698007=(123037004',
    '404684003:363698007=123037004,',
    '404684003 71388002',
    `${'(404684003:363698007='.repeat(50)}`,
    '404684003:363698007=#',
  ])('has not %j', (text) => {
    expect(parseExpression(text)).toBeUndefined();
  });

  it('reads any text without failing', () => {
    fc.assert(fc.property(fc.stringMatching(/^[0-9:={}(),+|#" a]{0,60}$/), (text) => void parseExpression(text)));
  });
});

describe('post-coordinated expressions', () => {
  it('are codes of the edition that has their concepts', () => {
    const row = refined()[0] ?? 0;
    const { attributes } = definitionOf(row);
    const expression = `404684003 |Clinical finding| : ${attributes[0]}`;
    const validated = call(library, 'CodeSystem/$validate-code', { url: SYSTEM, code: expression });
    expect([parameterOf(validated.resource, 'result'), issuesOf(validated.resource)]).toEqual([true, []]);
    const looked = call(library, 'CodeSystem/$lookup', { system: SYSTEM, code: expression });
    expect([looked.status, String(parameterOf(looked.resource, 'display')).startsWith('Clinical finding')]).toEqual([200, true]);
    for (const wrong of ['404684003:363698007=999999999', '999999999:363698007=123037004', '404684003:71388002=123037004', '404684003:']) {
      expect(parameterOf(call(library, 'CodeSystem/$validate-code', { url: SYSTEM, code: wrong }).resource, 'result')).toBe(false);
    }
  });

  it('are in the value sets that are over them', () => {
    const row = refined()[0] ?? 0;
    const [attribute] = definitionOf(row).attributes;
    const code = `404684003:${attribute}`;
    const isIn = (url: string) =>
      parameterOf(call(library, 'ValueSet/$validate-code', { url, coding: { system: SYSTEM, code } as JsonObject }).resource, 'result');
    expect([isIn(`${SYSTEM}?fhir_vs`), isIn(`${SYSTEM}?fhir_vs=isa/138875005`), isIn(`${SYSTEM}?fhir_vs=isa/71388002`)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('say which of them is under which, by the definitions of their concepts', () => {
    expect(refined().length).toBeGreaterThan(5);
    for (const row of refined()) {
      const { parents, attributes } = definitionOf(row);
      const code = index.code(row);
      const written = `${parents.join('+')}:${attributes.join('')}`;
      expect(provider.locate(written), written).toBeDefined();
      // A sufficiently defined concept is what its definition says; of a primitive one the definition only holds.
      expect(outcome(code, written), written).toBe(index.isDefined(row) ? 'equivalent' : 'subsumed-by');
      expect(outcome('138875005', written)).toBe('subsumes');
      expect(outcome(written, `${code}:${attributes[0]}`)).not.toBe(undefined);
    }
  });

  it('with narrower values are under those with wider ones', () => {
    const row = refined().find((each) => /=\d+\}$/.test(definitionOf(each).attributes[0] ?? '')) ?? 0;
    const [attribute = ''] = definitionOf(row).attributes;
    const [, name = '', value = ''] = /\{(\d+)=(\d+)/.exec(attribute) ?? [];
    const [parent] = [...index.parents(index.row(value))].map((each) => index.code(each));
    expect(outcome(`404684003:${name}=${parent}`, `404684003:${name}=${value}`)).toBe('subsumes');
    expect(outcome(`404684003:${name}=${value}`, `404684003:${name}=(${parent}:${name}=${value})`)).toBe(undefined);
    expect(outcome(`404684003:${name}=${parent}`, `404684003:${name}=(${parent}:${name}=${value})`)).toBe('subsumes');
  });
});
