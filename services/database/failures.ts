/** What a failed statement means to a caller. No text of PostgreSQL that can hold data (details, values) leaves this file. */
import { type Problem, problem, Refusal } from '../errors.ts';

const UNREACHABLE_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
// Class 08 connection, 57P01..03 shutting down or starting, class 53 no disk, memory or connection left, 58030 and its class the disk
// itself, 28xxx credentials, 3D000 no such database: a message must wait for all of them, none of them is its fault.
const UNREACHABLE_STATE = /^(08...|57P0[1-5]|53...|58...|XX00[12]|28...|3D000)$/;
// Serialization failure, deadlock, a unique key that another transaction took first, a key that another one erased.
const COLLISION = new Set(['40001', '40P01', '23505', '23503']);

const field = (error: unknown, name: string): string | undefined => {
  if (typeof error !== 'object' || error === null) return undefined;
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : undefined;
};

/** Returns the SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) of an error of pg, else undefined. */
export const sqlState = (error: unknown): string | undefined => {
  const code = field(error, 'code');
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && field(error, 'severity') !== undefined ? code : undefined;
};

/** Thrown in a transaction that found what it read changed by another: the transaction is run again. */
export class Collision extends Error {
  constructor() {
    super('another transaction came first');
    this.name = 'Collision';
  }
}

/** True when the same transaction may succeed if it is run again. */
export const isCollision = (error: unknown): boolean => error instanceof Collision || COLLISION.has(sqlState(error) ?? '');

/** True when a statement ran longer than statement_timeout allows. */
export const isTimeout = (error: unknown): boolean => sqlState(error) === '57014';

/** True when nobody answered, or the one who answers is going away. */
export function isUnreachable(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return UNREACHABLE_STATE.test(state);
  if (UNREACHABLE_SYSTEM.has(field(error, 'code') ?? '')) return true;
  const nested: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  if (nested !== undefined) return isUnreachable(nested);
  return /Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Client was closed/.test(
    field(error, 'message') ?? '',
  );
}

/** Returns the problem to report for an error of pg; undefined when it is none of pg's. */
export function databaseProblem(error: unknown): Problem | undefined {
  if (isUnreachable(error)) return problem('database-unreachable');
  const state = sqlState(error);
  if (state === undefined) return undefined;
  // Class 42 speaks of our own statement and its identifiers only; every other class may quote a value.
  const about = state.startsWith('42') ? `: ${field(error, 'message') ?? ''}` : '';
  const where = ['schema', 'table', 'column', 'constraint'].map((name) => field(error, name)).filter((name) => name !== undefined);
  return problem('database-failed', { reason: `${state}${about}${where.length > 0 ? ` (${where.join('.')})` : ''}` });
}

/** Returns `error` as something safe to throw on: a Refusal for what pg threw, itself otherwise. */
export function safe(error: unknown): unknown {
  if (error instanceof Refusal) return error;
  const found = databaseProblem(error);
  return found === undefined ? error : new Refusal([found]);
}
