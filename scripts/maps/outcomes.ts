/**
 * What becomes of messages that others wrote, by where they come from: services/hl7v2/OUTCOMES.md.
 *   node scripts/maps/outcomes.ts [--check]
 * Reads ../shared/corpus/hl7v2 where it is beside the checkout; without it, it says so and leaves the page alone. With --check it only
 * compares and exits 1 on a difference.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem } from '../../services/errors.ts';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import { corpusFolder } from './corpus.ts';

interface Outcome {
  messages: number;
  read: number;
  converted: number;
  parked: number;
  refused: number;
  readonly reasons: Map<string, number>;
}

const root = join(import.meta.dirname, '..', '..');
const page = join(root, 'services', 'hl7v2', 'OUTCOMES.md');
const folder = corpusFolder();

/** Whatever in a source's folder begins as HL7v2 does, batches taken apart; a file that is no batch after all is one message. */
function* inputsOf(source: string): Generator<Uint8Array> {
  for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(source, name);
    if (!/\.(hl7|txt|er7|dat)$/i.test(name) || !statSync(path).isFile()) continue;
    const content = readFileSync(path);
    if (!/^\W*(MSH|FHS|BHS)/.test(content.toString('latin1', 0, 64))) continue;
    const parts = splitBatch(content);
    yield* parts.ok ? parts.value : [content];
  }
}

function outcomeOf(source: string, maps: LoadedMaps): Outcome {
  const outcome: Outcome = { messages: 0, read: 0, converted: 0, parked: 0, refused: 0, reasons: new Map() };
  const because = (problems: readonly Problem[]): void => {
    const code = problems.find((each) => each.at !== undefined)?.code ?? problems[0]?.code ?? 'unknown';
    outcome.reasons.set(code, (outcome.reasons.get(code) ?? 0) + 1);
  };
  for (const bytes of inputsOf(source)) {
    outcome.messages += 1;
    const parsed = parseMessage(bytes);
    if (!parsed.ok) {
      outcome.refused += 1;
      because(parsed.problems);
      continue;
    }
    outcome.read += 1;
    const conversion = maps.convert(parsed.value, { timezone: 'UTC' });
    if (conversion.rung === 'refuse') outcome.refused += 1;
    else if (conversion.rung === 'park-message') outcome.parked += 1;
    else {
      outcome.converted += 1;
      continue;
    }
    because(conversion.problems.filter(({ code }) => !code.startsWith('hl7v2-')));
  }
  return outcome;
}

function text(rows: readonly (readonly [string, Outcome])[]): string {
  const line = (name: string, { messages, read, converted, parked, refused, reasons }: Outcome): string => {
    const why = [...reasons].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([code, count]) => `${code} ${count}`);
    return `| ${name} | ${messages} | ${read} | ${converted} | ${parked} | ${refused} | ${why.slice(0, 4).join(', ')} |`;
  };
  const sum: Outcome = { messages: 0, read: 0, converted: 0, parked: 0, refused: 0, reasons: new Map() };
  for (const [, each] of rows) {
    for (const key of ['messages', 'read', 'converted', 'parked', 'refused'] as const) sum[key] += each[key];
    for (const [code, count] of each.reasons) sum.reasons.set(code, (sum.reasons.get(code) ?? 0) + count);
  }
  return `# What becomes of messages that others wrote

Written by scripts/maps/outcomes.ts over public test messages of other projects, which are not part of this one. A message that cannot be
read is refused with a place; one that no map takes, or that lacks what its map requires, is parked: stored, answered AE, and ready to be
tried again. Messages for tests (MSH-11 T or D) are converted here; a door refuses them unless its source says otherwise.

| source | messages | read | converted | parked | refused | most frequent reasons |
| --- | --- | --- | --- | --- | --- | --- |
${rows.map(([name, each]) => line(name, each)).join('\n')}
${line('**all**', sum)}
`;
}

if (folder === undefined) console.log('Left alone: no ../shared/corpus/hl7v2 beside this checkout.');
else {
  const maps = loadMaps(join(root, 'mappings'));
  if (!maps.ok) throw new Error(maps.problems.map((each) => each.text).join('\n'));
  const sources = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const rows = sources
    .map(({ name }) => [name, outcomeOf(join(folder, name), maps.value)] as const)
    .filter(([, { messages }]) => messages > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const now = text(rows);
  if (!process.argv.includes('--check')) writeFileSync(page, now);
  else if (readFileSync(page, 'utf8') !== now) {
    console.error('services/hl7v2/OUTCOMES.md is not what the maps do now. Run: node scripts/maps/outcomes.ts');
    process.exitCode = 1;
  }
}
