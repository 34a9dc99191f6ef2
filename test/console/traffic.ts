/** A few messages of each kind of end, for pages to show. */
import { readdirSync, readFileSync } from 'node:fs';
import { receive } from '../../services/pipeline.ts';
import type { TestHouse } from '../parts.ts';
import { fixture } from '../parts.ts';

/** Sends single messages of the fixtures, one of them twice, and one that no map takes; returns the id of each by its file's name. */
export async function sendTraffic({ parts, database, drain }: TestHouse): Promise<ReadonlyMap<string, number>> {
  const files = readdirSync(fixture('hl7v2')).filter((name) => name.endsWith('.hl7') && !name.startsWith('batch'));
  const ids = new Map<string, number>();
  for (const name of files.toSorted()) {
    await receive(parts, readFileSync(fixture('hl7v2', name)), 'mllp');
    ids.set(name, await latestId(database));
  }
  const [first = ''] = files;
  await receive(parts, readFileSync(fixture('hl7v2', first)), 'mllp');
  await drain();
  return ids;
}

/** Returns the id of the newest message. */
export async function latestId(database: TestHouse['database']): Promise<number> {
  const [row] = await database.query<{ readonly id: number | null }>('SELECT max(id) AS id FROM journal.message');
  return row?.id ?? 0;
}
