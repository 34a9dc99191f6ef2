import { Option } from 'commander';
import { atlasSql, SNIPPETS, snippet, type Tool } from '../../database/ohdsi/connect-text.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';

const ATLAS_EXAMPLES = `
  $ npx polyseme atlas | psql WEBAPI_DATABASE        tell WebAPI of this database, then restart it or open /WebAPI/source/refresh
  $ npx polyseme atlas --key polyseme --name 'Our hospital' --source-id 3
`;

/** atlas: the SQL that adds this database to OHDSI's WebAPI. */
export const atlasCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('atlas')
    .description('write the SQL that makes this database a source of ATLAS (WebAPI tables source and source_daimon)')
    .option('--name <name>', 'as ATLAS shows it', 'Polyseme')
    .option('--key <key>', "WebAPI's key of the source", 'polyseme')
    .option('--source-id <n>', 'its number in WebAPI', '1')
    .option('--webapi-schema <name>', "the schema of WebAPI's own tables", 'webapi');
  withExamples(command, ATLAS_EXAMPLES, ['0  written']);
  command.action(async (options: { name: string; key: string; sourceId: string; webapiSchema: string }) => {
    await using store = await openStore(configOfProcess());
    terminal.out(atlasSql(new URL(store.url), { ...options, sourceId: Number(options.sourceId) }));
    terminal.say('The password is not in it: put it in place of PASSWORD. Results come from "npx polyseme achilles".');
    exit(0);
  });
};

const CONNECT_EXAMPLES = `
  $ npx polyseme connect --for r              CDMConnector, DatabaseConnector
  $ npx polyseme connect --for python
  $ npx polyseme connect --for jdbc
  $ npx polyseme connect --for duckdb
`;

/** connect: how other tools open this database. */
export const connectCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('connect')
    .description('print how to open the CDM in R, Python, JDBC or DuckDB')
    .addOption(new Option('--for <tool>', 'the tool').choices(SNIPPETS).makeOptionMandatory());
  withExamples(command, CONNECT_EXAMPLES, ['0  printed']);
  command.action(async (options: { for: Tool }) => {
    await using store = await openStore(configOfProcess());
    terminal.out(snippet(options.for, new URL(store.url)));
    terminal.say(
      store.embedded === undefined
        ? 'The password is that of POLYSEME_DATABASE_URL: put it into the environment variable PGPASSWORD.'
        : 'Put the password of role polyseme, in postgres.secret.json of the data folder, into the environment variable PGPASSWORD.',
    );
    exit(0);
  });
};
