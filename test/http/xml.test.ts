/** FHIR XML over HTTP (http://hl7.org/fhir/R4/http.html#mime-type): bodies and answers, whatever is asked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type TestDoor, testDoor } from './door.ts';

const XML = 'application/fhir+xml';
const NS = 'xmlns="http://hl7.org/fhir"';
const PATIENT = `<?xml version="1.0"?><Patient ${NS}><id value="p"/><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">A &amp; B</div></text>
<extension url="urn:d"><valueDecimal value="5.10"/></extension><identifier><system value="urn:xml"/><value value="1"/></identifier><active value="true"/></Patient>`;

let door: TestDoor;
beforeAll(async () => {
  door = await testDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

async function send(method: string, path: string, body?: string, headers: Readonly<Record<string, string>> = {}) {
  const given = body === undefined ? {} : { 'content-type': XML };
  const answer = await fetch(`${door.door.url}/fhir/R4${path}`, {
    method,
    headers: { ...given, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() };
}

describe('FHIR XML over HTTP', () => {
  it('is stored and read as XML and as JSON, with its digits and its narrative; the journal keeps its bytes', async () => {
    expect((await send('PUT', '/Patient/p', PATIENT)).status).toBe(201);
    const json = (await send('GET', '/Patient/p')).text;
    expect(json).toContain('"valueDecimal":5.10');
    expect(at(JSON.parse(json), 'text', 'div')).toBe('<div xmlns="http://www.w3.org/1999/xhtml">A &amp; B</div>');
    const xml = await send('GET', '/Patient/p', undefined, { accept: XML });
    expect([xml.status, xml.type]).toEqual([200, 'application/fhir+xml; charset=utf-8']);
    expect(xml.text).toContain(
      '<div xmlns="http://www.w3.org/1999/xhtml">A &amp; B</div></text><extension url="urn:d"><valueDecimal value="5.10"/>',
    );
    const [journal] = await door.database.query<{ content: Buffer }>(
      "SELECT content FROM journal.message WHERE channel = 'fhir' ORDER BY id LIMIT 1",
    );
    expect(journal?.content.toString()).toBe(PATIENT);
    // The same again, as XML that was read: nothing changed.
    expect((await send('PUT', '/Patient/p', xml.text)).text).toContain('"versionId":"1"');
  });

  it.each(['xml', 'application/fhir+xml', 'application/xml', 'text/xml'].map((name) => [name, encodeURIComponent(name)]))(
    'goes by _format=%s',
    async (_name, encoded) => {
      const { status, type } = await send('GET', `/Patient/p?_format=${encoded}`);
      expect([status, type.startsWith(XML)]).toEqual([200, true]);
    },
  );

  it('goes by what Accept prefers', async () => {
    const typeOf = async (accept: string) => (await send('GET', '/Patient/p', undefined, { accept })).type.split(';')[0];
    expect(await typeOf('application/fhir+xml, application/fhir+json')).toBe(XML);
    expect(await typeOf('application/fhir+xml;q=0.5, application/fhir+json')).toBe('application/fhir+json');
    expect(await typeOf('text/html, application/xml;q=0.9, */*;q=0.8')).toBe(XML);
  });

  it.each([
    '/metadata',
    '/Patient?identifier=urn:xml|1',
    '/Patient/p/_history',
    '/Patient/p/_history/1',
    '/Patient/p?_summary=true',
    '/Patient/nobody',
    '/Patient?_nothing=1',
  ])('answers %s, errors too', async (path) => {
    const json = await send('GET', path);
    const xml = await send('GET', path, undefined, { accept: XML });
    expect([xml.status, xml.type]).toEqual([json.status, 'application/fhir+xml; charset=utf-8']);
    expect(xml.text).toMatch(new RegExp(`^<\\?xml version="1.0" encoding="UTF-8"\\?><${at(JSON.parse(json.text), 'resourceType')} ${NS}>`));
  });

  it('is indented with _pretty=true', async () => {
    expect((await send('GET', '/Patient/p?_format=xml&_pretty=true')).text).toContain('\n  <active value="true"/>\n</Patient>');
  });

  it('carries transactions and FHIRPath patches', async () => {
    const bundle = `<Bundle ${NS}><type value="transaction"/><entry><resource><Patient><active value="false"/></Patient></resource>
      <request><method value="POST"/><url value="Patient"/></request></entry></Bundle>`;
    const answer = await send('POST', '', bundle, { accept: XML });
    expect([answer.status, answer.text.includes('<status value="201 Created"/>')]).toEqual([200, true]);
    const patch = `<Parameters ${NS}><parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part>
      <part><name value="path"/><valueString value="Patient.active"/></part><part><name value="value"/><valueBoolean value="false"/></part></parameter></Parameters>`;
    expect((await send('PATCH', '/Patient/p', patch)).text).toContain('"active":false');
  });

  it.each([
    ['XML that is JSON', XML, '{"resourceType":"Patient"}', 'fhir-not-xml'],
    ['JSON that is XML', 'application/fhir+json', PATIENT, 'fhir-not-json'],
    [
      'an external entity',
      XML,
      `<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]><Patient ${NS}><id value="&x;"/></Patient>`,
      'fhir-not-xml',
    ],
    ['another resource', XML, `<Group ${NS}/>`, 'id-mismatch'],
    ['an invalid resource', XML, `<Patient ${NS}><id value="p"/><birthDate value="soon"/></Patient>`, 'fhir-value'],
  ])('refuses %s', async (_name, type, body, code) => {
    const { status, text } = await send('PUT', '/Patient/p', body, { 'content-type': type });
    expect([status, at(JSON.parse(text), 'issue', 0, 'details', 'coding', 0, 'code')]).toEqual([400, code]);
  });
});
