/**
 * Whether what messages say without interpretation (facts.ts: names, birth dates, genders, identifiers, codes, values, units, dates, states)
 * stands in what is made of them, over every message of a folder.
 *   node scripts/maps/said.ts [FOLDER]
 * Messages that are parked say so to their sender and are counted apart, as is what the unread report tells. Exit status 1 on a difference.
 */
import { join } from 'node:path';
import { loadMaps } from '../../services/mapping/maps.ts';
import { corpusFolder, messagesOf } from './corpus.ts';
import { disagreementsWith, FACTS } from './facts.ts';

const folder = process.argv[2] ?? corpusFolder();
const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));
if (folder === undefined || !loaded.ok) {
  console.log(loaded.ok ? 'usage: node scripts/maps/said.ts [FOLDER]' : JSON.stringify(loaded.problems));
  process.exit(2);
}
const counts = new Map<string, { said: number; same: number; told: number }>(FACTS.map((each) => [each, { said: 0, same: 0, told: 0 }]));
const sums = { messages: 0, parked: 0 };
for (const { file, index, message } of messagesOf(folder)) {
  sums.messages += 1;
  const { drafts, rung, unread, problems } = loaded.value.convert(message, { timezone: 'UTC', authority: 'said' });
  if (rung === 'park-message' || rung === 'refuse') {
    sums.parked += 1;
    continue;
  }
  const told = new Set([...unread.map(({ path }) => path), ...problems.map(({ at }) => at ?? '')]);
  const resources = drafts.map(({ resource }) => resource);
  for (const { fact, at, agrees } of disagreementsWith(message, resources)) {
    const count = counts.get(fact);
    if (count === undefined) continue;
    count.said += 1;
    if (agrees) count.same += 1;
    else if ([...told].some((each) => each === at || each.startsWith(`${at}-`) || each.startsWith(`${at.replace(/\[1\]$/, '')}-`)))
      count.told += 1;
    else {
      console.log(`differs: ${file}#${index} ${fact} ${at}`);
      process.exitCode = 1;
    }
  }
}
console.log('| what the message says | times | we say the same | left out and told |\n| --- | ---: | ---: | ---: |');
for (const [fact, { said, same, told }] of counts) console.log(`| ${fact} | ${said} | ${same} | ${told} |`);
console.log(JSON.stringify(sums));
