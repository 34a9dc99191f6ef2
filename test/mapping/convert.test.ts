import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { withRaw } from '../../services/hl7v2/encode.ts';
import type { Message } from '../../services/hl7v2/message.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { checkSpecs } from '../../services/mapping/check.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

const ROOT = join(import.meta.dirname, '../..');
const FIXTURES = join(ROOT, 'fixtures/hl7v2');
const loaded = loadMaps(join(ROOT, 'mappings'));

function maps() {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.value;
}

function message(name: string): Message {
  const parsed = parseMessage(readFileSync(join(FIXTURES, name)));
  if (!parsed.ok) throw new Error(`${name}: ${JSON.stringify(parsed.problems)}`);
  return parsed.value;
}

const zoneOf = (name: string): string =>
  name.startsWith('pt-')
    ? 'Europe/Lisbon'
    : name.startsWith('de-')
      ? 'Europe/Berlin'
      : name.startsWith('jp-')
        ? 'Asia/Tokyo'
        : 'America/New_York';
const names = readdirSync(FIXTURES).filter((name) => name.endsWith('.hl7') && name !== 'batch.hl7');
const convert = (name: string) => maps().convert(message(name), { timezone: zoneOf(name) });

describe('the maps of the repository', () => {
  // Some 500 cases over every version of every structure: ten seconds alone, more on a busy machine.
  it('hold for every version they name, with all their cases', () => {
    const report = checkSpecs(join(ROOT, 'mappings'));
    expect(report.diagnostics).toEqual([]);
    expect(report.cases.failed).toBe(0);
    expect(report.cases.passed).toBeGreaterThan(25);
  });

  it.each(names)('%s becomes the golden resources', async (name) => {
    const { drafts, problems, unmapped, unread, rung } = convert(name);
    const shown = drafts.map(({ resource, update, deletes }) => ({ update, deletes, resource }));
    const golden = JSON.stringify({ rung, problems, unmapped, unread, drafts: shown }, undefined, 1);
    await expect(`${golden}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${name.replace('.hl7', '')}.json`));
  });

  it.each(names)('%s gives only valid FHIR, with references that have a target in it', (name) => {
    const { drafts } = convert(name);
    const made = new Set(drafts.map(({ resource }) => `${resource.resourceType}/${resource.id}`));
    for (const { resource } of drafts) {
      expect(validateResource(resource)).toEqual([]);
      const references = JSON.stringify(resource).matchAll(/"reference":"([^"]+)"/g);
      for (const [, reference] of references) expect(made).toContain(reference);
    }
  });

  it('gives the same resources, ids included, every time', () => {
    for (const name of names) expect(JSON.stringify(convert(name))).toBe(JSON.stringify(convert(name)));
  });

  it('keeps patients of different senders apart though they have the same number', () => {
    const one = message('us-adt-a01-admit.hl7');
    const ids = ['A', 'B'].map((authority) => maps().convert(one, { timezone: 'UTC', authority }).drafts[0]?.resource.id);
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('parks a message whose sender is nobody: its ids would mix patients', () => {
    const unnamed = withRaw(withRaw(message('us-adt-a01-admit.hl7'), 'MSH-3', ''), 'MSH-4', '');
    const conversion = maps().convert(unnamed, { timezone: 'UTC' });
    expect(conversion).toMatchObject({ drafts: [], rung: 'park-message', problems: [{ code: 'mapping-no-authority' }] });
  });

  it('parks a message that no map takes, and says which', () => {
    const other = withRaw(message('us-adt-a01-admit.hl7'), 'MSH-9', 'MFN^M02');
    expect(maps().convert(other, { timezone: 'UTC' })).toMatchObject({
      spec: '',
      rung: 'park-message',
      problems: [{ code: 'mapping-no-map', at: 'MSH-9' }],
    });
  });

  it.each(['MSH|^~\\&|LAB|STMARYS', 'MSH|^~\\&|LAB|STMARYS|||20260601||ORU', 'MSH|^~\\&|LAB|STMARYS|||20260601||'])(
    'says of a header that does not say what the message is what is wrong: %s',
    (text) => {
      const parsed = parseMessage(Buffer.from(`${text}\rPID|1||77^^^B^MR||Doe^Jane`));
      if (!parsed.ok) return expect(parsed.problems[0]?.code).toMatch(/^hl7v2-/);
      const { problems, rung } = maps().convert(parsed.value, { timezone: 'UTC' });
      return expect({ rung, code: problems[0]?.code, at: problems[0]?.at }).toEqual({
        rung: 'park-message',
        code: 'mapping-no-type',
        at: 'MSH-9',
      });
    },
  );

  it('keeps digits of numbers as they were sent', () => {
    const bytes = JSON.stringify(convert('us-oru-r01-chemistry.hl7').drafts.map((each) => each.resource));
    expect(bytes).toContain('"value":0.90,');
    expect(bytes).toContain('"value":6.0,');
    expect(bytes).toContain('"value":1.020');
  });

  it('reports every valued field that no rule reads, also in segments that stand where no rule looks', () => {
    const unread = convert('us-adt-a04-register.hl7').unread.map((each) => each.path);
    expect(unread).toContain('IN1-18');
    expect(unread).not.toContain('PID-5');
    const repeated = withRaw(message('us-adt-a01-admit.hl7'), 'PID-7', '19980123~19980124');
    expect(
      maps()
        .convert(repeated, { timezone: 'UTC' })
        .unread.map((each) => each.path),
    ).toContain('PID-7[2]');
  });

  it('names positions and codes but no content in problems', () => {
    const wrong = withRaw(withRaw(message('us-adt-a01-admit.hl7'), 'PID-7', 'SECRETVALUE'), 'PV1-44', 'SECRETVALUE');
    const { problems } = maps().convert(wrong, { timezone: 'UTC' });
    expect(problems.map((each) => [each.code, each.at])).toEqual(
      expect.arrayContaining([
        ['mapping-not-a-date', 'PID-7'],
        ['mapping-not-a-date', 'PV1-44'],
      ]),
    );
    expect(JSON.stringify(problems)).not.toContain('SECRETVALUE');
  });
});
