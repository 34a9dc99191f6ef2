import type { Command } from 'commander';
import { configuredSources } from '../../config/configured.ts';
import { SourceBook } from '../../config/sources.ts';
import { pulses } from '../../database/journal/pulse.ts';
import { Refusal } from '../../errors.ts';
import { silenceText } from '../../pipeline/silence.ts';
import { configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { silenceWatch } from '../serve/silence.ts';
import { type Terminal, table } from '../terminal.ts';

const EXAMPLES = `  $ npx polyseme journal sources                                    counts per source, its last message, whether it is silent past its habit`;
const SILENT = { info: () => {}, warn: () => {} };

/** journal sources: how each source is doing; exit code 1 when one is silent past its habit, for scripts that watch. */
export function sources(journal: Command, terminal: Terminal, exit: (code: number) => void): void {
  const command = journal
    .command('sources')
    .description('what each source sent, what became of it, and whether it is silent past its habit')
    .option('--json', 'print JSON');
  withExamples(command, EXAMPLES, ['0  no source is silent past its habit', '1  one is']);
  command.action(async (options: { readonly json?: boolean }) => {
    const config = configOfProcess();
    const configured = configuredSources(config);
    if (!configured.ok) throw new Refusal(configured.problems);
    await using store = await openStore(config);
    const all = await pulses(store.database);
    const watch = silenceWatch(store.database, {
      book: new SourceBook(configured.value),
      timezone: config.cdmTimezone,
      clock: () => new Date(),
      log: SILENT,
    });
    const silences = new Map((await watch.look()).map((each) => [each.source, each]));
    if (options.json)
      terminal.out(
        JSON.stringify(
          all.map((each) => ({ ...each, silence: silences.get(each.source) ?? null })),
          undefined,
          2,
        ),
      );
    else {
      const rows = all.map((each) => {
        const silence = silences.get(each.source);
        return [
          each.source,
          each.received,
          each.applied,
          each.parked,
          each.refused,
          each.duplicate,
          each.waiting,
          each.lastReceived ?? '',
          silence ? silenceText(silence) : '',
        ];
      });
      terminal.out(table(['source', 'received', 'applied', 'parked', 'refused', 'duplicate', 'waiting', 'last', 'silence'], rows));
    }
    exit([...silences.values()].some(({ isSilent }) => isSilent) ? 1 : 0);
  });
}
