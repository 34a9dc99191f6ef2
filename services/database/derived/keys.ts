/** Ids of derived rows follow from the person and the row's place among the person's: the same after every rebuild. */

/** More eras of one kind than this no person has; person numbers stay far below 2^37. */
export const ERAS_PER_PERSON = 65_536;

/** Observation periods of one person. */
export const PERIODS_PER_PERSON = 1_024;
