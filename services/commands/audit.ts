import { auditChain, auditRecords } from '../database/audit.ts';
import { problem, Refusal } from '../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { openStore } from './house.ts';
import { count } from './options.ts';
import { table } from './terminal.ts';

const LIST = `
  $ npx polyseme audit list                          who did what, newest first
  $ npx polyseme audit list --action spec. --json    everything about specs
`;
const VERIFY = '  $ npx polyseme audit verify                        is the log what was written?';

/** audit list|verify: the log of who did what, when and why. */
export const auditCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('audit').description('who did what, when and why');
  withExamples(command, `${LIST}${VERIFY}`, ['0  done', '1  the log was changed']);
  const list = command
    .command('list')
    .description('entries, newest first')
    .option('--actor <name>', 'by this one')
    .option('--action <start>', 'whose action begins so: spec.')
    .option('--target <target>', 'about this: draft/3')
    .option('--limit <n>', 'at most so many', count, 100)
    .option('--json', 'print JSON');
  withExamples(list, LIST, ['0  done']);
  list.action(
    async ({ actor, action, target, limit, json }: { actor?: string; action?: string; target?: string; limit: number; json?: boolean }) => {
      await using store = await openStore(configOfProcess());
      const all = await auditRecords(store.database, { actor, action, target, limit });
      const rows = all.map((each) => [each.id, each.at, each.actor, each.action, each.target, each.reason]);
      terminal.out(json ? JSON.stringify(all, undefined, 2) : table(['entry', 'at', 'who', 'what', 'of', 'because'], rows));
      if (all.length === limit && !json) terminal.say(`The newest ${limit}; --limit shows more.`);
      exit(0);
    },
  );
  withExamples(command.command('verify').description('compute every hash again'), VERIFY, [
    '0  nothing was changed',
    '1  something was',
  ]).action(async () => {
    await using store = await openStore(configOfProcess());
    const { entries, brokenAt } = await auditChain(store.database);
    if (brokenAt !== undefined) throw new Refusal([problem('spec-audit-broken', { id: brokenAt })]);
    terminal.say(`${entries} entries, each as it was written.`);
    exit(0);
  });
};
