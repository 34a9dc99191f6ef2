/** Replays: what was recorded goes through the specs that are active now, as far as they make something else of it. */
import type { Queryable, Transaction } from '../connect.ts';

export type ReplayPhase = 'scan' | 'shared' | 'patients' | 'rows' | 'done';

export interface ReplayProgress {
  /** Messages there are to look at, looked at, and of which the new specs make something else. */
  readonly messages: number;
  readonly scanned: number;
  readonly touched: number;
  /** Parts (patients with all that is said of them) to be done, and done. */
  readonly parts: number;
  readonly partsDone: number;
  /** Resources written, deleted; resources whose rows were made again; messages that are parked now, or wait to be applied. */
  readonly written: number;
  readonly deleted: number;
  readonly remade: number;
  readonly parked: number;
  readonly requeued: number;
  /** Parts that cannot be made and are left as they are; their messages say why. */
  readonly kept: number;
}

export const NO_PROGRESS: ReplayProgress = {
  messages: 0,
  scanned: 0,
  touched: 0,
  parts: 0,
  partsDone: 0,
  written: 0,
  deleted: 0,
  remade: 0,
  parked: 0,
  requeued: 0,
  kept: 0,
};

export interface SpecReplay {
  readonly id: number;
  readonly fromRelease: number | undefined;
  readonly toRelease: number;
  readonly why: string;
  readonly actor: string;
  /** overtaken: another release became active before it was done; the replay of that one does the rest. */
  readonly state: 'running' | 'done' | 'overtaken';
  readonly phase: ReplayPhase;
  readonly startedAt: string;
  readonly endedAt: string | undefined;
  readonly lastMessage: number;
  readonly doneMessage: number;
  readonly doneGroup: string;
  readonly doneKey: number;
  readonly progress: ReplayProgress;
}

interface ReplayRow {
  readonly id: number;
  readonly from_release: number | null;
  readonly to_release: number;
  readonly why: string;
  readonly actor: string;
  readonly state: SpecReplay['state'];
  readonly phase: ReplayPhase;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly last_message: number;
  readonly done_message: number;
  readonly done_group: string;
  readonly done_key: number;
  readonly progress: Partial<ReplayProgress>;
}

const REPLAY = `SELECT id, from_release, to_release, why, actor, state, phase, started_at, ended_at, last_message, done_message, done_group, done_key, progress
  FROM ops.spec_replay`;

const replayOf = (row: ReplayRow): SpecReplay => ({
  id: row.id,
  fromRelease: row.from_release ?? undefined,
  toRelease: row.to_release,
  why: row.why,
  actor: row.actor,
  state: row.state,
  phase: row.phase,
  startedAt: row.started_at,
  endedAt: row.ended_at ?? undefined,
  lastMessage: row.last_message,
  doneMessage: row.done_message,
  doneGroup: row.done_group,
  doneKey: row.done_key,
  progress: { ...NO_PROGRESS, ...row.progress },
});

/** Notes that everything recorded until now is to be replayed; what was not finished before is overtaken. Returns its number. */
export async function createReplay(
  tx: Transaction,
  replay: { readonly from: number | undefined; readonly to: number; readonly why: string; readonly actor: string },
): Promise<number> {
  await tx.run(`UPDATE ops.spec_replay SET state = 'overtaken', ended_at = now() WHERE state = 'running'`);
  await tx.run(`DELETE FROM ops.spec_replay_message`);
  await tx.run(`DELETE FROM ops.spec_replay_resource`);
  await tx.run(`DELETE FROM ops.spec_replay_said`);
  const [row] = await tx.query<{ id: number }>(
    `INSERT INTO ops.spec_replay (from_release, to_release, why, actor, last_message)
     SELECT $1, $2, $3, $4, coalesce(max(id), 0) FROM journal.message RETURNING id`,
    [replay.from ?? null, replay.to, replay.why, replay.actor],
  );
  if (row === undefined) throw new TypeError('a replay without number');
  return row.id;
}

/** Returns replays, newest first. */
export async function replays(queryable: Queryable, limit: number): Promise<readonly SpecReplay[]> {
  return (await queryable.query<ReplayRow>(`${REPLAY} ORDER BY id DESC LIMIT $1`, [limit])).map(replayOf);
}

/** Returns one replay; undefined when there is none of this number. */
export async function replayById(queryable: Queryable, id: number): Promise<SpecReplay | undefined> {
  const [row] = await queryable.query<ReplayRow>(`${REPLAY} WHERE id = $1`, [id]);
  return row && replayOf(row);
}

/** Returns the replay that is not finished and locks it; undefined when none is, or another process is at it. */
export async function takeReplay(tx: Transaction): Promise<SpecReplay | undefined> {
  const [row] = await tx.query<ReplayRow>(`${REPLAY} WHERE state = 'running' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`);
  return row && replayOf(row);
}

/** Records how far a replay is. */
export async function recordReplay(tx: Transaction, replay: SpecReplay): Promise<void> {
  await tx.run(
    `UPDATE ops.spec_replay SET phase = $2, state = $3, done_message = $4, done_group = $5, done_key = $6, progress = $7, beat_at = now(),
       ended_at = CASE WHEN $3 = 'running' THEN NULL ELSE now() END WHERE id = $1`,
    [replay.id, replay.phase, replay.state, replay.doneMessage, replay.doneGroup, replay.doneKey, JSON.stringify(replay.progress)],
  );
  if (replay.state === 'running') return;
  await tx.run('DELETE FROM ops.spec_replay_message WHERE replay_id = $1', [replay.id]);
  await tx.run('DELETE FROM ops.spec_replay_resource WHERE replay_id = $1', [replay.id]);
  await tx.run('DELETE FROM ops.spec_replay_said WHERE replay_id = $1', [replay.id]);
}
