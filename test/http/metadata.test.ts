/** Everything the CapabilityStatement claims is asked for, of every type. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, at, listAt, type TestDoor, testDoor } from './door.ts';

let door: TestDoor;
let statement: unknown;
beforeAll(async () => {
  door = await testDoor();
  statement = (await door.call('GET', '/metadata')).body;
});
afterAll(() => door[Symbol.asyncDispose]());

const codesAt = (value: unknown): readonly string[] => listAt(value, 'interaction').map((each) => String(at(each, 'code')));

const SAMPLES: Readonly<Record<string, string>> = {
  date: 'ge2020-01-01',
  token: 'urn:x|x',
  reference: 'Patient/x',
  string: 'x',
  uri: 'urn:x',
  number: '1',
  quantity: '5.4|http://unitsofmeasure.org|mg',
  // A year is a date, a number, a quantity, a token, a text and an id.
  composite: '2020$2020',
  special: 'x',
};

const sampleOf = (name: string, kind: string): string => {
  if (name === '_id') return 'x';
  // The only composites of three.
  if (/-(window|variant)-coordinate$/.test(name)) return '1$1$1';
  if (name === 'near') return '48.1|11.5|20|km';
  return SAMPLES[kind] ?? 'x';
};

/** What went wrong with asking for each of `asks`, some at once. */
async function faultsOf(asks: readonly (() => Promise<string | undefined>)[]): Promise<readonly string[]> {
  const left = [...asks];
  const faults: string[] = [];
  const lane = async () => {
    for (let ask = left.pop(); ask !== undefined; ask = left.pop()) faults.push(...[await ask()].filter((each) => each !== undefined));
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return faults;
}

const said = ({ status, body }: Answer): string =>
  `${status} ${listAt(body, 'issue').map((issue) => at(issue, 'details', 'coding', 0, 'code'))}`;
const isSearchset = ({ status, body }: Answer): boolean => status === 200 && at(body, 'type') === 'searchset';
/** Taken, or refused because of what is in it: never because nobody answers at this address. */
const isJudged = (answer: Answer): boolean =>
  answer.status === 201 || answer.status === 200 || (answer.status < 500 && /^4\d\d fhir-/.test(said(answer)));

type Ask = (type: string) => Promise<readonly (readonly [Answer, boolean])[]>;
const judged = (answer: Answer) => [answer, isJudged(answer)] as const;

const BY_TYPE: Readonly<Record<string, Ask>> = {
  create: async (type) => [judged(await door.call('POST', `/${type}`, { resourceType: type }))],
  update: async (type) => [judged(await door.call('PUT', `/${type}/claimed`, { resourceType: type, id: 'claimed' }))],
  read: async (type) => {
    const written = await door.call('PUT', `/${type}/claimed`, { resourceType: type, id: 'claimed' });
    const answer = await door.call('GET', `/${type}/claimed`);
    return [[answer, answer.status === (written.status < 300 ? 200 : 404) && !said(answer).includes('route')]];
  },
  vread: async (type) => {
    const written = await door.call('PUT', `/${type}/claimed`, { resourceType: type, id: 'claimed' });
    const answer = await door.call('GET', `/${type}/claimed/_history/1`);
    return [[answer, answer.status === (written.status < 300 ? 200 : 404) && !said(answer).includes('route')]];
  },
  'history-instance': async (type) => {
    const written = await door.call('PUT', `/${type}/claimed`, { resourceType: type, id: 'claimed' });
    const answer = await door.call('GET', `/${type}/claimed/_history`);
    return [[answer, answer.status === (written.status < 300 ? 200 : 404) && !said(answer).includes('route')]];
  },
  'history-type': async (type) => {
    const answer = await door.call('GET', `/${type}/_history`);
    return [[answer, answer.status === 200]];
  },
  patch: async (type) => {
    const json = { 'content-type': 'application/json-patch+json' };
    const answer = await door.call('PATCH', `/${type}/never-there`, '[]', json);
    return [[answer, answer.status === 404 && !said(answer).includes('route')]];
  },
  delete: async (type) => {
    const answer = await door.call('DELETE', `/${type}/never-there`);
    return [[answer, answer.status < 300 || (answer.status === 404 && !said(answer).includes('route'))]];
  },
  'search-type': async (type) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const answers = [await door.call('GET', `/${type}?_count=1`), await door.call('POST', `/${type}/_search`, '_count=1', form)];
    return answers.map((answer) => [answer, isSearchset(answer)] as const);
  },
};
const GET = { request: { method: 'GET', url: 'Patient?_count=1' } };
const BY_SYSTEM: Readonly<Record<string, () => Promise<Answer>>> = {
  transaction: () => door.call('POST', '', { resourceType: 'Bundle', type: 'transaction', entry: [GET] }),
  batch: () => door.call('POST', '', { resourceType: 'Bundle', type: 'batch', entry: [GET] }),
  'history-system': () => door.call('GET', '/_history'),
  'search-system': () => door.call('GET', '?_type=Patient,Observation&_count=1'),
};

describe('metadata', () => {
  it('is of this version of FHIR and covers every type', () => {
    expect([at(statement, 'resourceType'), at(statement, 'fhirVersion'), at(statement, 'kind')]).toEqual([
      'CapabilityStatement',
      '4.0.1',
      'instance',
    ]);
    expect(at(statement, 'implementation', 'url')).toBe(`${door.door.url}/fhir/R4`);
    expect(listAt(statement, 'rest', 0, 'resource')).toHaveLength(146);
  });

  it('claims only interactions that are answered, by type and by system', async () => {
    const claimed = listAt(statement, 'rest', 0, 'resource').flatMap((each) =>
      codesAt(each).map((code) => [String(at(each, 'type')), code] as const),
    );
    const asks = claimed.map(([type, code]) => async () => {
      const ask = BY_TYPE[code];
      if (ask === undefined) return `${code} is claimed and asked for nowhere here`;
      const wrong = (await ask(type)).find(([, well]) => !well);
      return wrong && `${type} ${code}: ${said(wrong[0])}`;
    });
    expect(await faultsOf(asks)).toEqual([]);
    for (const code of codesAt(at(statement, 'rest', 0))) {
      const answer = await BY_SYSTEM[code]?.();
      expect([code, answer?.status]).toEqual([code, 200]);
    }
  });

  it('claims only search parameters that are answered', async () => {
    const claimed = listAt(statement, 'rest', 0, 'resource').flatMap((each) =>
      listAt(each, 'searchParam').map(
        (parameter) => [String(at(each, 'type')), String(at(parameter, 'name')), String(at(parameter, 'type'))] as const,
      ),
    );
    expect(claimed.length).toBeGreaterThan(1_000);
    const asks = claimed.map(([type, name, kind]) => async () => {
      const answer = await door.call('GET', `/${type}?${name}=${encodeURIComponent(sampleOf(name, kind))}&_count=1`);
      return isSearchset(answer) ? undefined : `${type}?${name} (${kind}): ${said(answer)}`;
    });
    expect(await faultsOf(asks)).toEqual([]);
  });

  it('says true things of conditions, update as create, versions and deletes', async () => {
    const resources = listAt(statement, 'rest', 0, 'resource');
    for (const each of resources) {
      expect([at(each, 'conditionalCreate'), at(each, 'updateCreate'), at(each, 'versioning')]).toEqual([true, true, 'versioned']);
    }
    const once = { 'if-none-exist': 'identifier=urn:claimed|1' };
    const patient = { resourceType: 'Patient', identifier: [{ system: 'urn:claimed', value: '1' }] };
    const statuses = [await door.call('POST', '/Patient', patient, once), await door.call('POST', '/Patient', patient, once)];
    expect(statuses.map(({ status }) => status)).toEqual([201, 200]);
    const created = await door.call('PUT', '/Patient/claimed-new', { resourceType: 'Patient', id: 'claimed-new' });
    expect([created.status, created.headers.get('etag')]).toEqual([201, 'W/"1"']);
    const claims = resources.find((each) => at(each, 'type') === 'Patient');
    const conditional = await door.call('PUT', '/Patient?identifier=urn:claimed|1', { ...patient, gender: 'other' });
    expect(conditional.status < 300).toBe(at(claims, 'conditionalUpdate'));
    const deleted = await door.call('DELETE', '/Patient/claimed-new');
    expect(deleted.status < 300).toBe(codesAt(claims).includes('delete'));
    const patched = await door.call('PATCH', '/Patient/claimed-new', '[]', { 'content-type': 'application/json-patch+json' });
    expect([404, 405, 501].includes(patched.status)).toBe(!codesAt(claims).includes('patch'));
  });
});
