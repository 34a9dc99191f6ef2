import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import type { Conversion } from '../../services/mapping/conversion.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import { Memories, RuleMemory } from '../../services/mapping/to-fhir/memory.ts';

let loaded: LoadedMaps | undefined;
function maps(): LoadedMaps {
  if (loaded !== undefined) return loaded;
  const read = loadMaps('mappings');
  if (!read.ok) throw new Error(read.problems.map((each) => `${each.at} ${each.code}`).join('; '));
  loaded = read.value;
  return loaded;
}

const CBC = readFileSync('fixtures/hl7v2/us-oru-r01-cbc.hl7', 'latin1').replaceAll(/\r?\n/g, '\r');

function messageOf(text: string) {
  const message = parseMessage(Buffer.from(text, 'utf8'), { charset: 'utf-8' });
  if (!message.ok) throw new Error('the message cannot be read');
  return message.value;
}

const converted = (text: string, authority = 'x', timezone = 'UTC'): Conversion => maps().convert(messageOf(text), { timezone, authority });

/** The message with field `n` of every OBX set to `value`. */
const withResults = (n: number, value: string): string =>
  CBC.split('\r')
    .map((line) => {
      if (!line.startsWith('OBX|')) return line;
      const fields = line.split('|');
      fields[n] = value;
      return Array.from(fields, (each) => each ?? '').join('|');
    })
    .join('\r');

const observations = ({ drafts }: Conversion) =>
  drafts.flatMap(({ resource }) => (resource.resourceType === 'Observation' ? [resource] : []));

describe('what rules made of the same words before', () => {
  it('is shared among messages, and nobody can change it', () => {
    converted(CBC); // keeps copies: what is cut from a message would keep all of it in memory
    const [first] = observations(converted(CBC));
    const [again] = observations(converted(CBC));
    expect(again?.['code']).toBeDefined();
    expect(again?.['code']).toBe(first?.['code']);
    expect(Object.isFrozen(again?.['code'])).toBe(true);
    expect(first).not.toBe(again);
  });

  it('is not taken from another sender, whose local codes are others', () => {
    const text = withResults(3, 'GLU^Glucose^L');
    const systemOf = (authority: string): string => JSON.stringify(observations(converted(text, authority))[0]?.['code']);
    expect([systemOf('a'), systemOf('a'), systemOf('b'), systemOf('b')]).toEqual([
      expect.stringContaining('urn:polyseme:a:'),
      expect.stringContaining('urn:polyseme:a:'),
      expect.stringContaining('urn:polyseme:b:'),
      expect.stringContaining('urn:polyseme:b:'),
    ]);
  });

  it('is nothing where something is to be told: each message tells it', () => {
    const text = withResults(8, 'NOSUCHFLAG');
    const [one, two, three] = [converted(text), converted(text), converted(text)];
    expect(one.unmapped.length).toBeGreaterThan(0);
    expect([two.unmapped, three.unmapped]).toEqual([one.unmapped, one.unmapped]);
    const wrong = withResults(3, ' ^ ^ ');
    expect(converted(wrong).problems).toEqual(converted(wrong).problems);
  });

  it('never differs from what the traced rules make, whatever came before', () => {
    const codes = [
      '2345-7^Glucose^LN',
      'GLU^Glucose^L',
      'GLU^Glucose^99X',
      '2345-7^^LN^GLU^G^L',
      '""',
      '^Text',
      'a&b^c\\T\\d^LN',
      'A~B',
      ' ',
      '',
    ];
    const flags = ['N', 'H', 'H~A', 'XX', '""', 'N^Normal^HL70078', ''];
    const ranges = ['70-99', '<5', '70 - 99 mg/dL', 'Male', '""', ''];
    const texts = fc.tuple(fc.constantFrom(...codes), fc.constantFrom(...flags), fc.constantFrom(...ranges)).map(([code, flag, range]) =>
      CBC.split('\r')
        .map((line) => {
          if (!line.startsWith('OBX|')) return line;
          const fields = line.split('|');
          [fields[3], fields[7], fields[8]] = [code, range, flag];
          return fields.join('|');
        })
        .join('\r'),
    );
    fc.assert(
      fc.property(texts, fc.constantFrom('x', 'y'), (text, authority) => {
        const context = { timezone: 'UTC', authority };
        const message = messageOf(text);
        expect(JSON.stringify(maps().convert(message, context))).toBe(JSON.stringify(maps().trace(message, context).conversion));
      }),
      { numRuns: 100 },
    );
  });
});

describe('RuleMemory', () => {
  it('gives what was kept, frozen to the last part, and keeps no long text', () => {
    const memory = new RuleMemory();
    memory.remember('k', { coding: [{ code: 'a' }] });
    const found = memory.recall('k')?.value;
    expect(found).toEqual({ coding: [{ code: 'a' }] });
    expect(() => Object.assign(Reflect.get(Object(found), 'coding')[0], { code: 'b' })).toThrow(TypeError);
    memory.remember('l'.repeat(201), { text: 'x' });
    expect(memory.recall('l'.repeat(201))).toBeUndefined();
    expect(memory.recall('other')).toBeUndefined();
  });

  it('closes where words hardly ever come twice', () => {
    const memory = new RuleMemory();
    for (let i = 0; i < 1100; i++) {
      const key = `patient ${i}`;
      if (memory.recall(key) === undefined) memory.remember(key, { text: key });
    }
    expect(memory.isOpen).toBe(false);
    expect(memory.recall('patient 1050')).toBeUndefined();
  });

  it('stays open where they do, and forgets all when they are too many', () => {
    const memory = new RuleMemory();
    for (let i = 0; i < 5000; i++) {
      const key = `code ${i % 40}`;
      if (memory.recall(key) === undefined) memory.remember(key, { text: key });
    }
    expect(memory.isOpen).toBe(true);
    for (let i = 0; i < 600; i++) memory.remember(`other ${i}`, { text: 'o' });
    expect(memory.recall('code 1')).toBeUndefined();
  });
});

describe('Memories', () => {
  it('keeps contexts apart, and nothing of senders beyond some hundreds', () => {
    const memories = new Memories(2);
    const ofA = memories.of('a');
    ofA[1] = new RuleMemory();
    ofA[1].remember('k', { text: 'of a' });
    expect(memories.of('a')[1]?.recall('k')?.value).toEqual({ text: 'of a' });
    expect(memories.of('a')[0]).toBeUndefined();
    expect(memories.of('b')[1]).toBeUndefined();
    for (let i = 0; i < 600; i++) memories.of(`context ${i}`);
    expect(memories.of('one more')).toEqual([]);
    expect(memories.of('a')).toBe(ofA);
  });
});
