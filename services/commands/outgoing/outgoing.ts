import { type Command, Option } from 'commander';
import type { Database } from '../../database/connect.ts';
import { retryEvents } from '../../database/outgoing/take.ts';
import { type ChosenEvents, type EventListed, listEvents, receiverPulses, skipEvents } from '../../database/outgoing/view.ts';
import { problem, Refusal } from '../../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { idOf } from '../journal/filters.ts';
import { count } from '../options.ts';
import { plural, type Terminal, table } from '../terminal.ts';

const LIST = `  $ npx polyseme outgoing list                                    every receiver: sent, waiting, parked, how long
  $ npx polyseme outgoing list --status parked                    what receivers refused, with the reason
  $ npx polyseme outgoing list --receiver SUBSCRIPTION --json`;
const RETRY = `  $ npx polyseme outgoing retry 17 18 --yes                       send again, in their old places
  $ npx polyseme outgoing retry --receiver SUBSCRIPTION --yes`;
const SKIP = `  $ npx polyseme outgoing skip 17 --because "the receiver has it by another way"`;

/** outgoing list|retry|skip: what is told to subscribers, and the repair of what they did not take. */
export const outgoingCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('outgoing').description('what subscribers are told; retry what they did not take');
  withExamples(command, [LIST, RETRY, SKIP].join('\n'), ['0  done', '1  refused']);
  list(command, terminal, exit);
  retry(command, terminal, exit);
  skip(command, terminal, exit);
};

type Define = (command: Command, terminal: Terminal, exit: (code: number) => void) => void;

const list: Define = (parent, terminal, exit) => {
  const command = parent
    .command('list')
    .description('receivers; with --status or --receiver the events, oldest first')
    .addOption(new Option('--status <status>', 'waiting, parked or skipped').choices(['waiting', 'parked', 'skipped']))
    .option('--receiver <id>', 'of this Subscription')
    .option('--limit <number>', 'most events shown', count, 50)
    .option('--json', 'print JSON');
  withExamples(command, LIST, ['0  listed', '1  refused']);
  command.action(async (options: { status?: EventListed['state']; receiver?: string; limit: number; json?: boolean }) => {
    await using store = await openStore(configOfProcess());
    const isOfEvents = options.status !== undefined || options.receiver !== undefined;
    if (isOfEvents) {
      const events = await listEvents(store.database, { state: options.status, receiver: options.receiver }, options.limit);
      terminal.out(options.json ? JSON.stringify(events, undefined, 2) : eventsText(events));
    } else {
      const receivers = await receiverPulses(store.database);
      const rows = receivers.map((each) => [
        each.name,
        each.state,
        each.sent,
        each.repeated,
        each.waiting,
        each.parked,
        each.skipped,
        each.failures,
        each.oldestWaiting ?? '',
        each.lastSent ?? '',
      ]);
      const head = ['subscription', 'state', 'sent', 'repeated', 'waiting', 'parked', 'skipped', 'failures', 'oldest waiting', 'last sent'];
      terminal.out(options.json ? JSON.stringify(receivers, undefined, 2) : table(head, rows));
    }
    exit(0);
  });
};

const eventsText = (events: readonly EventListed[]): string =>
  table(
    ['id', 'subscription', 'state', 'tries', 'changed', 'resource', 'version', 'reason'],
    events.map((each) => [
      each.id,
      each.receiver,
      each.state,
      each.attempts,
      each.at,
      each.reference,
      each.version,
      each.problems.map(({ code, text }) => `${code}: ${text}`).join(' '),
    ]),
  );

interface ChoosingOptions {
  readonly receiver?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** Returns which events are meant, by exactly one of the three ways. */
function chosenBy(ids: readonly string[], { receiver, all }: ChoosingOptions): ChosenEvents {
  if ([ids.length > 0, receiver !== undefined, all === true].filter(Boolean).length !== 1) throw new Refusal([problem('outgoing-what')]);
  if (ids.length > 0) return { seqs: ids.map(idOf) };
  return receiver === undefined ? {} : { receiver };
}

/** Refuses ids that are not parked; returns how many events are meant. */
async function checked(database: Database, chosen: ChosenEvents): Promise<number> {
  const parked = await listEvents(database, { ...chosen, state: 'parked' }, 1_000_000);
  const known = new Set(parked.map(({ id }) => id));
  const others = (chosen.seqs ?? []).filter((id) => !known.has(id));
  if (others.length > 0) throw new Refusal(others.slice(0, 20).map((id) => problem('outgoing-no-event', { id })));
  return parked.length;
}

const choosing = (command: Command): Command =>
  command
    .option('--receiver <id>', 'all that is parked of this Subscription')
    .option('--all', 'all that is parked')
    .option('--yes', 'do it; without it only what would be done is said');

const retry: Define = (parent, terminal, exit) => {
  const command = choosing(parent.command('retry [id...]').description('send parked events again, in their old places'));
  withExamples(command, RETRY, ['0  done, or shown without --yes', '1  refused: an event is not parked; nothing was moved']);
  command.action(async (ids: readonly string[], options: ChoosingOptions) => {
    const chosen = chosenBy(ids, options);
    await using store = await openStore(configOfProcess());
    const meant = await checked(store.database, chosen);
    if (options.yes !== true) terminal.say(`${plural(meant, 'event')} would be sent again. Nothing was done: add --yes.`);
    else
      terminal.say(
        `${plural(await retryEvents(store.database, chosen), 'event')} put back; a running "npx polyseme serve" sends them now.`,
      );
    exit(0);
  });
};

const skip: Define = (parent, terminal, exit) => {
  const command = choosing(
    parent.command('skip [id...]').description('do not send parked events; they stay with the reason'),
  ).requiredOption('--because <reason>', 'why; kept with the event (write no patient data)');
  withExamples(command, SKIP, ['0  skipped, or shown without --yes', '1  one is not parked; nothing was skipped']);
  command.action(async (ids: readonly string[], options: ChoosingOptions & { readonly because: string }) => {
    const chosen = chosenBy(ids, options);
    if (options.because.trim() === '') throw new Refusal([problem('journal-skip-because')]);
    await using store = await openStore(configOfProcess());
    const meant = await checked(store.database, chosen);
    const isToDo = options.yes === true || ids.length > 0;
    const reason = problem('outgoing-skipped', { reason: options.because.trim() });
    if (!isToDo) terminal.say(`${plural(meant, 'event')} would be skipped. Nothing was done: add --yes.`);
    else terminal.say(`${plural(await skipEvents(store.database, chosen, reason), 'event')} skipped; the reason is kept with each.`);
    exit(0);
  });
};
