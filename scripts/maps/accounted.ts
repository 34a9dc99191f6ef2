/**
 * Whether every field with a value has an account: mapped, ignored with a reason, reported as unread, or parked with its message.
 *   node scripts/maps/accounted.ts [FOLDER]
 * Prints the sums over all messages of the folder and every field without an account; exit status 1 when there is one, or the sum is wrong.
 * The fields are counted here by cutting at the delimiters alone, apart from the engine's own reader.
 */
import { join } from 'node:path';
import type { Message } from '../../services/hl7v2/message.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import { corpusFolder, messagesOf } from './corpus.ts';

export interface Account {
  readonly valued: number;
  readonly mapped: number;
  readonly ignored: number;
  readonly unread: number;
  /** Fields of a message that was parked as a whole, with a reason. */
  readonly parked: number;
  /** 'PID-5 x2': in how many segments a field has a value that nothing accounts for. */
  readonly unaccounted: readonly string[];
}

/** What the engine reads itself, for its own work: who sends, when, what, in which version. */
const BY_ENGINE = ['MSH-3', 'MSH-4', 'MSH-7', 'MSH-9', 'MSH-10', 'MSH-12', 'MSH-18'];

/** Returns in how many segments each field has a value: 'PID-5' -> 1. MSH-1 and MSH-2 are the delimiters. */
function valuedFields(message: Message): Map<string, number> {
  const { field: f, component, repetition, subcomponent } = message.delimiters;
  const counts = new Map<string, number>();
  for (const { text, name } of message.segments) {
    const fields = text.split(f);
    const shift = name === 'MSH' ? 1 : 0;
    for (let i = name === 'MSH' ? 2 : 1; i < fields.length; i++) {
      const value = fields[i] ?? '';
      const bare = [component, repetition, subcomponent].reduce((rest, mark) => (mark === '' ? rest : rest.replaceAll(mark, '')), value);
      if (bare.trim() === '' || value === '""' || bare.replaceAll('"', '') === '') continue;
      counts.set(`${name}-${i + shift}`, (counts.get(`${name}-${i + shift}`) ?? 0) + 1);
    }
  }
  return counts;
}

/** Returns the account of one message. */
export function accountOf(message: Message, maps: LoadedMaps): Account {
  const valued = valuedFields(message);
  const all = [...valued.values()].reduce((sum, each) => sum + each, 0);
  const conversion = maps.convert(message, { timezone: 'UTC', authority: 'corpus' });
  const none = { valued: all, mapped: 0, ignored: 0, unread: 0, parked: 0, unaccounted: [] };
  const map = maps.messageMaps.find((each) => each.label === conversion.spec);
  if (map === undefined || conversion.rung === 'park-message')
    return conversion.problems.length > 0 ? { ...none, parked: all } : { ...none, unaccounted: ['the whole message'] };
  const { reads } = map.module(message.definitionsVersion, message.structure);
  const told = new Map(conversion.unread.map(({ path, count }) => [path, count]));
  const sum = { mapped: 0, ignored: 0, unread: 0 };
  const unaccounted: string[] = [];
  for (const [path, count] of valued) {
    const [segment = '', field = ''] = path.split('-');
    const unread = Math.min(count, told.get(path) ?? 0);
    const rest = count - unread;
    sum.unread += unread;
    if (rest === 0) continue;
    if (map.ignored.has(path) || map.ignored.has(segment) || BY_ENGINE.includes(path)) sum.ignored += rest;
    else if (reads.get(segment)?.has(Number(field)) === true) sum.mapped += rest;
    else unaccounted.push(`${path} x${rest}`);
  }
  return { valued: all, ...sum, parked: 0, unaccounted };
}

function main(): void {
  const folder = process.argv.slice(2).find((each) => !each.startsWith('--')) ?? corpusFolder();
  const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));
  if (folder === undefined || !loaded.ok) {
    console.log(loaded.ok ? 'usage: node scripts/maps/accounted.ts [FOLDER]' : JSON.stringify(loaded.problems));
    process.exit(2);
  }
  const sum = { messages: 0, valued: 0, mapped: 0, ignored: 0, unread: 0, parked: 0 };
  const faults: string[] = [];
  const unread = new Map<string, number>();
  for (const { file, message } of messagesOf(folder)) {
    const account = accountOf(message, loaded.value);
    sum.messages += 1;
    for (const key of ['valued', 'mapped', 'ignored', 'unread', 'parked'] as const) sum[key] += account[key];
    for (const each of account.unaccounted) faults.push(`${file}: ${each}`);
    if (process.argv.includes('--unread'))
      for (const { path, count } of loaded.value.convert(message, { timezone: 'UTC', authority: 'corpus' }).unread)
        unread.set(path, (unread.get(path) ?? 0) + count);
  }
  for (const each of faults) console.log(each);
  for (const [path, count] of [...unread].sort((a, b) => b[1] - a[1]).slice(0, 60)) console.log(`unread ${path} ${count}`);
  console.log(JSON.stringify(sum));
  const adds = sum.valued === sum.mapped + sum.ignored + sum.unread + sum.parked;
  if (faults.length > 0 || !adds) process.exitCode = 1;
}

if (import.meta.main) main();
