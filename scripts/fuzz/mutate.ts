/** Messages broken in every way that lines, disks, hands and enemies break them; the same seed gives the same ones. */

import type { Chance } from '../simulator/chance.ts';

type Mutation = (bytes: Buffer, chance: Chance) => Buffer;

const pick = <T>(chance: Chance, all: readonly T[], otherwise: T): T => all[chance.below(all.length)] ?? otherwise;
const spliced = (bytes: Buffer, at: number, gone: number, piece: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + gone)]);

const flipBits: Mutation = (bytes, chance) => {
  const copy = Buffer.from(bytes);
  for (let n = 1 + chance.below(8); n > 0 && copy.length > 0; n -= 1) {
    const at = chance.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << chance.below(8));
  }
  return copy;
};

const truncate: Mutation = (bytes, chance) => bytes.subarray(0, chance.below(bytes.length + 1));
const behead: Mutation = (bytes, chance) => bytes.subarray(chance.below(Math.min(bytes.length + 1, 40)));

const PIECES = [
  '|',
  '^',
  '~',
  '&',
  '\\',
  '\r',
  '\n',
  '""',
  '\\F\\',
  '\\X',
  '\\Xzz\\',
  '\\.br\\',
  '\\E',
  '\u0000',
  '\u001c',
  '\u000b',
  'MSH|',
  'OBX|1|',
  '\ufeff',
  '9'.repeat(400),
  '-',
  '\u202e',
  '&&&&^^^^~~~~',
  '\\\\\\',
];

/** The same piece thousands of times: repetitions, components, segments, escapes that never end. */
const repeat: Mutation = (bytes, chance) => {
  const piece = Buffer.from(pick(chance, PIECES, '|'));
  const count = pick(chance, [3, 50, 1_000, 20_000], 3);
  return spliced(
    bytes,
    chance.below(bytes.length + 1),
    0,
    Buffer.concat(Array.from({ length: Math.min(count, Math.floor(200_000 / piece.length)) }, () => piece)),
  );
};

/** Delimiters of every level in each other. */
const nest: Mutation = (bytes, chance) => {
  const length = 1 + chance.below(60);
  const text = Array.from({ length }, () => pick(chance, PIECES, '^'))
    .join('')
    .slice(0, 5_000);
  return spliced(bytes, chance.below(bytes.length + 1), chance.below(10), Buffer.from(text));
};

/** A whole segment twice, gone, or in another's place. */
const segments: Mutation = (bytes, chance) => {
  const all = bytes.toString('latin1').split('\r');
  const [from, to] = [chance.below(all.length), chance.below(all.length)];
  const moved = all[from] ?? '';
  const rest = chance.happens(0.5) ? all.filter((_, n) => n !== from) : all;
  return Buffer.from([...rest.slice(0, to), moved, ...rest.slice(to)].join('\r'), 'latin1');
};

/** Numbers that say other than what is there: counts, lengths, versions, set ids, dates. */
const numbers: Mutation = (bytes, chance) => {
  const wrong = ['-1', '0', '99999999999999999999', '1e309', '00000000', '20269999', 'NaN', ''];
  const target = chance.below(30);
  let seen = 0;
  return Buffer.from(
    bytes.toString('latin1').replace(/\d+/g, (found) => {
      seen += 1;
      return seen === target ? pick(chance, wrong, '0') : found;
    }),
    'latin1',
  );
};

/** Another character set than the bytes are in, other delimiters than are used. */
const header: Mutation = (bytes, chance) => {
  const text = bytes.toString('latin1');
  const fields = (text.split('\r', 1)[0] ?? '').split('|');
  const at = pick(chance, [1, 8, 9, 10, 11, 14, 15, 17], 17);
  while (fields.length <= at) fields.push('');
  fields[at] = pick(
    chance,
    [
      '',
      'UNICODE UTF-8',
      'UNICODE',
      'ISO IR87',
      'KLINGON',
      '8859/15',
      'AL',
      'NE',
      'ER',
      'ORU^R01',
      '2.9',
      '2.1',
      'T',
      '^~\\&#',
      '||||',
      '^^^^',
      '\\~&^',
    ],
    '',
  );
  return Buffer.concat([Buffer.from(fields.join('|'), 'latin1'), bytes.subarray((text.split('\r', 1)[0] ?? '').length)]);
};

const noise: Mutation = (bytes, chance) => Buffer.from(Array.from({ length: chance.below(bytes.length + 1) }, () => chance.below(256)));

const MUTATIONS: readonly Mutation[] = [flipBits, flipBits, truncate, behead, repeat, nest, nest, segments, numbers, header, noise];

/** Returns one of `bases` after one to four mutations. */
export function mutated(bases: readonly Buffer[], chance: Chance): Buffer {
  let bytes = pick(chance, bases, Buffer.alloc(0));
  for (let n = 1 + chance.below(4); n > 0; n -= 1) bytes = pick(chance, MUTATIONS, flipBits)(bytes, chance);
  return bytes;
}
