import { createToken, revokeToken, tokens } from '../database/tokens.ts';
import { problem, Refusal } from '../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';
import { openStore } from './house.ts';
import { table } from './terminal.ts';

const EXAMPLES = `
  $ npx polyseme token create reporting        prints a new access token once; only its hash is stored
  $ npx polyseme token list
  $ npx polyseme token revoke 3
`;

/** token create|list|revoke: access tokens of the HTTP door. */
export const tokenCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('token').description('access tokens of the HTTP door');
  withExamples(command, EXAMPLES, ['0  done', '1  refused']);
  command
    .command('create <name>')
    .description('make a token and print it once')
    .action(async (name: string) => {
      await using store = await openStore(configOfProcess());
      const made = await createToken(store.database, name);
      terminal.out(made.token);
      terminal.say('Keep it now: it cannot be shown again. Use it as "Authorization: Bearer TOKEN".');
      exit(0);
    });
  command
    .command('list')
    .description('names and dates; never the tokens')
    .action(async () => {
      await using store = await openStore(configOfProcess());
      const rows = (await tokens(store.database)).map((each) => [each.id, each.name, each.createdAt, each.revokedAt ?? '']);
      terminal.out(table(['id', 'name', 'created', 'revoked'], rows));
      exit(0);
    });
  command
    .command('revoke <id>')
    .description('end a token')
    .action(async (id: string) => {
      await using store = await openStore(configOfProcess());
      if (!(await revokeToken(store.database, Number(id)))) throw new Refusal([problem('token-unknown', { id })]);
      terminal.say(`Token ${id} is revoked.`);
      exit(0);
    });
};
