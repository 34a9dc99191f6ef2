import { objectAt, objectsAt, textAt } from '../../../terminology/fhir/json.ts';
import type { JsonObject } from '../../../terminology/provider.ts';
import { type CommandDefinition, withExamples } from '../command.ts';
import { count } from '../options.ts';
import { answerOf, FOLDER, SHORT, type Shared, systemNamed } from '../vocabulary/terminology-shell.ts';

interface Options extends Shared {
  readonly system?: string;
  readonly text?: string;
  readonly domain?: string;
  readonly unit?: string;
  readonly value?: string;
  readonly count: number;
}

/** suggest: the standard concepts that a code without one may mean. */
export const suggestCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('suggest <code-or-text>')
    .description('the standard concepts that a code without one may mean, best first, with the reasons; nothing is changed')
    .option('--system <system>', `the code's system; ${SHORT}`)
    .option('--text <name>', 'what the sender calls the code')
    .option('--domain <id>', 'OMOP domain of the data: Measurement, Condition, Drug…')
    .option('--unit <unit>', 'unit that the values have')
    .option('--value <kind>', 'what the values are: number or text')
    .option('--count <n>', 'candidates shown', count, 10)
    .option('--folder <dir>', FOLDER)
    .option('--json', 'print the answer as FHIR Parameters');
  const examples = `
  $ npx polyseme suggest 'glucose serum' --unit mg/dL --value number
  $ npx polyseme suggest GLU --text 'Glukose im Serum' --domain Measurement
  $ npx polyseme suggest E11.9 --system icd10cm --json
`;
  withExamples(command, examples, ['0  candidates were found', '1  none was found, or refused: what and why is said']);
  command.action(async (asked: string, options: Options) => {
    // One word may be a code or a name: it is looked for as both.
    const isCode = options.system !== undefined || options.text !== undefined || !/\s/.test(asked.trim());
    const named = {
      code: isCode ? asked : undefined,
      text: options.text ?? (options.system === undefined ? asked : undefined),
      system: options.system === undefined ? undefined : systemNamed(options.system),
      domain: options.domain,
      unit: options.unit,
      value: options.value,
      count: String(options.count),
    };
    const parameters = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
    const resource = await answerOf(options, { type: 'ConceptMap', operation: 'suggest', parameters });
    const found = objectsAt(resource, 'parameter');
    const nothing = 'Nothing was found. Try other words, or load a vocabulary that has it.';
    const lines = found.length === 0 ? nothing : found.map(candidateText).join('\n');
    terminal.out(options.json ? JSON.stringify(resource, undefined, 2) : lines);
    exit(found.length === 0 ? 1 : 0);
  });
};

/** A candidate as lines: score, concept, its own code, then each reason. */
function candidateText(suggestion: JsonObject): string {
  const parts = objectsAt(suggestion, 'part');
  const part = (name: string): JsonObject => parts.find((each) => each['name'] === name) ?? {};
  const coding = (name: string): JsonObject => {
    return objectAt(part(name), 'valueCoding') ?? {};
  };
  const [concept, source] = [coding('concept'), coding('source')];
  const score = Number(part('score')['valueDecimal']).toFixed(2);
  const own = `${textAt(part('domain'), 'valueCode')}, ${textAt(source, 'system')}|${textAt(source, 'code')}`;
  const reasons = parts.flatMap((each) => (each['name'] === 'reason' ? [`      ${textAt(each, 'valueString')}`] : []));
  return [`${score}  ${textAt(concept, 'code')} ${textAt(concept, 'display')} (${own})`, ...reasons].join('\n');
}
