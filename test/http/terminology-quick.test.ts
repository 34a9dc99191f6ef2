import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Answers, pairsOf } from '../../services/http/terminology/quick.ts';
import { at, listAt, type TestDoor, testDoor } from './door.ts';

const TOKEN = 'right';
let door: TestDoor;
let guarded: TestDoor;
beforeAll(async () => {
  [door, guarded] = await Promise.all([testDoor(), testDoor(async (token) => token === TOKEN)]);
  await put(['red', 'green', 'blue']);
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await guarded[Symbol.asyncDispose]();
});

const SYSTEM = 'http://example.org/cs/colors';
async function put(codes: readonly string[]): Promise<void> {
  const common = { id: 'colors', url: SYSTEM, status: 'active' };
  const concept = codes.map((code) => ({ code, display: `Color ${code}`, designation: [{ language: 'de', value: `Farbe ${code}` }] }));
  for (const resource of [
    { ...common, resourceType: 'CodeSystem', content: 'complete', language: 'en', valueSet: `${SYSTEM}/vs`, concept },
    { ...common, resourceType: 'ValueSet', url: `${SYSTEM}/vs`, compose: { include: [{ system: SYSTEM }] } },
  ])
    expect((await door.call('PUT', `/${resource.resourceType}/colors`, resource)).status).toBeLessThan(300);
}

/** One request, with status, type and text of the answer. */
async function told(path: string, headers: Readonly<Record<string, string>> = {}, of = door) {
  const answer = await fetch(`${of.door.url}${path}`, { headers });
  const text = await answer.text();
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    // An expansion has a number and a time of its own.
    text: text.replace(/urn:uuid:[0-9a-f-]{36}/, 'urn:uuid:').replace(/"timestamp":"[^"]*"/, '"timestamp":""'),
  };
}

const LOOKUP = '/fhir/R4/CodeSystem/$lookup';
const EXPAND = '/fhir/R4/ValueSet/$expand';

describe('the short way of $lookup and $expand', () => {
  it.each([
    [`${LOOKUP}?system=${SYSTEM}&code=red`, {}],
    [`${LOOKUP}?system=${encodeURIComponent(SYSTEM)}&code=re%64&property=*&&`, { accept: 'application/json;q=0.9, text/html;q=0.1' }],
    [`${LOOKUP}?system=${SYSTEM}&code=red`, { 'accept-language': 'de' }],
    [`${LOOKUP}?system=${SYSTEM}&code=red&displayLanguage=de`, {}],
    [`${LOOKUP}?system=${SYSTEM}&code=mauve`, {}],
    [`${LOOKUP}?system=http://example.org/none&code=red`, {}],
    [`${LOOKUP}?code=`, {}],
    [`${LOOKUP}?`, {}],
    [`${LOOKUP}?system=${SYSTEM}&code=red&code=%E4%FF%zz+x`, {}],
    [`${EXPAND}?url=${SYSTEM}/vs`, {}],
    [`${EXPAND}?url=${SYSTEM}/vs&filter=color+r&count=2`, {}],
    [`${EXPAND}?url=${SYSTEM}/vs&count=many`, {}],
    [`${EXPAND}?url=${SYSTEM}/nothing`, {}],
    [`${EXPAND}?url=${SYSTEM}/vs&filter=%ff`, {}],
  ])('answers %s %j as the usual way does, the first time and again', async (path, headers: Readonly<Record<string, string>>) => {
    // _format takes the usual way.
    const usual = await told(`${path}${path.endsWith('?') ? '' : '&'}_format=json`, headers);
    expect(await told(path, headers)).toEqual(usual);
    expect(await told(path, headers)).toEqual(usual);
  });

  it('leaves other forms, other methods and caches of clients to the usual way', async () => {
    const path = `${LOOKUP}?system=${SYSTEM}&code=red`;
    expect((await told(path, { accept: 'application/fhir+xml' })).text).toMatch(/^<\?xml|^<Parameters/);
    expect((await told(path, { accept: 'text/html' })).status).toBe(406);
    expect((await told(path, { 'x-cache-id': 'never-begun' })).status).toBe(404);
    expect((await told(`${path}&_pretty=true`)).text).toContain('\n');
    expect((await fetch(`${door.door.url}${path}`, { method: 'HEAD' })).status).toBe(200);
  });

  it('answers from what is stored now', async () => {
    const codes = async () => listAt((await door.call('GET', `/ValueSet/$expand?url=${SYSTEM}/vs`)).body, 'expansion', 'contains').length;
    const red = async () => (await told(`${LOOKUP}?system=${SYSTEM}&code=red`)).status;
    expect([await codes(), await red()]).toEqual([3, 200]);
    await put(['green']);
    expect([await codes(), await red()]).toEqual([1, 404]);
    await put(['red', 'green', 'blue']);
    expect([await codes(), await red()]).toEqual([3, 200]);
  });

  it('says the same expansion again with its identifier and its time', async () => {
    const ask = async () => at((await door.call('GET', `/ValueSet/$expand?url=${SYSTEM}/vs&count=1`)).body, 'expansion', 'identifier');
    expect(await ask()).toBe(await ask());
  });

  it('lets in whom the door lets in', async () => {
    const path = `${LOOKUP}?system=http://unitsofmeasure.org&code=mg`;
    expect((await told(path, {}, guarded)).status).toBe(401);
    expect((await told(path, { authorization: 'Bearer wrong' }, guarded)).status).toBe(401);
    expect((await told(path, { authorization: `Bearer ${TOKEN}` }, guarded)).status).toBe(200);
    expect((await told(path, { authorization: 'Bearer wrong' }, guarded)).status).toBe(401);
    // Without tokens a web page may not reach it.
    expect((await told(path, { origin: 'https://example.org' })).status).toBe(403);
    expect((await told(path)).status).toBe(200);
  });

  it('counts in the metrics', async () => {
    await told(`${LOOKUP}?system=${SYSTEM}&code=red`);
    const metrics = await (await fetch(`${door.door.url}/metrics`)).text();
    expect(metrics).toMatch(/request_duration_seconds_count\{method="GET",route="\/fhir\/R4\/CodeSystem\/\$lookup",status="200"\} [1-9]/);
  });
});

describe('what is remembered', () => {
  it('knows what was asked for lately, in a room that does not grow', () => {
    const answers = new Answers();
    expect([answers.wasAsked('a code'), answers.wasAsked('a code'), answers.wasAsked('another')]).toEqual([false, true, false]);
    const asked = Array.from({ length: 1_000 }, (_, i) => `/fhir/R4/CodeSystem/$lookup?system=http://example.org/many&code=c${i}`);
    const again = asked.filter((each) => answers.wasAsked(each)).length;
    const known = asked.filter((each) => answers.wasAsked(each)).length;
    expect([again < 50, known > 800, answers.size]).toEqual([true, true, 0]);
  });

  it('is bounded in number and size, and what is asked for stays', () => {
    const answers = new Answers();
    answers.keep('often', Buffer.from('kept'));
    for (let i = 0; i < 50_000; i++) {
      answers.keep(`k${i}`, Buffer.from('x'));
      if (i % 1_000 === 0) expect(answers.get('often')?.toString()).toBe('kept');
      expect(answers.size).toBeLessThanOrEqual(8_192);
    }
    expect(answers.get('k0')).toBeUndefined();
    answers.keep('large', Buffer.alloc(70_000));
    answers.keep('k'.repeat(3_000), Buffer.alloc(1));
    expect([answers.get('large'), answers.get('k'.repeat(3_000))]).toEqual([undefined, undefined]);
    const many = new Answers();
    for (let i = 0; i < 1_000; i++) many.keep(`b${i}`, Buffer.alloc(60_000));
    expect(many.size * 60_000).toBeLessThanOrEqual(2 * 8 * 2 ** 20);
  });
});

describe('parameters of an address', () => {
  it('are read as URLSearchParams reads them', () => {
    const text = fc.oneof(fc.stringMatching(/^[a-z&=+%0-9A-F]{0,30}$/), fc.string({ maxLength: 20 }), fc.webQueryParameters());
    fc.assert(
      fc.property(text, (query) => {
        expect(pairsOf(query)).toEqual([...new URLSearchParams(`?${query}`)]);
      }),
      { numRuns: 2_000 },
    );
  });
});
