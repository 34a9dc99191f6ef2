/**
 * Kinds of maps that came with a later version than the release that runs: once maps are published the store runs those and no others, so what is new
 * in the folder (answers to queries, messages built of resources) does nothing until it is published. Told at each start, and by doctor.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Check } from '../database/embedded/checks.ts';
import type { Log } from '../database/embedded/embedded.ts';
import { specTexts } from '../mapping/files.ts';
import type { LiveSpecs } from '../pipeline/specs/live.ts';

/** So that doctor can tell it while no database runs. */
const noteOf = (dataDir: string): string => join(dataDir, 'maps-due.json');

const cureOf = (kinds: readonly string[]): string =>
  `npx polyseme map draft new "${kinds.join(', ')}" ${kinds.join(' ')}   # then plan and publish it`;

const kindsOf = (paths: Iterable<string>): ReadonlySet<string> =>
  new Set([...paths].flatMap((path) => (path.includes('/') ? [path.slice(0, path.indexOf('/'))] : [])));

/** Tells the log which kinds of maps the folder has and the release that runs has none of, and keeps it for doctor. Returns them. */
export function tellMapsDue({ dataDir }: Config, specs: LiveSpecs, log: Pick<Log, 'warn'>): readonly string[] {
  const published = specs.paths && kindsOf(specs.paths);
  const due = published === undefined ? [] : [...kindsOf(specTexts(specs.dir).texts.keys())].filter((kind) => !published.has(kind));
  if (due.length === 0) rmSync(noteOf(dataDir), { force: true });
  else {
    log.warn({ kinds: due }, `the maps that are published hold none of these kinds, so nothing of them works: ${cureOf(due)}`);
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(noteOf(dataDir), `${JSON.stringify(due)}\n`);
  }
  return due;
}

/** Returns what doctor says of kinds of maps that are not published; nothing where all are, or nothing is. */
export function mapsDueCheck({ dataDir }: Pick<Config, 'dataDir'>): readonly Check[] {
  if (!existsSync(noteOf(dataDir))) return [];
  const due = z.array(z.string()).parse(JSON.parse(readFileSync(noteOf(dataDir), 'utf8')));
  const detail = `the published maps hold none of ${due.join(', ')}: nothing of these works until they are published`;
  return [{ name: 'published maps', ok: false, detail, cure: cureOf(due) }];
}
