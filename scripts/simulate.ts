/** A seeded hospital that sends HL7v2: to files, or over MLLP at a rate. Same seed and options, same bytes. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { withExamples } from '../services/commands/command.ts';
import { untilAsked } from '../services/commands/interruption.ts';
import { count, positive } from '../services/commands/options.ts';
import { isWhole, sayDelivery } from '../services/commands/send/report.ts';
import { faultOf, plural, problemText, processTerminal, type Terminal, table } from '../services/commands/terminal.ts';
import { Refusal } from '../services/errors.ts';
import { type DeliveryReport, deliver, receiverOf } from '../services/mllp/delivery.ts';
import { type Rates, USUAL_RATES } from './simulator/events.ts';
import { Counting, type Summary } from './simulator/summary.ts';
import { type SimulatedMessage, trafficOf } from './simulator/traffic.ts';
import { writeTraffic } from './simulator/write.ts';

const EXAMPLES = `
  $ node scripts/simulate.ts --patients 50 --out traffic                 traffic/traffic.hl7 and manifest.ndjson
  $ node scripts/simulate.ts --seed 7 --patients 2000 --to 127.0.0.1:2575 --rate 200 --connections 4
  $ node scripts/simulate.ts --patients 500 --only ADT,ORU,VXU --broken 0 --duplicates 0 --out clean
  $ node scripts/simulate.ts --patients 1 --out -                        one patient's messages to standard output

What a checker can read:
  MSH-10 is SEED.PERSON.NUMBER; NUMBER counts the messages of one person from 1 in the order of sending. A duplicate has the number of the
  message it repeats. What registration sends (ADT) has NUMBER as the house number in PID-11.1 too: the stored Patient and its history tell
  in which order they were applied. manifest.ndjson says of each message which person, number and type it is, and whether it is usual,
  out-of-order, duplicate or broken (and how).
`;

interface SimulateOptions extends Rates {
  readonly seed: number;
  readonly patients: number;
  readonly start: number;
  readonly only?: readonly string[];
  readonly out?: string;
  readonly to?: string;
  readonly rate?: number;
  readonly connections: number;
  readonly json?: boolean;
}

const RATE_OPTIONS: readonly (readonly [name: string, rate: keyof Rates, text: string])[] = [
  ['corrections', 'corrections', 'share of final results that are corrected later (OBX-11 C)'],
  ['cancellations', 'cancellations', 'share of admissions, discharges and appointments taken back (A11, A13, S15)'],
  ['merges', 'merges', 'share of patients registered twice and merged (A40)'],
  ['late', 'late', 'share of orders whose results come days late'],
  ['duplicates', 'duplicates', 'share of messages sent twice, byte for byte'],
  ['out-of-order', 'outOfOrder', "share of messages sent after the same patient's next"],
  ['broken', 'broken', 'share of messages that a broken one goes before'],
];

/** Runs one command line (without node and script); returns the exit code. */
export async function simulate(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const command = new Command('simulate')
    .description('HL7v2 traffic of a hospital that does not exist: ADT, ORM, ORU, VXU, SIU, MDM (2.5.1, UTF-8)')
    .option('--seed <number>', 'which hospital', count, 1)
    .option('--patients <number>', 'how many patients', count, 100)
    .addOption(
      new Option('--start <date>', 'YYYY-MM-DD: the first simulated day').argParser(day).default(Date.UTC(2026, 0, 5), '2026-01-05'),
    )
    .option('--only <types>', 'send only these: ADT,ORU or ADT^A01', (value) => value.split(','))
    .option('--out <dir>', "write files; '-': the messages to standard output")
    .option('--to <host:port>', 'send over MLLP')
    .option('--rate <number>', 'messages a second, over all connections', positive)
    .option('--connections <number>', "connections at once; each patient's messages stay in order", count, 1)
    .option('--json', 'print the summary as JSON')
    .showHelpAfterError('Run "node scripts/simulate.ts --help" for examples.')
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.say(text.trimEnd()) })
    .exitOverride();
  for (const [name, rate, text] of RATE_OPTIONS) command.option(`--${name} <share>`, text, share, USUAL_RATES[rate]);
  withExamples(command, EXAMPLES, [
    '0  written, or sent and all accepted',
    '1  something was not accepted or not sent',
    '130  ended by Ctrl-C',
  ]);
  command.action(async (options: SimulateOptions) => {
    exitCode = await run(options, terminal);
  });
  try {
    await command.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const problems = error instanceof Refusal ? error.problems.map(problemText) : [faultOf(error)];
    for (const each of problems) terminal.say(each);
    return 1;
  }
}

async function run(options: SimulateOptions, terminal: Terminal): Promise<number> {
  const { seed, patients, start, only, out, to } = options;
  if ((out === undefined) === (to === undefined)) {
    terminal.say('Say where to: --out DIR or --to host:port.');
    return 2;
  }
  const counting = new Counting();
  const traffic = counting.through(trafficOf({ seed, patients, rates: options, startMs: start, only }));
  if (to !== undefined) {
    const report = await sent(traffic, to, options);
    if (options.json) terminal.out(JSON.stringify({ ...counting.summary, delivery: report }, undefined, 2));
    else {
      saySummary(counting.summary, terminal);
      sayDelivery(report, terminal);
    }
    return report.interrupted ? 130 : isWhole(report) ? 0 : 1;
  }
  if (out === '-') {
    await written(traffic);
    if (!options.json) saySummary(counting.summary, { ...terminal, out: terminal.say });
    return 0;
  }
  await writeTraffic(out ?? '', traffic, seed, start);
  if (options.json) terminal.out(JSON.stringify(counting.summary, undefined, 2));
  else saySummary(counting.summary, terminal);
  return 0;
}

async function sent(traffic: Iterable<SimulatedMessage>, to: string, { rate, connections }: SimulateOptions): Promise<DeliveryReport> {
  using interruption = untilAsked();
  return deliver(outgoing(traffic), {
    receiver: { ...receiverOf(to), timeoutMs: 30_000 },
    connections,
    perSecond: rate,
    retries: 5,
    retryAfterMs: 250,
    signal: interruption.signal,
  });
}

/** To standard output, no faster than it is read; whoever reads may stop early (head). */
async function written(traffic: Iterable<SimulatedMessage>): Promise<void> {
  const bytes = Iterator.from(traffic).map((message) => message.bytes);
  try {
    await pipeline(Readable.from(bytes, { objectMode: false }), process.stdout, { end: false });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
}

function* outgoing(traffic: Iterable<SimulatedMessage>) {
  for (const { type, mark, bytes } of traffic) yield { from: mark === 'usual' ? type : `${type} ${mark}`, bytes };
}

function saySummary({ messages, patients, bytes, types, marks, days }: Summary, terminal: Terminal): void {
  terminal.out(`${plural(messages, 'message')} about ${plural(patients, 'patient')} in ${days} simulated days, ${plural(bytes, 'byte')}\n`);
  terminal.out(`${table(['type', 'messages'], Object.entries(types))}\n`);
  terminal.out(`${table(['kind', 'messages'], Object.entries(marks))}\n`);
}

function share(value: string): number {
  const read = /^\d(\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN;
  if (!(read <= 1)) throw new InvalidArgumentError('Write a number from 0 to 1.');
  return read;
}

function day(value: string): number {
  const read = Date.parse(`${value}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value) || Number.isNaN(read)) throw new InvalidArgumentError('Write a date as YYYY-MM-DD.');
  return read;
}

if (import.meta.main) process.exitCode = await simulate(process.argv.slice(2), processTerminal);
