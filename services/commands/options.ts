/** Readers of option values; a wrong one is a wrong call (exit code 2). */
import { InvalidArgumentError } from 'commander';

/** Returns a whole number of at least 1. */
export function count(value: string): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1) throw new InvalidArgumentError('Write a whole number, 1 or more.');
  return Number(value);
}

/** Returns a number above 0. */
export function positive(value: string): number {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(value) || Number(value) === 0) throw new InvalidArgumentError('Write a number above 0.');
  return Number(value);
}
