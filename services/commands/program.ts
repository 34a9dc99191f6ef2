import { Command, CommanderError } from 'commander';
import { TerminologyError } from '../../terminology/failure.ts';
import { type Problem, problem, Refusal } from '../errors.ts';
import { auditCommand } from './audit.ts';
import { checkCommand } from './check.ts';
import { withExamples } from './command.ts';
import { convertCommand } from './convert/convert.ts';
import { doctorCommand } from './doctor.ts';
import { VERSION } from './house.ts';
import { importCommand } from './import/import.ts';
import { journalCommand } from './journal/journal.ts';
import { mapCommand } from './map/map.ts';
import { achillesCommand } from './omop/achilles.ts';
import { atlasCommand, connectCommand } from './omop/atlas.ts';
import { cdmCommand } from './omop/cdm.ts';
import { cohortCommand } from './omop/cohort.ts';
import { explainCommand } from './omop/explain.ts';
import { qualityCommand } from './omop/quality.ts';
import { rebuildCommand } from './omop/rebuild.ts';
import { suggestCommand } from './omop/suggest.ts';
import { unmappedCommand } from './omop/unmapped.ts';
import { outgoingCommand } from './outgoing/outgoing.ts';
import { packageCommand } from './package/package.ts';
import { psqlCommand } from './psql.ts';
import { sendCommand } from './send/send.ts';
import { serveCommand } from './serve/serve.ts';
import { faultOf, problemText, type Terminal } from './terminal.ts';
import { tokenCommand } from './token.ts';
import { viewCommand } from './view.ts';
import { refusalOf } from './vocabulary/load.ts';
import { eclCommand, expandCommand, lookupCommand, translateCommand } from './vocabulary/terminology-shell.ts';
import { vocabularyCommand } from './vocabulary/vocabulary.ts';

/** Every command, in the order of --help. A command answers with its exit code. */
const COMMANDS = [
  serveCommand,
  importCommand,
  sendCommand,
  convertCommand,
  checkCommand,
  mapCommand,
  vocabularyCommand,
  unmappedCommand,
  lookupCommand,
  expandCommand,
  translateCommand,
  eclCommand,
  suggestCommand,
  packageCommand,
  viewCommand,
  journalCommand,
  outgoingCommand,
  explainCommand,
  rebuildCommand,
  cdmCommand,
  qualityCommand,
  achillesCommand,
  cohortCommand,
  atlasCommand,
  connectCommand,
  doctorCommand,
  psqlCommand,
  tokenCommand,
  auditCommand,
];

const EXAMPLES = `
  $ npx polyseme serve                                     take HL7v2 on MLLP 2575 and FHIR on HTTP 8080
  $ npx polyseme convert message.hl7 --to fhir             what a message becomes; no database
  $ npx polyseme import bundles/*.json                     load files into the store
  $ npx polyseme doctor                                    is this machine ready?
`;

/** Runs one command line (without node and script); returns the exit code: 0 success, 1 refused or failed, 2 wrong call. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command('polyseme')
    .description('HL7v2 and FHIR in; FHIR R4 resources and OMOP CDM 5.4 rows out.')
    .version(VERSION)
    .showSuggestionAfterError()
    .showHelpAfterError('Run "npx polyseme --help" or "npx polyseme COMMAND --help" for examples.')
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.say(text.trimEnd()) })
    .exitOverride();
  withExamples(program, EXAMPLES, ['0  done', '1  refused or failed; what and the cure are said', '2  wrong call']);
  for (const command of COMMANDS) {
    command(program, terminal, (code) => {
      exitCode = code;
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    for (const each of problemsOf(error)) terminal.say(problemText(each));
    return 1;
  }
}

function problemsOf(error: unknown): readonly Problem[] {
  if (error instanceof Refusal) return error.problems;
  if (error instanceof TerminologyError) return refusalOf(error).problems;
  return [problem('internal', { reason: faultOf(error) })];
}
