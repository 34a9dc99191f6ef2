import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choiceNames, elementsOf, kindOf, RESOURCE_TYPES } from '../../services/fhir/definitions.ts';
import { readJson, sameContent, writeJson } from '../../services/fhir/format/json.ts';
import { readXml } from '../../services/fhir/format/xml-read.ts';
import { writeXml } from '../../services/fhir/format/xml-write.ts';
import type { JsonObject } from '../../services/fhir/resource.ts';

const DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p title="&lt;">A &amp; B&#160;<br/></p></div>';
const example = `{"resourceType":"Patient","id":"x","text":{"status":"generated","div":${JSON.stringify(DIV)}},
"contained":[{"resourceType":"Organization","id":"o","name":"\\"<&>\\n\\t"}],"extension":[{"url":"urn:d","valueDecimal":5.10},{"url":"urn:n","extension":[{"url":"m","valueInteger":7}]}],
"active":true,"name":[{"id":"n","given":["A","B",null],"_given":[null,{"id":"g"},{"extension":[{"url":"urn:why","valueCode":"unknown"}]}]}],
"_birthDate":{"extension":[{"url":"urn:why","valueCode":"unknown"}]},"multipleBirthInteger":2}`;

function jsonOf(text: string): JsonObject {
  const read = readJson(text);
  return read.ok ? read.value : {};
}

/** JSON -> XML -> JSON; what went wrong instead. */
function thereAndBack(resource: JsonObject, indent = 0): JsonObject {
  const xml = writeXml(resource, indent);
  const back = xml.ok ? readXml(xml.value) : xml;
  return back.ok ? back.value : { problems: back.problems.map(({ text, at }) => `${text} ${at}`) };
}

describe('FHIR XML', () => {
  it('is written as the standard shows it', () => {
    const written = writeXml(jsonOf(example));
    expect(written.ok && written.value).toBe(
      `<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="x"/><text><status value="generated"/>${DIV}</text>` +
        '<contained><Organization><id value="o"/><name value="&quot;&lt;&amp;&gt;&#10;&#9;"/></Organization></contained>' +
        '<extension url="urn:d"><valueDecimal value="5.10"/></extension><extension url="urn:n"><extension url="m"><valueInteger value="7"/></extension></extension>' +
        '<active value="true"/><name id="n"><given value="A"/><given id="g" value="B"/><given><extension url="urn:why"><valueCode value="unknown"/></extension></given></name>' +
        '<birthDate><extension url="urn:why"><valueCode value="unknown"/></extension></birthDate><multipleBirthInteger value="2"/></Patient>',
    );
  });

  it.each([0, 2])('comes back as it went, indented by %i', (indent) => {
    expect(writeJson(thereAndBack(jsonOf(example), indent))).toBe(writeJson(jsonOf(example)));
  });

  it('comes back as it went for random values of every element of every resource type', () => {
    const values: Readonly<Record<string, string>> = {
      boolean: 'true',
      decimal: '1.50',
      integer: '-3',
      positiveInt: '3',
      unsignedInt: '0',
    };
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((each) => !/[\p{Cc}\p{Cn}]/u.test(each));
    const objectOf = (type: string, depth: number, chance: () => number, letters: () => string): string => {
      const parts: string[] = kindOf(type) === 'resource' ? [`"resourceType":"${type}"`] : [];
      for (const element of elementsOf(type).values()) {
        const n = Math.floor(chance() * element.types.length);
        const name = choiceNames(element)[n] ?? element.name;
        const code = element.types[n]?.code ?? '';
        const isPrimitive = kindOf(code) === 'primitive';
        if ((!isPrimitive && depth > 2) || chance() < (depth === 0 ? 0.2 : 0.6) || (code === 'Resource' && depth > 0)) continue;
        const one = (): string => {
          if (code === 'xhtml') return JSON.stringify(DIV);
          if (isPrimitive) return values[code] ?? JSON.stringify(letters());
          return objectOf(code === 'Resource' ? 'Basic' : code, depth + 1, chance, letters);
        };
        const items = element.max > 1 ? `[${Array.from({ length: 1 + Math.floor(chance() * 2) }, one).join()}]` : one();
        parts.push(`"${name}":${items}`);
        if (isPrimitive && code !== 'xhtml' && element.max === 1 && name !== 'id' && name !== 'url' && chance() < 0.2)
          parts.push(`"_${name}":{"id":${JSON.stringify(letters())}}`);
      }
      return `{${parts.join()}}`;
    };
    for (const type of RESOURCE_TYPES.keys()) {
      fc.assert(
        fc.property(fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), fc.infiniteStream(text), (chances, texts) => {
          const chance = (): number => chances.next().value ?? 0.5;
          const letters = (): string => texts.next().value ?? 'x';
          const resource = jsonOf(objectOf(type, 0, chance, letters));
          const back = thereAndBack(resource);
          if (!sameContent(back, resource)) expect(back).toEqual(resource);
        }),
        { numRuns: 2 },
      );
    }
  });

  const corpus = resolve(import.meta.dirname, '../../../shared/corpus/fhir');
  it.skipIf(!existsSync(corpus))(
    'comes back as it went for the official examples (skipped: no ../shared/corpus beside the checkout)',
    () => {
      const files = readdirSync(corpus, { recursive: true, encoding: 'utf8' }).filter((name) => /^(r4|us-core).*\.json$/.test(name));
      const different = files.filter((name) => {
        const resource = jsonOf(readFileSync(join(corpus, name), 'utf8'));
        return !sameContent(thereAndBack(resource), resource);
      });
      expect([files.length > 600, different]).toEqual([true, []]);
    },
  );

  it.each([
    ['an HTML entity', { div: '<div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div>' }],
    ['an end before the end', { div: '<div xmlns="http://www.w3.org/1999/xhtml"></div><evil/>' }],
    ['a document type', { div: '<!DOCTYPE x><div xmlns="http://www.w3.org/1999/xhtml"></div>' }],
    ['no namespace', { div: '<div>x</div>' }],
  ])('is refused for a narrative with %s', (_name, { div }) => {
    const written = writeXml({ resourceType: 'Patient', text: { status: 'generated', div } });
    expect(written.ok ? written.value : written.problems[0]?.code).toBe('fhir-xml-unwritable');
  });

  it('never leaves out what it cannot say', () => {
    for (const resource of [
      { resourceType: 'Patient', colour: 'red' },
      { resourceType: 'Patient', name: [{ family: '\u0001' }] },
    ])
      expect(writeXml(resource)).toMatchObject({ ok: false });
  });
});

const patient = (inside: string, before = ''): string => `${before}<Patient xmlns="http://hl7.org/fhir">${inside}</Patient>`;
const bomb = `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 30 }, (_, i) => `<!ENTITY a${i} "&a${i - 1};&a${i - 1};">`).join('')}]>`;

it.each([
  ['an external entity', patient('<id value="&x;"/>', '<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>')],
  ['an external subset', patient('', '<!DOCTYPE Patient SYSTEM "http://127.0.0.1:1/evil.dtd">')],
  ['a parameter entity', patient('', '<!DOCTYPE Patient [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]>')],
  ['entities within entities', patient('<id value="&a29;"/>', bomb)],
  ['an entity that nobody declared', patient('<id value="&nbsp;"/>')],
  ['a stylesheet', patient('', '<?xml-stylesheet href="http://127.0.0.1:1/x.xsl"?>')],
  ['an XInclude', patient('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>')],
  ['another encoding', patient('', '<?xml version="1.0" encoding="UTF-7"?>')],
  ['UTF-16', Buffer.from(`\ufeff${patient('')}`, 'utf16le')],
  ['half a document', '<Patient xmlns="http://hl7.org/fhir"><id'],
  ['two roots', patient('') + patient('')],
  ['the wrong namespace', '<Patient xmlns="urn:other"/>'],
  ['no namespace', '<Patient/>'],
  ['an unknown element', patient('<colour value="red"/>')],
  ['an unknown attribute', patient('<id valu="red"/>')],
  ['text', patient('hello')],
  ['text in CDATA', patient('<![CDATA[hello]]>')],
  ['a resource that is none', '<Evil xmlns="http://hl7.org/fhir"/>'],
  ['__proto__', patient('<__proto__ value="x"/>')],
  ['ten thousand levels', patient('<contact>'.repeat(10_000))],
  ['a million levels in a narrative', patient(`<text><div xmlns="http://www.w3.org/1999/xhtml">${'<b>'.repeat(100_000)}`)],
  ['many attributes', patient(`<id ${Array.from({ length: 50_000 }, (_, i) => `a${i}=""`).join(' ')}/>`)],
  ['NUL', patient('<id value="\u0000"/>')],
  ['an escaped NUL', patient('<id value="&#0;"/>')],
  ['one element twice', patient('<birthDate value="2000"/><birthDate value="2001"/>')],
  ['nothing', ''],
])('hostile XML is refused with its reason: %s', (_name, source) => {
  const read = readXml(source);
  expect(read.ok ? read.value : read.problems.map(({ code }) => code)).toEqual(['fhir-not-xml']);
});

it('reads other writers: comments, prefixes, whatever order and white space', () => {
  const text = `<?xml version="1.0"?><!-- a --><f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y">
    <f:active value="false"/><!-- b --><f:id value="1"/><f:name><f:given value="A"></f:given></f:name></f:Patient>`;
  const read = readXml(text);
  expect(read.ok && read.value).toEqual({ resourceType: 'Patient', active: false, id: '1', name: [{ given: ['A'] }] });
});
