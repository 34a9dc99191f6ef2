import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { fieldOf } from '../../services/hl7v2/definitions.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { drawn, FIXTURES, fixture, parsed, segment, walked } from './samples.ts';

const readme = readFileSync(resolve(import.meta.dirname, '../../fixtures/hl7v2/README.md'), 'utf8');

describe('the project’s own messages', () => {
  it.each(FIXTURES)('%s is described, ends its segments with CR, and is read without a doubt unless it is wrong on purpose', (name) => {
    expect(readme).toContain(`| ${name} |`);
    const bytes = fixture(name);
    expect(bytes.includes(0x0a)).toBe(false);
    const batch = splitBatch(bytes);
    expect(batch.problems).toEqual([]);
    for (const each of batch.ok ? batch.value : []) {
      const result = parseMessage(each);
      expect(result.ok).toBe(true);
      if (!result.ok) continue;
      expect(walked(result.value.root)).toEqual([...result.value.segments]);
      const problems = [...result.problems, ...result.value.structureProblems].map((found) => found.code);
      expect(new Set(problems)).toEqual(
        new Set(name === 'wrong-on-purpose.hl7' ? ['hl7v2-escape-unknown', 'hl7v2-segment-missing', 'hl7v2-segment-unexpected'] : []),
      );
    }
  });

  it('use fields that their version has', () => {
    for (const name of FIXTURES.filter((each) => each !== 'wrong-on-purpose.hl7')) {
      for (const bytes of splitBatch(fixture(name)).ok ? [fixture(name)] : []) {
        const split = splitBatch(bytes);
        for (const message of split.ok ? split.value.map((each) => parsed(each)) : []) {
          for (const each of message.segments.filter((found) => !found.name.startsWith('Z'))) {
            for (let n = 1; n <= each.fieldCount; n += 1) {
              if (each.state(n) !== 'empty')
                expect([name, each.name, n, fieldOf(message.version, each.name, n) !== undefined]).toEqual([name, each.name, n, true]);
            }
          }
        }
      }
    }
  });

  it('are read as their senders meant them', () => {
    const pt = parsed(fixture('pt-adt-a04-consulta.hl7'));
    expect([segment(pt, 'PID').value(5, 1, 1), segment(pt, 'PID').value(11), pt.charset]).toEqual([
      'Conceição',
      'Rua do Açúcar nº 14, 3º Esq',
      'iso-8859-1',
    ]);
    const jp = segment(parsed(fixture('jp-adt-a08-update.hl7')), 'PID');
    expect([jp.value(5, 1, 1), jp.value(5, 2, 2), jp.value(5, 2, 8), jp.value(11, 1, 3)]).toEqual([
      '佐々木',
      'アヤノ',
      'P',
      '名古屋市千種区',
    ]);
    const de = parsed(fixture('de-oru-r01-labor.hl7'));
    expect([segment(de, 'PID').value(5, 1, 1), segment(de, 'OBX', 4).value(5)]).toEqual([
      'Weiß',
      'Prüfung auf SS-A/SS-B empfohlen. Kosten ca. 38 €.',
    ]);
    const a08 = segment(parsed(fixture('us-adt-a08-update.hl7')), 'PID');
    expect([a08.state(5, 1, 3), a08.state(14), a08.state(11, 1, 2), a08.state(10)]).toEqual(['delete', 'delete', 'delete', 'empty']);
    expect(segment(parsed(fixture('us-oru-r01-cbc.hl7')), 'NTE').value(3)).toBe(
      'Specimen slightly hemolyzed & reviewed; counts not affected.',
    );
    expect(segment(parsed(fixture('us-oru-r01-microbiology.hl7')), 'OBX', 5).wholeText(5)).toBe(
      'PORTABLE CHEST\nTube 4 cm above the carina. No pneumothorax.\n\nImpression:\n mild edema, pleural effusion R & L < 1 cm.',
    );
    expect(drawn(parsed(fixture('pt-oru-r01-analises.hl7')).root)).toContain(
      'ORDER_OBSERVATION(ORC OBR ZLR OBSERVATION(OBX) OBSERVATION(OBX) OBSERVATION(OBX NTE)',
    );
  });
});
