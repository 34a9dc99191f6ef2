/** A house of the benchmark's own: embedded PostgreSQL in a folder that is removed afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type House, openHouse } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { Refusal } from '../../services/errors.ts';

export const SILENT = { info: () => {}, warn: () => {} };

/** A data folder that stays. */
export interface Kept {
  readonly dataDir: string;
}

/** Opens everything behind the doors on an empty database, or on that of a folder that is kept; `use` gets it. */
export async function withHouse<T>(use: (house: House) => Promise<T>, kept?: Kept): Promise<T> {
  const dataDir = kept?.dataDir ?? mkdtempSync(join(tmpdir(), 'polyseme-bench-'));
  const config = readConfig({ POLYSEME_DATA_DIR: dataDir });
  if (!config.ok) throw new Refusal(config.problems);
  try {
    await using house = await openHouse(config.value);
    return await use(house);
  } finally {
    if (kept === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}
