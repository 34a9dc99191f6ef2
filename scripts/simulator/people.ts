/** Invented people and how their hospital writes them down. */
import type { Chance } from './chance.ts';
import { segment, text } from './segments.ts';

export const FACILITY = 'SIMHOSP';
export const AUTHORITY = `${FACILITY}&2.16.840.1.113883.19.4.90&ISO`;

export interface Person {
  /** 1 for the first; the second part of every control id of this person. */
  readonly number: number;
  readonly medicalRecordNumber: string;
  /** A second record of the same person, made by mistake and merged later. */
  readonly secondRecordNumber: string;
  readonly name: string;
  readonly birthDate: string;
  readonly sex: 'F' | 'M';
  readonly race: string;
  readonly ethnicity: string;
  readonly street: string;
  readonly place: string;
}

const FAMILIES = [
  'Muñoz',
  "O'Connell",
  'Whitfield',
  'Baker-Lindqvist',
  'Nkemelu',
  'Sørensen',
  'Żurek',
  'Kovács',
  'Ibáñez',
  'Grünwald',
  'Tran',
  'Osei',
] as const;
const GIVEN_F = ['Renée', 'Eleanor', 'Zoë', 'Amina', 'Ingrid', 'Loretta', 'Mai', 'Júlia'] as const;
const GIVEN_M = ['Declan', 'Héctor', 'Kenji', 'Björn', 'Per', 'Tomás', 'Ivan', 'Kwame'] as const;
const STREETS = ['Larkspur Lane', 'Foundry Street', 'Old Mill Pike', 'Quarry Ridge Road', 'Smith & Sons Yard'] as const;
const PLACES = ['Dayton^OH^45402^USA', 'Xenia^OH^45385^USA', 'Kettering^OH^45429^USA'] as const;
const RACES = ['2106-3^White^CDCREC', '2054-5^Black or African American^CDCREC', '2028-9^Asian^CDCREC'] as const;
const ETHNICITIES = ['2186-5^Not Hispanic or Latino^CDCREC', '2135-2^Hispanic or Latino^CDCREC'] as const;
const two = (value: number): string => String(value).padStart(2, '0');

/** Returns person `number` of the hospital of this seed; another seed's people have other record numbers. */
export function personOf(seed: number, number: number, chance: Chance): Person {
  const sex = chance.happens(0.5) ? 'F' : 'M';
  const family = chance.pick(FAMILIES);
  const given = chance.pick(sex === 'F' ? GIVEN_F : GIVEN_M);
  return {
    number,
    medicalRecordNumber: `${seed}-${String(number).padStart(7, '0')}`,
    secondRecordNumber: `${seed}-T${String(number).padStart(7, '0')}`,
    name: `${family}^${given}^${chance.pick(['A', 'B', 'J', 'M'])}^^^^L`,
    birthDate: `${chance.between(1930, 2005)}${two(chance.between(1, 12))}${two(chance.between(1, 28))}`,
    sex,
    race: chance.pick(RACES),
    ethnicity: chance.pick(ETHNICITIES),
    street: text(chance.pick(STREETS)),
    place: chance.pick(PLACES),
  };
}

/** CX of one of the person's numbers. */
export const identifier = (number: string): string => `${number}^^^${AUTHORITY}^MR`;

/**
 * PID as registration sends it. The house number in PID-11.1 is the number of the message, so that the stored Patient tells which of
 * them came last.
 */
export const fullPid = (person: Person, record: string, messageNumber: number): string =>
  segment('PID', {
    1: '1',
    3: identifier(record),
    5: person.name,
    7: person.birthDate,
    8: person.sex,
    10: person.race,
    11: `${messageNumber} ${person.street}^^${person.place}^H`,
    13: `^PRN^PH^^1^937^${String(5_550_000 + (person.number % 10_000))}`,
    22: person.ethnicity,
  });

/** PID as the departments send it. */
export const shortPid = (person: Person, record: string): string =>
  segment('PID', { 1: '1', 3: identifier(record), 5: person.name, 7: person.birthDate, 8: person.sex });
