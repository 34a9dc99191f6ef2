import { spawn } from 'node:child_process';
import { psqlCommand as psqlOf } from '../database/embedded/shell.ts';
import { problem, Refusal } from '../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from './command.ts';

const EXAMPLES = `
  $ npx polyseme psql                                          a shell on the embedded PostgreSQL
  $ npx polyseme psql -c 'table cdm.cdm_source'                one statement
`;

/** psql: opens PostgreSQL's shell on the embedded database that "serve" runs, or on POLYSEME_DATABASE_URL. */
export const psqlCommand: CommandDefinition = (program, _terminal, exit) => {
  const command = program
    .command('psql')
    .description('open a SQL shell on the database of a running server')
    // Its options are psql's own, but for --help.
    .allowUnknownOption()
    .argument('[args...]', 'passed on to psql');
  withExamples(command, EXAMPLES, ['as psql', '1  no server runs on the data folder, or this machine has no psql']);
  command.action(async (args: readonly string[]) => {
    const config = configOfProcess();
    if (config.databaseUrl !== undefined) {
      const { url, password } = withoutPassword(config.databaseUrl);
      return exit(await runs('psql', [url, ...args], password === '' ? {} : { PGPASSWORD: password }));
    }
    const found = psqlOf(config.dataDir, args, config.postgresBin);
    if (!found.ok) throw new Refusal(found.problems);
    exit(await runs(found.value.command, found.value.args, found.value.env));
  });
};

/** Arguments can be listed by everybody on the machine; the environment cannot. */
function withoutPassword(databaseUrl: string): { readonly url: string; readonly password: string } {
  const url = new URL(databaseUrl);
  const password = decodeURIComponent(url.password);
  url.password = '';
  return { url: url.href, password };
}

function runs(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    // Ctrl-C is for psql, where it cancels a statement.
    const ignore = () => {};
    process.on('SIGINT', ignore);
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new Refusal([problem('database-psql-missing')]) : error),
    );
    child.on('close', (code) => {
      process.off('SIGINT', ignore);
      resolve(code ?? 1);
    });
  });
}
