/**
 * Converts every message of a folder and writes one collection Bundle per message, with the doctors and places it names, for validators that
 * others wrote.
 *   node scripts/maps/convert-corpus.ts [FOLDER] --to DIR
 * The last line says how many messages there were, how many no map takes, how many were parked, and how many resources they gave.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { harmless } from '../../services/errors.ts';
import { withDirectory } from '../../services/mapping/directory.ts';
import { loadMaps } from '../../services/mapping/maps.ts';
import { corpusFolder, messagesOf } from './corpus.ts';

const { values, positionals } = parseArgs({ options: { to: { type: 'string' } }, allowPositionals: true });
const folder = positionals[0] ?? corpusFolder();
const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));
if (folder === undefined || values.to === undefined || !loaded.ok) {
  console.log(loaded.ok ? 'usage: node scripts/maps/convert-corpus.ts [FOLDER] --to DIR' : JSON.stringify(loaded.problems));
  process.exit(2);
}
mkdirSync(values.to, { recursive: true });
const counts = { messages: 0, unreadable: 0, withoutMap: 0, parked: 0, converted: 0, resources: 0 };
const withoutMap = new Map<string, number>();
const parkedBy = new Map<string, number>();
for (const { message } of messagesOf(folder, () => (counts.unreadable += 1))) {
  counts.messages += 1;
  const authority = `corpus-${counts.messages}`;
  const { drafts: made, rung, problems, spec } = loaded.value.convert(message, { timezone: 'UTC', authority });
  const linked = withDirectory(made, authority, message);
  const drafts = [...linked.drafts, ...linked.directory];
  if (spec === '') {
    counts.withoutMap += 1;
    withoutMap.set(`${message.type}^${message.event}`, (withoutMap.get(`${message.type}^${message.event}`) ?? 0) + 1);
  } else if (rung === 'park-message') {
    counts.parked += 1;
    for (const code of new Set(problems.filter((each) => !harmless([each])).map((each) => each.code)))
      parkedBy.set(code, (parkedBy.get(code) ?? 0) + 1);
  } else counts.converted += 1;
  counts.resources += drafts.length;
  if (rung === 'park-message' || drafts.length === 0) continue;
  const entry = drafts.map(({ resource }) => ({ fullUrl: `http://localhost/${resource.resourceType}/${resource.id}`, resource }));
  writeFileSync(
    join(values.to, `${String(counts.messages).padStart(5, '0')}.json`),
    JSON.stringify({ resourceType: 'Bundle', type: 'collection', entry }),
  );
}
console.log(
  JSON.stringify({
    ...counts,
    parkedBy: Object.fromEntries(parkedBy),
    withoutMap: Object.fromEntries([...withoutMap].sort((a, b) => b[1] - a[1])),
  }),
);
