/** A house whose MLLP port may be asked, with senders that may and one that may not, and what asks it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { openMllpDoors } from '../../services/commands/serve/mllp-doors.ts';
import { standardRules } from '../../services/config/rules.ts';
import { sourcesOf } from '../../services/config/source-file.ts';
import { SourceBook } from '../../services/config/sources.ts';
import { FrameReader, framed } from '../../services/mllp/frame.ts';
import { type Parts, processNext, receive } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

const SOURCES = `
unknown: refuse
sources:
  asker: { match: { sendingApplication: ASK }, queries: allowed, authority: CITY }
  other: { match: { sendingApplication: OTHER }, queries: allowed, authority: ELSE }
  chief: { match: { sendingApplication: CHIEF }, queries: all, authority: CITY }
  mute: { match: { sendingApplication: MUTE } }
  adt: { match: { sendingApplication: ADT }, authority: CITY }
  far: { match: { sendingApplication: FAR }, authority: FAR }
`;

const config = { mllp: { host: '127.0.0.1', port: 0 }, tls: undefined };
const ground = { rules: standardRules({ timezone: 'UTC', authority: undefined }), ...config };

export interface AskedAs {
  /** MSH-3: the source. */
  readonly app?: string;
  readonly version?: string;
  /** What follows MSH-12. */
  readonly tail?: string;
  readonly id?: string;
}

export interface QueryHouse extends AsyncDisposable {
  readonly house: TestHouse;
  readonly parts: Parts;
  readonly port: number;
  /** Sends messages as their sources would, and applies them. */
  tell(messages: readonly string[]): Promise<void>;
  /** Asks over MLLP; returns the lines of the answer. `lastId` is its control id. */
  ask(type: string, lines: readonly string[], as?: AskedAs): Promise<readonly string[]>;
  query(type: string, lines: readonly string[], as?: AskedAs): string;
  lastId(): string;
}

export async function queryHouse(): Promise<QueryHouse> {
  const house = await testHouse();
  const read = sourcesOf(SOURCES, 'sources.yaml', ground);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const book = new SourceBook(read.value);
  const parts: Parts = { ...house.parts, sources: book };
  const silent = { info: () => {}, warn: () => {} };
  const doors = await openMllpDoors(config, { parts, book, hold: undefined, log: silent });
  const port = doors.doors[0]?.port ?? 0;
  let serial = 0;
  const query = (type: string, lines: readonly string[], { app = 'ASK', version = '2.5', tail = '', id }: AskedAs = {}): string => {
    serial += 1;
    return `MSH|^~\\&|${app}|F|HUB|H|20260601120000||${type}|${id ?? `Q${serial}`}|P|${version}${tail}\r${lines.join('\r')}\r`;
  };
  return {
    house,
    parts,
    port,
    tell: async (messages) => {
      for (const each of messages) await receive(parts, Buffer.from(each), 'http');
      while ((await processNext(parts, 50)) > 0);
    },
    query,
    ask: async (type, lines, as = {}) => linesOf((await socketAnswers(port, [Buffer.from(query(type, lines, as))], 1))[0]),
    lastId: () => `Q${serial}`,
    [Symbol.asyncDispose]: async () => {
      await doors.close();
      await house[Symbol.asyncDispose]();
    },
  };
}

let told = 0;
/** A message of a person's record. */
export function adt(app: string, pid: string, event = 'A28', more = ''): string {
  told += 1;
  return `MSH|^~\\&|${app}|F|||20260301080000||ADT^${event}|T${told}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260301080000\r${pid}\r${more}`;
}

export const linesOf = (answer: string | undefined): readonly string[] => (answer ?? '').split('\r').filter((each) => each !== '');
export const segment = (lines: readonly string[], name: string): string | undefined => lines.find((each) => each.startsWith(`${name}|`));
export const all = (lines: readonly string[], name: string): readonly string[] => lines.filter((each) => each.startsWith(`${name}|`));

/** Sends messages over one connection and resolves with the texts of `count` answers, fewer when the connection is closed before. */
export async function socketAnswers(port: number, messages: readonly Uint8Array[], count: number): Promise<readonly string[]> {
  const socket = connect({ host: '127.0.0.1', port });
  const reader = new FrameReader(1 << 22);
  const answers: string[] = [];
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const event of reader.push(chunk)) if (event.kind === 'message') answers.push(Buffer.from(event.bytes).toString('utf8'));
      if (answers.length >= count) resolve();
    });
    socket.on('close', () => resolve());
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (const each of messages) socket.write(framed(each));
  await done;
  socket.destroy();
  return answers;
}
