import { createReadStream, globSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Problem, problem } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { splitBatch } from '../../hl7v2/batch.ts';
import { type Manifest, manifestProblem, readManifest } from '../import/manifest.ts';

/** One thing found in a file: a message's bytes, a FHIR resource (a Bundle too), or why there is neither. */
export type Input =
  | { readonly kind: 'message'; readonly from: string; readonly bytes: Uint8Array }
  | { readonly kind: 'resource'; readonly from: string; readonly resource: JsonObject }
  /** A JSON object that is no FHIR resource. */
  | { readonly kind: 'record'; readonly from: string; readonly record: JsonObject }
  /** A CSV file. */
  | { readonly kind: 'table'; readonly from: string; readonly table: Uint8Array }
  | { readonly kind: 'problem'; readonly from: string; readonly problems: readonly Problem[] };

/**
 * Returns the files that the arguments name: paths as they are, patterns with * or ? expanded, each once, in order; '-' is standard
 * input. A pattern that finds nothing stays as it is, so that it is reported as a file that is not there.
 */
export function filesOf(args: readonly string[]): readonly string[] {
  const named = args.flatMap((arg) => (arg !== '-' && /[*?{]/.test(arg) && !exists(arg) ? found(arg) : [arg]));
  return [...new Set(named)];
}

function found(pattern: string): readonly string[] {
  const files = globSync(pattern, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative('', join(entry.parentPath, entry.name)));
  return files.length > 0 ? files.toSorted() : [pattern];
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
    yield { kind: 'problem', from: file, problems: [unreadable(file, error)] };
    return;
  }
  const manifest = file === '-' ? undefined : readManifest(file, bytes);
  if (manifest === undefined) yield* inputsIn(file, bytes);
  else yield* inputsOfManifest(file, manifest);
}

/** What the files beside a manifest hold, and what does not agree with it. */
async function* inputsOfManifest(from: string, { files, problems }: Manifest): AsyncGenerator<Input> {
  for (const each of problems) yield { kind: 'problem', from, problems: [each] };
  for (const file of files) {
    let [lines, others] = [0, 0];
    for await (const input of linesOf(file.path)) {
      if (input.kind === 'resource') lines += 1;
      if (input.kind === 'resource' && file.type !== undefined && input.resource['resourceType'] !== file.type) others += 1;
      yield input;
    }
    const wrong = manifestProblem(file, { lines, others });
    if (wrong !== undefined) yield { kind: 'problem', from: file.path, problems: [wrong] };
  }
}

/** As inputsOf, of bytes already at hand. */
export function* inputsIn(from: string, bytes: Uint8Array): Generator<Input> {
  const start = new TextDecoder('utf-8')
    .decode(bytes.subarray(0, 64))
    .replace(/^\uFEFF/, '')
    .replace(/^\v/, '')
    .trimStart();
  if (/^(MSH|FHS|BHS)/.test(start)) yield* messagesIn(from, bytes);
  else if (start.startsWith('{')) yield* jsonIn(from, bytes);
  else if (/\.(csv|tsv)$/i.test(from) || /^[\w" ]+[,;\t|][\w" ,;\t|]+/.test(start)) yield { kind: 'table', from, table: bytes };
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

function* jsonIn(from: string, bytes: Uint8Array): Generator<Input> {
  const whole = readJson(bytes);
  if (whole.ok) {
    yield objectIn(from, whole.value);
    return;
  }
  const lines = [...linesIn(bytes)].map((line, index) => ({ line, number: index + 1 })).filter(({ line }) => !isBlank(line));
  const [first] = lines;
  if (first === undefined || lines.length === 1 || !readJson(first.line).ok) yield { kind: 'problem', from, problems: whole.problems };
  else for (const { line, number } of lines) yield inputOfLine(`${from}:${number}`, line);
}

async function* linesOf(file: string): AsyncGenerator<Input> {
  let number = 0;
  try {
    let rest: Uint8Array[] = [];
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      const end = chunk.lastIndexOf(LINE_END);
      const whole = end < 0 ? [] : linesIn(Buffer.concat([...rest, chunk.subarray(0, end)]));
      rest = end < 0 ? [...rest, chunk] : [chunk.subarray(end + 1)];
      for (const line of whole) {
        number += 1;
        if (!isBlank(line)) yield inputOfLine(`${file}:${number}`, line);
      }
    }
    const last = Buffer.concat(rest);
    if (!isBlank(last)) yield inputOfLine(`${file}:${number + 1}`, last);
  } catch (error) {
    yield { kind: 'problem', from: file, problems: [unreadable(file, error)] };
  }
}

const LINE_END = 0x0a;
const isBlank = (line: Uint8Array): boolean => line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);

/** Lines as bytes: text that is not UTF-8 must be refused where it is read, not mended on the way. */
function* linesIn(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
  yield bytes.subarray(start);
}

function inputOfLine(from: string, line: Uint8Array): Input {
  const read = readJson(line);
  return read.ok ? objectIn(from, read.value) : { kind: 'problem', from, problems: read.problems };
}

/** The system's code of a fault (ENOENT, EACCES); never its text. */
export const faultOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault');

const unreadable = (file: string, error: unknown): Problem =>
  faultOf(error) === 'EISDIR' ? problem('file-is-folder', { file }) : problem('file-unreadable', { file, reason: faultOf(error) });

const objectIn = (from: string, value: JsonObject): Input =>
  typeof value['resourceType'] === 'string' ? { kind: 'resource', from, resource: value } : { kind: 'record', from, record: value };

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
