import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken, verifyToken } from '../../../services/database/tokens.ts';
import { type HttpDoor, startHttp } from '../../../services/http/server.ts';
import { replayAll } from '../../../services/pipeline/specs/replay.ts';
import { receive } from '../../../services/pipeline.ts';
import { fixture } from '../../parts.ts';
import { type SpecsHouse, specsHouse } from '../../specs-house.ts';
import { at, listAt } from '../door.ts';

const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
const LIMITS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };
let house: SpecsHouse;
let door: HttpDoor;

beforeAll(async () => {
  house = await specsHouse();
  door = await startHttp({ ...LIMITS, verifyToken: undefined }, house.parts, pino({ level: 'silent' }));
  for (const name of ['us-adt-a01-admit', 'us-oru-r01-cbc', 'us-oru-r01-chemistry'])
    await receive(house.parts, readFileSync(fixture('hl7v2', `${name}.hl7`)), 'mllp');
  await house.drain();
}, 60_000);
afterAll(async () => {
  await door.close();
  await house[Symbol.asyncDispose]();
});

async function call(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}, base = door.url) {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'application/yaml' : 'application/json';
  const answer = await fetch(`${base}/admin${path}`, {
    method,
    headers: { ...(text === undefined ? {} : { 'content-type': type }), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
  const read = await answer.text();
  return { status: answer.status, etag: answer.headers.get('etag') ?? '', body: read === '' ? {} : (JSON.parse(read) as unknown) };
}

const codes = (body: unknown): readonly unknown[] => listAt(body, 'issue').map((each) => at(each, 'details', 'coding', 0, 'code'));
const original = (): string => house.text(PATIENT);
const edited = (): string =>
  original()
    .replace(/^version: .*$/m, 'version: 1.0.1 # raised')
    .replace(/^ {2}maritalStatus: .*$/m, '');

async function planned(id: unknown, filter: object = {}): Promise<unknown> {
  const begun = await call('POST', `/maps/drafts/${id}/plan`, filter);
  expect(begun.status).toBe(202);
  for (;;) {
    const { body } = await call('GET', `/maps/plans/${at(begun.body, 'id')}`);
    if (at(body, 'state') !== 'running') return body;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('drafts', () => {
  it('are changed under If-Match; who comes late gets the three texts and loses nothing', async () => {
    const made = await call('POST', '/maps/drafts', { title: 'less', files: [{ path: PATIENT, text: edited() }] });
    expect(made).toMatchObject({ status: 201, etag: 'W/"1"', body: { revision: 1, author: 'local', outdated: [] } });
    const file = `/maps/drafts/${at(made.body, 'id')}/file/${PATIENT}`;
    expect((await call('PUT', file, edited())).status).toBe(428);
    const mine = `${edited()}# mine\n`;
    expect(await call('PUT', file, mine, { 'if-match': 'W/"1"' })).toMatchObject({ status: 200, etag: 'W/"2"' });
    const late = await call('PUT', file, { text: `${edited()}# late\n` }, { 'if-match': 'W/"1"' });
    expect(late.status).toBe(412);
    expect(codes(late.body)).toEqual(['spec-draft-conflict']);
    expect(at(late.body, 'conflict')).toEqual({ path: PATIENT, revision: 2, base: edited(), theirs: mine, yours: `${edited()}# late\n` });
    expect(at((await call('GET', file)).body, 'text')).toBe(mine);
    const other = await call('PUT', file.replace('pid-to-patient', 'pv1-to-encounter'), '# another file', { 'if-match': 'W/"1"' });
    expect(other.status).toBe(200);
    const back = await call('POST', `/maps/drafts/${at(made.body, 'id')}/restore`, { revision: 1 }, { 'if-match': 'W/"3"' });
    expect(at(back.body, 'files')).toMatchObject([{ path: PATIENT, text: edited() }]);
    expect(listAt((await call('GET', `/maps/drafts/${at(made.body, 'id')}/history`)).body, 'revisions').length).toBe(5);
  });

  it('stay in the folder of maps: no other path is taken', async () => {
    for (const path of ['../x.yaml', '/etc/x.yaml', 'a/../../x.yaml', 'x.ts', 'a/.hidden.yaml'])
      expect(codes((await call('POST', '/maps/drafts', { title: 'x', files: [{ path, text: '' }] })).body)).toEqual(['spec-path-invalid']);
  });

  it('are checked with everything that uses them, each fault at its place with a cure', async () => {
    const text = edited().replace('birthDate:', 'birthDat:');
    const made = await call('POST', '/maps/drafts', { title: 'wrong', files: [{ path: PATIENT, text }] });
    const report = (await call('POST', `/maps/drafts/${at(made.body, 'id')}/check`)).body;
    expect(at(report, 'ok')).toBe(false);
    const fault = listAt(report, 'diagnostics').find((each) => at(each, 'code') === 'unknown-element');
    expect(fault).toMatchObject({
      file: PATIENT,
      line: text.split('\n').findIndex((line) => line.includes('birthDat:')) + 1,
      severity: 'error',
    });
    expect(at(fault, 'cure')).toContain('birthDate');
  }, 60_000);
});

describe('a list', () => {
  it('says that there are more than it shows', async () => {
    expect((await call('GET', '/maps/drafts')).body).toMatchObject({ isCut: false });
    await house.database.run(`INSERT INTO ops.spec_draft (title, author) SELECT 'many ' || n, 'ana' FROM generate_series(1, 201) n`);
    const { body } = await call('GET', '/maps/drafts');
    expect([listAt(body, 'drafts').length, at(body, 'isCut')]).toEqual([200, true]);
    await house.database.run(`DELETE FROM ops.spec_draft WHERE title LIKE 'many %'`);
    for (const path of ['/maps/plans', '/maps/replays', '/maps/releases'])
      expect((await call('GET', path)).body).toMatchObject({ isCut: false });
  });
});

describe('publishing', () => {
  it('needs a plan of this very draft, every removal acknowledged; then only a pointer moves, and goes back', async () => {
    const made = await call('POST', '/maps/drafts', {
      title: 'less',
      files: [{ path: PATIENT, text: edited().replace(/^ {2}birthDate: .*$/m, '') }],
    });
    const id = at(made.body, 'id');
    const plan = await planned(id);
    expect(plan).toMatchObject({ state: 'done', looked: 3, total: 3 });
    expect(at(plan, 'summary', 'resources', 'byKind', 'Patient', 'changed')).toBeGreaterThan(0);
    const hidden = (await call('GET', `/maps/plans/${at(plan, 'id')}/changes?limit=1&whole=true&kind=Patient`)).body;
    expect(at(hidden, 'changes', 0)).not.toHaveProperty('before');
    expect(listAt(hidden, 'changes', 0, 'fields')).toContainEqual({ path: 'birthDate', before: '•••' });
    expect((await call('POST', `/maps/plans/${at(plan, 'id')}/reveal`, { reason: 'a test' })).status).toBe(204);
    const changes = (await call('GET', `/maps/plans/${at(plan, 'id')}/changes?limit=1&whole=true&kind=Patient`)).body;
    expect(listAt(changes, 'changes', 0, 'fields')).toContainEqual({ path: 'birthDate', before: expect.stringMatching(/^\d{4}/) });
    expect(at(changes, 'changes', 0, 'before')).toBeTypeOf('string');
    const page = await call('GET', `/maps/plans/${at(plan, 'id')}/changes?limit=500`);
    const grades = listAt(page.body, 'changes').map((each) => at(each, 'grade'));
    expect(grades).toEqual(grades.toSorted());
    expect(at(await runs(), 'release')).toBeNull();

    const removals = at(plan, 'summary', 'removals');
    expect(at(removals, 'rowsGone')).toBeGreaterThan(0);
    const publication = { plan: at(plan, 'id'), reason: 'a test' };
    expect(codes((await call('POST', `/maps/drafts/${id}/publish`, publication)).body)).toEqual(['spec-removals']);
    const published = await call('POST', `/maps/drafts/${id}/publish`, { ...publication, acknowledge: removals });
    expect(published.status).toBe(201);
    await house.specs.catchUp(house.database);
    await replayAll(house.parts);
    expect(await runs()).toMatchObject({ release: 2, running: 2, drift: 1 });
    expect((await call('GET', '/maps/drift')).body).toMatchObject({ drift: [{ path: PATIENT, how: 'differs' }] });
    expect((await call('GET', '/maps/replays')).body).toMatchObject({ replays: [{ state: 'done', toRelease: 2, fromRelease: 1 }] });
    expect(await patientsWith('birthDate')).toBe(0);
    expect(house.text(PATIENT)).toBe(original());

    const back = await call('POST', '/maps/rollback', { release: 1, reason: 'not less' });
    expect(back.status).toBe(200);
    await house.specs.catchUp(house.database);
    await replayAll(house.parts);
    expect(await patientsWith('birthDate')).toBeGreaterThan(0);
    const actions = listAt((await call('GET', '/audit?action=spec.')).body, 'entries').map((each) => at(each, 'action'));
    expect(actions).toEqual(expect.arrayContaining(['spec.draft', 'spec.plan', 'spec.publish', 'spec.rollback']));
    expect((await call('GET', '/audit/chain')).body).toMatchObject({ entries: expect.any(Number) });
  }, 120_000);

  it('is refused when the draft or what runs changed after the plan, when a version would say something else, when cases fail', async () => {
    const made = await call('POST', '/maps/drafts', {
      title: 'later',
      files: [{ path: PATIENT, text: edited().replace('1.0.1', '1.0.2') }],
    });
    const id = at(made.body, 'id');
    const plan = await planned(id);
    const publish = async (): Promise<readonly unknown[]> =>
      codes(
        (
          await call('POST', `/maps/drafts/${id}/publish`, {
            plan: at(plan, 'id'),
            reason: 'x',
            acknowledge: at(plan, 'summary', 'removals'),
          })
        ).body,
      );
    const file = `/maps/drafts/${id}/file/${PATIENT}`;
    await call('PUT', file, edited().replace('1.0.1', '1.0.3'), { 'if-match': 'W/"1"' });
    expect(await publish()).toEqual(['spec-plan-old']);
    await call('PUT', file, edited(), { 'if-match': 'W/"2"' });
    const again = await planned(id);
    const refused = await call('POST', `/maps/drafts/${id}/publish`, {
      plan: at(again, 'id'),
      reason: 'x',
      acknowledge: at(again, 'summary', 'removals'),
    });
    expect(codes(refused.body)).toEqual(['spec-version-published']);
  }, 120_000);
});

describe('an editor', () => {
  it('gets completion, hover and faults of a text that nobody saved', async () => {
    const asked = { path: PATIENT, text: edited().replace('  gender:', '  nonsense: =PID-5\n  gender:'), line: 0, character: 0 };
    const { body } = await call('POST', '/maps/editor/diagnostics', asked);
    expect(listAt(body, 'diagnostics').map((each) => at(each, 'code'))).toContain('unknown-element');
    const text = edited().replace('  gender:', '  birthDat: =PID-\n  gender:');
    const line = text.split('\n').findIndex((each) => each.includes('birthDat: =PID-'));
    const completion = await call('POST', '/maps/editor/completion', { path: PATIENT, text, line, character: '  birthDat: =PID-'.length });
    expect(listAt(completion.body, 'items').map((each) => at(each, 'label'))).toContain('PID-7');
    const keyed = { path: PATIENT, text: original(), line: line, character: 4 };
    const keys = await call('POST', '/maps/editor/completion', keyed);
    expect(listAt(keys.body, 'items').map((each) => at(each, 'label'))).toContain('birthDate');
    expect((await call('POST', '/maps/editor/hover', keyed)).body).toMatchObject({ text: expect.stringContaining('Patient.gender') });
  }, 60_000);

  it('tries a message: acknowledgement, resources, rows, trace, what nobody read; nothing is stored', async () => {
    const message = readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'), 'utf8').replaceAll('\r', '\n');
    const before = await house.database.query(
      'SELECT (SELECT count(*) FROM journal.message) AS m, (SELECT count(*) FROM fhir.resource) AS r',
    );
    const tried = (await call('POST', '/maps/try', { message })).body;
    expect(tried).toMatchObject({ status: 'applied' });
    expect(at(tried, 'acknowledgement')).toContain('MSA|AA|RBL2603020310');
    expect(listAt(tried, 'resources').map((each) => at(each, 'resource', 'resourceType'))).toContain('Observation');
    const rows = listAt(tried, 'rows')
      .flatMap((each) => listAt(each, 'rows'))
      .map((each) => at(each, 'table'));
    expect(rows).toContain('measurement');
    const patient = Object.entries(at(tried, 'trace', 'elements') ?? {}).find(([reference]) => reference.startsWith('Patient/'));
    const family = listAt(patient?.[1]).find((each) => at(each, 'path') === 'Patient.name[0].family');
    expect(family).toMatchObject({ value: 'Muñoz', sources: [{ path: 'PID-5.1.1' }] });
    expect(at(family, 'rules', 0, 'at', 'line')).toBeGreaterThan(1);
    const wrong = (await call('POST', '/maps/try', { message: message.replace('ORU^R01^ORU_R01', 'ZZZ^Z99') })).body;
    expect(wrong).toMatchObject({ status: 'parked', resources: [] });
    expect(at(wrong, 'acknowledgement')).toContain('MSA|AE|');
    const hidden = await call('POST', '/maps/try', { messageId: 2 });
    expect([hidden.status, codes(hidden.body)]).toEqual([403, ['spec-message-masked']]);
    await call('POST', '/messages/2/reveal', { reason: 'a test' });
    const byNumber = (await call('POST', '/maps/try', { messageId: 2, files: [{ path: PATIENT, text: edited() }] })).body;
    expect(at(byNumber, 'status')).toBe('applied');
    expect(
      await house.database.query('SELECT (SELECT count(*) FROM journal.message) AS m, (SELECT count(*) FROM fhir.resource) AS r'),
    ).toEqual(before);
  }, 60_000);
});

describe('a preview', () => {
  const elementsOf = (body: unknown) => listAt(body, 'resources').flatMap((each) => listAt(each, 'elements'));

  it('of a recorded message is masked until it was revealed, wherever a map puts a name', async () => {
    const text = original()
      .replace(/^ {2}maritalStatus: .*$/m, '  maritalStatus: { coding: { code: =PID-5.1.1.first() } }')
      .replace('from: =PID-15.1.lower()', 'from: =PID-5.1.1.first()');
    const path = 'Patient.maritalStatus.coding[0].code';
    const asked = { messageId: 3, path: PATIENT, files: [{ path: PATIENT, text }] };
    const masked = (await call('POST', '/maps/preview', asked)).body;
    expect(masked).toMatchObject({ isMasked: true, isStored: false });
    expect(elementsOf(masked).find((each) => at(each, 'path') === path)).toMatchObject({ value: '•••' });
    const whole = readFileSync(fixture('hl7v2', 'us-oru-r01-chemistry.hl7'), 'utf8');
    const name = /^PID(?:\|[^|]*){4}\|([^|^]+)/m.exec(whole.replaceAll('\r', '\n'))?.[1] ?? '?';
    expect(name.length).toBeGreaterThan(2);
    expect(JSON.stringify(masked)).not.toContain(name);
    expect(listAt(masked, 'unmapped')).toContainEqual(expect.objectContaining({ code: '•••', why: 'no-row' }));
    await call('POST', '/messages/3/reveal', { reason: 'a test' });
    const shown = (await call('POST', '/maps/preview', asked)).body;
    expect(elementsOf(shown).find((each) => at(each, 'path') === path)).toMatchObject({
      value: name,
      sources: ['PID-5.1.1'],
    });
  }, 60_000);

  it('tells the rule of each value and what became of the rules of the open file', async () => {
    const message = readFileSync(fixture('hl7v2', 'us-oru-r01-cbc.hl7'), 'utf8');
    const { body } = await call('POST', '/maps/preview', { message, path: PATIENT });
    const line =
      original()
        .split('\n')
        .findIndex((each) => each.startsWith('  birthDate:')) + 1;
    const birth = elementsOf(body).find((each) => at(each, 'path') === 'Patient.birthDate');
    expect(listAt(birth, 'rules')).toContainEqual({ file: PATIENT, line, text: '=PID-7' });
    expect(listAt(body, 'rules')).toContainEqual({ line, ran: 1, made: 1, why: '' });
    expect(listAt(body, 'unread').length).toBeGreaterThanOrEqual(0);
    expect(listAt(body, 'acknowledgement').join()).toContain('MSA|AA|');
  }, 60_000);
});

describe('a token', () => {
  it('may do what its roles say, and nothing without one', async () => {
    const guarded = await startHttp(
      { ...LIMITS, verifyToken: (token) => verifyToken(house.database, token) },
      house.parts,
      pino({ level: 'silent' }),
    );
    try {
      const bearer = async (...roles: Parameters<typeof createToken>[2] & object) => ({
        authorization: `Bearer ${(await createToken(house.database, roles.join() || 'none', roles)).token}`,
      });
      const draft = { title: 'x' };
      expect((await call('GET', '/maps', undefined, {}, guarded.url)).status).toBe(401);
      expect((await call('GET', '/maps', undefined, await bearer(), guarded.url)).status).toBe(403);
      expect((await call('GET', '/maps', undefined, await bearer('reader'), guarded.url)).status).toBe(200);
      expect((await call('POST', '/maps/drafts', draft, await bearer('reader'), guarded.url)).status).toBe(403);
      expect((await call('POST', '/maps/drafts', draft, await bearer('author'), guarded.url)).status).toBe(201);
      const rollback = { release: 2, reason: 'x' };
      expect((await call('POST', '/maps/rollback', rollback, await bearer('author', 'operator', 'reader'), guarded.url)).status).toBe(403);
      expect((await call('GET', '/audit', undefined, await bearer('author'), guarded.url)).status).toBe(403);
      expect((await call('GET', '/audit', undefined, await bearer('operator'), guarded.url)).status).toBe(200);
    } finally {
      await guarded.close();
    }
  });
});

describe('a second person', () => {
  it('publishes where the settings ask for one: whoever wrote something of the draft may not, by no token', async () => {
    const parts = { ...house.parts, fourEyes: { codes: false, publication: true } };
    const guarded = await startHttp(
      { ...LIMITS, verifyToken: (token) => verifyToken(house.database, token) },
      parts,
      pino({ level: 'silent' }),
    );
    try {
      const bearer = async (name: string, person: string) => ({
        authorization: `Bearer ${(await createToken(house.database, name, ['author', 'approver'], person)).token}`,
      });
      const [ana, laptop, ben] = [await bearer('ana', 'ana'), await bearer('a laptop', 'Ana'), await bearer('ben', 'ben')];
      const made = await call('POST', '/maps/drafts', { title: 'four eyes', files: [{ path: PATIENT, text: edited() }] }, ana, guarded.url);
      const path = `/maps/drafts/${at(made.body, 'id')}`;
      const publish = async (who: { readonly authorization: string }): Promise<readonly unknown[]> =>
        codes((await call('POST', `${path}/publish`, { plan: 1, reason: 'x', acknowledge: {} }, who, guarded.url)).body);
      expect([await publish(ana), await publish(laptop)]).toEqual([['spec-same-person'], ['spec-same-person']]);
      expect(await publish(ben)).not.toContain('spec-same-person');
      // Writing over what somebody else wrote makes one of both authors, and neither publishes.
      const raised = edited().replace('1.0.1', '1.0.7');
      expect((await call('PUT', `${path}/file/${PATIENT}`, raised, { ...ben, 'if-match': 'W/"1"' }, guarded.url)).status).toBe(200);
      expect([await publish(ana), await publish(ben)]).toEqual([['spec-same-person'], ['spec-same-person']]);
    } finally {
      await guarded.close();
    }
  }, 60_000);
});

const runs = async (): Promise<unknown> => (await call('GET', '/maps')).body;

async function patientsWith(name: string): Promise<number> {
  const [row] = await house.database.query<{ n: number }>(
    `SELECT count(*) AS n FROM fhir.resource WHERE NOT deleted AND body LIKE '{"resourceType":"Patient"%' AND body::jsonb ? $1`,
    [name],
  );
  return row?.n ?? 0;
}
