/** What waits during a bulk import has a room of limited size: what finds none is read again. A job that ends with its process is not begun for ever. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderImport, readImport, takeImport } from '../../services/database/bulk/imports.ts';
import { readResource } from '../../services/database/resources/resources.ts';
import { importNext, type LinesOf } from '../../services/pipeline/import/job.ts';
import { testHouse } from '../parts.ts';

/** POLYSEME_IMPORT_RUNS: more for a proof. */
const RUNS = Number(process.env['POLYSEME_IMPORT_RUNS'] ?? 4);
const owner = new Uint8Array(32);

interface Line {
  readonly id: number;
  readonly refersTo: number | undefined;
  readonly text: string;
}

const observation = ({ id, refersTo, text }: Line, run = ''): string =>
  JSON.stringify({
    ...{ resourceType: 'Observation', id: `o${id}${run}`, status: 'final', code: { text } },
    ...(refersTo === undefined ? {} : { hasMember: [{ reference: `Observation/o${refersTo}${run}` }] }),
  });

const fetched = (files: readonly (readonly string[])[], count?: (file: number) => void): LinesOf =>
  async function* (url) {
    const file = Number(url);
    count?.(file);
    for (const line of files[file] ?? []) yield Buffer.from(line);
  };

it('ends as with room for all, however little there is, and tells of what refers to nothing', {
  timeout: 900_000 + RUNS * 5_000,
}, async () => {
  const line = fc.record({
    id: fc.nat(12),
    further: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined, freq: 2 }),
    text: fc.stringMatching(/^[a-z]{1,60}$/),
  });
  // Nothing refers to itself by others: circles are stored together, and must find room together.
  const made = line.map(({ id, further, text }): Line => ({ id, refersTo: further === undefined ? undefined : id + further, text }));
  const files = fc.array(fc.array(made, { maxLength: 12 }), { minLength: 1, maxLength: 3 });
  let n = 0;
  await using house = await testHouse();
  const { database } = house.parts;
  const ended = async (drawn: readonly (readonly Line[])[], most: number) => {
    const run = `-${n++}`;
    const asked = drawn.map((_, file) => ({ type: 'Observation', url: String(file) }));
    const id = await orderImport(database, { owner, actor: 'test' }, run, asked);
    const texts = drawn.map((lines) => lines.map((each) => observation(each, run)));
    expect(await importNext(house.parts, fetched(texts), () => false, most)).toBe(true);
    const job = await readImport(database, owner, id);
    const stored = await Promise.all(Array.from({ length: 13 }, (_, each) => readResource(database, 'Observation', `o${each}${run}`)));
    const faults = await database.query('SELECT file, line FROM ops.import_error WHERE job_id = $1 ORDER BY file, line', [id]);
    return { state: job?.state, files: job?.files, codes: stored.map((each) => /"text":"([a-z]*)"/.exec(each?.body ?? '')?.[1]), faults };
  };
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 0, max: 600 }), async (drawn, room) => {
      const found = await ended(drawn, room);
      expect(found).toEqual(await ended(drawn, Number.POSITIVE_INFINITY));
      expect(found.codes).toEqual(lastOf(drawn));
    }),
    {
      numRuns: RUNS,
      examples: [
        [
          [
            [
              // What waits for o8 is older than what waits for nothing: it must not go over it when o8 comes.
              { id: 7, refersTo: 8, text: 'older' },
              { id: 7, refersTo: undefined, text: 'newer' },
              { id: 8, refersTo: 9, text: 'never' },
            ],
            [{ id: 8, refersTo: undefined, text: 'comes' }],
          ],
          0,
        ],
      ],
    },
  );
});

/** Naively: a line can be stored when what it refers to can; of those of one resource the last in the order of files and lines stays. */
function lastOf(files: readonly (readonly Line[])[]): readonly (string | undefined)[] {
  const lines = files.flat();
  const canBe = (id: number): boolean => lines.some((each) => each.id === id && (each.refersTo === undefined || canBe(each.refersTo)));
  return Array.from(
    { length: 13 },
    (_, id) => lines.findLast((each) => each.id === id && (each.refersTo === undefined || canBe(each.refersTo)))?.text,
  );
}

it('reads again only files with lines that found no room, and says so when a line is gone by then', async () => {
  await using house = await testHouse();
  const { database } = house.parts;
  const order = () =>
    orderImport(
      database,
      { owner, actor: 'test' },
      '/',
      ['0', '1', '2'].map((url) => ({ type: 'Observation', url })),
    );
  const files = [
    [
      observation({ id: 1, refersTo: 2, text: 'a'.repeat(50) }),
      observation({ id: 3, refersTo: 2, text: 'b' }),
      // The same one again: what was gathered is written first.
      observation({ id: 1, refersTo: 2, text: 'd' }),
    ],
    [observation({ id: 2, refersTo: undefined, text: 'c' })],
    [],
  ];
  const read: number[] = [];
  const id = await order();
  await importNext(
    house.parts,
    fetched(files, (file) => read.push(file)),
    () => false,
    200,
  );
  expect(read).toEqual([0, 1, 2, 0]);
  expect(await readImport(database, owner, id)).toMatchObject({
    state: 'done',
    files: [{ read: 3, refused: 0 }, { read: 1 }, { read: 0 }],
  });
  expect(await readResource(database, 'Observation', 'o3')).toBeDefined();
  expect((await readResource(database, 'Observation', 'o1'))?.body).toContain('"text":"d"');

  await using other = await testHouse();
  const second = await orderImport(other.parts.database, { owner, actor: 'test' }, '/', [{ type: 'Observation', url: '0' }]);
  let times = 0;
  const shrinking: LinesOf = async function* () {
    times += 1;
    yield Buffer.from(observation({ id: 1, refersTo: undefined, text: 'a' }));
    if (times === 1) yield Buffer.from(observation({ id: 2, refersTo: 9, text: 'b' }));
  };
  await importNext(other.parts, shrinking, () => false, 0);
  expect(await readImport(other.parts.database, owner, second)).toMatchObject({ files: [{ read: 2, refused: 1, ended: true }] });
  const [fault] = await other.parts.database.query('SELECT line, problems FROM ops.import_error');
  expect(fault).toMatchObject({ line: 2, problems: [{ code: 'import-file' }] });
});

it('begins a job five times at most when each time its process ends with it; one let go in peace is not counted', async () => {
  await using house = await testHouse();
  const { database } = house.parts;
  const id = await orderImport(database, { owner, actor: 'test' }, '/', [{ type: 'Observation', url: '0' }]);
  const crashed = () => database.run("UPDATE ops.import_job SET held_until = now() - interval '1 second'");
  for (let times = 0; times < 7; times++) {
    await importNext(house.parts, fetched([[]]), () => true);
    expect(await readImport(database, owner, id)).toMatchObject({ state: 'running' });
    await crashed();
  }
  for (let times = 0; times < 5; times++) {
    expect(await takeImport(database, '00000000-0000-0000-0000-000000000001')).toMatchObject({ id });
    await crashed();
  }
  expect(await importNext(house.parts, fetched([[]]), () => false)).toBe(false);
  expect(await readImport(database, owner, id)).toMatchObject({ state: 'failed', problems: [{ code: 'import-attempts' }] });
  expect(await takeImport(database, '00000000-0000-0000-0000-000000000001')).toBeUndefined();
});
