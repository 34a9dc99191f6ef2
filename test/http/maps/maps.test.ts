import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replayAll } from '../../../services/pipeline/specs/replay.ts';
import { at, listAt } from '../door.ts';
import { codes, type MapsHouse, mapsHouse, PATIENT } from './maps-house.ts';

let house: MapsHouse;
beforeAll(async () => {
  house = await mapsHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const call: MapsHouse['call'] = (...asked) => house.call(...asked);
const original = (): string => house.original();
const edited = (): string => house.edited();

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
  });
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
  });

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
  });
});

const runs = async (): Promise<unknown> => (await call('GET', '/maps')).body;

async function patientsWith(name: string): Promise<number> {
  const [row] = await house.database.query<{ n: number }>(
    `SELECT count(*) AS n FROM fhir.resource WHERE NOT deleted AND body LIKE '{"resourceType":"Patient"%' AND body::jsonb ? $1`,
    [name],
  );
  return row?.n ?? 0;
}
