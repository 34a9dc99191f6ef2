import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { type Rates, USUAL_RATES } from '../../scripts/simulator/events.ts';
import { type SimulatedMessage, trafficOf } from '../../scripts/simulator/traffic.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

const root = resolve(import.meta.dirname, '..', '..');
const START = Date.UTC(2026, 0, 5);
const simulated = (patients: number, rates: Rates = USUAL_RATES, seed = 11, only?: readonly string[]): readonly SimulatedMessage[] => [
  ...trafficOf({ seed, patients, rates, startMs: START, only }),
];
const usual = simulated(250);
const NEVER: Rates = { corrections: 0, cancellations: 0, merges: 0, late: 0, duplicates: 0, outOfOrder: 0, broken: 0 };

type Parsed = ReturnType<typeof parsedAnew>;
const known = new WeakMap<SimulatedMessage, Parsed>();
function parsed(message: SimulatedMessage): Parsed {
  const result = known.get(message) ?? parsedAnew(message);
  known.set(message, result);
  return result;
}

function parsedAnew({ bytes }: SimulatedMessage) {
  const result = parseMessage(bytes);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return { message: result.value, problems: [...result.problems, ...result.value.structureProblems] };
}

const valueIn = (message: SimulatedMessage, name: string, field: number, component = 1): string | undefined =>
  parsed(message)
    .message.segments.find((each) => each.name === name)
    ?.value(field, 1, component);

/** How many of `messages` hold, of 1. */
const shareOf = <T>(messages: readonly T[], holds: (message: T) => boolean): number => messages.filter(holds).length / messages.length;

describe('simulated traffic', () => {
  it('is the same bytes for the same seed, and others for another', () => {
    const bytesOf = (messages: readonly SimulatedMessage[]) => Buffer.concat(messages.map(({ bytes }) => bytes));
    const first = simulated(40, USUAL_RATES, 3);
    expect(simulated(40, USUAL_RATES, 3)).toEqual(first);
    expect(bytesOf(simulated(40, USUAL_RATES, 4)).equals(bytesOf(first))).toBe(false);
    // More patients change nothing about those there were.
    const ofFirst = simulated(80, USUAL_RATES, 3).filter(({ person }) => person <= 40);
    expect(bytesOf(ofFirst.toSorted((a, b) => a.person - b.person)).equals(bytesOf(first.toSorted((a, b) => a.person - b.person)))).toBe(
      true,
    );
  });

  it('parses without a problem unless it is broken, and every kind is there', () => {
    const sound = usual.filter(({ mark }) => mark !== 'broken');
    for (const each of sound) expect([each.controlId, parsed(each).problems]).toEqual([each.controlId, []]);
    const types = new Set(sound.map(({ type }) => type));
    const adt = ['A01', 'A02', 'A03', 'A04', 'A08', 'A11', 'A13', 'A40'].map((event) => `ADT^${event}`);
    expect([...types].toSorted()).toEqual([...adt, 'MDM^T02', 'ORM^O01', 'ORU^R01', 'SIU^S12', 'SIU^S15', 'VXU^V04']);
    for (const each of sound) expect(each.type).toBe(`${valueIn(each, 'MSH', 9)}^${valueIn(each, 'MSH', 9, 2)}`);
  });

  it('is applied by the maps there are, and the broken ones are not', () => {
    const maps = loadMaps(join(root, 'mappings'));
    if (!maps.ok) throw new Error(JSON.stringify(maps.problems));
    const stops = (each: SimulatedMessage): boolean => {
      const result = parseMessage(each.bytes);
      if (!result.ok) return true;
      const { rung } = maps.value.convert(result.value, { timezone: 'UTC' });
      return rung === 'park-message' || rung === 'refuse';
    };
    const mapped = /^(ADT\^A(01|02|03|04|08|11|13)|ORU|VXU)/;
    expect(usual.filter((each) => each.mark !== 'broken' && mapped.test(each.type) && stops(each))).toEqual([]);
    const broken = simulated(200, { ...NEVER, broken: 0.2 }).filter(({ mark }) => mark === 'broken');
    expect(broken.filter((each) => !stops(each))).toEqual([]);
    expect(new Set(broken.map(({ breakage }) => breakage)).size).toBe(5);
  });

  it('numbers the messages of each person without gaps in the order of sending, readable in MSH-10 and PID-11', () => {
    const last = new Map<number, number>();
    let sentAt = 0;
    for (const each of usual) {
      expect(each.sendSeconds).toBeGreaterThanOrEqual(sentAt);
      sentAt = each.sendSeconds;
      expect(each.controlId).toBe(`11.${each.person}.${each.number}`);
      if (each.mark !== 'broken') expect(valueIn(each, 'MSH', 10)).toBe(each.controlId);
      if (each.mark !== 'broken' && each.type.startsWith('ADT')) {
        expect(valueIn(each, 'PID', 11)).toMatch(new RegExp(`^${each.number} `));
      }
      const before = last.get(each.person) ?? 0;
      if (each.mark === 'duplicate') expect(each.number).toBeLessThanOrEqual(before);
      else {
        expect(each.number).toBe(before + 1);
        last.set(each.person, each.number);
      }
    }
    expect(last.size).toBe(250);
  });

  it('repeats duplicates byte for byte', () => {
    const first = new Map(usual.filter(({ mark }) => mark !== 'duplicate').map((each) => [each.controlId, each.bytes]));
    const duplicates = usual.filter(({ mark }) => mark === 'duplicate');
    expect(duplicates.length).toBeGreaterThan(0);
    for (const each of duplicates) expect(Buffer.from(each.bytes).equals(first.get(each.controlId) ?? Buffer.alloc(0))).toBe(true);
  });

  it('holds its rates', () => {
    const rates: Rates = { corrections: 0.2, cancellations: 0.2, merges: 0.2, late: 0.2, duplicates: 0.1, outOfOrder: 0.05, broken: 0.05 };
    const all = simulated(600, rates, 5);
    const sound = all.filter(({ mark }) => mark === 'usual' || mark === 'out-of-order');
    const near = (found: number, stated: number) => expect(Math.abs(found - stated)).toBeLessThan(stated * 0.25);
    const count = (type: string) => sound.filter((each) => each.type === type).length;
    near(all.filter(({ mark }) => mark === 'duplicate').length / sound.length, rates.duplicates);
    near(all.filter(({ mark }) => mark === 'broken').length / sound.length, rates.broken);
    near(
      shareOf(sound, ({ mark }) => mark === 'out-of-order'),
      rates.outOfOrder,
    );
    near(count('ADT^A11') / count('ADT^A01'), rates.cancellations);
    near(count('ADT^A13') / (count('ADT^A03') - count('ADT^A13')), rates.cancellations);
    near(count('SIU^S15') / count('SIU^S12'), rates.cancellations);
    near(count('ADT^A40') / 600, rates.merges);
    const results = sound.filter(({ type }) => type === 'ORU^R01').map((each) => parsed(each).message);
    const statusOf = (message: (typeof results)[number]) => message.segments.find(({ name }) => name === 'OBX')?.value(11);
    const final = results.filter((each) => statusOf(each) === 'F');
    near(results.filter((each) => statusOf(each) === 'C').length / final.length, rates.corrections);
    const days = (message: (typeof results)[number]) => {
      const [sent, reported] = [message.segments[0]?.value(7), message.segments.find(({ name }) => name === 'OBR')?.value(22)];
      return Number(sent?.slice(0, 8)) - Number(reported?.slice(0, 8));
    };
    near(
      shareOf(final, (each) => days(each) >= 2),
      rates.late,
    );
    const plain = simulated(200, NEVER);
    expect(plain.filter(({ mark }) => mark !== 'usual')).toEqual([]);
    expect(plain.filter(({ type }) => /A11|A13|A40|S15/.test(type))).toEqual([]);
  });

  it('is coherent: nobody is moved before admission, nothing is corrected before it is reported, nobody is merged who was not there', () => {
    const seen = new Set<string>();
    for (const each of simulated(300, { ...USUAL_RATES, outOfOrder: 0, broken: 0, duplicates: 0, late: 0 })) {
      const visit = valueIn(each, 'PV1', 19) ?? '';
      const order = valueIn(each, 'OBR', 3) ?? '';
      const status = valueIn(each, 'OBX', 11);
      if (/ADT\^A(02|03|08|11|13)/.test(each.type)) expect(seen.has(`A01 ${visit}`)).toBe(true);
      if (each.type === 'ADT^A13') expect(seen.has(`A03 ${visit}`)).toBe(true);
      if (each.type === 'ORU^R01') expect(seen.has(`O01 ${valueIn(each, 'OBR', 2)}`)).toBe(true);
      if (each.type === 'ORU^R01' && status === 'C') expect(seen.has(`F ${order}`)).toBe(true);
      if (each.type === 'ADT^A40') expect(seen.has(`PID ${valueIn(each, 'MRG', 1)}`)).toBe(true);
      seen.add(`${each.type.split('^')[1]} ${each.type === 'ORM^O01' ? valueIn(each, 'OBR', 2) : visit}`);
      seen.add(`${status} ${order}`).add(`PID ${valueIn(each, 'PID', 3)}`);
    }
  });

  it('uses only codes that the fixtures or the starter vocabulary have', () => {
    const folder = join(root, 'fixtures', 'hl7v2');
    const files = [
      'us-adt-a04-register',
      'us-adt-a01-admit',
      'us-adt-a03-death',
      'us-oru-r01-cbc',
      'us-oru-r01-chemistry',
      'us-vxu-v04-immunization',
    ];
    const known = [...files.map((name) => join(folder, `${name}.hl7`)), join(root, 'terminology', 'starter', 'codes.tsv')]
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    const codes = new Set(
      usual.flatMap(({ bytes }) =>
        [
          ...Buffer.from(bytes)
            .toString()
            .matchAll(/([^|^~]+)\^[^|^~]*\^(LN|SCT|I10C|RXNORM|CVX|UCUM)\b/g),
        ].map((each) => each[1] ?? ''),
      ),
    );
    expect(codes.size).toBeGreaterThan(30);
    expect([...codes].filter((code) => !known.includes(code))).toEqual([]);
  });

  it('sends only what is asked for, numbered without gaps', () => {
    const only = simulated(30, NEVER, 2, ['ORU', 'ADT^A04']);
    expect(new Set(only.map(({ type }) => type))).toEqual(new Set(['ORU^R01', 'ADT^A04']));
    const first = only.filter(({ person }) => person === only[0]?.person);
    expect(first.map(({ number }) => number)).toEqual(first.map((_, index) => index + 1));
  });
});

describe('chance', () => {
  it('is even, bounded and told by its seeds', () => {
    const chance = chanceOf(1, 2);
    const drawn = Array.from({ length: 10_000 }, () => chance.below(10));
    for (let value = 0; value < 10; value++) expect(Math.abs(shareOf(drawn, (each) => each === value) - 0.1)).toBeLessThan(0.02);
    expect(chanceOf(1, 2).below(1e9)).toBe(chanceOf(1, 2).below(1e9));
    expect(chanceOf(1, 2).below(1e9)).not.toBe(chanceOf(2, 1).below(1e9));
  });
});
