import type { Command } from 'commander';
import type { Database, Queryable } from '../../database/connect.ts';
import { messageById, requeue } from '../../database/journal/take.ts';
import {
  type JournalFilter,
  type JournalStatus,
  listMessages,
  lockParked,
  messageIds,
  notifyJournal,
  parkedGroups,
  parkedIds,
  refuseParked,
  traceOf,
} from '../../database/journal/view.ts';
import { problem, Refusal } from '../../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { count } from '../options.ts';
import { plural, type Terminal } from '../terminal.ts';
import { type FilterOptions, filtered, filterOf, idOf, isFiltered, status } from './filters.ts';
import { keeping } from './keep.ts';
import { sources } from './sources.ts';
import { groupsText, listingText, messageJson, messageText } from './text.ts';

const LIST = `  $ npx polyseme journal list --status parked --since 2h            the newest that are parked
  $ npx polyseme journal list --grouped                             parked ones by cause, with the cure
  $ npx polyseme journal list --source RIVERBEND/RBGADT --type ADT --json`;
const SHOW = `  $ npx polyseme journal show 4711                                  state, problems with cures, times, map, resources
  $ npx polyseme journal show 4711 --content                        the message too: patient data
  $ npx polyseme journal show --code mapping-no-map --since 2h      the oldest that match`;
const RETRY = `  $ npx polyseme journal retry --code mapping-no-map                what would be put back
  $ npx polyseme journal retry --code mapping-no-map --yes          put back, in their old places
  $ npx polyseme journal retry 4711 4712 --yes`;
const SKIP = `  $ npx polyseme journal skip 4711 --because "test message of the vendor"
  $ npx polyseme journal skip --source NORTHSIDE/ODD --because "test system" --yes`;

/** journal list|show|retry|skip: what was received and what became of it, and the repair of what is parked. */
export const journalCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('journal').description('what was received, what became of it; retry what is parked');
  withExamples(command, [LIST, SHOW, RETRY, SKIP].join('\n'), ['0  done', '1  refused']);
  list(command, terminal, exit);
  show(command, terminal, exit);
  retry(command, terminal, exit);
  skip(command, terminal, exit);
  sources(command, terminal, exit);
  keeping(command, terminal, exit);
};

type Define = (command: Command, terminal: Terminal, exit: (code: number) => void) => void;

const list: Define = (parent, terminal, exit) => {
  const command = filtered(parent.command('list').description('messages, newest first'))
    .option('--status <status>', 'received (waiting), applied, parked or refused', status)
    .option('--limit <number>', 'most messages shown', count, 50)
    .option('--grouped', 'parked messages by cause')
    .option('--json', 'print JSON');
  withExamples(command, LIST, ['0  listed', '1  refused']);
  command.action(async (options: FilterOptions & { status?: JournalStatus; limit: number; grouped?: boolean; json?: boolean }) => {
    if (options.grouped && options.status !== undefined && options.status !== 'parked')
      throw new Refusal([problem('journal-grouped-parked')]);
    await using store = await openStore(configOfProcess());
    const filter = filterOf(options);
    if (options.grouped) {
      const groups = await parkedGroups(store.database, filter);
      terminal.out(options.json ? JSON.stringify(groups, undefined, 2) : groupsText(groups));
    } else {
      const listing = await listMessages(store.database, { ...filter, status: options.status }, options.limit);
      terminal.out(options.json ? JSON.stringify(listing, undefined, 2) : listingText(listing));
    }
    exit(0);
  });
};

const show: Define = (parent, terminal, exit) => {
  const command = filtered(parent.command('show [id...]').description('messages: state, problems with cures, times, map, resources'))
    .option('--status <status>', 'received (waiting), applied, parked or refused', status)
    .option('--limit <number>', 'most messages shown', count, 20)
    .option('--content', 'the message itself and its identifiers too: patient data')
    .option('--json', 'print JSON; the content as base64');
  withExamples(command, SHOW, ['0  shown', '1  there is no such message']);
  command.action(async (ids: readonly string[], options: ShowOptions) => {
    const filter = { ...filterOf(options), status: options.status };
    if (ids.length > 0 === isFiltered(filter)) throw new Refusal([problem('journal-retry-what')]);
    await using store = await openStore(configOfProcess());
    const { database } = store;
    const found = ids.length > 0 ? ids.map(idOf) : await messageIds(database, filter, options.limit);
    const shown: string[] = [];
    for (const id of found) {
      const [message, trace] = await Promise.all([messageById(database, id), traceOf(database, id)]);
      if (!message || !trace) throw new Refusal([problem('journal-no-message', { id })]);
      shown.push((options.json ? messageJson : messageText)(message, trace, options.content === true));
    }
    // One that is named is one object; several are a list.
    if (!options.json) terminal.out(shown.join('\n\n'));
    else terminal.out(ids.length === 1 ? (shown[0] ?? '') : `[${shown.join(',\n')}]`);
    exit(0);
  });
};

interface ShowOptions extends FilterOptions {
  readonly status?: JournalStatus;
  readonly limit: number;
  readonly content?: boolean;
  readonly json?: boolean;
}

const retry: Define = (parent, terminal, exit) => {
  const command = filtered(
    parent.command('retry [id...]').description('put parked messages back, to be processed again in their old places'),
  )
    .option('--all', 'all that are parked')
    .option('--yes', 'do it; without it only what would move is shown')
    .option('--json', 'print JSON');
  withExamples(command, RETRY, ['0  done, or shown without --yes', '1  refused: a message is not parked; nothing was moved']);
  command.action(async (ids: readonly string[], options: FilterOptions & { all?: boolean; yes?: boolean; json?: boolean }) => {
    const filter = filterOf(options);
    const ways = [ids.length > 0, isFiltered(filter), options.all === true].filter(Boolean).length;
    if (ways !== 1) throw new Refusal([problem('journal-retry-what')]);
    await using store = await openStore(configOfProcess());
    const { database } = store;
    const named = ids.map(idOf);
    if (!options.yes) {
      const groups = named.length > 0 ? undefined : await parkedGroups(database, filter);
      const moving = groups?.reduce((sum, each) => sum + each.count, 0) ?? (await checkedParked(database, named)).length;
      if (options.json) terminal.out(JSON.stringify({ moved: 0, wouldMove: moving, groups: groups ?? [] }, undefined, 2));
      else {
        if (groups) terminal.out(groupsText(groups));
        terminal.say(`${plural(moving, 'message')} would be put back. Nothing was done: add --yes.`);
      }
      return exit(0);
    }
    const moved = await putBack(database, named, filter);
    if (options.json) terminal.out(JSON.stringify({ moved, wouldMove: moved, groups: [] }, undefined, 2));
    else terminal.say(`${plural(moved, 'message')} put back; a running "npx polyseme serve" processes them now, else the next one does.`);
    exit(0);
  });
};

const skip: Define = (parent, terminal, exit) => {
  const command = filtered(
    parent.command('skip [id...]').description('refuse parked messages for good; they stay in the journal with the reason'),
  )
    .requiredOption('--because <reason>', 'why; kept with the message (write no patient data)')
    .option('--yes', 'with filters: do it; without it only what would be skipped is shown')
    .option('--json', 'print JSON');
  withExamples(command, SKIP, ['0  skipped, or shown without --yes', '1  one is not parked; nothing was skipped']);
  command.action(async (ids: readonly string[], options: FilterOptions & { because: string; yes?: boolean; json?: boolean }) => {
    const filter = filterOf(options);
    if (ids.length > 0 === isFiltered(filter)) throw new Refusal([problem('journal-retry-what')]);
    await using store = await openStore(configOfProcess());
    if (options.because.trim() === '') throw new Refusal([problem('journal-skip-because')]);
    const reason = problem('journal-skipped', { reason: options.because.trim() });
    if (ids.length === 0 && !options.yes) {
      const groups = await parkedGroups(store.database, filter);
      terminal.out(options.json ? JSON.stringify({ skipped: [], groups }, undefined, 2) : groupsText(groups));
      return exit(0);
    }
    const skipped = await store.database.transaction(async (tx) => {
      const named = ids.length > 0 ? await checkedParked(tx, ids.map(idOf)) : await lockParked(tx, await parkedIds(tx, filter));
      for (const id of named) await refuseParked(tx, id, reason);
      return named;
    });
    if (options.json)
      terminal.out(JSON.stringify(ids.length === 1 ? { id: skipped[0], status: 'refused' } : { skipped, groups: [] }, undefined, 2));
    else terminal.say(`${plural(skipped.length, 'message')} refused now; the reason is kept with each.`);
    exit(0);
  });
};

/** Returns `ids` when all of them are parked; refuses by name those that are not. */
async function checkedParked(database: Queryable, ids: readonly number[]): Promise<readonly number[]> {
  const parked = new Set(await lockParked(database, ids));
  const others = ids.filter((id) => !parked.has(id));
  if (others.length > 0) throw new Refusal(others.slice(0, 20).map((id) => problem('journal-not-parked', { id })));
  return [...parked];
}

/** Puts all of them back or none, and wakes whoever processes. */
const putBack = (database: Database, named: readonly number[], filter: JournalFilter): Promise<number> =>
  database.transaction(async (tx) => {
    const ids = named.length > 0 ? await checkedParked(tx, named) : await lockParked(tx, await parkedIds(tx, filter));
    const moved = await requeue(tx, ids);
    await notifyJournal(tx);
    return moved;
  });
