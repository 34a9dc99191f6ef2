/**
 * What a message says without interpretation, read by cutting at its delimiters, and whether the resources made of it say the same: names,
 * birth dates, genders, identifiers, codes, values, units, dates, states. An element that we left out and reported counts as agreeing only
 * where the message's value cannot be kept as it is (a date that does not exist).
 */
import type { Message } from '../../services/hl7v2/message.ts';

export const FACTS = [
  'family name',
  'birth date',
  'gender',
  'identifier',
  'result code',
  'result value',
  'result unit',
  'result date',
  'result status',
] as const;
export type Fact = (typeof FACTS)[number];

export interface FactCheck {
  readonly fact: Fact;
  /** 'PID-5': positions only, no content. */
  readonly at: string;
  readonly agrees: boolean;
}

const GENDERS: Readonly<Record<string, string>> = { M: 'male', F: 'female', O: 'other', U: 'unknown', A: 'other', N: 'other' };
const STATES: Readonly<Record<string, string>> = {
  F: 'final',
  C: 'corrected',
  P: 'preliminary',
  D: 'entered-in-error',
  W: 'entered-in-error',
  X: 'cancelled',
};

/** Returns the checks of one message against the resources made of it, as JSON. */
export function disagreementsWith(message: Message, resources: readonly unknown[]): readonly FactCheck[] {
  const { field: f, component: c, repetition: r, subcomponent: s, escape: e } = message.delimiters;
  const text = new Map<string, string[]>();
  for (const each of resources) {
    const type: unknown = typeof each === 'object' && each !== null ? Reflect.get(each, 'resourceType') : undefined;
    if (typeof type === 'string') text.set(type, [...(text.get(type) ?? []), JSON.stringify(each)]);
  }
  const says = (type: string, what: string): boolean => (text.get(type) ?? []).some((each) => each.includes(what));
  const checks: FactCheck[] = [];
  const check = (fact: Fact, at: string, agrees: boolean): void => void checks.push({ fact, at, agrees });
  for (const segment of message.segments) {
    const fields = segment.text.split(f);
    const raw = (n: number): string => fields[n] ?? '';
    // A header may name no subcomponent: nothing is cut there.
    const whole = (part: string | undefined): string => (s === '' ? part : part?.split(s)[0])?.trim() ?? '';
    const first = (n: number, part = 0): string => whole(raw(n).split(r)[0]?.split(c)[part]);
    const plain = (value: string): boolean => value !== '' && value !== '""' && !value.includes(e) && !/["\\]/.test(value);
    if (segment.name === 'PID' && text.has('Patient')) {
      const family = first(5);
      if (plain(family)) check('family name', 'PID-5', says('Patient', `"family":${JSON.stringify(family)}`));
      if (/^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])/.test(first(7)))
        check(
          'birth date',
          'PID-7',
          says('Patient', `"birthDate":"${first(7).slice(0, 4)}-${first(7).slice(4, 6)}-${first(7).slice(6, 8)}"`),
        );
      const gender = GENDERS[first(8)];
      if (gender !== undefined) check('gender', 'PID-8', says('Patient', `"gender":"${gender}"`));
      for (const each of raw(3).split(r)) {
        const value = whole(each.split(c)[0]);
        if (plain(value)) check('identifier', 'PID-3', says('Patient', `"value":${JSON.stringify(value)}`));
      }
    }
    if (segment.name === 'OBX' && message.type === 'ORU' && text.has('Observation')) {
      const at = `OBX[${segment.occurrence}]`;
      const code = first(3);
      if (!plain(code)) continue;
      check('result code', at, says('Observation', `"code":${JSON.stringify(code)}`));
      const own = (text.get('Observation') ?? []).filter((each) => each.includes(`"code":${JSON.stringify(code)}`));
      const one = (what: string): boolean => own.some((each) => each.includes(what));
      const value = raw(5).trim();
      if (raw(2) === 'NM' && /^\d{1,9}(\.\d{1,9})?$/.test(value)) {
        check('result value', at, one(`"value":${value.replace(/^0+(?=\d)/, '')}`));
        const unit = first(6, 1) || first(6);
        if (plain(unit)) check('result unit', at, one(`"unit":${JSON.stringify(unit)}`));
      }
      if (/^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])/.test(first(14)))
        check('result date', at, one(`"effectiveDateTime":"${first(14).slice(0, 4)}-${first(14).slice(4, 6)}-${first(14).slice(6, 8)}`));
      const state = STATES[first(11)];
      if (state !== undefined) check('result status', at, one(`"status":"${state}"`));
    }
  }
  return checks;
}
