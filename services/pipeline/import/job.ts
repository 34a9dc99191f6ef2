/** Does bulk imports: takes a job, reads its files, stores what they hold, and writes down how far it is. */
import { randomUUID } from 'node:crypto';
import {
  endImport,
  type Hold,
  type ImportedFile,
  type ImportFault,
  type ImportJob,
  type ImportSource,
  noteImport,
  takeImport,
} from '../../database/bulk/imports.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { Parts } from '../parts.ts';
import { FhirImport, MOST_WAITING_BYTES } from './import.ts';
import { inOrderOfTypes } from './order.ts';

/** The lines of a file as they come, blank ones too; throws Refusal where it cannot be fetched to its end. */
export type LinesOf = (url: string, isStopped: () => boolean) => AsyncIterable<Uint8Array>;

interface Reading {
  readonly linesOf: LinesOf;
  readonly stopped: () => boolean;
  /** Of JSON, in memory. */
  readonly mostWaitingBytes: number;
}

/** Lines by files. */
type Again = Map<number, Set<number>>;

const NOTED_LINES = 500;
const RENEWED_MS = 15_000;
const AWAY = new Set<Problem['code']>(['database-unreachable', 'database-busy']);

/** How a job goes: what is known of its files, and what has to be written down yet. */
class Course {
  readonly files: ImportedFile[];
  lost = false;
  readonly #database: Parts['database'];
  readonly #hold: Hold;
  #faults: ImportFault[] = [];
  #noting: Promise<void> = Promise.resolve();

  constructor(database: Parts['database'], hold: Hold, count: number) {
    this.#database = database;
    this.#hold = hold;
    this.files = Array.from({ length: count }, () => ({ read: 0, refused: 0, ended: false }));
  }

  change(file: number, change: (before: ImportedFile) => ImportedFile): void {
    const before = this.files[file];
    if (before !== undefined) this.files[file] = change(before);
  }

  refuse(file: number, line: number, problems: readonly Problem[]): void {
    if (problems.some(({ code }) => AWAY.has(code))) throw new Refusal(problems);
    this.#faults.push({ file, line, problems });
    if (line > 0) this.change(file, (before) => ({ ...before, refused: before.refused + 1 }));
  }

  /** One note after the other. */
  note(): Promise<void> {
    const noted = this.#noting.then(async () => {
      const faults = this.#faults;
      this.#faults = [];
      if (!(await noteImport(this.#database, this.#hold, this.files, faults))) this.lost = true;
    });
    this.#noting = noted.catch(() => {});
    return noted;
  }
}

/**
 * Does the oldest import that nobody does; returns false when there is none. While `stopped` says so it is let go, for this or another
 * process to begin anew; a job that is dropped meanwhile ends after the transaction under way. What was stored stays. What finds no room
 * among `mostWaitingBytes` is read again later.
 */
export async function importNext(
  parts: Parts,
  linesOf: LinesOf,
  stopped: () => boolean,
  mostWaitingBytes = MOST_WAITING_BYTES,
): Promise<boolean> {
  const holder = randomUUID();
  const job = await takeImport(parts.database, holder);
  if (job === undefined) return false;
  const hold = { id: job.id, holder };
  const course = new Course(parts.database, hold, job.asked.length);
  const timer = setInterval(() => {
    course.note().catch(() => {});
  }, RENEWED_MS);
  const isStopped = (): boolean => stopped() || course.lost;
  try {
    await imported(parts, job, course, { linesOf, stopped: isStopped, mostWaitingBytes });
    await course.note();
    if (!course.lost) await endImport(parts.database, hold, stopped() ? undefined : []);
  } catch (error) {
    const problems =
      error instanceof Refusal ? error.problems : [problem('internal', { reason: error instanceof Error ? error.name : '' })];
    const isAway = problems.some(({ code }) => AWAY.has(code));
    await endImport(parts.database, hold, isAway ? undefined : problems);
    if (isAway) throw error;
  } finally {
    clearInterval(timer);
  }
  return true;
}

async function imported(parts: Parts, job: ImportJob, course: Course, reading: Reading): Promise<void> {
  const store = new FhirImport(parts, reading.mostWaitingBytes);
  for (let again: Again | undefined; ; ) {
    for (const [index, source] of inOrderOfTypes(job.asked)) {
      if (reading.stopped()) return;
      const lines = again?.get(index);
      if (again !== undefined && lines === undefined) continue;
      try {
        await importedFile(store, course, index, source, reading, lines);
        course.change(index, (before) => ({ ...before, ended: true }));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        course.refuse(index, 0, error.problems);
      }
      if (reading.stopped()) return;
      for (const line of lines ?? [])
        course.refuse(index, line, [problem('import-file', { reason: 'the line was not there when it was read again' })]);
      await course.note();
    }
    for (const { from, problems } of await store.finish(reading.stopped)) course.refuse(...placeOf(from), problems);
    const next = reading.stopped() ? undefined : store.next();
    if (next === undefined) return;
    again = new Map();
    for (const [file, line] of [...next].map(placeOf)) again.set(file, (again.get(file) ?? new Set()).add(line));
  }
}

/** `again`: the lines to read, taken out as they are; all where it is not given. */
async function importedFile(
  store: FhirImport,
  course: Course,
  file: number,
  { type, url }: ImportSource,
  { linesOf, stopped }: Reading,
  again: Set<number> | undefined,
): Promise<void> {
  let line = 0;
  for await (const bytes of linesOf(url, stopped)) {
    if (stopped()) return;
    line += 1;
    if (again === undefined ? bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d) : !again.delete(line)) continue;
    if (again === undefined) course.change(file, (before) => ({ ...before, read: before.read + 1 }));
    const problems = await lineProblems(store, `${file}:${line}`, type, bytes);
    if (problems.length > 0) course.refuse(file, line, problems);
    if (line % NOTED_LINES === 0) await course.note();
    if (again?.size === 0) return;
  }
}

async function lineProblems(store: FhirImport, from: string, type: string, bytes: Uint8Array): Promise<readonly Problem[]> {
  const read = readJson(bytes);
  if (!read.ok) return read.problems;
  if (read.value['resourceType'] !== type) return [problem('import-line-type', { type })];
  try {
    return await store.add(from, read.value);
  } catch (error) {
    if (error instanceof Refusal) return error.problems;
    throw error;
  }
}

/** File and line of what `from` names. */
function placeOf(from: string): [file: number, line: number] {
  const [file = '0', line = '0'] = from.split(':');
  return [Number(file), Number(line)];
}
