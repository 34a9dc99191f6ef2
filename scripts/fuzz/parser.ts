/** Mutated messages through the parser: read whole, every value asked for, acknowledged. */
import { gravest } from '../../services/errors.ts';
import { acknowledgement } from '../../services/hl7v2/acknowledge.ts';
import { shallowKeys } from '../../services/hl7v2/keys.ts';
import type { Message } from '../../services/hl7v2/message.ts';
import { parseMessage, readHeader } from '../../services/hl7v2/parse.ts';
import { chanceOf } from '../simulator/chance.ts';
import { mutated } from './mutate.ts';

export interface ParserFigures {
  readonly messages: number;
  readonly parsed: number;
  /** Refused with a problem of the table of errors. */
  readonly refused: number;
  readonly slowestMs: number;
  readonly heapGrowthMb: number;
}

/** So many fields of one segment are asked for: a segment of 20,000 says nothing new after them. */
const MOST_FIELDS = 60;

function readAll(message: Message): number {
  let characters = message.structureProblems.length;
  for (const segment of message.segments.slice(0, 500)) {
    for (let field = 1; field <= Math.min(segment.fieldCount, MOST_FIELDS); field += 1) {
      characters += segment.state(field).length + (segment.value(field) ?? '').length + (segment.wholeText(field) ?? '').length;
      const repetitions = Math.min(segment.repetitions(field), 5);
      for (let n = 1; n <= repetitions; n += 1)
        for (let c = 1; c <= Math.min(segment.components(field, n), 5); c += 1) characters += segment.value(field, n, c)?.length ?? 0;
    }
  }
  return characters + shallowKeys(message).patientKeys.length;
}

const heapMb = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

/** Runs `count` messages mutated from `bases`; throws, with the seed's number, what the parser should not have thrown. */
export function fuzzParser(bases: readonly Buffer[], count: number, seed: number): ParserFigures {
  let parsed = 0;
  let slowestMs = 0;
  let before = 0;
  for (let n = 0; n < count; n += 1) {
    if (n === Math.floor(count / 10)) before = heapMb();
    const bytes = mutated(bases, chanceOf(seed, n));
    const start = performance.now();
    try {
      const read = parseMessage(bytes);
      if (read.ok) {
        parsed += 1;
        readAll(read.value);
      } else if (gravest(read.problems) === undefined) throw new Error('refused without a problem');
      const answer = acknowledgement(read.ok ? read.value : readHeader(bytes), {
        code: 'AE',
        problems: read.problems,
        controlId: 'F',
        timestamp: new Date(0),
      });
      if (!parseMessage(answer).ok && readHeader(bytes) === undefined) throw new Error('the acknowledgement cannot be read');
    } catch (error) {
      throw new Error(`message ${n} of seed ${seed} (${bytes.length} bytes)`, { cause: error });
    }
    slowestMs = Math.max(slowestMs, performance.now() - start);
  }
  return { messages: count, parsed, refused: count - parsed, slowestMs, heapGrowthMb: heapMb() - before };
}
