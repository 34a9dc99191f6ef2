/** A process that does a replay, piece by piece, and says each; killed by replay-kill.test.ts. Arguments: URL of the database, folder of maps. */
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { createJournal } from '../../services/database/journal/journal.ts';
import { loadMaps } from '../../services/mapping/maps.ts';
import { LiveSpecs } from '../../services/pipeline/specs/live.ts';
import { replayNext } from '../../services/pipeline/specs/replay.ts';
import type { Parts } from '../../services/pipeline.ts';
import { readRelease } from '../../terminology/load.ts';

const [url = '', dir = ''] = process.argv.slice(2);
const maps = loadMaps(dir);
if (!maps.ok) throw new Error(JSON.stringify(maps.problems));
const database = openDatabase(url);
const specs = new LiveSpecs(dir, maps.value);
await specs.catchUp(database);
const parts: Parts = {
  database,
  journal: createJournal(database),
  maps: specs,
  specs,
  vocabulary: await readRelease(STARTER_FOLDER),
  cdmTimezone: 'UTC',
  sourceTimezone: 'UTC',
  clock: () => new Date(),
};
console.log('ready');
while (await replayNext(parts)) console.log('piece');
console.log('end');
await parts.journal.close();
await database.close();
