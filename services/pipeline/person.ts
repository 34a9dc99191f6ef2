/** Who is the same person where two are asked for: names of persons, as tokens and accounts have them. */

/** True when both names are one person's: capitals and spaces around a name make nobody else. */
export const isOnePerson = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();

/** In the audit entry of what one person takes back where POLYSEME_FOUR_EYES has two persons put it in force. */
export const WENT_BACK_ALONE = { secondPerson: 'not asked: only what was in force before comes back' } as const;
