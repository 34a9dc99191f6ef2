/** Which messages of the journal a command means: ids or filters, as its options say. */
import { type Command, InvalidArgumentError } from 'commander';
import { type JournalFilter, type JournalStatus, STATUSES } from '../../database/journal/view.ts';
import { problem, Refusal } from '../../errors.ts';

export interface FilterOptions {
  readonly source?: string;
  readonly patient?: string;
  readonly type?: string;
  readonly controlId?: string;
  readonly code?: string;
  readonly since?: string;
  readonly until?: string;
}

/** The filters that all of them share; times are kept as ISO instants. */
export const filtered = (command: Command): Command =>
  command
    .option('--source <name>', 'sender: FACILITY/APPLICATION (MSH-4/MSH-3)')
    .option('--patient <key>', 'about this patient: ID^AUTHORITY (PID-3.1^PID-3.4); patient data')
    .option('--type <type>', 'message type: ADT or ADT^A01')
    .option('--control-id <id>', 'MSH-10')
    .option('--code <code>', 'problem code: the cause of a parked or refused message')
    .option('--since <time>', 'received since: 2026-03-01, 2026-03-01T12:00:00Z, 30m, 2h, 7d', instant)
    .option('--until <time>', 'received before', instant);

export const filterOf = ({ source, patient, type, controlId, code, since, until }: FilterOptions): JournalFilter => ({
  source,
  patient,
  type,
  controlId,
  code,
  since,
  until,
});

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns the instant in ISO 8601; a date alone begins at midnight UTC, 2h is two hours ago. */
function instant(value: string): string {
  const ago = /^(\d{1,6})([mhd])$/.exec(value);
  if (ago) return new Date(Date.now() - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0)).toISOString();
  const read = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(read)) throw new InvalidArgumentError('Write 2026-03-01, 2026-03-01T12:00:00Z (with its zone), or 30m, 2h, 7d for ago.');
  return new Date(read).toISOString();
}

export function status(value: string): JournalStatus {
  const known = STATUSES.find((each) => each === value);
  if (known === undefined) throw new InvalidArgumentError(`Write one of ${STATUSES.join(', ')}.`);
  return known;
}

/** Returns true when at least one filter is given. */
export const isFiltered = (filter: JournalFilter): boolean => Object.values(filter).some((each) => each !== undefined);

/** Returns the id as a number; what is none finds no message. */
export function idOf(id: string): number {
  if (!/^\d{1,15}$/.test(id)) throw new Refusal([problem('journal-no-message', { id })]);
  return Number(id);
}
