/**
 * Which parts of mapped fields nothing asks for: the unread report is by field, this is by component.
 *   node scripts/maps/parts.ts [FOLDER] [--show N]
 * Every message of the folder is converted by the traced modules (which remember nothing) while each read of a segment is noted. Told by
 * datatype and component: how often it had a value in a field that a rule reads, and nothing asked for it; apart from those that the same
 * field's rules ask for in other messages, where another part said it first (the second of two alternatives). Exit status 1 when a part is
 * among the former for which left-parts.ts has no reason.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fieldOf } from '../../services/hl7v2/definitions.ts';
import type { Message } from '../../services/hl7v2/message.ts';
import { ParsedSegment } from '../../services/hl7v2/segment.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import { corpusFolder, messagesOf } from './corpus.ts';
import { leftBecause } from './left-parts.ts';

/** The versions whose name of a field's type is told, the first that has the field. */
const TYPED = ['2.8', '2.5.1', '2.3'] as const;

/** What was asked of one message: 'PID-5.1'; of a field as a whole 'PID-5'. */
type Asked = ReadonlySet<string>;

export interface PartsAccount {
  /** 'PID-5.15' for every repetition with a value that nothing asked for. */
  readonly unasked: readonly string[];
  readonly asked: Asked;
}

/** Returns the name of the type of a part's field: 'CX' of 'PID-3.2'. */
export function typeOfPart(path: string): string {
  const [, segment = '', field = ''] = /^(\w+)-(\d+)\.(\d+)$/.exec(path) ?? [];
  return TYPED.map((version) => fieldOf(version, segment, Number(field))?.type).find((each) => each !== undefined) ?? '?';
}

/** Runs `work` while every read of a segment is noted. */
function noting(asked: Set<string>, work: () => void): void {
  const own = ParsedSegment.prototype;
  const { value, span, wholeText } = own;
  own.value = function (field, repetition, component, subcomponent) {
    asked.add(`${this.name}-${field}.${component ?? 1}`);
    return value.call(this, field, repetition, component, subcomponent);
  };
  own.wholeText = function (field, repetition) {
    asked.add(`${this.name}-${field}`);
    return wholeText.call(this, field, repetition);
  };
  own.span = function (first, last) {
    for (let field = first; field <= last; field++) asked.add(`${this.name}-${field}`);
    return span.call(this, first, last);
  };
  try {
    work();
  } finally {
    Object.assign(own, { value, span, wholeText });
  }
}

/** Returns the components with a value, in fields that the map reads, for which no rule asked; empty for a message that is parked. */
export function partsOf(message: Message, maps: LoadedMaps): PartsAccount {
  const asked = new Set<string>();
  let unread = new Set<string>();
  let isParked = false;
  let spec = '';
  noting(asked, () => {
    const { conversion } = maps.trace(message, { timezone: 'UTC', authority: 'corpus' });
    unread = new Set(conversion.unread.map(({ path }) => path));
    isParked = conversion.rung === 'park-message';
    spec = conversion.spec;
  });
  const map = maps.messageMaps.find((each) => each.label === spec);
  if (isParked || map === undefined) return { unasked: [], asked };
  const { reads } = map.module(message.definitionsVersion, message.structure);
  const unasked: string[] = [];
  for (const segment of message.segments) {
    for (const field of reads.get(segment.name)?.keys() ?? []) {
      const path = `${segment.name}-${field}`;
      if (unread.has(path) || asked.has(path) || map.ignored.has(path)) continue;
      for (let repetition = 1; repetition <= segment.repetitions(field); repetition++)
        for (let component = 1; component <= segment.components(field, repetition); component++)
          if (!asked.has(`${path}.${component}`) && segment.state(field, repetition, component) === 'valued')
            unasked.push(`${path}.${component}`);
    }
  }
  return { unasked, asked };
}

function main(): void {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { show: { type: 'string', default: '40' } } });
  const folder = positionals[0] ?? corpusFolder();
  const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));
  if (folder === undefined || !loaded.ok) {
    console.log(loaded.ok ? 'no folder' : JSON.stringify(loaded.problems));
    process.exit(2);
  }
  const ever = new Set<string>();
  const unasked = new Map<string, number>();
  for (const { message } of messagesOf(folder)) {
    const account = partsOf(message, loaded.value);
    for (const each of account.asked) ever.add(each);
    for (const each of account.unasked) unasked.set(each, (unasked.get(each) ?? 0) + 1);
  }
  const undecided: string[] = [];
  const table = new Map<string, { never: number; sometimes: number; places: string[] }>();
  for (const [path, count] of unasked) {
    const type = typeOfPart(path);
    const key = `${type}.${path.slice(path.lastIndexOf('.') + 1)}`;
    if (!ever.has(path) && leftBecause(path, type) === undefined) undecided.push(`${path} ${key} ${count}`);
    const row = table.get(key) ?? { never: 0, sometimes: 0, places: [] };
    if (ever.has(path)) row.sometimes += count;
    else {
      row.never += count;
      row.places.push(`${path} ${count}`);
    }
    table.set(key, row);
  }
  console.log('| part | never asked for | said by another part | where most |\n| --- | ---: | ---: | --- |');
  const rows = [...table].sort(([, a], [, b]) => b.never - a.never);
  for (const [key, { never, sometimes, places }] of rows.slice(0, Number(values.show)))
    console.log(`| ${key} | ${never} | ${sometimes} | ${places.slice(0, 3).join(', ')} |`);
  const never = rows.reduce((all, [, row]) => all + row.never, 0);
  const sometimes = rows.reduce((all, [, row]) => all + row.sometimes, 0);
  console.log(`| all | ${never} | ${sometimes} | ${rows.length} kinds of parts |`);
  for (const each of undecided) console.log(`nobody decided to leave out: ${each}`);
  if (undecided.length > 0) process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename) main();
