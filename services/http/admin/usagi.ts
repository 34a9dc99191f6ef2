/** Usagi's file over HTTP: whole or refused when it goes out, shown before it changes anything when it comes back. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ERRORS, type Problem, problem, Refusal } from '../../errors.ts';
import { type Answered, answerCodes, previewAnswers } from '../../pipeline/unmapped/answer.ts';
import type { UsagiAnswer } from '../../pipeline/unmapped/usagi.ts';
import { type ImportPreview, type UsagiImport, usagiImport, usagiLinesNow } from '../../pipeline/unmapped/usagi-file.ts';
import type { Parts } from '../../pipeline.ts';
import { actorOf, bodyOf, recordLook } from './request.ts';

const MOST_EXPORTED = 100_000;
const MOST_IMPORTED = 5_000;
const MOST_PROBLEMS = 200;

const EXPORT = z.strictObject({
  system: z.string().max(500).optional(),
  text: z.string().min(1).max(200).optional(),
  /** Candidates for each code. */
  suggest: z.int().min(0).max(20).default(3),
});
const IMPORT = z.strictObject({
  system: z.string().max(500).optional(),
  secondPerson: z.enum(['true', 'false']).default('false'),
});

/**
 * POST /admin/unmapped/export: the file. POST …/import/preview and …/import with the file as body, `?system=` of files that do not say it,
 * `?secondPerson=true`: what it would change; put its APPROVED lines in force, or propose them, all or none.
 */
export function adminUsagiRoutes(door: FastifyInstance, parts: Parts): void {
  door.post('/admin/unmapped/export', async (request, reply) => {
    const { suggest, ...filter } = bodyOf(request, EXPORT);
    const { lines, codes } = await usagiLinesNow(parts, filter, { suggest, most: MOST_EXPORTED });
    await recordLook(request, parts.database, { action: 'unmapped.export', target: 'unmapped', detail: { codes } });
    return reply
      .type('text/csv; charset=utf-8; header=present')
      .header('content-disposition', 'attachment; filename="unmapped-codes.csv"')
      .header('x-codes', codes)
      .send(Buffer.from(`${lines.join('\n')}\n`));
  });
  door.post('/admin/unmapped/import/preview', async (request): Promise<ImportPreview> => {
    const { author, system } = await importOf(request, parts);
    const nothing = { codes: 0, same: 0, others: {}, preview: undefined, problems: [], problemCount: 0 };
    const read = await refusalOr(() => fileOf(request, parts, system, author));
    if ('problems' in read) return { ...nothing, ...told(read.problems, []) };
    const { changed, same, others } = read.value;
    const found = { ...nothing, codes: changed.length, same, others: Object.fromEntries(others) };
    if (changed.length === 0) return found;
    const preview = await refusalOr(() => previewAnswers(parts, changed));
    return 'problems' in preview ? { ...found, ...told(preview.problems, changed) } : { ...found, preview: preview.value };
  });
  door.post('/admin/unmapped/import', async (request): Promise<Answered> => {
    const { author, system, needsSecondPerson } = await importOf(request, parts);
    const { changed } = await fileOf(request, parts, system, author);
    if (changed.length === 0) return { ids: [], state: 'in-force', resources: 0, problems: [] };
    return answerCodes(parts, changed, needsSecondPerson);
  });
}

async function importOf(request: FastifyRequest, { database }: Parts) {
  const parsed = IMPORT.safeParse(request.query);
  if (!parsed.success) throw new Refusal([problem('request-malformed', { reason: 'system and secondPerson are what can be said' })]);
  const { system, secondPerson } = parsed.data;
  return { system, needsSecondPerson: secondPerson === 'true', author: await actorOf(request, database) };
}

async function fileOf(request: FastifyRequest, parts: Parts, system: string | undefined, author: string): Promise<UsagiImport> {
  const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const read = await usagiImport(parts, bytes, { system, author });
  if (read.changed.length > MOST_IMPORTED) throw new Refusal([problem('usagi-large', { limit: MOST_IMPORTED })]);
  return { ...read, changed: read.changed.map((each) => byCaller(each, author)) };
}

/**
 * Anybody can write any name into a file: whoever sends it is the author here, and who else must approve is counted from that. The names that
 * the file has are kept in the reason.
 */
function byCaller(answer: UsagiAnswer, author: string): UsagiAnswer {
  const { reason = '', approvedBy } = answer;
  const named = [
    answer.author === author ? '' : `by ${answer.author}`,
    approvedBy === undefined || approvedBy === author ? '' : `approved by ${approvedBy}`,
  ].filter((each) => each !== '');
  const note = named.length === 0 ? '' : `(in the file: ${named.join(', ')})`;
  const text = reason.includes(note) ? reason : `${reason} ${note}`.trim();
  return { ...answer, author, approvedBy: undefined, reason: text === '' ? undefined : text };
}

async function refusalOr<T>(work: () => Promise<T>): Promise<{ readonly value: T } | { readonly problems: readonly Problem[] }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof Refusal) return { problems: error.problems };
    throw error;
  }
}

/** The place of what is wrong with an answer is its code: here it is the line. */
function told(problems: readonly Problem[], answers: readonly UsagiAnswer[]): Pick<ImportPreview, 'problems' | 'problemCount'> {
  const lines = new Map(answers.map(({ system, code, line }) => [`${system}|${code}`, `line ${line}`]));
  return {
    problems: problems
      .slice(0, MOST_PROBLEMS)
      .map(({ code, text, at = '' }) => ({ code, text, cure: ERRORS[code].cure, at: lines.get(at) ?? at })),
    problemCount: problems.length,
  };
}
