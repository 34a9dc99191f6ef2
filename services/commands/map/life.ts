import type { Command } from 'commander';
import { drafts } from '../../database/specs/drafts.ts';
import { planChanges, plans } from '../../database/specs/plans.ts';
import { problem, Refusal } from '../../errors.ts';
import { beginDraft, changeDraft, discardDraft } from '../../pipeline/specs/drafts.ts';
import { activeSpecs, folderSpecs } from '../../pipeline/specs/live.ts';
import { startPlan } from '../../pipeline/specs/plan.ts';
import { checkDraft, driftOf } from '../../pipeline/specs/publish.ts';
import { accountName, configOfProcess, withExamples } from '../command.ts';
import { openHouse } from '../house.ts';
import { count } from '../options.ts';
import { type Terminal, table } from '../terminal.ts';
import { asJson, CODES, type Exit, everyNow, examples, type Json, numbered, withDesk } from './desk.ts';
import { planText } from './life-text.ts';
import { publishCommand, replayCommands, storeCommands } from './publish.ts';

/** Adds draft, plan, publish, replay, rollback, history, drift, export and import to "map". */
export function addLifeCommands(map: Command, terminal: Terminal, exit: Exit): void {
  draftCommands(map, terminal, exit);
  planCommand(map, terminal, exit);
  publishCommand(map, terminal, exit);
  replayCommands(map, terminal, exit);
  storeCommands(map, terminal, exit);
}

function draftCommands(map: Command, terminal: Terminal, exit: Exit): void {
  const draft = map.command('draft').description('drafts of maps, kept in the store');
  withExamples(draft, examples('draft'), CODES);
  newDraftCommand(draft, terminal, exit);
  withExamples(draft.command('list').description('drafts, those changed last first'), '  $ npx polyseme map draft list', CODES)
    .option('--json', 'print JSON')
    .action(({ json }: Json) =>
      withDesk(async ({ database }) => {
        const all = await drafts(database, { limit: 200 });
        const rows = all.map((each) => [each.id, each.state, each.revision, each.author, each.changedAt, each.title]);
        terminal.out(json ? asJson(all) : table(['id', 'state', 'revision', 'author', 'changed', 'title'], rows));
        exit(0);
      }),
    );
  withExamples(
    draft.command('check <id>').description('types, lint and all cases with this draft'),
    '  $ npx polyseme map draft check 3 --json',
    CODES,
  )
    .option('--json', 'print JSON')
    .action((id: string, { json }: Json) =>
      withDesk(async (desk) => {
        const report = await checkDraft(desk, numbered(id, 'draft'));
        if (json) terminal.out(asJson(report));
        else {
          for (const each of report.diagnostics)
            terminal.out(`${each.file}:${each.line}:${each.column} ${each.severity} ${each.code} ${each.text}\n    ${each.cure}`);
          terminal.say(`${report.files} files; cases: ${report.cases.passed} passed, ${report.cases.failed} failed`);
        }
        exit(report.ok && report.cases.failed === 0 ? 0 : 1);
      }),
    );
  withExamples(
    draft.command('discard <id>').description('give a draft up; its revisions stay'),
    '  $ npx polyseme map draft discard 3 --because "done otherwise"',
    CODES,
  )
    .option('--because <reason>', 'why', '')
    .action((id: string, { because }: { readonly because: string }) =>
      withDesk(async (desk) => {
        await discardDraft(desk, accountName(), numbered(id, 'draft'), because);
        exit(0);
      }),
    );
}

function newDraftCommand(draft: Command, terminal: Terminal, exit: Exit): void {
  withExamples(
    draft
      .command('new <title> [path...]')
      .description(
        'a draft of files, or folders of them, as the folder of maps has them; of all that differ from what is published when none is named',
      ),
    '  $ npx polyseme map draft new "less text" v2-to-fhir/messages/oru-r01.yaml    what the folder says of this file, as a draft',
    CODES,
  )
    .option('--json', 'print JSON')
    .action((title: string, paths: readonly string[], { json }: Json) =>
      withDesk(async (desk) => {
        const folder = folderSpecs(desk.dir);
        const below = (path: string): readonly string[] =>
          [...folder.texts.keys()].filter((each) => each.startsWith(`${path.replace(/\/$/, '')}/`));
        const asked = paths.flatMap((path) => (below(path).length > 0 ? below(path) : [path]));
        const named = paths.length > 0 ? asked : (await driftOf(desk, await activeSpecs(desk.database, desk.dir))).map(({ path }) => path);
        const unknown = named.find((path) => paths.length > 0 && !folder.texts.has(path));
        if (unknown !== undefined) throw new Refusal([problem('spec-file-unknown', { path: unknown.slice(0, 200) })]);
        const made = await beginDraft(desk, accountName(), title);
        const changes = named.map((path) => ({ path, text: folder.texts.get(path) }));
        const written = await changeDraft(desk, accountName(), { id: made.id, revision: 0, changes });
        const now = 'draft' in written ? written.draft : made;
        if (json) terminal.out(asJson(now));
        else terminal.say(`Draft ${now.id}: ${changes.length} files. Next: npx polyseme map draft check ${now.id}`);
        exit(0);
      }),
    );
}

interface PlanFlags extends Json {
  readonly source?: string;
  readonly type?: string;
  readonly since?: string;
  readonly until?: string;
  readonly sample?: number;
  readonly list?: boolean;
}

function planCommand(map: Command, terminal: Terminal, exit: Exit): void {
  const plan = map
    .command('plan [draft]')
    .description('what publishing a draft would change, over recorded messages; nothing is touched')
    .option('--source <name>', 'messages of this source')
    .option('--type <type>', 'messages of this type: ORU or ORU^R01')
    .option('--since <instant>', 'received at or after, ISO 8601')
    .option('--until <instant>', 'received before, ISO 8601')
    .option('--sample <n>', 'the newest n messages', count)
    .option('--list', 'list plans')
    .option('--json', 'print JSON, with every difference');
  withExamples(plan, examples('plan'), CODES);
  plan.action(async (draft: string | undefined, { source, type, since, until, sample, list, json }: PlanFlags) => {
    await using house = await openHouse(configOfProcess());
    const { database, parts } = house;
    if (list || draft === undefined) {
      const all = await plans(database, { limit: 100 });
      const rows = all.map((each) => [each.id, each.draftId, each.state, each.looked, each.total, each.startedAt, each.actor]);
      terminal.out(json ? asJson(all) : table(['id', 'draft', 'state', 'looked', 'of', 'started', 'by'], rows));
      exit(0);
      return;
    }
    const progress = (looked: number, total: number): void => terminal.say(`${looked} of ${total} messages`);
    const filter = { source, messageType: type, since, until, sample };
    const options = { actor: accountName(), draftId: numbered(draft, 'draft'), filter, progress: everyNow(progress) };
    const done = await (await startPlan(parts, configOfProcess().mappingsDir, options)).done;
    if (done.state !== 'done')
      throw new Refusal(done.problems.length > 0 ? done.problems : [problem('spec-plan-failed', { reason: done.state })]);
    if (json) {
      const changes = [];
      for (let after: readonly [number, number] | undefined; ; ) {
        const page = await planChanges(database, done.id, { limit: 1_000, whole: true, after });
        changes.push(...page);
        const last = page.at(-1);
        if (last === undefined || page.length < 1_000) break;
        after = [last.grade, last.seq];
      }
      terminal.out(asJson({ ...done, changes }));
    } else terminal.out(planText(done, await planChanges(database, done.id, { limit: 20, whole: false })));
    exit(0);
  });
}
