import { createReadStream, globSync, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { type Problem, problem, type Result } from '../errors.ts';
import { readJson } from '../fhir/json.ts';
import type { JsonObject } from '../fhir/resource.ts';
import { splitBatch } from '../hl7v2/batch.ts';

/** One thing found in a file: a message's bytes, a FHIR resource (a Bundle too), or why there is neither. */
export type Input =
  | { readonly kind: 'message'; readonly from: string; readonly bytes: Uint8Array }
  | { readonly kind: 'resource'; readonly from: string; readonly resource: JsonObject }
  | { readonly kind: 'problem'; readonly from: string; readonly problems: readonly Problem[] };

/** Returns the files that the arguments name: paths as they are, patterns with * or ? expanded, each once, in order; '-' is standard input. */
export function filesOf(args: readonly string[]): readonly string[] {
  const named = args.flatMap((arg) => (arg !== '-' && /[*?{]/.test(arg) && !exists(arg) ? globSync(arg).toSorted() : [arg]));
  return [...new Set(named)];
}

/** Yields what a file holds, recognised by its content: HL7v2 (one, many, or a batch), a FHIR resource or Bundle, or NDJSON. */
export async function* inputsOf(file: string): AsyncGenerator<Input> {
  if (file !== '-' && file.endsWith('.ndjson')) {
    yield* linesOf(file);
    return;
  }
  let bytes: Uint8Array;
  try {
    bytes = file === '-' ? await buffer(process.stdin) : readFileSync(file);
  } catch (error) {
    yield { kind: 'problem', from: file, problems: [problem('file-unreadable', { file, reason: faultOf(error) })] };
    return;
  }
  yield* inputsIn(file, bytes);
}

/** As inputsOf, of bytes already at hand. */
export function* inputsIn(from: string, bytes: Uint8Array): Generator<Input> {
  const start = new TextDecoder('utf-8')
    .decode(bytes.subarray(0, 64))
    .replace(/^\uFEFF/, '')
    .replace(/^\v/, '')
    .trimStart();
  if (/^(MSH|FHS|BHS)/.test(start)) yield* messagesIn(from, bytes);
  else if (start.startsWith('{')) yield* jsonIn(from, new TextDecoder('utf-8').decode(bytes));
  else yield { kind: 'problem', from, problems: [problem('input-not-recognised', { file: from })] };
}

function* messagesIn(from: string, bytes: Uint8Array): Generator<Input> {
  const batch = splitBatch(bytes);
  if (batch.problems.length > 0) yield { kind: 'problem', from, problems: batch.problems };
  if (!batch.ok) return;
  for (const [index, each] of batch.value.entries()) {
    yield { kind: 'message', from: batch.value.length === 1 ? from : `${from}#${index + 1}`, bytes: each };
  }
}

function* jsonIn(from: string, text: string): Generator<Input> {
  const whole = readJson(text);
  if (whole.ok) {
    yield { kind: 'resource', from, resource: whole.value };
    return;
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const first = lines.length > 1 ? readJson(lines[0] ?? '') : whole;
  if (!first.ok) yield { kind: 'problem', from, problems: whole.problems };
  else for (const [index, line] of lines.entries()) yield inputOfLine(`${from}:${index + 1}`, readJson(line));
}

async function* linesOf(file: string): AsyncGenerator<Input> {
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line.trim() !== '') yield inputOfLine(`${file}:${number}`, readJson(line));
    }
  } catch (error) {
    yield { kind: 'problem', from: file, problems: [problem('file-unreadable', { file, reason: faultOf(error) })] };
  }
}

function inputOfLine(from: string, read: Result<JsonObject>): Input {
  return read.ok ? { kind: 'resource', from, resource: read.value } : { kind: 'problem', from, problems: read.problems };
}

const faultOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault');

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
