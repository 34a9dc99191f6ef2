import type { Command } from 'commander';
import {
  addForeignKeys,
  dropForeignKeys,
  isOfVocabulary,
  possibleKeys,
  switchedOn,
  type Violations,
  violations,
} from '../../database/cdm/constraints.ts';
import type { Database } from '../../database/connect.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { plural, type Terminal, table } from '../terminal.ts';

const EXAMPLES = `
  $ npx polyseme cdm constraints check         which rows violate the official foreign keys?
  $ npx polyseme cdm constraints on            switch them on; they are checked at every commit from then on
  $ npx polyseme cdm constraints off           before another vocabulary release is loaded
`;

/** cdm: the official DDL's foreign keys. They cost time at every write, so that they are off unless asked for. */
export const cdmCommand: CommandDefinition = (program, terminal, exit) => {
  const cdm = program.command('cdm').description('the foreign keys of the official DDL');
  withExamples(cdm, EXAMPLES, ['0  done, or all rows satisfy them', '1  rows violate them; each key is listed']);
  const constraints = cdm.command('constraints').description('check, switch on or switch off the official foreign keys');
  withExamples(constraints, EXAMPLES, ['0  done, or all rows satisfy them', '1  rows violate them; each key is listed']);
  const choice = (name: string, description: string, work: () => Promise<number>): Command =>
    withExamples(constraints.command(name).description(description), `  $ npx polyseme cdm constraints ${name}`, [
      '0  done',
      '1  rows violate them',
    ]).action(async () => exit(await work()));
  choice('check', 'list the rows that violate them, whether they are on or off', () => checked(terminal));
  choice('on', 'switch them on; refused while rows violate them', () => switched(terminal));
  choice('off', 'switch them off', async () => {
    await using store = await openStore(configOfProcess());
    terminal.say(`${plural(await dropForeignKeys(store.database), 'foreign key')} switched off.`);
    return 0;
  });
};

async function checked(terminal: Terminal): Promise<number> {
  await using store = await openStore(configOfProcess());
  return (await listed(store.database, terminal)).length === 0 ? 0 : 1;
}

async function listed(database: Database, terminal: Terminal): Promise<readonly Violations[]> {
  const [all, on, found] = [await possibleKeys(database), await switchedOn(database), await violations(database)];
  if (found.length > 0)
    terminal.out(
      table(
        ['table.column', 'refers to', 'rows', 'least value'],
        found.map(({ key, rows, example }) => [`${key.table}.${key.column}`, `${key.target}.${key.targetColumn}`, rows, example]),
      ),
    );
  terminal.say(`${all.length} official foreign keys, ${on.size} switched on, ${found.length} violated.`);
  return found;
}

/** What a release of vocabularies lacks within itself (the starter set is a part of one) keeps those keys off, and no others. */
async function switched(terminal: Terminal): Promise<number> {
  await using store = await openStore(configOfProcess());
  const found = await listed(store.database, terminal);
  if (found.some(({ key }) => !isOfVocabulary(key))) return 1;
  const without = new Set(found.map(({ key }) => key.name));
  const count = await addForeignKeys(store.database, without);
  const left =
    without.size === 0 ? '' : ` The loaded vocabularies are a part of a release: ${without.size} keys between their own tables stay off.`;
  terminal.say(`${plural(count, 'foreign key')} switched on.${left}`);
  return 0;
}
