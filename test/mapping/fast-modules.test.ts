import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { Remembered } from '../../services/mapping/expression/remembered.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import { readOnce } from '../../services/mapping/to-fhir/reads.ts';

let loaded: LoadedMaps | undefined;
function maps(): LoadedMaps {
  if (loaded !== undefined) return loaded;
  const read = loadMaps('mappings');
  if (!read.ok) throw new Error(read.problems.map((each) => `${each.at} ${each.code}`).join('; '));
  loaded = read.value;
  return loaded;
}

const texts = readdirSync('fixtures/hl7v2')
  .filter((name) => name.endsWith('.hl7') && !/batch|wrong/.test(name))
  .map((name) => readFileSync(`fixtures/hl7v2/${name}`, 'latin1').replaceAll(/\r?\n/g, '\r'));

const VALUES = [
  '',
  '""',
  '~',
  'A~B',
  '^^',
  'A&B',
  '\\T\\',
  '\\Q\\',
  ' ',
  'NM',
  'SN',
  'CWE',
  'X',
  '20260329023000',
  '2026',
  '1.50',
  '<5',
  '70-99',
  '70-',
  'a^b^UCUM',
  '2.16.840.1.113883.6.1',
  'http://a/b',
  '😀',
] as const;

/** What is done to a message: which segment, which field, which component, to what. */
const edits = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 30 }), fc.nat(8), fc.constantFrom(...VALUES), fc.boolean()), {
  minLength: 1,
  maxLength: 4,
});

function edited(text: string, changes: readonly (readonly [number, number, number, string, boolean])[]): string {
  const segments = text.split('\r').filter((each) => each !== '');
  for (const [segment, field, component, value, again] of changes) {
    const at = segment % segments.length;
    if (at === 0) continue; // the header says which map it is
    const fields = (segments[at] ?? '').split('|');
    while (fields.length <= field) fields.push('');
    const parts = (fields[field] ?? '').split('^');
    while (parts.length <= component) parts.push('');
    parts[component] = value;
    fields[field] = parts.join('^').replace(/\^+$/, '');
    segments[at] = fields.join('|');
    if (again) segments.splice(at, 0, segments[at] ?? '');
  }
  return segments.join('\r');
}

describe('fast modules', () => {
  it('make and report of any message what the traced ones do, which skip nothing and read everything again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), edits, (text, changes) => {
        const message = parseMessage(Buffer.from(edited(text, changes), 'utf8'), { charset: 'utf-8' });
        if (!message.ok) return;
        const context = { timezone: 'Europe/Lisbon', authority: 'x' };
        const fast = JSON.stringify(maps().convert(message.value, context));
        expect(fast).toBe(JSON.stringify(maps().trace(message.value, context).conversion));
      }),
      { numRuns: Number(process.env['POLYSEME_FAST_CASES'] ?? 150) },
    );
  });

  it('have no loops over segments that a structure lacks', () => {
    const map = maps().messageMaps.find((each) => each.spec.id === 'v2-to-fhir/oru-r01');
    const module = map?.module('2.5.1', 'ORU_R01');
    expect(module?.ok).toBe(true);
    expect(module?.text.includes('while (false)')).toBe(false);
  });

  it('say the same faults of a spec as the traced ones', () => {
    for (const map of maps().messageMaps.slice(0, 3)) {
      for (const { version, structure } of map.structures().slice(0, 2)) {
        const fast = map.module(version, structure).diagnostics;
        expect(fast).toEqual(map.module(version, structure, 'traced').diagnostics);
      }
    }
  });
});

describe('readOnce', () => {
  it('holds what is read twice of a parameter, and leaves quoted text and other names alone', () => {
    const body = 'a(s1?.value(3, 1)); b("s1?.value(3, 1)", s1?.value(3, 1)); c(s2?.value(3, 1), s2?.value(3, 1));';
    expect(readOnce(body, new Set(['s1']))).toBe(
      'let c1;\na((c1 ??= s1?.value(3, 1))); b("s1?.value(3, 1)", (c1 ??= s1?.value(3, 1))); c(s2?.value(3, 1), s2?.value(3, 1));',
    );
  });

  it('leaves a text alone that reads everything once', () => {
    expect(readOnce('a(s1?.value(3)); b(R.part(p, 1));', new Set(['s1', 'p']))).toBe('a(s1?.value(3)); b(R.part(p, 1));');
  });
});

describe('what is remembered', () => {
  it('is bounded, asked once, and nothing is kept of long texts', () => {
    const asked: string[] = [];
    const ask = (key: string): string => {
      asked.push(key);
      return key.toUpperCase();
    };
    const known = new Remembered<string>(2, 3);
    expect(['a', 'a', 'long', 'long', 'b', 'c', 'a'].map((each) => known.get(each, ask))).toEqual([
      'A',
      'A',
      'LONG',
      'LONG',
      'B',
      'C',
      'A',
    ]);
    expect(asked).toEqual(['a', 'long', 'long', 'b', 'c', 'a']);
  });
});
