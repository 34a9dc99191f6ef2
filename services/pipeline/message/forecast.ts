/** What would become of parked messages if they were put back now, by the maps of today: looked at before somebody does it. Nothing is stored. */
import { setImmediate } from 'node:timers/promises';
import { messageById } from '../../database/journal/take.ts';
import { parkedIds } from '../../database/journal/view.ts';
import { harmless } from '../../errors.ts';
import { type Converted, converted } from '../../pipeline.ts';
import { dateOf } from '../apply/rows.ts';
import { type Parts, rulesFor } from '../parts.ts';
import type { Meant } from './acts.ts';

export interface Forecast {
  /** Messages that are meant. */
  readonly of: number;
  /** So many of them were looked at, spread over all. */
  readonly looked: number;
  readonly applied: number;
  /** Those that would stay, by what stops them, the most frequent first. */
  readonly stopped: readonly { readonly code: string; readonly status: string; readonly count: number }[];
  /** What those that were looked at say: resources by type, rows by table; what the store makes of it together with what it holds is not counted. */
  readonly resources: Readonly<Record<string, number>>;
  readonly rows: Readonly<Record<string, number>>;
}

const MOST_LOOKED = 200;

/** Returns what becomes of parked messages, looking for `budgetMs` at most; one is always looked at. */
export async function forecastRetry(parts: Parts, meant: Meant, budgetMs: number): Promise<Forecast> {
  const untilMs = performance.now() + budgetMs;
  const ids = 'ids' in meant ? meant.ids : await parkedIds(parts.database, meant.filter);
  const step = Math.max(1, Math.ceil(ids.length / MOST_LOOKED));
  const sample = ids.filter((_, n) => n % step === 0);
  const [stopped, resources, rows] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  let [looked, applied] = [0, 0];
  for (const id of sample) {
    if (looked > 0 && performance.now() > untilMs) break;
    const message = await messageById(parts.database, id);
    if (message === undefined || message.status !== 'parked') continue;
    looked += 1;
    const made = converted(parts, message, rulesFor(parts, message.source));
    const { status, problems } = made.outcome;
    if (status === 'applied') {
      applied += 1;
      for (const { resource } of made.changes) counted(resources, resource.resourceType);
      for (const table of tablesOf(parts, made)) counted(rows, table);
    } else counted(stopped, `${status} ${problems.find((each) => !harmless([each]))?.code ?? ''}`);
    // Others are served in between.
    await setImmediate();
  }
  return {
    of: ids.length,
    looked,
    applied,
    stopped: [...stopped]
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, count]) => ({ status: name.split(' ')[0] ?? '', code: name.split(' ')[1] ?? '', count })),
    resources: Object.fromEntries([...resources].toSorted()),
    rows: Object.fromEntries([...rows].toSorted()),
  };
}

const counted = (all: Map<string, number>, name: string): Map<string, number> => all.set(name, (all.get(name) ?? 0) + 1);

function tablesOf(parts: Parts, { changes }: Converted): readonly string[] {
  const named = new Map(changes.map(({ resource }) => [`${resource.resourceType}/${resource.id}`, resource]));
  const context = {
    vocabulary: parts.live?.current ?? parts.vocabulary,
    timezone: parts.cdmTimezone,
    asOf: dateOf(parts, parts.clock()),
    lookup: (reference: string) => named.get(reference),
  };
  return changes.flatMap(({ resource }) => parts.maps.rows(resource, context).rows.map(({ table }) => table));
}
