import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { validateResource } from '../../services/fhir/validation/validate.ts';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import type { Conversion } from '../../services/mapping/conversion.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

const ROOT = join(import.meta.dirname, '../..');
const CORPUS = join(ROOT, '../shared/corpus/hl7v2');
const isThere = existsSync(CORPUS);
if (!isThere) console.log('corpus.test.ts skipped: ../shared/corpus/hl7v2 is not beside the checkout');

const files = isThere
  ? readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(hl7|txt|er7|dat)$/i.test(name))
      .map((name) => join(CORPUS, name))
      .filter((path) => statSync(path).isFile() && statSync(path).size < 1_000_000)
  : [];

/** The patient as a naive reader sees him: only what needs no interpretation. */
interface Naive {
  readonly family: string;
  readonly birthDate: string;
  readonly gender: string;
  readonly identifier: string;
}

/** Splits by the delimiters of the header and nothing else; undefined where escapes or several patients make naivety wrong. */
function naive(text: string): Naive | undefined {
  const segments = text.split(/[\r\n]+/);
  const header = segments[0] ?? '';
  const f = header.charAt(3);
  const [c = '^', r = '~', e = '\\', s = '&'] = header.slice(4, 8);
  const pids = segments.filter((each) => each.startsWith(`PID${f}`));
  const fields = pids[0]?.split(f);
  if (pids.length !== 1 || fields === undefined || fields.join('').includes(e)) return undefined;
  const first = (n: number): string => (fields[n] ?? '').split(r)[0]?.split(c)[0]?.split(s)[0] ?? '';
  return { family: first(5), birthDate: first(7), gender: first(8), identifier: first(3) };
}

const plain = (value: string): string => (value === '""' ? '' : value);

function disagreements(text: string, { drafts }: Conversion): string[] {
  const expected = naive(text);
  const patients = drafts.filter((each) => each.resource.resourceType === 'Patient');
  const patient: unknown = JSON.parse(JSON.stringify(patients[0]?.resource ?? null));
  if (expected === undefined || patients.length !== 1 || typeof patient !== 'object' || patient === null) return [];
  const at = (path: readonly (string | number)[]): string => {
    let here: unknown = patient;
    for (const step of path) here = typeof here === 'object' && here !== null ? Reflect.get(here, step) : undefined;
    return typeof here === 'string' ? here : '';
  };
  const found: string[] = [];
  const family = plain(expected.family);
  if (family.trim() !== '' && at(['name', 0, 'family']) !== family) found.push('family');
  const genders: Record<string, string> = { M: 'male', F: 'female', O: 'other', U: 'unknown', A: 'other' };
  const gender = genders[expected.gender];
  if (gender !== undefined && at(['gender']) !== gender) found.push('gender');
  const identifier = plain(expected.identifier);
  if (identifier !== '' && at(['identifier', 0, 'value']) !== identifier) found.push('identifier');
  const digits = /^(\d{4})(\d{2})?(\d{2})?/.exec(expected.birthDate);
  const date =
    digits
      ?.slice(1)
      .filter((each) => each !== undefined)
      .join('-') ?? '';
  // A date that the naive reader cannot vouch for may be left out, never be another.
  if (at(['birthDate']) !== '' && at(['birthDate']) !== date) found.push('birthDate');
  if (/^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])$/.test(expected.birthDate) && at(['birthDate']) !== date) found.push('birthDate');
  return found;
}

describe.skipIf(!isThere)('ADT and ORU messages of the corpus', () => {
  const loaded = loadMaps(join(ROOT, 'mappings'));
  const counts = { messages: 0, unreadable: 0, patients: 0, parked: 0, resources: 0 };

  it('all end as valid resources that agree with the message, or as reported problems', () => {
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const faults: string[] = [];
    for (const file of files) {
      const content = readFileSync(file);
      if (!/^\W*(MSH|FHS|BHS)/.test(content.toString('latin1', 0, 64))) continue;
      const parts = splitBatch(content);
      for (const bytes of parts.ok ? parts.value : []) {
        const parsed = parseMessage(bytes);
        counts.messages += 1;
        if (!parsed.ok) {
          counts.unreadable += 1;
          continue;
        }
        if (!['ADT', 'ORU', 'VXU'].includes(parsed.value.type)) continue;
        const conversion = loaded.value.convert(parsed.value, { timezone: 'America/Chicago', authority: 'corpus' });
        counts.resources += conversion.drafts.length;
        counts.patients += conversion.drafts.filter((each) => each.resource.resourceType === 'Patient').length;
        if (conversion.rung === 'park-message') counts.parked += 1;
        if (conversion.drafts.length === 0 && conversion.problems.length === 0) faults.push(`${file}: nothing made, nothing said`);
        for (const { resource } of conversion.drafts)
          for (const each of validateResource(resource)) faults.push(`${file}: ${each.code} ${each.at ?? ''}`);
        const text = parsed.value.segments.map((each) => each.text).join('\r');
        for (const each of disagreements(text, conversion)) faults.push(`${file}: ${each}`);
      }
    }
    console.log(`corpus: ${JSON.stringify(counts)}`);
    expect(faults).toEqual([]);
    expect(counts.patients).toBeGreaterThan(200);
  });
});
