import { describe, expect, it } from 'vitest';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import type { Message } from '../../services/hl7v2/message.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type Leaves, medplumLeaves, standardLeaves } from './references.ts';
import { corpusFiles, FIXTURES, fixture } from './samples.ts';

/** Why a reference reads something else than we do. What fits none of these fails the test. */
const EXPLAINED = {
  'MSH-1, MSH-2':
    'Both take MSH-2 apart at its own signs or leave MSH-1 out; it is one value that is never split (2.5.1 chapter 2.15.9.2).',
  'null kept': 'Both hand on `""` as text; it means "delete" (2.5.1 chapter 2.5.3), so value() has none and state() says delete.',
  'escape kept': 'Neither resolves escape sequences (chapter 2.7).',
  'line continued':
    'A line that begins with no segment name is a segment to Medplum; for us it belongs to the value before it, and is reported.',
  'own delimiters': 'hl7-standard knows only | and ^ and drops lines without |.',
  'segment names': 'hl7-standard refuses a message with a segment name that is not capital letters and digits.',
} as const;
type Kind = keyof typeof EXPLAINED;

const REFERENCES = [
  { name: 'medplum', read: medplumLeaves, end: '' },
  { name: 'hl7-standard', read: standardLeaves, end: '\r' },
] as const;

function readBy(read: (text: string) => Leaves, text: string): Leaves | undefined {
  try {
    return read(text);
  } catch {
    return undefined;
  }
}

/** Compares every leaf of a message; returns how many and which kinds of disagreement, unexplained ones with their place. */
function compared(message: Message, other: Leaves): { leaves: number; kinds: Kind[]; unexplained: string[] } {
  const kinds: Kind[] = [];
  const unexplained: string[] = [];
  let leaves = 0;
  for (const [n, segment] of message.segments.entries()) {
    const theirs = other[n];
    if (theirs?.name !== segment.name) unexplained.push(`${segment.name}[${segment.occurrence}]`);
    for (let f = 1; f <= segment.fieldCount; f += 1) {
      for (let r = 1; r <= Math.max(1, segment.repetitions(f)); r += 1) {
        for (let c = 1; c <= Math.max(1, segment.components(f, r)); c += 1) {
          for (let s = 1; s <= Math.max(1, segment.subcomponents(f, r, c)); s += 1) {
            leaves += 1;
            const ours = segment.value(f, r, c, s) ?? '';
            const theirText = theirs?.leaf(f, r, c, s) ?? '';
            if (ours === theirText) continue;
            if (segment.name === 'MSH' && f <= 2) kinds.push('MSH-1, MSH-2');
            else if (theirText === '""' && segment.state(f, r, c, s) === 'delete') kinds.push('null kept');
            else if (theirText.includes(message.delimiters.escape)) kinds.push('escape kept');
            else unexplained.push(`${segment.name}[${segment.occurrence}]-${f}[${r}].${c}.${s}`);
          }
        }
      }
    }
  }
  return { leaves, kinds, unexplained };
}

/** The kind of disagreement about the segments themselves. */
function kindOfWhole(reference: string, message: Message): Kind | undefined {
  if (reference === 'medplum') return message.segments.some((each) => each.text.includes('\n')) ? 'line continued' : undefined;
  if (message.delimiters.field !== '|' || message.delimiters.component !== '^' || message.segments.some((each) => each.text.length === 3))
    return 'own delimiters';
  return message.segments.some((each) => /[^A-Z0-9]/.test(each.name) || each.text.includes('\n')) ? 'segment names' : undefined;
}

function compareAll(files: readonly { path: string; bytes: Uint8Array }[]) {
  const counts = new Map<string, number>();
  const unexplained: string[] = [];
  let leaves = 0;
  const count = (key: string): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { path, bytes } of files) {
    const batch = splitBatch(bytes);
    for (const each of batch.ok ? batch.value : []) {
      const result = parseMessage(each);
      if (!result.ok) continue;
      const text = result.value.segments.map((segment) => segment.text).join('\r');
      for (const { name, read, end } of REFERENCES) {
        const other = readBy(read, text + end);
        if (other?.length !== result.value.segments.length) {
          const kind = kindOfWhole(name, result.value);
          if (kind) count(`${name}: ${kind}`);
          else unexplained.push(`${path} ${name} has ${other?.length} segments`);
          continue;
        }
        const found = compared(result.value, other);
        leaves += found.leaves;
        found.kinds.forEach((kind) => {
          count(`${name}: ${kind}`);
        });
        unexplained.push(...found.unexplained.map((place) => `${path} ${name} ${place}`));
      }
    }
  }
  return { leaves, unexplained, kinds: [...counts].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

describe('two other parsers', () => {
  it('read our own messages as we do, but for what is explained', () => {
    const { leaves, unexplained, kinds } = compareAll(FIXTURES.map((name) => ({ path: name, bytes: fixture(name) })));
    expect(unexplained).toEqual([]);
    expect(leaves).toBeGreaterThan(5000);
    expect(kinds.map(([kind]) => kind)).toEqual([
      'hl7-standard: MSH-1, MSH-2',
      'hl7-standard: escape kept',
      'hl7-standard: null kept',
      'medplum: MSH-1, MSH-2',
      'medplum: escape kept',
      'medplum: null kept',
    ]);
  });

  it('read messages of others as we do, but for what is explained', ({ skip }) => {
    const files = corpusFiles();
    if (files === undefined) return skip('no ../shared/corpus/hl7v2 beside this checkout');
    const { leaves, unexplained, kinds } = compareAll(files);
    expect(unexplained).toEqual([]);
    expect(leaves).toBeGreaterThan(100_000);
    for (const [kind] of kinds) expect(Object.keys(EXPLAINED)).toContain(kind.split(': ')[1]);
  });
});
