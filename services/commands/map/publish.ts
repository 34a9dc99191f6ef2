import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { releases } from '../../database/specs/releases.ts';
import { replayById, replays } from '../../database/specs/replays.ts';
import { type Desk, draftedSpecs } from '../../pipeline/specs/drafts.ts';
import { activeSpecs } from '../../pipeline/specs/live.ts';
import type { Removals } from '../../pipeline/specs/plan-desk.ts';
import { driftOf, publishDraft, replayActive, rollback } from '../../pipeline/specs/publish.ts';
import { replayToTheEnd } from '../../pipeline/specs/replay.ts';
import { accountName, configOfProcess, withExamples } from '../command.ts';
import { openHouse } from '../house.ts';
import { count } from '../options.ts';
import { type Terminal, table } from '../terminal.ts';
import { asJson, CODES, type Exit, everyNow, examples, type Json, numbered, withDesk } from './desk.ts';
import { replayText } from './life-text.ts';

interface PublishFlags extends Json {
  readonly plan: number;
  readonly because: string;
  readonly resourcesGone: number;
  readonly rowsGone: number;
  readonly moved: number;
  readonly parked: number;
}

/** map publish */
export function publishCommand(map: Command, terminal: Terminal, exit: Exit): void {
  const none = (text: string): number => (text === '0' ? 0 : count(text));
  const publish = map
    .command('publish <draft>')
    .description('make a planned draft what runs; a running server replays what it touches, "map replay" does without one')
    .requiredOption('--plan <id>', 'the plan that was looked at', count)
    .requiredOption('--because <reason>', 'why')
    .option('--resources-gone <n>', 'as the plan says', none, 0)
    .option('--rows-gone <n>', 'as the plan says', none, 0)
    .option('--moved <n>', 'resources and rows that go to another patient, as the plan says', none, 0)
    .option('--parked <n>', 'messages that would be parked, as the plan says', none, 0)
    .option('--json', 'print JSON');
  withExamples(publish, examples('publish'), [...CODES, '   refused: cases fail, the plan is old, or what it removes is not acknowledged']);
  publish.action((draft: string, flags: PublishFlags) =>
    withDesk(async (desk) => {
      const acknowledged: Removals = {
        resourcesGone: flags.resourcesGone,
        rowsGone: flags.rowsGone,
        moved: flags.moved,
        messagesParked: flags.parked,
      };
      const options = { actor: accountName(), draftId: numbered(draft, 'draft'), planId: flags.plan, acknowledged, reason: flags.because };
      const published = await publishDraft(desk, options);
      if (flags.json) terminal.out(asJson(published));
      else
        terminal.say(
          `Release ${published.releaseId} is active; replay ${published.replayId} makes what was recorded anew: npx polyseme map replay --watch`,
        );
      exit(0);
    }),
  );
}

/** map replay, map rollback */
export function replayCommands(map: Command, terminal: Terminal, exit: Exit): void {
  const replay = map
    .command('replay')
    .description('finish the replay that is not finished; or list, watch or begin one')
    .option('--list', 'list replays')
    .option('--watch', 'only watch: a running server does it')
    .option('--again', 'begin another one: of everything that the active release makes otherwise')
    .option('--because <reason>', 'why (with --again)', 'asked for')
    .option('--json', 'print JSON');
  withExamples(replay, examples('replay'), CODES);
  replay.action(
    async (flags: Json & { readonly list?: boolean; readonly watch?: boolean; readonly again?: boolean; readonly because: string }) => {
      const config = configOfProcess();
      await using house = await openHouse(config);
      const { database, parts } = house;
      const desk: Desk = { database, dir: config.mappingsDir };
      if (flags.again) await replayActive(desk, { actor: accountName(), reason: flags.because });
      const say = everyNow((done, all) => terminal.say(`${done} of ${all}`));
      const told = async (): Promise<void> => {
        const [now] = await replays(database, 1);
        if (now !== undefined) say(now.progress.scanned + now.progress.partsDone, now.progress.messages + now.progress.parts);
      };
      if (flags.watch) await watched(desk, told);
      else if (!flags.list) await replayToTheEnd(parts, told);
      const all = await replays(database, flags.list ? 100 : 1);
      terminal.out(flags.json ? asJson(all) : replayText(all));
      exit(0);
    },
  );
  const back = map
    .command('rollback <release>')
    .description('make an earlier release the active one again; one person does it, also where a publication takes two')
    .requiredOption('--because <reason>', 'why')
    .option('--json', 'print JSON');
  withExamples(back, examples('rollback'), CODES);
  back.action((release: string, { because, json }: Json & { readonly because: string }) =>
    withDesk(async (desk) => {
      const done = await rollback(desk, { actor: accountName(), to: numbered(release, 'release'), reason: because });
      if (json) terminal.out(asJson(done));
      else terminal.say(`Release ${done.releaseId} is active again; replay ${done.replayId}: npx polyseme map replay --watch`);
      exit(0);
    }),
  );
}

async function watched({ database }: Desk, told: () => Promise<void>): Promise<void> {
  for (;;) {
    const [newest] = await replays(database, 1);
    const now = newest && (await replayById(database, newest.id));
    await told();
    if (now?.state !== 'running') return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** map history, drift, export */
export function storeCommands(map: Command, terminal: Terminal, exit: Exit): void {
  const history = map.command('history').description('releases, newest first').option('--json', 'print JSON');
  withExamples(history, examples('history'), CODES);
  history.action(({ json }: Json) =>
    withDesk(async ({ database }) => {
      const all = await releases(database, { limit: 200 });
      const rows = all.map((each) => [each.id, each.isActive ? 'active' : '', each.at, each.actor, each.files.size, each.reason]);
      terminal.out(json ? asJson(all) : table(['release', '', 'published', 'by', 'files', 'because'], rows));
      exit(0);
    }),
  );
  const drift = map.command('drift').description('how the folder of maps differs from what is published').option('--json', 'print JSON');
  withExamples(drift, examples('drift'), ['0  the same, or nothing was ever published', '1  they differ']);
  drift.action(({ json }: Json) =>
    withDesk(async (desk) => {
      const found = await driftOf(desk, await activeSpecs(desk.database, desk.dir));
      terminal.out(
        json
          ? asJson(found)
          : table(
              ['file', 'how'],
              found.map(({ path, how }) => [path, how]),
            ),
      );
      exit(found.length === 0 ? 0 : 1);
    }),
  );
  const out = map
    .command('export <dir>')
    .description('write the published maps, or those of a draft, into a folder; what is there already is left unless --overwrite')
    .option('--draft <id>', 'with what this draft changes', count)
    .option('--overwrite', 'write over files that say something else');
  withExamples(out, '  $ npx polyseme map export mappings --overwrite    the folder says what is published', CODES);
  out.action((dir: string, { draft, overwrite }: { readonly draft?: number; readonly overwrite?: boolean }) =>
    withDesk(async (desk) => {
      const set =
        draft === undefined ? await activeSpecs(desk.database, desk.dir) : (await draftedSpecs(desk.database, desk.dir, draft)).after;
      const { written, left } = exported(dir, set.texts, overwrite === true);
      terminal.say(`${written.length} files written, ${left.length} left as they are${left.length === 0 ? '.' : `: ${left.join(', ')}`}`);
      exit(left.length === 0 ? 0 : 1);
    }),
  );
}

/** Writes texts that the folder does not have; those that say something else only when it is asked for. Nothing is removed. */
function exported(
  dir: string,
  texts: ReadonlyMap<string, string>,
  overwrite: boolean,
): { readonly written: readonly string[]; readonly left: readonly string[] } {
  const [written, left]: [string[], string[]] = [[], []];
  for (const [path, text] of texts) {
    const file = join(dir, path);
    const before = textOf(file);
    if (before === text) continue;
    if (before !== undefined && !overwrite) {
      left.push(path);
      continue;
    }
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    written.push(path);
  }
  return { written, left };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
