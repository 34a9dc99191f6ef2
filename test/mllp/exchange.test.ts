/** What senders hear and when, by the rules of their source, through a live port and the real pipeline. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MllpDoors, openMllpDoors } from '../../services/commands/serve/mllp-doors.ts';
import { standardRules } from '../../services/config/rules.ts';
import { sourcesOf } from '../../services/config/source-file.ts';
import { SourceBook, type Sources } from '../../services/config/sources.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { createJournal } from '../../services/database/journal/journal.ts';
import { counts } from '../../services/database/journal/take.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';
import { sender } from './doors.ts';

const config = { mllp: { host: '127.0.0.1', port: 0 }, tls: undefined };
const ground = { rules: standardRules({ timezone: 'UTC', authority: undefined }), ...config };

function sourcesFrom(text: string): Sources {
  const found = sourcesOf(text, 'sources.yaml', ground);
  if (!found.ok) throw new Error(JSON.stringify(found.problems));
  return found.value;
}

let serial = 0;
interface Said {
  readonly app?: string;
  readonly accept?: string;
  readonly application?: string;
  readonly processing?: string;
  readonly type?: string;
  readonly id?: string;
  readonly patient?: string;
}

/** An admission that is applied, unless `type` or `patient` make it one that is not. */
function admission({ app = 'ADT', accept = '', application = '', processing = 'P', type = 'ADT^A01^ADT_A01', id, patient }: Said = {}) {
  serial += 1;
  const control = id ?? `E${serial}`;
  const msh = `MSH|^~\\&|${app}|NORTHSIDE|||20260301080000||${type}|${control}|${processing}|2.5.1|||${accept}|${application}`;
  return {
    control,
    bytes: Buffer.from(
      `${msh}\rPID|1||${patient ?? `X${serial}`}^^^NORTHSIDE^MR||Doe^Jane||19700101|F\rPV1|1|I|W^1^1||||||||||||||||V${serial}\r`,
    ),
  };
}

let house: TestHouse;
beforeAll(async () => {
  house = await testHouse();
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
});

async function open(text: string, parts: Partial<Parts> = {}) {
  const book = new SourceBook(sourcesFrom(text));
  const logged: string[] = [];
  const log = (values: Readonly<Record<string, unknown>>, said: string): unknown => logged.push(`${values['code'] ?? ''} ${said}`);
  const all: Parts = { ...house.parts, sources: book, ...parts };
  const doors: MllpDoors = await openMllpDoors(config, { parts: all, book, hold: undefined, log: { info: log, warn: log } });
  return { parts: all, book, doors, logged, port: doors.doors[0]?.port ?? 0, [Symbol.asyncDispose]: doors.close };
}

const applyAll = async (parts: Parts): Promise<void> => {
  while ((await processNext(parts, 50)) > 0);
};

const ofSource = async (source: string) => (await counts(house.database)).find((each) => each.source === source);

describe('original mode', () => {
  it('committed: AA after the commit, whatever the map will say; what cannot be read is not accepted', async () => {
    await using door = await open('sources:\n  fast: { acknowledge: committed }\n');
    using client = await sender(door.port);
    const [good, odd] = [admission(), admission({ type: 'ZZZ^Z99' })];
    client.send(good.bytes);
    client.send(odd.bytes);
    client.send(Buffer.from('MSH|^~\\&|A|B|||2026||ADT^A01|BAD1|P|2.5.1||||||KLINGON\rPID|1||Gr\xfcn\r', 'latin1'));
    expect(await client.answers(3)).toEqual([`AA ${good.control}`, `AA ${odd.control}`, 'AR BAD1']);
    expect(await ofSource('fast')).toMatchObject({ received: 3, waiting: 3 });
    await applyAll(door.parts);
    expect(await ofSource('fast')).toMatchObject({ received: 3, applied: 1, waiting: 0 });
  });

  it('judged: AE at once for what will be parked', async () => {
    await using door = await open('sources:\n  judged: {}\n');
    using client = await sender(door.port);
    const odd = admission({ type: 'ZZZ^Z99' });
    client.send(odd.bytes);
    expect(await client.answers(1)).toEqual([`AE ${odd.control}`]);
  });

  it('processed: nothing before the message is applied or parked, and then what became of it', async () => {
    await using door = await open('sources:\n  slow: { acknowledge: processed }\n');
    using client = await sender(door.port);
    const [good, odd] = [admission(), admission({ type: 'ZZZ^Z99' })];
    client.send(good.bytes);
    client.send(odd.bytes);
    while ((await ofSource('slow'))?.waiting !== 2);
    await applyAll(door.parts);
    expect(await client.answers(2)).toEqual([`AA ${good.control}`, `AE ${odd.control}`]);
    // Sent again, it is recognised and answered as the first time.
    client.send(good.bytes);
    expect((await client.answers(3)).at(-1)).toBe(`AA ${good.control}`);
    expect(await ofSource('slow')).toMatchObject({ received: 3, applied: 1, parked: 1, duplicate: 1 });
  });

  it('processed: AE with a code when it takes longer than the source allows; the message is not lost', async () => {
    await using door = await open('sources:\n  late: { acknowledge: processed, processedWithinSeconds: 1 }\n');
    using client = await sender(door.port);
    const one = admission();
    client.send(one.bytes);
    expect(await client.answers(1)).toEqual([`AE ${one.control}`]);
    expect(await ofSource('late')).toMatchObject({ waiting: 1 });
  });
});

describe('enhanced mode', () => {
  it('CA at the commit, the application acknowledgement when processed; each only under its condition', async () => {
    await using door = await open('sources:\n  both: {}\n');
    using client = await sender(door.port);
    const sent = [
      admission({ accept: 'AL', application: 'AL' }),
      admission({ accept: 'AL', application: 'NE' }),
      admission({ accept: 'AL', application: 'ER', type: 'ZZZ^Z99' }),
      admission({ accept: 'AL', application: 'SU', type: 'ZZZ^Z99' }),
      admission({ accept: 'NE', application: 'AL' }),
      admission({ accept: 'ER', application: 'ER' }),
      admission({ accept: '', application: 'SU' }),
      admission({ accept: 'AL', application: '' }),
    ];
    for (const { bytes } of sent) client.send(bytes);
    const id = (n: number): string => sent[n]?.control ?? '';
    expect(await client.answers(5)).toEqual([0, 1, 2, 3, 7].map((n) => `CA ${id(n)}`));
    await applyAll(door.parts);
    const later = (await client.answers(9)).slice(5);
    expect(later.toSorted()).toEqual([`AA ${id(0)}`, `AE ${id(2)}`, `AA ${id(4)}`, `AA ${id(6)}`].toSorted());
  });

  it('can be forbidden or asked for by the source', async () => {
    await using door = await open('sources:\n  o: { mode: original, match: { sendingApplication: O } }\n  e: { mode: enhanced }\n');
    using client = await sender(door.port);
    const [plain, asked] = [admission({ app: 'E' }), admission({ app: 'O', accept: 'AL', application: 'AL' })];
    client.send(plain.bytes);
    client.send(asked.bytes);
    expect(await client.answers(2)).toEqual([`CA ${plain.control}`, `AA ${asked.control}`]);
    await applyAll(door.parts);
    expect((await client.answers(3)).at(-1)).toBe(`AA ${plain.control}`);
  });

  it('says CE of what is stored and cannot be read, CR of what is not taken', async () => {
    await using door = await open('sources:\n  c: { reusedControlId: park }\n');
    using client = await sender(door.port);
    client.send(Buffer.from('MSH|^~\\&|A|B|||2026||ADT^A01|U1|P|2.5.1|||AL|AL|||UNICODE UTF-8\rPID|1||Gr\xfcn\r', 'latin1'));
    const test = admission({ accept: 'AL', application: 'AL', processing: 'T' });
    client.send(test.bytes);
    const first = admission({ accept: 'AL', id: 'SAME' });
    const second = admission({ accept: 'AL', id: 'SAME' });
    client.send(first.bytes);
    await client.answers(3);
    client.send(second.bytes);
    expect(await client.answers(4)).toEqual(['CE U1', `CR ${test.control}`, 'CA SAME', 'CE SAME']);
    await applyAll(door.parts); // what is parked then is answered AE, for which the door would wait
  });

  it('does not end the connection of a sender that asked for silence when its message is in the journal, though refused', async () => {
    await using door = await open('sources:\n  n: {}\n');
    using client = await sender(door.port);
    client.send(Buffer.from('MSH|^~\\&|A|B|||2026||ADT^A01|N1|P|2.5.1|||NE|NE||KLINGON\rPID|1||Gr\xfcn\r', 'latin1'));
    const next = admission();
    client.send(next.bytes);
    expect(await client.answers(1)).toEqual([`AA ${next.control}`]);
    expect(await ofSource('n')).toMatchObject({ received: 2 });
  });

  it('drains: what was accepted is answered before the door is closed', async () => {
    const door = await open('sources:\n  d: {}\n');
    using client = await sender(door.port);
    const sent = [1, 2, 3].map(() => admission({ accept: 'AL', application: 'AL' }));
    for (const { bytes } of sent) client.send(bytes);
    await client.answers(3);
    const closed = door.doors.close();
    client.send(admission({ accept: 'AL' }).bytes);
    await applyAll(door.parts);
    await closed;
    expect((await client.answers(7)).toSorted()).toEqual(sent.flatMap(({ control }) => [`AA ${control}`, `CA ${control}`]).toSorted());
  });
});

describe('the order of a source', () => {
  it('is its patients\u2019, and more where it asks for more; never less', async () => {
    await using door = await open(`
sources:
  visits: { match: { sendingApplication: VISIT }, orderBy: PV1-19 }
  strict: { match: { sendingApplication: STRICT }, orderBy: source }
  plain: {}
`);
    using client = await sender(door.port);
    const sent = ['VISIT', 'STRICT', 'PLAIN'].map((app) => admission({ app, patient: 'ORDERED' }));
    for (const { bytes } of sent) client.send(bytes);
    await client.answers(3);
    const rows = await house.database.query<{ readonly patient_keys: readonly string[] }>(
      'SELECT m.patient_keys FROM journal.message m WHERE control_id = ANY ($1) ORDER BY id',
      [sent.map(({ control }) => control)],
    );
    const own = 'ORDERED^NORTHSIDE';
    expect(rows.map((row) => row.patient_keys)).toEqual([
      [own, expect.stringMatching(/^order:visits:PV1-19:V\d+$/)],
      [own, 'order:strict'],
      [own],
    ]);
    await applyAll(door.parts);
  });
});

describe('what is not taken', () => {
  it('test and training messages: AR with a code, in the journal as refused, unless the source takes them', async () => {
    await using door = await open('sources:\n  t: { match: { sendingApplication: T }, processingIds: [P, T] }\n  p: {}\n');
    using client = await sender(door.port);
    const [training, debugging, taken, secret] = [
      admission({ processing: 'T' }),
      admission({ processing: 'D' }),
      admission({ app: 'T', processing: 'T' }),
      admission({ processing: 'Secretname' }),
    ];
    for (const { bytes } of [training, debugging, taken, secret]) client.send(bytes);
    expect(await client.answers(4)).toEqual([
      `AR ${training.control}`,
      `AR ${debugging.control}`,
      `AA ${taken.control}`,
      `AR ${secret.control}`,
    ]);
    expect(await ofSource('p')).toMatchObject({ received: 3, refused: 3, waiting: 0 });
    expect(door.logged.join()).toMatch(/source-processing-id MSH-11 is T/);
    expect(door.logged.join()).not.toContain('Secretname');
    const http = await receive(door.parts, admission({ processing: 'T' }).bytes, 'http');
    expect([http.status, Buffer.from(http.acknowledgement).toString()]).toEqual([422, expect.stringContaining('source-processing-id')]);
  });

  it('another content under a used control id: refused, parked or accepted by the source', async () => {
    await using door = await open(`
sources:
  refuse: { match: { sendingApplication: refuse }, reusedControlId: refuse }
  park: { match: { sendingApplication: park }, reusedControlId: park }
  accept: {}
`);
    using client = await sender(door.port);
    for (const app of ['refuse', 'park', 'accept']) for (let n = 0; n < 2; n++) client.send(admission({ app, id: `ID-${app}` }).bytes);
    expect(await client.answers(6)).toEqual(['AA ID-refuse', 'AR ID-refuse', 'AA ID-park', 'AE ID-park', 'AA ID-accept', 'AA ID-accept']);
    await applyAll(door.parts);
    expect(await ofSource('refuse')).toMatchObject({ received: 2, applied: 1, refused: 1 });
    expect(await ofSource('park')).toMatchObject({ received: 2, applied: 1, parked: 1 });
    expect(await ofSource('accept')).toMatchObject({ received: 2, applied: 2 });
  });

  it('senders of no source, messages longer than their source may send', async () => {
    await using door = await open(
      'sources:\n  known: { match: { sendingApplication: KNOWN }, maxMessageBytes: 1024 }\n  big: { match: { sendingApplication: BIG } }\n',
    );
    using client = await sender(door.port);
    const [stranger, long, big] = [admission({ app: 'WHO' }), admission({ app: 'KNOWN' }), admission({ app: 'BIG' })];
    client.send(stranger.bytes);
    for (const { bytes } of [long, big]) client.send(Buffer.concat([bytes, Buffer.from(`ZZZ|${'x'.repeat(2000)}\r`)]));
    expect(await client.answers(3)).toEqual([`AR ${stranger.control}`, `AR ${long.control}`, `AA ${big.control}`]);
    expect(door.logged.join()).toMatch(/source-unknown.*mllp-frame-too-long/);
  });

  it('anything while the database is unreachable: never AA or CA, in no way of answering', async () => {
    const database = openDatabase('postgres://nobody@127.0.0.1:1/nothing');
    const journal = createJournal(database);
    for (const acknowledge of ['committed', 'judged', 'processed']) {
      await using door = await open(`sources:\n  s: { acknowledge: ${acknowledge} }\n`, { database, journal });
      using client = await sender(door.port);
      const all = [
        admission(),
        admission({ accept: 'AL', application: 'AL' }),
        admission({ accept: 'NE', application: 'AL' }),
        admission({ accept: 'ER', application: 'NE' }),
        admission({ processing: 'T' }),
      ];
      for (const { bytes } of all) client.send(bytes);
      const codes = (await client.answers(5)).map((each) => each.slice(0, 2));
      expect(codes).toEqual(['AR', 'CR', 'AR', 'CR', 'AR']);
      // Who wants to hear nothing at all, or successes only, learns it by the end of the connection.
      client.send(admission({ accept: 'SU', application: 'NE' }).bytes);
      await client.closed();
      expect(await client.answers(6)).toHaveLength(5);
      expect(door.logged.join()).toContain('database-unreachable');
    }
    await journal.close();
    await database.close();
  });
});
