import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { isLoopback } from '../../config.ts';
import { harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { deliver, type Outgoing, receiverOf } from '../../mllp/delivery.ts';
import { type CommandDefinition, withExamples } from '../command.ts';
import { faultOf, filesOf, inputsOf } from '../convert/inputs.ts';
import { untilAsked } from '../interruption.ts';
import { count, positive } from '../options.ts';
import { problemText, progress, type Terminal } from '../terminal.ts';
import { isWhole, sayDelivery } from './report.ts';

const EXAMPLES = `
  $ npx polyseme send message.hl7 --to 127.0.0.1:2575               one message, or a whole batch, in its order
  $ npx polyseme send 'archive/*.hl7' --to hub:2575 --rate 50       fifty a second
  $ npx polyseme send day.hl7 --to hub:2575 --connections 4         four at once; each patient's in order
  $ npx polyseme send day.hl7 --to hub:2575 --tls --ca hub-ca.pem   TLS, believing this authority
  $ cat message.hl7 | npx polyseme send - --to 127.0.0.1:2575 --json
`;
const EXIT_CODES = [
  '0  everything was accepted (AA or CA)',
  '1  something was not accepted or not sent; each is reported',
  '130  ended by Ctrl-C',
];

interface SendOptions {
  readonly to: string;
  readonly tls?: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rate?: number;
  readonly connections: number;
  readonly retries: number;
  readonly timeout: number;
  readonly json?: boolean;
}

/** send: files over MLLP to a receiver, in order; sent again only when no acknowledgement came, never after a negative one. */
export const sendCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('send <file...>')
    .description('send HL7v2 messages and batches over MLLP')
    .requiredOption('--to <host:port>', 'the receiver')
    .option('--tls', 'speak TLS')
    .option('--ca <file>', 'PEM: believe receivers of this authority (implies --tls)')
    .option('--cert <file>', 'PEM: own certificate, where the receiver asks for one (implies --tls)')
    .option('--key <file>', 'PEM: its key (implies --tls)')
    .option('--rate <number>', 'messages a second, over all connections', positive)
    .option('--connections <number>', 'connections at once', count, 1)
    .option('--retries <number>', 'most retries of one message', count, 5)
    .option('--timeout <seconds>', 'longest wait for a connection or an acknowledgement', positive, 30)
    .option('--json', 'print the report as JSON');
  withExamples(command, EXAMPLES, EXIT_CODES);
  command.action(async (args: readonly string[], options: SendOptions) => {
    const { host, port } = receiverOf(options.to);
    const tls = tlsOf(options);
    const files = filesOf(args);
    const bytes = sizeOf(files);
    if (tls === undefined && !isLoopback(host)) terminal.say(`Without --tls: what is sent to ${host} travels in the clear.`);
    const unread: { readonly from: string; readonly problems: readonly Problem[] }[] = [];
    using interruption = untilAsked();
    const bar = progress(terminal, 'Sending, bytes', bytes);
    let done = 0;
    const report = await deliver(messagesIn(files, terminal, unread), {
      receiver: { host, port, timeoutMs: options.timeout * 1000, ...(tls ? { tls } : {}) },
      connections: options.connections,
      perSecond: options.rate,
      retries: options.retries,
      retryAfterMs: 250,
      signal: interruption.signal,
      onDone: (length) => {
        done += length;
        bar.advance(Math.min(done, bytes));
      },
    });
    bar.end();
    for (const { from, problems } of unread) for (const each of problems) terminal.say(`${from}: ${problemText(each)}`);
    if (options.json) terminal.out(JSON.stringify({ ...report, unread }, undefined, 2));
    else sayDelivery(report, terminal);
    exit(report.interrupted ? 130 : isWhole(report) && unread.length === 0 ? 0 : 1);
  });
};

/** Yields the messages of the files in order; what is none goes to `unread`, warnings beside them are said. */
async function* messagesIn(
  files: readonly string[],
  terminal: Terminal,
  unread: { from: string; problems: readonly Problem[] }[],
): AsyncGenerator<Outgoing> {
  for (const file of files) {
    for await (const input of inputsOf(file)) {
      if (input.kind === 'message') yield input;
      else if (input.kind !== 'problem') unread.push({ from: input.from, problems: [problem('send-not-hl7v2', { file: input.from })] });
      else if (!harmless(input.problems)) unread.push({ from: input.from, problems: input.problems });
      else for (const each of input.problems) terminal.say(`${input.from}: ${problemText(each)}`);
    }
  }
}

/** Returns the bytes of all files; refuses before anything is sent when one of them cannot be read: a gap cannot be mended by order. */
function sizeOf(files: readonly string[]): number {
  let bytes = 0;
  for (const file of files.filter((each) => each !== '-')) {
    try {
      accessSync(file, constants.R_OK);
      bytes += statSync(file).size;
    } catch (error) {
      throw new Refusal([problem('file-unreadable', { file, reason: faultOf(error) })]);
    }
  }
  return bytes;
}

function tlsOf({ tls, ca, cert, key }: SendOptions) {
  if (!tls && ca === undefined && cert === undefined && key === undefined) return undefined;
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new Refusal([problem('file-unreadable', { file: path, reason: faultOf(error) })]);
    }
  };
  return {
    ...(ca === undefined ? {} : { ca: read(ca) }),
    ...(cert === undefined ? {} : { cert: read(cert) }),
    ...(key === undefined ? {} : { key: read(key) }),
  };
}
