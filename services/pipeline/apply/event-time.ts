/** When what a message says happened: what decides between messages that arrive in another order than they were sent. */
import { IANAZone } from 'luxon';
import { type Problem, problem } from '../../errors.ts';
import type { Message } from '../../hl7v2/message.ts';

export interface EventTime {
  /** ISO 8601 in UTC with milliseconds: texts order as the instants do. */
  readonly at: string;
  readonly problems: readonly Problem[];
}

const DTM = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(?:(\d{2})(?:\.(\d{1,9}))?)?([+-]\d{4})?$/;
const TRUSTED_AHEAD_MS = 24 * 3_600_000;

/**
 * Returns the time that a message speaks of: EVN-2 (recorded), else MSH-7 (sent); local times in `timezone` (IANA) unless they or
 * MSH-7 carry an offset. A time without hours and minutes orders nothing: the receipt counts then, as it does (reported) for one
 * that lies more than a day after the receipt, since such a message would silence all that follow.
 */
export function eventTimeOf(message: Message, timezone: string, receivedAt: string): EventTime {
  const msh = message.segments[0];
  const sent = msh?.value(7)?.trim();
  const recorded = message.segments
    .find(({ name }) => name === 'EVN')
    ?.value(2)
    ?.trim();
  const offset = DTM.exec(sent ?? '')?.[8];
  const milliseconds = instantOf(recorded, timezone, offset) ?? instantOf(sent, timezone, offset);
  if (milliseconds === undefined) return { at: receivedAt, problems: [] };
  if (milliseconds > Date.parse(receivedAt) + TRUSTED_AHEAD_MS)
    return { at: receivedAt, problems: [problem('event-time-ahead', {}, 'MSH-7')] };
  return { at: new Date(milliseconds).toISOString(), problems: [] };
}

/** Returns the milliseconds since 1970 of a DTM with at least hours and minutes; undefined for anything else. */
function instantOf(value: string | undefined, timezone: string, messageOffset: string | undefined): number | undefined {
  const parts = DTM.exec(value ?? '');
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second = '00', fraction = '0', own] = parts;
  const wall = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}Z`);
  if (Number.isNaN(wall)) return undefined;
  const offset = own ?? messageOffset;
  return wall - (offset === undefined ? zoneMinutes(wall, timezone) : offsetMinutes(offset)) * 60_000;
}

const offsetMinutes = (offset: string): number =>
  (offset.startsWith('-') ? -1 : 1) * (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3)));

/** Returns the zone's offset at a wall time, the first of two where clocks were put back. */
function zoneMinutes(wall: number, timezone: string): number {
  const zone = IANAZone.create(timezone);
  if (!zone.isValid) return 0;
  const before = zone.offset(wall - TRUSTED_AHEAD_MS);
  const after = zone.offset(wall + TRUSTED_AHEAD_MS);
  return before === after || zone.offset(wall - before * 60_000) === before ? before : after;
}
