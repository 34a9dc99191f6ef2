import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../services/database/connect.ts';
import { patchOfJson } from '../../services/fhir/patch/patch.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import { rebuildCompared } from '../../services/pipeline/rebuild.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
let parts: Parts;
beforeAll(async () => {
  house = await testHouse();
  parts = { ...house.parts, clock: () => new Date() };
});
afterAll(() => house[Symbol.asyncDispose]());

const ELEMENTS = ['name', 'birthDate', 'gender', 'telecom', 'maritalStatus'] as const;
type Element = (typeof ELEMENTS)[number];
type Said = Partial<Readonly<Record<Element, string | null>>>;

/** What a test may say of an element, as a field of PID and as FHIR. null: it is deleted. */
const FIELDS: Readonly<Record<Element, number>> = { name: 5, birthDate: 7, gender: 8, telecom: 13, maritalStatus: 16 };
const inField = (element: Element, value: string | null): string =>
  value === null
    ? '""'
    : element === 'birthDate'
      ? value.replaceAll('-', '')
      : element === 'gender'
        ? value.charAt(0).toUpperCase()
        : value;
const inFhir = (element: Element, value: string): unknown => {
  if (element === 'name') return [{ family: value }];
  if (element === 'telecom') return [{ system: 'phone', value }];
  return element === 'maritalStatus' ? { text: value } : value;
};

const HOUR_MS = 3_600_000;
const START = Date.now();
/** Below 0: so many hours before this test; above: after. */
const dtm = (hour: number): string =>
  new Date(START + hour * HOUR_MS)
    .toISOString()
    .replace(/[-:T]/g, '')
    .replace(/\.(\d{3})Z$/, '.$1+0000');

async function message(patient: string, hour: number, said: Said): Promise<void> {
  const pid: string[] = Array(17).fill('');
  for (const element of ELEMENTS) {
    const value = said[element];
    if (value !== undefined) pid[FIELDS[element]] = inField(element, value);
  }
  pid[0] = 'PID';
  pid[1] = '1';
  pid[3] = `${patient}^^^PATCHHOSP^MR`;
  const text = [
    `MSH|^~\\&|ADT|PATCHHOSP|P|H|${dtm(hour)}||ADT^A08^ADT_A01|${patient}-${hour}|P|2.5.1`,
    `EVN|A08|${dtm(hour)}`,
    pid.join('|'),
  ];
  await receive(parts, Buffer.from(`${text.join('\r')}\r`), 'mllp');
  while ((await processNext(parts, 50)) > 0);
}

type Stored = Readonly<Record<string, unknown>> & { readonly id: string };
async function stored(patient: string, type = 'Patient'): Promise<Stored> {
  const [row] = await house.database.query<{ body: string }>(`SELECT body FROM fhir.resource WHERE body LIKE $1 AND body LIKE $2`, [
    `{"resourceType":"${type}"%`,
    `%"value":"${patient}"%`,
  ]);
  return JSON.parse(row?.body ?? '{}');
}

const alone = { index: 0, search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] } as const;
async function request(method: 'PATCH' | 'PUT', type: string, id: string, body: unknown): Promise<void> {
  const content = Buffer.from(JSON.stringify(body));
  const read = patchOfJson(method === 'PATCH' ? content : Buffer.from('[]'));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const patch = method === 'PATCH' ? { patch: read.value, resource: undefined } : { resource: JSON.parse(content.toString()) };
  const entry = {
    source: 'fhir',
    channel: 'fhir',
    content,
    controlId: undefined,
    messageType: `${method} ${type}`,
    patientKeys: [],
  } as const;
  const asked = { kind: 'batch', entries: [{ ...alone, method, type, id, ...patch }], questions: [] } as const;
  await writeRequest(parts, { entry, asked, base: 'urn:test' });
}

async function patch(patient: string, said: Said): Promise<void> {
  const before = await stored(patient);
  const operations = Object.entries(said).flatMap(([name, value]) => {
    const path = `/${name}`;
    if (value === null) return before[name] === undefined ? [] : [{ op: 'remove', path }];
    const element = ELEMENTS.find((each) => each === name) ?? 'name';
    return [{ op: 'add', path, value: inFhir(element, value ?? '') }];
  });
  await request('PATCH', 'Patient', before.id, operations);
}

const plain = (resource: Stored): Readonly<Record<string, unknown>> => {
  const [name] = [resource['name']].flat();
  const [telecom] = [resource['telecom']].flat();
  const member = (value: unknown, key: string): unknown =>
    typeof value === 'object' && value !== null ? Object.entries(value).find(([each]) => each === key)?.[1] : undefined;
  return {
    name: member(name, 'family'),
    birthDate: resource['birthDate'],
    gender: resource['gender'],
    telecom: member(telecom, 'value'),
    maritalStatus: member(resource['maritalStatus'], 'text'),
  };
};

/** The naive model: for each element whoever spoke of it last, in the order of the times; a patch is of now, or right after what is known by then. */
class Model {
  readonly #said: { readonly at: number; readonly said: Said }[] = [];
  message(at: number, said: Said): void {
    this.#said.push({ at, said });
  }
  patch(said: Said): void {
    const now = this.state();
    const changed = Object.entries(said).filter(([name, value]) => (now[name] ?? null) !== value);
    if (changed.length === 0) return;
    const latest = Math.max(0, ...this.#said.map(({ at }) => at));
    this.#said.push({ at: latest === 0 ? 0.001 : latest + 0.001, said: Object.fromEntries(changed) });
  }
  state(): Readonly<Record<string, string | undefined>> {
    const inOrder = this.#said.toSorted((a, b) => a.at - b.at);
    const of = (name: Element): string | undefined => inOrder.findLast(({ said }) => said[name] !== undefined)?.said[name] ?? undefined;
    return Object.fromEntries(ELEMENTS.map((name) => [name, of(name)]));
  }
}

const values: Readonly<Record<Element, readonly string[]>> = {
  name: ['One', 'Two', 'Three'],
  birthDate: ['1980-01-01', '1981-01-01'],
  gender: ['female', 'male'],
  telecom: ['5550100', '5550101'],
  maritalStatus: ['one', 'other'],
};
const anyValue = (name: Element) => fc.option(fc.constantFrom<(string | null)[]>(...values[name], null), { nil: undefined, freq: 2 });
const saidBy = (names: readonly Element[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, anyValue(name)]))).map((all): Said => {
    const entries = Object.entries(all).filter(([, value]) => value !== undefined);
    return Object.fromEntries(entries);
  });
// A name is required of a message; what the map makes of a marital status is a matter of the map.
const messages = saidBy(['birthDate', 'gender', 'telecom']);
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('message' as const), said: messages, name: fc.constantFrom(...values.name) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('patch' as const),
      said: saidBy(['birthDate', 'gender', 'telecom', 'maritalStatus']),
      name: fc.constant(''),
    }),
  },
);

let count = 0;
describe('a FHIR PATCH among messages', () => {
  it('says the elements that it changed, at its time; all else stays with whoever said it; a rebuild makes the same', async () => {
    const hours = fc.shuffledSubarray([-6, -5, -4, -3, 1, 2, 3], { minLength: 7 });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), hours, async (steps, times) => {
        const patient = `P${++count}X`;
        const model = new Model();
        const first = { name: 'First', birthDate: '1970-01-01' };
        model.message(-4.5, first);
        await message(patient, -4.5, first);
        for (const [n, { kind, said, name }] of steps.entries()) {
          const hour = times[n] ?? 0;
          if (kind === 'patch') {
            model.patch(said);
            await patch(patient, said);
          } else {
            model.message(hour, { ...said, name });
            await message(patient, hour, { ...said, name });
          }
          expect(plain(await stored(patient))).toEqual(model.state());
        }
      }),
      { numRuns: Number(process.env['POLYSEME_TEST_ORDERS'] ?? 15) },
    );
    const fresh = await freshDatabase();
    const scratch = openDatabase(fresh.url);
    const report = await rebuildCompared(parts, scratch, { derive: { pullDate: '2026-06-01' }, listed: 5 });
    await scratch.close();
    await fresh.drop();
    expect([report.way, report.resources]).toEqual(['journal', []]);
  });

  it('leaves a result to who reports it: a later one goes over it, one from before not, however settled; the patch is no report', async () => {
    const oru = async (patient: string, hour: number, status: string, value: number): Promise<void> => {
      const text = [
        `MSH|^~\\&|LAB|PATCHHOSP|P|H|${dtm(hour)}||ORU^R01^ORU_R01|${patient}-${hour}|P|2.5.1`,
        `PID|1||${patient}^^^PATCHHOSP^MR||Lab^Name`,
        `OBR|1||F-${patient}|24323-8^CMP^LN|||202603020800|||||||||||||||202603020900|||${status}`,
        `OBX|1|NM|2345-7^Glucose^LN||${value}|mg/dL|||||${status}`,
      ];
      await receive(parts, Buffer.from(`${text.join('\r')}\r`), 'mllp');
      while ((await processNext(parts, 50)) > 0);
    };
    const glucose = async (patient: string): Promise<Stored> => {
      const { id } = await stored(patient);
      const [row] = await house.database.query<{ body: string }>(`SELECT body FROM fhir.resource WHERE body LIKE $1 AND body LIKE $2`, [
        '{"resourceType":"Observation"%',
        `%Patient/${id}%`,
      ]);
      return JSON.parse(row?.body ?? '{}');
    };
    await oru('LAB1', -3, 'F', 100);
    const found = await glucose('LAB1');
    await request('PATCH', 'Observation', found.id, [{ op: 'replace', path: '/valueQuantity/value', value: 101 }]);
    await oru('LAB1', -4, 'P', 98);
    await oru('LAB1', -2, 'C', 99);
    expect(await glucose('LAB1')).toMatchObject({ valueQuantity: { value: 101 }, status: 'corrected' });
    await oru('LAB1', 1, 'C', 102);
    expect(await glucose('LAB1')).toMatchObject({ valueQuantity: { value: 102 }, status: 'corrected' });
  });

  it('says nothing when it changes nothing; and an update after it stands for the whole again', async () => {
    await message('PUTX', -3, { name: 'New' });
    await patch('PUTX', { gender: 'male' });
    await patch('PUTX', { gender: 'male', name: 'New', telecom: null });
    await message('PUTX', -4, { name: 'Old', gender: 'female', birthDate: '1980-01-01' });
    expect(plain(await stored('PUTX'))).toMatchObject({ name: 'New', gender: 'male', birthDate: '1980-01-01' });
    const { gender: _gender, ...rest } = await stored('PUTX');
    await request('PUT', 'Patient', rest.id, rest);
    await message('PUTX', -5, { name: 'Older', gender: 'female', telecom: '5550100' });
    expect(plain(await stored('PUTX'))).toMatchObject({ name: 'New', gender: undefined, telecom: undefined });
  });
});
