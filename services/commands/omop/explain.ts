import { type ExplainedRow, explainRow, isExplainable } from '../../database/cdm/explain.ts';
import { type MergeOfResource, mergesTouching } from '../../database/resources/merges.ts';
import { problem, Refusal } from '../../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openStore } from '../house.ts';
import { lineageText } from './explain-lineage.ts';

const EXAMPLES = `
  $ npx polyseme explain measurement 40961024        the row, its resource, the message and its bytes
  $ npx polyseme explain person 12 --json
`;

/** explain: an OMOP row back to its FHIR resource and the message that made it. Prints patient data: that is its purpose. */
export const explainCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('explain <table> <id>')
    .description('where an OMOP row comes from: resource, map, message')
    .option('--json', 'print JSON, the message as base64');
  withExamples(command, EXAMPLES, ['0  explained', '1  there is no such row']);
  command.action(async (table: string, id: string, options: { readonly json?: boolean }) => {
    if (!isExplainable(table)) throw new Refusal([problem('explain-unknown-table', { table })]);
    if (!/^\d{1,16}$/.test(id)) throw new Refusal([problem('explain-id-malformed', { id: id.slice(0, 40) })]);
    const config = configOfProcess();
    await using store = await openStore(config);
    const explained = await explainRow(store.database, table, Number(id));
    if (!explained) throw new Refusal([problem('explain-no-row', { table, id })]);
    const merges = await mergesTouching(store.database, explained.resource);
    const lineage = await lineageText(store.database, explained, config);
    const text = [explanationText(explained), ...merges.map(mergeText), ...lineage].join('\n');
    terminal.out(options.json ? jsonOf(explained, merges, lineage) : text);
    exit(0);
  });
};

/** Returns the explanation as a person reads it: row <- resource <- message. */
export function explanationText({ table, id, row, resource, joined, message, earlier }: ExplainedRow): string {
  const columns = Object.entries(row).filter(([, value]) => value !== null);
  const lines = [
    `${table} ${id}`,
    ...columns.map(([name, value]) => `  ${name.padEnd(28)} ${value}`),
    ...joinedLines(joined),
    `made by ${resource.rowSpec || 'no map'} from`,
    `  ${resource.type}/${resource.id}, version ${resource.version} of ${resource.updated}`,
  ];
  if (resource.spec !== '') lines.push(`made by ${resource.spec} from`);
  else lines.push('which came as FHIR in');
  if (message === undefined) return [...lines, '  a message that the journal does not hold any more'].join('\n');
  const earlierIds = earlier.flatMap((each) => each.messageId ?? []);
  lines.push(
    `  message ${message.id} (${message.messageType || 'unknown type'}, control id ${message.controlId ?? 'none'}) from ${message.source} at ${message.receivedAt}`,
  );
  if (earlierIds.length > 0) lines.push(`  after messages ${earlierIds.join(', ')}`);
  return [...lines, ...contentLines(message.content)].join('\n');
}

/** What one stay consists of: its own row says only what they are together (omop-rules 34). */
const joinedLines = (joined: ExplainedRow['joined']): readonly string[] =>
  joined.length === 0
    ? []
    : [
        'one stay with others (rule 34): it begins as the first and ends as the last; each as it was stated',
        ...joined.map(
          ({ reference, visitId, isWhole, conceptId, start, end }) =>
            `  ${isWhole ? 'visit_occurrence' : 'visit_detail'} ${visitId} ${reference}: ${start} to ${end}, concept ${conceptId}`,
        ),
      ];

/** The first lines of the content; segments end with CR. */
function contentLines(content: Uint8Array): readonly string[] {
  const text = new TextDecoder('utf-8').decode(content.subarray(0, 4_000));
  const lines = text.split(/\r\n?|\n/).filter((each) => each !== '');
  const shown = lines.slice(0, 8).map((each) => `    ${each.length > 120 ? `${each.slice(0, 119)}…` : each}`);
  return lines.length > shown.length || content.length > 4_000
    ? [...shown, `    … (${content.length.toLocaleString('en')} bytes in all)`]
    : shown;
}

const HOW = { moved: 'moved by a merge', joined: 'joined by a merge', patient: 'one of a merge' } as const;

/** What the message alone does not say: whose record it was before a merge. */
function mergeText({ how, loser, survivor, at, undoneAt, message }: MergeOfResource): string {
  const by =
    message === undefined
      ? 'by what the journal does not hold any more'
      : `by message ${message.id} (${message.messageType || 'unknown type'}, control id ${message.controlId ?? 'none'}) from ${message.source}`;
  return `${HOW[how]}: Patient/${loser} became part of Patient/${survivor} at ${at} ${by}${undoneAt === undefined ? '' : `; taken back ${undoneAt}`}`;
}

function jsonOf(explained: ExplainedRow, merges: readonly MergeOfResource[], lineage: readonly string[]): string {
  const { message } = explained;
  const bytes = message && { ...message, content: Buffer.from(message.content).toString('base64') };
  return JSON.stringify({ ...explained, message: bytes, merges, lineage }, undefined, 2);
}
