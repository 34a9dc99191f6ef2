/** Rows that wait for `rebuild --apply` since the store came from an earlier version: told at each start, and by doctor. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Database } from '../database/connect.ts';
import type { Check } from '../database/embedded/checks.ts';
import type { Log } from '../database/embedded/embedded.ts';
import { rowsDue, rowsMadeAgain } from '../database/rows-due.ts';

const CURE = 'npx polyseme rebuild --apply   # makes all rows again';
/** So that doctor can tell it while no database runs. */
const noteOf = (dataDir: string): string => join(dataDir, 'rows-due.json');

/** Tells the log why rows must be made again, and keeps it for doctor. */
export async function tellRowsDue({ dataDir }: Config, database: Database, log: Pick<Log, 'warn'>): Promise<void> {
  const reasons = await rowsDue(database);
  for (const reason of reasons) log.warn({ reason }, `rows must be made again: ${CURE}`);
  if (reasons.length === 0) rmSync(noteOf(dataDir), { force: true });
  else {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(noteOf(dataDir), `${JSON.stringify(reasons)}\n`);
  }
}

/** Notes that all rows have been made again. */
export async function endRowsDue({ dataDir }: Config, database: Database): Promise<void> {
  await rowsMadeAgain(database);
  rmSync(noteOf(dataDir), { force: true });
}

/** Returns what doctor says of rows that must be made again; nothing where none must. */
export function rowsDueCheck({ dataDir }: Config): readonly Check[] {
  if (!existsSync(noteOf(dataDir))) return [];
  const reasons = z.array(z.string()).parse(JSON.parse(readFileSync(noteOf(dataDir), 'utf8')));
  return [{ name: 'OMOP rows', ok: false, detail: `from an earlier version: ${reasons.join('; ')}`, cure: CURE }];
}
