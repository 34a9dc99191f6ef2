import { spawn } from 'node:child_process';
import { psqlCommand as psqlOf } from '../database/embedded/shell.ts';
import { Refusal } from '../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';

const EXAMPLES = `
  $ npx polyseme psql                                          a shell on the embedded PostgreSQL
  $ npx polyseme psql -- -c 'table cdm.cdm_source'             one statement
`;

/** psql: opens PostgreSQL's shell on the embedded database that "serve" runs, or on POLYSEME_DATABASE_URL. */
export const psqlCommand: CommandDefinition = (program, _terminal, exit) => {
  const command = program
    .command('psql')
    .description('open a SQL shell on the database of a running server')
    .argument('[args...]', 'passed on to psql');
  withExamples(command, EXAMPLES, ['as psql', '1  no server runs on the data folder, or this machine has no psql']);
  command.action(async (args: readonly string[]) => {
    const config = configOfProcess();
    if (config.databaseUrl !== undefined) return exit(await runs('psql', [config.databaseUrl, ...args], {}));
    const found = psqlOf(config.dataDir, args, config.postgresBin);
    if (!found.ok) throw new Refusal(found.problems);
    exit(await runs(found.value.command, found.value.args, found.value.env));
  });
};

function runs(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
