import { Option } from 'commander';
import { audit } from '../database/audit.ts';
import { createToken, revokeToken, SPEC_ROLES, type SpecRole, tokens } from '../database/tokens.ts';
import { problem, Refusal } from '../errors.ts';
import { accountName, type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { openStore } from './house.ts';
import { table } from './terminal.ts';

const CREATE = `  $ npx polyseme token create reporting        prints a new access token once; only its hash is stored
  $ npx polyseme token create ana --role author --role reader    may write drafts of specs, not publish them
  $ npx polyseme token create ana-laptop --person ana --role approver    another token of the same person`;
const LIST = '  $ npx polyseme token list                    names and dates; with --json for a machine';
const REVOKE = '  $ npx polyseme token revoke 3                ends the token with this id at once';
const EXIT_CODES = ['0  done', '1  refused'];

/** token create|list|revoke: access tokens of the HTTP door. */
export const tokenCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('token').description('access tokens of the HTTP door');
  withExamples(command, [CREATE, LIST, REVOKE].join('\n'), EXIT_CODES);
  withExamples(command.command('create <name>').description('make a token and print it once'), CREATE, EXIT_CODES)
    .addOption(new Option('--role <role...>', 'what it may do with specs').choices(SPEC_ROLES).default([], 'nothing'))
    .option('--person <name>', 'whose it is, where somebody has several; the name by default')
    .action(async (name: string, { role, person = name }: { readonly role: readonly SpecRole[]; readonly person?: string }) => {
      if (name.trim() === '' || person.trim() === '') throw new Refusal([problem('token-nobody')]);
      await using store = await openStore(configOfProcess());
      const made = await store.database.transaction(async (tx) => {
        const token = await createToken(tx, name, role, person);
        await audit(tx, {
          actor: accountName(),
          action: 'token.create',
          target: `token/${token.id}`,
          detail: { name, person, roles: role },
        });
        return token;
      });
      terminal.out(made.token);
      terminal.say('Keep it now: it cannot be shown again. Use it as "Authorization: Bearer TOKEN".');
      exit(0);
    });
  withExamples(command.command('list').description('names and dates; never the tokens'), LIST, EXIT_CODES)
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      await using store = await openStore(configOfProcess());
      const all = await tokens(store.database);
      const rows = all.map((each) => [each.id, each.name, each.person, each.createdAt, each.revokedAt ?? '']);
      terminal.out(options.json ? JSON.stringify(all, undefined, 2) : table(['id', 'name', 'person', 'created', 'revoked'], rows));
      exit(0);
    });
  withExamples(command.command('revoke <id>').description('end a token'), REVOKE, EXIT_CODES).action(async (id: string) => {
    await using store = await openStore(configOfProcess());
    if (!(await revokeToken(store.database, Number(id)))) throw new Refusal([problem('token-unknown', { id })]);
    await audit(store.database, { actor: accountName(), action: 'token.revoke', target: `token/${id}` });
    terminal.say(`Token ${id} is revoked.`);
    exit(0);
  });
};
