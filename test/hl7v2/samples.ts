import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Group, Message, Segment } from '../../services/hl7v2/message.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';

const root = resolve(import.meta.dirname, '../..');

/** Names of the project's own message files. */
export const FIXTURES = readdirSync(join(root, 'fixtures/hl7v2')).filter((name) => name.endsWith('.hl7'));

export const fixture = (name: string): Uint8Array => readFileSync(join(root, 'fixtures/hl7v2', name));

/** Messages of others, beside the checkout; undefined where they are not. */
export function corpusFiles(): readonly { path: string; bytes: Uint8Array }[] | undefined {
  const corpus = join(root, '../shared/corpus/hl7v2');
  if (!existsSync(join(corpus, 'manifest.csv'))) return undefined;
  const rows = readFileSync(join(corpus, 'manifest.csv'), 'utf8').trim().split('\n').slice(1);
  const paths = [...new Set(rows.map((row) => row.split(',')[1] ?? ''))].filter((path) => existsSync(join(corpus, path)));
  return paths.map((path) => ({ path, bytes: readFileSync(join(corpus, path)) }));
}

/** Parses text (segments may be separated by newlines); throws when it is refused. */
export function parsed(text: string | Uint8Array, charset?: string): Message {
  const bytes = typeof text === 'string' ? Buffer.from(text.replaceAll('\n', '\r')) : text;
  const result = parseMessage(bytes, charset === undefined ? {} : { charset });
  if (!result.ok) throw new Error(result.problems.map((each) => each.text).join(' '));
  return result.value;
}

/** The n-th segment (1-based) of a name. */
export function segment(message: Message, name: string, n = 1): Segment {
  const found = message.segments.filter((each) => each.name === name)[n - 1];
  if (found === undefined) throw new Error(`no ${name}[${n}]`);
  return found;
}

export const isSegment = (each: Segment | Group): each is Segment => 'text' in each;

/** All segments of a tree in its order. */
export const walked = (group: Group): Segment[] => group.children.flatMap((each) => (isSegment(each) ? [each] : walked(each)));

/** The tree on one line: `MSH PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR))`. */
export const drawn = (group: Group): string =>
  group.children.map((each) => (isSegment(each) ? each.name : `${each.name}(${drawn(each)})`)).join(' ');
