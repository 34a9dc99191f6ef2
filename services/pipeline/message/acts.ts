/** What an operator does with messages: put back, leave for good, send again changed. Each act has a reason and an entry in the audit log. */
import { type AuditEntry, audit } from '../../database/audit.ts';
import type { Queryable } from '../../database/connect.ts';
import { messageById, requeue } from '../../database/journal/take.ts';
import { type JournalFilter, lockParked, notifyJournal, parkedIds, refuseParked } from '../../database/journal/view.ts';
import { problem, Refusal } from '../../errors.ts';
import { encode } from '../../hl7v2/charset.ts';
import { shallowKeys } from '../../hl7v2/keys.ts';
import { type Parts, parsedBy, rulesFor } from '../parts.ts';

/** Either some messages by number, or all parked ones that a filter finds. */
export type Meant = { readonly ids: readonly number[] } | { readonly filter: Omit<JournalFilter, 'status'> };

export interface Act {
  readonly actor: string;
  readonly reason: string;
}

/** What the audit log says of which messages were meant: never a patient. */
const targetOf = (meant: Meant): string =>
  'ids' in meant
    ? meant.ids
        .slice(0, 50)
        .map((id) => `message/${id}`)
        .join(' ')
    : `parked/${meant.filter.code ?? 'any cause'}`;

const MOST_RANGES = 10_000;

/** Numbers in ascending order, all of them: '3-7 9'; `isCut` when there are too many pieces to be written down. */
function named(ids: readonly number[]): { readonly ids: string; readonly isCut?: true } {
  const ranges: [first: number, last: number][] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === id - 1) last[1] = id;
    else ranges.push([id, id]);
  }
  const written = ranges.slice(0, MOST_RANGES).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return { ids: written.join(' '), ...(ranges.length > MOST_RANGES ? { isCut: true } : {}) };
}

async function lockedParked(tx: Queryable, meant: Meant): Promise<readonly number[]> {
  if (!('ids' in meant)) return lockParked(tx, await parkedIds(tx, meant.filter));
  const parked = await lockParked(tx, meant.ids);
  const others = meant.ids.filter((id) => !parked.includes(id));
  if (others.length > 0) throw new Refusal(others.slice(0, 20).map((id) => problem('journal-not-parked', { id })));
  return parked;
}

/** Puts parked messages back in their old places, all or none; returns how many. Throws Refusal(journal-not-parked). */
export const retryMessages = (parts: Parts, meant: Meant, { actor, reason }: Act): Promise<number> =>
  parts.database.transaction(async (tx) => {
    const ids = await lockedParked(tx, meant);
    const moved = await requeue(tx, ids);
    await notifyJournal(tx);
    await audit(tx, { actor, action: 'message.retry', target: targetOf(meant), reason, detail: { count: moved, ...named(ids) } });
    return moved;
  });

/** Refuses parked messages for good, with the reason kept in each; returns how many. Throws Refusal(journal-not-parked). */
export const skipMessages = (parts: Parts, meant: Meant, { actor, reason }: Act): Promise<number> =>
  parts.database.transaction(async (tx) => {
    const ids = await lockedParked(tx, meant);
    for (const id of ids) await refuseParked(tx, id, problem('journal-skipped', { reason }));
    await audit(tx, { actor, action: 'message.skip', target: targetOf(meant), reason, detail: { count: ids.length, ...named(ids) } });
    return ids.length;
  });

/**
 * Stores a changed copy of a message as a new journal entry of the same source; the first one stays as it is. Returns the new message's id.
 * Throws Refusal: what cannot be read as HL7v2 is not stored.
 */
export async function resendEdited(parts: Parts, id: number, text: string, { actor, reason }: Act): Promise<number> {
  const first = await messageById(parts.database, id);
  if (first === undefined) throw new Refusal([problem('journal-no-message', { id })]);
  const rules = rulesFor(parts, first.source);
  const before = parsedBy(rules, first.content);
  const lines = text.replace(/\r\n|\n/g, '\r');
  // In the character set of the first one, which MSH-18 of the copy still names; what it cannot hold is no copy of that.
  const content = (before.ok ? encode(lines, before.value.charset) : undefined) ?? Buffer.from(lines, 'utf8');
  const parsed = parsedBy(rules, content);
  if (!parsed.ok) throw new Refusal(parsed.problems);
  const own = shallowKeys(parsed.value);
  const patientKeys = [...own.patientKeys, ...first.patientKeys.filter((each) => each.startsWith('order:'))];
  // Without control id, as `journal resend` does: with it, it would be taken for what it repeats.
  const receipt = await parts.journal.append({
    source: first.source,
    channel: 'import',
    content,
    controlId: undefined,
    messageType: own.messageType,
    patientKeys,
  });
  const entry: AuditEntry = { actor, action: 'message.resend', target: `message/${id}`, reason, detail: { as: receipt.id } };
  await parts.database.transaction((tx) => audit(tx, entry));
  return receipt.id;
}

/** Records that somebody looks at a message unmasked. Call it before anything is shown. */
export const recordReveal = (parts: Parts, id: number, { actor, reason }: Act): Promise<void> =>
  parts.database.transaction((tx) => audit(tx, { actor, action: 'message.reveal', target: `message/${id}`, reason }));
