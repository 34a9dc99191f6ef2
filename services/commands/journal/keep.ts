import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { deriveStale } from '../../database/derived/derived.ts';
import { addTombstones, type Tombstone, tombstones } from '../../database/journal/erase.ts';
import { createJournal } from '../../database/journal/journal.ts';
import { rewrapKeys } from '../../database/journal/keys.ts';
import { dropMonths, journalMonths } from '../../database/journal/retention.ts';
import { messageById } from '../../database/journal/take.ts';
import { type JournalStatus, messageIds } from '../../database/journal/view.ts';
import { problem, Refusal } from '../../errors.ts';
import { eraseAgain, erasePatients } from '../../pipeline/erase.ts';
import { configOfProcess, withExamples } from '../command.ts';
import { openHouse, openStore, pullDate } from '../house.ts';
import { count } from '../options.ts';
import { plural, type Terminal, table } from '../terminal.ts';
import { type FilterOptions, filtered, filterOf, idOf, isFiltered, status } from './filters.ts';

const RESEND = `  $ npx polyseme journal resend 4711                                what would be stored once more, as a new message
  $ npx polyseme journal resend --source RIVERBEND/LAB --status applied --since 2h --yes`;
const MONTHS = `  $ npx polyseme journal months                                     what each month holds
  $ npx polyseme journal months --drop-before 2025-01 --yes         months before it are dropped, those with open work stay`;
const ERASE = `  $ npx polyseme journal erase "4711^RIVERBEND" --because "asked for on 2026-03-01" --yes
  $ npx polyseme journal erase Patient/9f1c2b7e-0d0e-5b7a-8c1d-2a3b4c5d6e7f --because "asked for" --yes
  $ npx polyseme journal erase --list > tombstones.json             to be kept outside: a backup knows none of the later ones
  $ npx polyseme journal erase --again --tombstones tombstones.json after a backup was restored: who was erased is erased again`;
const REKEY = '  $ npx polyseme journal rekey                                      the first key of POLYSEME_MASTER_KEY wraps all';

type Define = (command: Command, terminal: Terminal, exit: (code: number) => void) => void;

/** journal resend|months|erase|rekey: what is done to the journal itself. */
export const keeping: Define = (parent, terminal, exit) => {
  resend(parent, terminal, exit);
  months(parent, terminal, exit);
  erase(parent, terminal, exit);
  rekey(parent, terminal, exit);
};

const resend: Define = (parent, terminal, exit) => {
  const command = filtered(
    parent.command('resend [id...]').description('store messages once more as new ones, whatever became of them; they are processed again'),
  )
    .option('--status <status>', 'received (waiting), applied, parked or refused', status)
    .option('--limit <number>', 'most messages', count, 1000)
    .option('--yes', 'do it; without it only what would be stored is told')
    .option('--json', 'print JSON');
  withExamples(command, RESEND, ['0  done, or told without --yes', '1  refused: there is no such message; nothing was stored']);
  command.action(
    async (ids: readonly string[], options: FilterOptions & { status?: JournalStatus; limit: number; yes?: boolean; json?: boolean }) => {
      const filter = { ...filterOf(options), status: options.status };
      if (ids.length > 0 === isFiltered(filter)) throw new Refusal([problem('journal-retry-what')]);
      await using store = await openStore(configOfProcess());
      const found = ids.length > 0 ? ids.map(idOf) : await messageIds(store.database, filter, options.limit);
      const resent: { readonly id: number; readonly as: number | undefined }[] = [];
      const journal = createJournal(store.database);
      try {
        for (const id of ids.length > 0 ? found : [])
          if (!(await messageById(store.database, id))) throw new Refusal([problem('journal-no-message', { id })]);
        for (const id of found) {
          const message = options.yes ? await messageById(store.database, id) : undefined;
          // Without control id: with it, it would be recognised as what it repeats.
          const receipt = message && (await journal.append({ ...message, channel: 'import', controlId: undefined }));
          resent.push({ id, as: receipt?.id });
        }
      } finally {
        await journal.close();
      }
      if (options.json) terminal.out(JSON.stringify({ resent }, undefined, 2));
      else if (options.yes)
        terminal.say(`${plural(resent.length, 'message')} stored once more; a running "npx polyseme serve" processes them now.`);
      else terminal.say(`${plural(resent.length, 'message')} would be stored once more. Nothing was done: add --yes.`);
      exit(0);
    },
  );
};

const months: Define = (parent, terminal, exit) => {
  const command = parent
    .command('months')
    .description('what each month of the journal holds; drop old ones')
    .option('--drop-before <month>', 'YYYY-MM: drop the months before it')
    .option('--even-unsettled', 'also months that hold waiting or parked messages; those are refused then')
    .option('--yes', 'do it; without it only what would be dropped is shown')
    .option('--json', 'print JSON');
  withExamples(command, MONTHS, ['0  shown or dropped', '1  refused, or a month was left because of waiting or parked messages']);
  command.action(async (options: { dropBefore?: string; evenUnsettled?: boolean; yes?: boolean; json?: boolean }) => {
    await using store = await openStore(configOfProcess());
    const { dropBefore: before, evenUnsettled = false } = options;
    const all = await journalMonths(store.database);
    const chosen = before === undefined ? all : all.filter(({ month }) => month < before);
    const results =
      before !== undefined && options.yes
        ? await dropMonths(store.database, { before, evenUnsettled })
        : chosen.map((each) => ({ ...each, dropped: false }));
    if (options.json) terminal.out(JSON.stringify({ months: results }, undefined, 2));
    else {
      const rows = results.map((each) => [
        each.month,
        ...[each.messages, each.waiting, each.parked, each.bytes].map((n) => n.toLocaleString('en')),
        each.dropped ? 'dropped' : '',
      ]);
      terminal.out(table(['month', 'messages', 'waiting', 'parked', 'bytes', ''], rows));
      if (before !== undefined && !options.yes) terminal.say('Nothing was dropped: add --yes.');
    }
    exit(before !== undefined && options.yes && results.some(({ dropped }) => !dropped) ? 1 : 0);
  });
};

const erase: Define = (parent, terminal, exit) => {
  const command = parent
    .command('erase [patient...]')
    .description(
      'erase a patient: messages with their key, FHIR resources with all versions, CDM rows; a tombstone stays that names nobody',
    )
    .option('--because <reason>', 'why; kept with the tombstone (write no patient data)')
    .option('--again', 'after a backup was restored: erase again whom tombstones name')
    .option('--tombstones <file>', 'with --again: tombstones that --list wrote, added first')
    .option('--list', 'print the tombstones as JSON; they name nobody')
    .option('--yes', 'do it')
    .option('--json', 'print JSON');
  withExamples(command, ERASE, ['0  erased', '1  refused']);
  command.action(async (patients: readonly string[], options: EraseOptions) => {
    const reason = (options.because ?? '').trim();
    const isAsked = patients.length > 0 && options.yes === true && reason !== '';
    if (!options.list && !options.again && !isAsked) throw new Refusal([problem('journal-erase-what')]);
    const config = configOfProcess();
    await using house = await openHouse(config);
    const { database, parts } = house;
    if (options.list) {
      terminal.out(JSON.stringify(await tombstones(database), undefined, 2));
      exit(0);
      return;
    }
    if (options.tombstones !== undefined) await addTombstones(database, readTombstones(options.tombstones));
    const erased = options.again ? await eraseAgain(parts, database) : await erasePatients(parts, database, patients, reason);
    await deriveStale(database, { pullDate: pullDate(config, new Date()) });
    if (options.json) terminal.out(JSON.stringify({ erased: erased.messages, resources: erased.resources, mentions: erased.mentions }));
    else {
      const left = erased.mentions === 0 ? '' : ` ${plural(erased.mentions, 'resource')} of others still name the patient's id.`;
      terminal.say(`${plural(erased.messages, 'message')} and ${plural(erased.resources, 'resource')} erased, with their rows.${left}`);
    }
    exit(0);
  });
};

interface EraseOptions {
  readonly because?: string;
  readonly again?: boolean;
  readonly tombstones?: string;
  readonly list?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const BASE64 = /^[A-Za-z0-9+/=]+$/;

/** Returns the tombstones of a file that --list wrote. */
function readTombstones(path: string): readonly Tombstone[] {
  try {
    const read: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (Array.isArray(read) && read.every(isTombstone)) return read;
  } catch {
    // Told below: it cannot be read, or is no JSON.
  }
  throw new Refusal([problem('setting-invalid', { name: '--tombstones', reason: 'the file is not one that --list wrote' })]);
}

const isTombstone = (each: unknown): each is Tombstone =>
  typeof each === 'object' &&
  each !== null &&
  'salt' in each &&
  'digest' in each &&
  BASE64.test(String(each.salt)) &&
  BASE64.test(String(each.digest)) &&
  'messages' in each &&
  'reason' in each &&
  'at' in each &&
  !Number.isNaN(Date.parse(String(each.at)));

const rekey: Define = (parent, terminal, exit) => {
  const command = parent
    .command('rekey')
    .description('wrap all keys of the journal with the current master key; older ones can go afterwards')
    .option('--json', 'print JSON');
  withExamples(command, REKEY, ['0  done', '1  a master key is missing']);
  command.action(async (options: { readonly json?: boolean }) => {
    await using store = await openStore(configOfProcess());
    const wrapped = await rewrapKeys(store.database);
    if (options.json) terminal.out(JSON.stringify({ wrapped }));
    else terminal.say(`${plural(wrapped, 'key')} wrapped with the current master key.`);
    exit(0);
  });
};
