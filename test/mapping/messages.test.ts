import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { accountOf } from '../../scripts/maps/accounted.ts';
import { corpusFolder, messagesOf } from '../../scripts/maps/corpus.ts';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

const ROOT = join(import.meta.dirname, '../..');
const FIXTURES = join(ROOT, 'fixtures/hl7v2/maps');
const loaded = loadMaps(join(ROOT, 'mappings'));

function maps() {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.value;
}

function convert(name: string) {
  const parsed = parseMessage(readFileSync(join(FIXTURES, name)));
  if (!parsed.ok) throw new Error(name);
  return maps().convert(parsed.value, { timezone: 'Europe/Berlin' });
}

describe('messages of every kind', () => {
  it.each(readdirSync(FIXTURES))('%s gives valid FHIR, references with a target, and a Provenance of all of it', (name) => {
    const { drafts } = convert(name);
    const made = new Set(drafts.map(({ resource }) => `${resource.resourceType}/${resource.id}`));
    for (const { resource } of drafts) {
      expect(validateResource(resource)).toEqual([]);
      for (const [, reference] of JSON.stringify(resource).matchAll(/"reference":"([^"]+)"/g)) expect(made).toContain(reference);
    }
    const provenance = drafts
      .filter(({ resource }) => resource.resourceType === 'Provenance')
      .map(({ resource }) => JSON.stringify(resource));
    expect(provenance).toHaveLength(1);
    for (const each of made) if (!each.startsWith('Provenance/')) expect(provenance[0]).toContain(each);
  });

  it('keep the id of what they speak of: an order, its encoding, its cancellation; a stay that moves', () => {
    const idIn = (name: string, type: string) => convert(name).drafts.find(({ resource }) => resource.resourceType === type)?.resource.id;
    expect(idIn('rde-o11-encoded.hl7', 'MedicationRequest')).toBe(idIn('omp-o09-amoxicillin.hl7', 'MedicationRequest'));
    expect(idIn('orm-o01-cancel.hl7', 'ServiceRequest')).toBe(idIn('orm-o01-xray.hl7', 'ServiceRequest'));
    expect(idIn('siu-s15-cancelled.hl7', 'Appointment')).toBe(idIn('siu-s12-booked.hl7', 'Appointment'));
    expect(idIn('mdm-t11-cancelled.hl7', 'DocumentReference')).toBe(idIn('mdm-t10-replaced.hl7', 'DocumentReference'));
    expect(idIn('ppr-pc3-deleted.hl7', 'Condition')).toBe(idIn('ppr-pc1-problem.hl7', 'Condition'));
    const stays = convert('adt-a17-swap.hl7').drafts.filter(({ resource }) => resource.resourceType === 'Encounter');
    expect(idIn('adt-a45-move.hl7', 'Encounter')).toBe(stays[1]?.resource.id);
  });

  it('of two patients where one has a place are parked: what follows the second would be said of the first', () => {
    const one = readFileSync(join(FIXTURES, 'adt-a17-swap.hl7'), 'latin1').split('\r').filter(Boolean);
    const named = (event: string) => one.map((line) => line.replace(/ADT\^A17(\^ADT_A17)?/, event)).join('\r');
    const becomes = (text: string) => {
      const parsed = parseMessage(Buffer.from(text, 'latin1'));
      if (!parsed.ok) throw new Error(text);
      const context = { timezone: 'Europe/Berlin' };
      const { rung, problems, drafts } = maps().convert(parsed.value, context);
      expect(maps().accepts(parsed.value, context)).toBe(rung !== 'park-message');
      return { rung, drafts: drafts.length > 0, codes: problems.map(({ code, at }) => `${code} ${at}`) };
    };
    expect(becomes(named('ADT^A17^ADT_A17'))).toMatchObject({ rung: 'none', drafts: true });
    const refused = { rung: 'park-message', drafts: false, codes: ['mapping-second-patient PID[2]'] };
    expect(becomes(named('ADT^A01^ADT_A01'))).toEqual(refused);
    expect(becomes(named('ADT^A08^ADT_A01'))).toEqual(refused);
  });

  it('account for every field with a value: mapped, ignored with a reason, or reported as unread', () => {
    for (const name of readdirSync(FIXTURES)) {
      const parsed = parseMessage(readFileSync(join(FIXTURES, name)));
      if (parsed.ok) expect(accountOf(parsed.value, maps()).unaccounted, name).toEqual([]);
    }
  });
});

describe.skipIf(corpusFolder() === undefined)('messages of others', () => {
  it('account for every field with a value, too', () => {
    const sum = { valued: 0, mapped: 0, ignored: 0, unread: 0, parked: 0 };
    const faults: string[] = [];
    let n = 0;
    for (const { file, message } of messagesOf(corpusFolder() ?? '')) {
      // One in seven here; scripts/maps/accounted.ts counts them all.
      if (n++ % 7 !== 0) continue;
      const account = accountOf(message, maps());
      for (const key of ['valued', 'mapped', 'ignored', 'unread', 'parked'] as const) sum[key] += account[key];
      for (const each of account.unaccounted) faults.push(`${file} ${each}`);
    }
    expect(faults).toEqual([]);
    expect(sum.mapped + sum.ignored + sum.unread + sum.parked).toBe(sum.valued);
    expect((sum.mapped + sum.ignored) / (sum.valued - sum.parked)).toBeGreaterThan(0.8);
  });
});
