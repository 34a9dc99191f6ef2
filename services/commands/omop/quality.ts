import { writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import { deriveStale } from '../../database/derived/derived.ts';
import { earlierRun } from '../../database/ohdsi/quality-changed.ts';
import { cdmSourceRow, keepRun, outcomeChanges, runs } from '../../database/ohdsi/quality-history.ts';
import { countChecks } from '../../database/ohdsi/quality-run.ts';
import { problem, Refusal } from '../../errors.ts';
import { maskedShare, smallestCellOf } from '../../omop/privacy.ts';
import { allChecks, type Check, isDeprecated, type Judged, judge, type Severity } from '../../omop/quality.ts';
import { dqdDocument, overviewOf } from '../../omop/quality-report.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore, pullDate, type Store, VERSION } from '../house.ts';
import { count } from '../options.ts';
import { plural, progress, type Terminal, table } from '../terminal.ts';
import { choicesInForce } from './omop-options.ts';

const EXAMPLES = `
  $ npx polyseme quality                              all 2,374 checks; what fails, the gravest first
  $ npx polyseme quality --out results.json           also for the viewer of OHDSI's DataQualityDashboard
  $ npx polyseme quality --check isRequired --table person
  $ npx polyseme quality --trend                      the runs so far, and what changed
`;
const EXIT_CODES = ['0  no failure of the severity asked for', '1  failures: fatal ones, or as --fail-on says'];
const CHECKS_VERSION = 'DataQualityDashboard 2.8.4 (checks and thresholds)';

interface Options {
  readonly out?: string;
  readonly json?: boolean;
  readonly check?: readonly string[];
  readonly table?: readonly string[];
  readonly failOn: Severity;
  readonly withoutDeprecated?: boolean;
  readonly full?: boolean;
  readonly keep: boolean;
  readonly trend?: boolean;
  readonly limit: number;
}

/** quality: the checks of OHDSI's DataQualityDashboard, in SQL of our own. */
export const qualityCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('quality')
    .description('data-quality checks over the CDM: conformance, completeness, plausibility')
    .option('--out <file>', 'write the results as the JSON of DataQualityDashboard')
    .option('--json', 'print that JSON')
    .option('--check <name...>', 'only these types of checks')
    .option('--table <name...>', 'only these tables')
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 at failures of this severity or a graver one')
        .choices(['fatal', 'convention', 'characterization'])
        .default('fatal'),
    )
    .option('--full', 'count every check again, also where nothing has changed since the last run')
    .option('--without-deprecated', 'leave out the three types that others replace')
    .option('--no-keep', 'do not keep the results in results.dq_run and results.dq_result')
    .option('--trend', 'show the runs so far, without a new one')
    .option('--limit <n>', 'failures or runs listed', count, 30);
  withExamples(command, EXAMPLES, EXIT_CODES);
  command.action(async (options: Options) => {
    await using store = await openStore(configOfProcess());
    if (options.trend === true) await sayTrend(store, options, terminal);
    exit(options.trend === true ? 0 : await checked(store, options, terminal));
  });
};

/** Returns the checks that are asked for; names that there are not are refused. */
function chosen({ check: names, table: tables, withoutDeprecated }: Options): readonly Check[] {
  const all = allChecks();
  const known = (asked: readonly string[] | undefined, of: (check: Check) => string): void => {
    for (const each of asked ?? [])
      if (!all.some((check) => of(check) === each)) throw new Refusal([problem('quality-unknown', { name: each })]);
  };
  known(names, ({ name }) => name);
  known(tables, (check) => check.table);
  // What is empty or missing is told by these: every other check depends on them.
  const isBasis = ({ name }: Check): boolean => name === 'cdmTable' || name === 'cdmField' || name === 'measureValueCompleteness';
  const wanted = (check: Check): boolean =>
    (names?.includes(check.name) ?? true) &&
    (tables?.includes(check.table) ?? true) &&
    !(withoutDeprecated === true && isDeprecated(check));
  const places = new Set(all.filter(wanted).map(({ table }) => table));
  return all.filter((check) => wanted(check) || (isBasis(check) && places.has(check.table)));
}

async function checked(store: Store, options: Options, terminal: Terminal): Promise<number> {
  const config = configOfProcess();
  await deriveStale(store.database, { pullDate: pullDate(config, new Date()) });
  const checks = chosen(options);
  const startedAt = new Date().toISOString();
  const bar = progress(terminal, 'tables', new Set(checks.map(({ table: name }) => name)).size);
  const software = `polyseme@${VERSION}, ${CHECKS_VERSION}`;
  const earlier = options.full === true ? undefined : await earlierRun(store.database, software);
  const { counts, texts, seconds, seen, recounted } = await countChecks(store.database, checks, bar.advance, earlier);
  bar.end();
  const judged = judge(checks, counts);
  const isPart = options.check !== undefined || options.table !== undefined || options.withoutDeprecated === true;
  if (options.keep && !isPart) await keepRun(store.database, judged, { startedAt, seconds, software, seen, recounted });
  const smallestCell = smallestCellOf(choicesInForce(config.dataDir));
  const document = dqdDocument(judged, {
    startedAt,
    endedAt: new Date().toISOString(),
    seconds,
    texts,
    source: await cdmSourceRow(store.database),
    version: CHECKS_VERSION,
    smallestCell,
  });
  const text = JSON.stringify(document, undefined, 1);
  if (options.out !== undefined) await writeFile(options.out, text);
  if (options.json) terminal.out(text);
  else {
    sayOutcome(judged, { seconds, limit: options.limit, smallestCell }, terminal);
    if (recounted < checks.length)
      terminal.say(`${plural(recounted, 'check')} counted; what the others read has not changed since the last run. --full counts all.`);
  }
  return judged.some((each) => isFailure(each) && isAsGrave(each.check.type.severity, options.failOn)) ? 1 : 0;
}

const GRAVITY: readonly Severity[] = ['fatal', 'convention', 'characterization'];
const isAsGrave = (severity: Severity, least: Severity): boolean => GRAVITY.indexOf(severity) <= GRAVITY.indexOf(least);
const isFailure = ({ outcome }: Judged): boolean => outcome === 'failed' || outcome === 'error';

/** As it is printed: what the privacy profile does not tell is said to be masked. */
const toldCount = (value: number): string => (value < 0 ? 'masked' : value.toLocaleString('en'));
const toldPercent = (value: number | null): string => (value === null ? '–' : value.toFixed(2));

function sayOutcome(
  judged: readonly Judged[],
  { seconds, limit, smallestCell }: { readonly seconds: number; readonly limit: number; readonly smallestCell: number },
  terminal: Terminal,
): void {
  const failures = judged
    .filter(isFailure)
    .toSorted((a, b) => GRAVITY.indexOf(a.check.type.severity) - GRAVITY.indexOf(b.check.type.severity) || b.percent - a.percent);
  if (failures.length > 0)
    terminal.out(
      table(
        ['severity', 'check', 'place', 'violated', 'of', 'percent', 'allowed'],
        failures
          .slice(0, limit)
          .map(({ check, outcome, note, ...share }) => ({ check, outcome, note, told: maskedShare(share, smallestCell) }))
          .map(({ check, outcome, note, told }) => [
            check.type.severity,
            check.name,
            [check.table, check.field, check.conceptId].filter((each) => each !== '').join('.'),
            outcome === 'error' ? (note ?? 'error') : toldCount(told.violated),
            toldCount(told.rows),
            toldPercent(told.percent),
            String(check.threshold ?? 0),
          ]),
      ),
    );
  if (failures.length > limit) terminal.say(`The first ${limit} of ${failures.length}; --limit shows more, --out writes all.`);
  const overview = overviewOf(judged);
  const fatalCount = failures.filter(({ check }) => check.type.severity === 'fatal').length;
  terminal.say(
    `${plural(judged.length, 'check')} in ${seconds.toFixed(1)} s: ${overview['countPassed']} passed, ${failures.length} failed (${fatalCount} fatal), ${overview['countNotApplicable']} not applicable.`,
  );
}

async function sayTrend(store: Store, { limit, json }: Options, terminal: Terminal): Promise<void> {
  const all = await runs(store.database, limit);
  const [last] = all;
  const changes =
    last === undefined ? [] : await outcomeChanges(store.database, last.runId, smallestCellOf(choicesInForce(configOfProcess().dataDir)));
  if (json) {
    terminal.out(JSON.stringify({ runs: all, changes }, undefined, 2));
    return;
  }
  terminal.out(
    table(
      ['run', 'at', 'vocabulary', 'passed', 'failed', 'fatal', 'not applicable', 'seconds'],
      all.map((run) => [
        String(run.runId),
        run.startedAt,
        run.vocabulary,
        run.passed,
        run.failed + run.errors,
        run.failedFatal,
        run.notApplicable,
        run.seconds.toFixed(1),
      ]),
    ),
  );
  for (const each of changes.slice(0, limit))
    terminal.out(
      `${each.checkId}: ${each.before} ${toldPercent(each.percentBefore)} % -> ${each.after} ${toldPercent(each.percentAfter)} %`,
    );
  terminal.say(last === undefined ? 'No run yet.' : `${plural(changes.length, 'check')} changed in the last run.`);
}
