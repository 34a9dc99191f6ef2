import { deriveStale } from '../../database/derived/derived.ts';
import { analyse } from '../../database/ohdsi/achilles.ts';
import { smallestCellOf } from '../../omop/privacy.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore, pullDate } from '../house.ts';
import { plural, progress } from '../terminal.ts';
import { choicesInForce } from './omop-options.ts';

const EXAMPLES = `
  $ npx polyseme achilles                   fill results.achilles_* for ATLAS
`;

/** achilles: the analyses of OHDSI's Achilles, in SQL of our own. */
export const achillesCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program.command('achilles').description("fill results.achilles_results and its kin, under Achilles' numbers");
  withExamples(command, EXAMPLES, ['0  done', '1  the database failed; the results before stay']);
  command.action(async () => {
    const config = configOfProcess();
    await using store = await openStore(config);
    await deriveStale(store.database, { pullDate: pullDate(config, new Date()) });
    const begunMs = performance.now();
    let bar: ReturnType<typeof progress> | undefined;
    const advance = (count: number, of: number): void => {
      bar ??= progress(terminal, 'analyses', of);
      bar.advance(count);
    };
    const done = await analyse(store.database, advance, smallestCellOf(choicesInForce(config.dataDir)));
    bar?.end();
    terminal.say(`${plural(done, 'analysis', 'analyses')} in ${((performance.now() - begunMs) / 1000).toFixed(1)} s.`);
    exit(0);
  });
};
