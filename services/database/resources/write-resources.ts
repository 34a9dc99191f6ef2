/** Writing resources: the resource, its history, its index, its CDM rows and its findings in one transaction, set by set. */
import { type Problem, problem, Refusal } from '../../errors.ts';
import { withMeta } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { IndexRows } from '../../fhir/search/query.ts';
import { NO_ROWS, type ResourceRows } from '../../omop/row.ts';
import { type AppliedRows, applyRows } from '../cdm/cdm.ts';
import { type RowsOf, rederive } from '../cdm/dependants.ts';
import type { Prepared, Transaction } from '../connect.ts';
import { Collision } from '../failures.ts';
import { tellSubscribers, type WrittenResource } from '../outgoing/outgoing.ts';
import { replaceIndex } from '../search/index-rows.ts';
import { parametersWritten } from '../search/parameters.ts';
import { textArray } from '../wire.ts';
import { bigints, booleans, byteas, ints, smallints, texts } from '../wire-binary.ts';
import { replaceFindings } from './findings.ts';
import type { HeldLocks } from './reference-locks.ts';
import { type CurrentResource, resourceRef, typeNumber } from './resources.ts';
import type { Moment, Way } from './statements.ts';
import { announceTerminology, isTerminology } from './terminology.ts';

export interface ResourceWrite {
  readonly resource: Resource & { readonly id: string };
  /** `contentText` of the resource. */
  readonly text: string;
  /** `textHash` of the text; the current version's where the content is the same, which means that nothing is written. */
  readonly hash: Uint8Array;
  /** From `lockCurrent` in this transaction; undefined: the resource was not there. */
  readonly current: CurrentResource | undefined;
  readonly index: IndexRows;
  /** Index rows of the current version's body; needed when `current` is there and not deleted. */
  readonly oldIndex: IndexRows | undefined;
  readonly rows: ResourceRows;
  /** Undefined leaves the recorded ones. */
  readonly problems: readonly Problem[] | undefined;
  readonly messageId: number | undefined;
  /** id@version#digest of the map that made the resource, '' when it came as FHIR. */
  readonly spec: string;
  /** If-Match (http://hl7.org/fhir/R4/http.html#concurrency). */
  readonly expectVersion?: number | undefined;
  /** The resource becomes a deleted version without content, index or rows. */
  readonly delete?: boolean;
  /** UUID (`kinId`); undefined leaves the recorded one. */
  readonly kin?: string | undefined;
  /** From when on what was said before is over; undefined leaves the recorded moment. */
  readonly over?: Moment | undefined;
  /** The moment that has the last word about it afterwards, and how it speaks; unknown when undefined. */
  readonly event?: { readonly at: string; readonly messageId: number; readonly way: Way } | undefined;
}

export interface WriteOutcome {
  readonly type: string;
  readonly id: string;
  /** conflict: `expectVersion` is not the current version; nothing was written for it. */
  readonly status: 'created' | 'updated' | 'deleted' | 'unchanged' | 'conflict';
  readonly resourceKey: number | undefined;
  /** The version after the write; 0 when there is none. */
  readonly version: number;
  readonly updated: string | undefined;
  /** JSON text as stored, '' when deleted or in conflict. */
  readonly body: string;
}

interface Planned {
  readonly write: ResourceWrite;
  readonly reference: string;
  readonly resourceKey: number;
  readonly rid: number;
  readonly version: number;
  readonly updated: string;
  readonly body: string;
  readonly spec: string;
}

/**
 * Writes resources that `lockCurrent` locked (or found absent) in this transaction; returns one outcome each, in order. Sets
 * meta.versionId and meta.lastUpdated. A resource that another transaction created meanwhile makes this one run again. Resources
 * that wait for one of these, or refer to one that goes, get their rows made again by `rowsOf`. No resource may come twice.
 */
export async function writeResources(tx: Transaction, writes: readonly ResourceWrite[], rowsOf: RowsOf): Promise<readonly WriteOutcome[]> {
  if (new Set(writes.map(({ resource }) => resourceRef(resource.resourceType, resource.id))).size !== writes.length) {
    throw new Refusal([problem('internal', { reason: 'one resource is written twice in one call' })]);
  }
  const early = writes.map(withoutWrite);
  const planned = await plan(
    tx,
    writes.filter((_, i) => early[i] === undefined),
  );
  if (planned.length > 0) await store(tx, planned, rowsOf);
  if (planned.some(({ write }) => isTerminology(write.resource.resourceType))) await announceTerminology(tx);
  if (planned.length > 0) await tellSubscribers(tx, planned.map(written));
  let next = 0;
  return early.map((outcome) => outcome ?? outcomeOf(planned[next++]));
}

function written({ write, version }: Planned): WrittenResource {
  const { resource, current, messageId } = write;
  const change = write.delete ? 'delete' : current === undefined || current.deleted ? 'create' : 'update';
  // Written again without anything being said (a merge of patients): the message is not its cause.
  return { resource, version, change, before: current?.body, messageId: current?.messageId === messageId ? undefined : messageId };
}

function outcomeOf(each: Planned | undefined): WriteOutcome {
  if (each === undefined) throw new Refusal([problem('internal', { reason: 'a write without outcome' })]);
  const { write, resourceKey, version, updated, body } = each;
  const status = write.delete ? 'deleted' : write.current === undefined || write.current.deleted ? 'created' : 'updated';
  return { type: write.resource.resourceType, id: write.resource.id, status, resourceKey, version, updated, body };
}

/** Returns the outcome of a write that changes nothing; undefined for one that does. */
function withoutWrite(write: ResourceWrite): WriteOutcome | undefined {
  const { current, resource } = write;
  const base = { type: resource.resourceType, id: resource.id, resourceKey: current?.resourceKey, version: current?.version ?? 0 };
  if (write.expectVersion !== undefined && write.expectVersion !== (current?.deleted ? 0 : base.version)) {
    return { ...base, status: 'conflict', updated: current?.updated, body: '' };
  }
  const nothing = write.delete
    ? current === undefined || current.deleted
    : current !== undefined && !current.deleted && Buffer.compare(current.hash, write.hash) === 0;
  return nothing ? { ...base, status: 'unchanged', updated: current?.updated, body: current?.body ?? '' } : undefined;
}

const ALLOCATE: Prepared = {
  name: 'resource_allocate',
  text: `SELECT nextval('fhir.rid') AS rid, CASE WHEN n <= $2 THEN nextval('fhir.resource_key') END AS resource_key,
         date_trunc('milliseconds', clock_timestamp()) AS updated FROM generate_series(1, $1::int) AS n`,
};

async function plan(tx: Transaction, writes: readonly ResourceWrite[]): Promise<readonly Planned[]> {
  if (writes.length === 0) return [];
  const created = writes.filter((write) => write.current === undefined).length;
  const numbers = await tx.query<{ rid: number; resource_key: number | null; updated: string }>(ALLOCATE, [writes.length, created]);
  const keys = numbers.flatMap((row) => row.resource_key ?? []);
  const updated = numbers[0]?.updated ?? '';
  return writes.map((write, i) => {
    const resourceKey = write.current?.resourceKey ?? keys.shift() ?? 0;
    const version = (write.current?.version ?? 0) + 1;
    const body = write.delete ? '' : withMeta(write.text, version, updated);
    const reference = resourceRef(write.resource.resourceType, write.resource.id);
    return { write, reference, resourceKey, rid: numbers[i]?.rid ?? 0, version, updated, body, spec: write.spec };
  });
}

async function store(tx: Transaction, planned: readonly Planned[], rowsOf: RowsOf): Promise<void> {
  const rowsFor = (each: Planned): ResourceRows => (each.write.delete ? NO_ROWS : each.write.rows);
  const held: HeldLocks = new Set();
  const applied = await applyRows(
    tx,
    planned.map((each) => ({
      resourceKey: each.resourceKey,
      reference: each.reference,
      oldMask: each.write.current?.cdmMask ?? 0,
      rows: rowsFor(each).rows,
      uses: rowsFor(each).uses,
      standIn: rowsFor(each).standIn,
    })),
    held,
  );
  await storeBodies(tx, planned, applied);
  await replaceIndex(
    tx,
    planned.map(({ write, rid }) => {
      const live = write.current !== undefined && !write.current.deleted ? write.current : undefined;
      if (live !== undefined && write.oldIndex === undefined)
        throw new Refusal([problem('internal', { reason: 'a write without oldIndex' })]);
      return { newRid: write.delete ? undefined : rid, newRows: write.index, oldRid: live?.rid, oldRows: write.oldIndex };
    }),
  );
  const parameters = planned.filter(({ write }) => write.resource.resourceType === 'SearchParameter');
  if (parameters.length > 0)
    await parametersWritten(
      tx,
      parameters.flatMap(({ write }) => (write.delete ? [] : [write.resource])),
    );
  await replaceFindings(
    tx,
    planned.flatMap((each, i) => {
      const entry = applied.entries[i];
      return entry === undefined
        ? []
        : {
            resourceKey: each.resourceKey,
            existed: each.write.current !== undefined,
            messageId: each.write.messageId,
            problems: each.write.problems,
            rows: rowsFor(each),
            applied: entry,
          };
    }),
  );
  await rederive(tx, applied, new Set(planned.map((each) => each.resourceKey)), rowsOf, held);
}

const INPUT = `unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[], $5::int[], $6::timestamptz[], $7::boolean[], $8::bytea[], $9::text[],
  $10::bigint[], $11::text[], $12::text[], $13::int[], $14::timestamptz[], $15::bigint[], $16::text[], $17::uuid[], $18::timestamptz[],
  $19::bigint[]`;
const NAMES =
  'rid, resource_key, type, id, version, updated, deleted, hash, body, message_id, spec, row_spec, cdm_mask, event_at, event_message, event_way, kin, over_at, over_message';
const CREATE: Prepared = { name: 'resource_create', text: `INSERT INTO fhir.resource (${NAMES}) SELECT * FROM ${INPUT})` };
const KEEP: Prepared = {
  name: 'resource_keep',
  text: `INSERT INTO fhir.history (resource_key, version, type, id, rid, updated, deleted, hash, body, message_id, spec)
         SELECT resource_key, version, type, id, rid, updated, deleted, hash, body, message_id, spec FROM fhir.resource WHERE rid = ANY ($1::bigint[])`,
};
const UPDATE: Prepared = {
  name: 'resource_update',
  text: `UPDATE fhir.resource r SET rid = n.rid, version = n.version, updated = n.updated, deleted = n.deleted, hash = n.hash, body = n.body,
           message_id = n.message_id, spec = n.spec, row_spec = n.row_spec, cdm_mask = n.cdm_mask, event_at = n.event_at, event_message = n.event_message,
           event_way = n.event_way, kin = coalesce(n.kin, r.kin), over_at = coalesce(n.over_at, r.over_at), over_message = coalesce(n.over_message, r.over_message)
         FROM ${INPUT}, $20::bigint[]) AS n(${NAMES}, old_rid) WHERE r.rid = n.old_rid AND r.resource_key = n.resource_key`,
};

async function storeBodies(tx: Transaction, planned: readonly Planned[], applied: AppliedRows): Promise<void> {
  const all = planned.map((each, i) => ({ ...each, mask: applied.entries[i]?.mask ?? 0 }));
  const created = all.filter(({ write }) => write.current === undefined);
  if (created.length > 0) await tx.run(CREATE, columns(created));
  const changed = all.filter(({ write }) => write.current !== undefined);
  if (changed.length === 0) return;
  const oldRids = bigints(changed.map(({ write }) => write.current?.rid));
  await tx.run(KEEP, [oldRids]);
  const updated = await tx.run(UPDATE, [...columns(changed), oldRids]);
  // Whoever did not lock what it read must not overwrite what came in between.
  if (updated !== changed.length) throw new Collision();
}

const columns = (all: readonly (Planned & { readonly mask: number })[]): readonly (string | Buffer)[] => [
  bigints(all.map((each) => each.rid)),
  bigints(all.map((each) => each.resourceKey)),
  smallints(all.map(({ write }) => typeNumber(write.resource.resourceType))),
  texts(all.map(({ write }) => write.resource.id)),
  ints(all.map((each) => each.version)),
  textArray(all.map((each) => each.updated)),
  booleans(all.map(({ write }) => write.delete ?? false)),
  byteas(all.map(({ write }) => write.hash)),
  texts(all.map((each) => each.body)),
  bigints(all.map(({ write }) => write.messageId)),
  texts(all.map((each) => each.spec)),
  texts(all.map(({ write }) => (write.delete ? '' : write.rows.spec))),
  ints(all.map((each) => each.mask)),
  textArray(all.map(({ write }) => write.event?.at)),
  bigints(all.map(({ write }) => write.event?.messageId)),
  texts(all.map(({ write }) => write.event?.way)),
  textArray(all.map(({ write }) => write.kin)),
  textArray(all.map(({ write }) => write.over?.at)),
  bigints(all.map(({ write }) => write.over?.messageId)),
];
