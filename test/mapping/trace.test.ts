import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../services/hl7v2/message.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import type { ElementLineage } from '../../services/mapping/trace/lineage.ts';

let loaded: LoadedMaps | undefined;
function maps(): LoadedMaps {
  if (loaded !== undefined) return loaded;
  const read = loadMaps('mappings');
  if (!read.ok) throw new Error(read.problems.map((each) => `${each.at} ${each.code}`).join('; '));
  loaded = read.value;
  return loaded;
}

function messageOf(file: string): Message {
  const read = parseMessage(readFileSync(`fixtures/hl7v2/${file}`));
  if (!read.ok) throw new Error('not read');
  return read.value;
}

const files = readdirSync('fixtures/hl7v2').filter((name) => name.endsWith('.hl7') && !/batch|wrong/.test(name));
const textAt = (message: Message, { sources }: ElementLineage): readonly string[] =>
  sources.map(({ bytes }) => Buffer.from(message.bytes.subarray(bytes?.from, bytes?.to)).toString('utf8'));

describe('a traced conversion', () => {
  it.each(files)('makes of %s exactly what the fast one makes', (file) => {
    const message = messageOf(file);
    expect(JSON.stringify(maps().trace(message, { timezone: 'UTC' }).conversion)).toBe(
      JSON.stringify(maps().convert(message, { timezone: 'UTC' })),
    );
  });

  it('is made by a module of its own: the fast one knows nothing of it', () => {
    const map = maps().messageMaps.find((each) => each.spec.id === 'v2-to-fhir/oru-r01');
    expect(map?.module('2.5.1', 'ORU_R01', 'traced').text).toContain('X.enter(');
    expect(map?.module('2.5.1', 'ORU_R01').text).not.toMatch(/X\.(enter|leave|assigned|blocked)\(/);
  });

  it('tells of every value the rule, its line, and the bytes it came from', () => {
    const message = messageOf('us-oru-r01-cbc.hl7');
    const { elements, conversion } = maps().trace(message, { timezone: 'UTC' });
    expect([...elements.keys()]).toEqual(conversion.drafts.map(({ resource }) => `${resource.resourceType}/${resource.id}`));
    const all = [...elements.values()].flat();
    const family = all.find((each) => each.path === 'Patient.name[0].family');
    expect(family).toMatchObject({ value: 'Muñoz', sources: [{ path: 'PID-5.1.1' }] });
    expect(family?.rules[0]).toMatchObject({ text: '=.1.1', at: { file: expect.stringMatching(/xpn-to-humanname\.yaml$/) } });
    expect(family?.rules.map((each) => each.text)).toContain('=PID-5');
    expect(textAt(message, family ?? raise())).toEqual(['Muñoz']);
    const gender = all.find((each) => each.path === 'Patient.gender');
    expect(gender).toMatchObject({ sources: [{ path: 'PID-8' }], row: { file: expect.stringMatching(/0001-administrative-sex\.yaml$/) } });
    const given = all.filter((each) => each.path.startsWith('Patient.name[0].given'));
    expect(given.map((each) => textAt(message, each))).toEqual(given.map((each) => [each.value]));
  });

  it('points at the text itself wherever a value is text of the message', () => {
    for (const file of files) {
      const message = messageOf(file);
      if (!/utf-?8|ascii/i.test(message.charset)) continue;
      for (const each of [...maps().trace(message, { timezone: 'UTC' }).elements.values()].flat()) {
        if (!/^=\.\d+(\.\d+)?$/.test(each.rules[0]?.text ?? '') || each.row !== undefined || each.sources.length !== 1) continue;
        const [text = ''] = textAt(message, each);
        if (/[\\^]/.test(text) || /^\d{8,}/.test(text)) continue; // escapes are decoded, times are rewritten
        expect(`${file} ${each.path} ${text}`).toBe(`${file} ${each.path} ${each.value}`);
      }
    }
  });

  it('says of rules that made nothing why', () => {
    const { rules } = maps().trace(messageOf('us-oru-r01-cbc.hl7'), { timezone: 'UTC' });
    const why = (target: string, text: string): string =>
      rules.find((each) => each.rule.target === target && each.rule.text === text)?.why ?? 'no such rule';
    expect(why('Observation.bodySite', '=OBX-20')).toBe('the message has no value there');
    expect(why('Observation.value[x].CodeableConcept', '=OBX-5')).toBe('the switch took another case');
    expect(why('Patient.birthDate', '=PID-7')).toBe('');
    expect(rules.every((each) => each.why !== '' || each.made === each.ran)).toBe(true);
  });

  it('counts bytes in character sets of several bytes', () => {
    const bytes = Buffer.from(
      'MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1||||||UNICODE UTF-8\rPID|1||7^^^B^MR||Ångström^Zoë||19500101|F\r',
    );
    const read = parseMessage(bytes);
    if (!read.ok) throw new Error('not read');
    const given = [...maps().trace(read.value, { timezone: 'UTC' }).elements.values()]
      .flat()
      .find((each) => each.path === 'Patient.name[0].given[0]');
    expect(textAt(read.value, given ?? raise())).toEqual(['Zoë']);
  });
});

function raise(): never {
  throw new Error('not there');
}
