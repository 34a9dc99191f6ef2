/** What an editor asks: completion, hover, definition, faults of a text as one writes it; and what a message would become by it. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { problem, Refusal } from '../../errors.ts';
import { isSpecPath, specSchema } from '../../pipeline/specs/author.ts';
import { CasesDesk } from '../../pipeline/specs/cases-desk.ts';
import type { Desk } from '../../pipeline/specs/drafts.ts';
import { LanguageDesk } from '../../pipeline/specs/language-desk.ts';
import { preview } from '../../pipeline/specs/preview.ts';
import { TextsAround } from '../../pipeline/specs/texts-around.ts';
import { isRevealed, tryMessage } from '../../pipeline/specs/try.ts';
import { bodyOf } from '../admin/request.ts';
import { allowed, type SpecAccess } from './access.ts';

const PATH = z.string().max(200).refine(isSpecPath);
const ASKED = z.strictObject({
  draft: z.int().positive().optional(),
  path: PATH,
  text: z.string().max(1 << 20),
  /** 0-based, as editors count. */
  line: z.int().min(0).default(0),
  character: z.int().min(0).default(0),
});
const TRIED = {
  draft: z.int().positive().optional(),
  files: z
    .array(
      z.strictObject({
        path: PATH,
        text: z
          .string()
          .max(1 << 20)
          .nullable(),
      }),
    )
    .max(50)
    .default([]),
  message: z
    .string()
    .max(1 << 20)
    .optional(),
  messageId: z.int().positive().optional(),
  source: z.string().max(500).optional(),
};
const TRIAL = z.strictObject(TRIED);
/** `path`: the file whose rules are told. */
const PREVIEW = z.strictObject({ ...TRIED, path: PATH.optional() });

const NOTHING = { items: [], text: null, at: null, diagnostics: [] };

/** POST /admin/maps/editor/{completion|hover|definition|diagnostics|cases}, POST /admin/maps/try, GET /admin/maps/schema. */
export function editorRoutes(door: FastifyInstance, access: SpecAccess, desk: Desk): void {
  const language = new LanguageDesk();
  door.addHook('onClose', () => language[Symbol.asyncDispose]());
  const around = new TextsAround(desk);
  for (const what of ['completion', 'hover', 'definition', 'diagnostics'] as const) {
    door.post(`/admin/maps/editor/${what}`, async (request) => {
      const actor = await allowed(access, request, 'read');
      const { draft, path, text, line, character } = bodyOf(request, ASKED);
      const texts = await around.of(draft);
      const answer = await language.ask(`${actor} ${draft ?? ''} ${path}`, { what, texts, path, text, cursor: { line, character } });
      // Who asked has asked again since, and waits for that.
      return answer ?? NOTHING;
    });
  }
  const cases = new CasesDesk();
  door.addHook('onClose', () => cases[Symbol.asyncDispose]());
  door.post('/admin/maps/editor/cases', async (request, reply) => {
    const actor = await allowed(access, request, 'read');
    const { draft, path, text } = bodyOf(request, ASKED);
    let isLeft = false;
    reply.raw.once('close', () => {
      isLeft = true;
    });
    const question = { texts: await around.of(draft), path, text, dir: desk.dir };
    return cases.run(`${actor} ${draft ?? ''} ${path}`, question, () => isLeft);
  });
  door.get('/admin/maps/schema', async (request) => {
    await allowed(access, request, 'read');
    return specSchema();
  });
  const trialOf = async ({ draft, files, message, messageId, source }: z.infer<typeof TRIAL>) => {
    const asked = messageId ?? message;
    if (asked === undefined || (message !== undefined && messageId !== undefined))
      throw new Refusal([problem('spec-request-invalid', { reason: 'it needs one of message and messageId' })]);
    const texts = new Map(await around.of(draft));
    for (const { path, text } of files) {
      if (text === null) texts.delete(path);
      else texts.set(path, text);
    }
    return { texts, message: asked, source };
  };
  door.post('/admin/maps/try', async (request, reply) => {
    const actor = await allowed(access, request, 'read');
    const asked = bodyOf(request, TRIAL);
    const { messageId: id } = asked;
    if (id !== undefined && !(await isRevealed(access.parts, actor, `message/${id}`)))
      throw new Refusal([problem('spec-message-masked', { id })]);
    const tried = await tryMessage(access.parts, await trialOf(asked));
    // Numbers of resources keep their digits.
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(tried));
  });
  door.post('/admin/maps/preview', async (request) => {
    const actor = await allowed(access, request, 'read');
    const { path, ...asked } = bodyOf(request, PREVIEW);
    const [isWhole, trial] = await Promise.all([
      asked.messageId === undefined || isRevealed(access.parts, actor, `message/${asked.messageId}`),
      trialOf(asked),
    ]);
    return preview(access.parts, { ...trial, path, isWhole });
  });
}
