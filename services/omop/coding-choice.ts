/** One coding of a clinical idea, as FHIR's Coding has it. */
export interface Coding {
  readonly system: string;
  readonly code: string;
  readonly display?: string | undefined;
  readonly userSelected?: boolean | undefined;
}

/**
 * Returns the codings in the order in which they are tried (omop-rules 8): the preferred systems in their order, then the one the user
 * chose, then as sent; codings of systems that no vocabulary answers to (local codes) last. The first that resolves is the choice, so
 * that one idea makes one row (several only through several 'Maps to' targets). Rule 8's "more specific child over parent" needs the
 * hierarchy, which the row maps do not have: two codings of one system keep the sender's order.
 */
export function inOrderOfChoice(
  codings: readonly Coding[],
  prefer: readonly string[],
  systemKnown: (system: string) => boolean,
): readonly Coding[] {
  if (codings.length < 2) return codings;
  const rank = (coding: Coding): number => {
    const preferred = prefer.indexOf(coding.system);
    if (preferred >= 0) return preferred;
    if (!systemKnown(coding.system)) return prefer.length + 2;
    return coding.userSelected === true ? prefer.length : prefer.length + 1;
  };
  return codings
    .map((coding, place) => ({ coding, place, rank: rank(coding) }))
    .sort((a, b) => a.rank - b.rank || Number(b.coding.userSelected === true) - Number(a.coding.userSelected === true) || a.place - b.place)
    .map((each) => each.coding);
}
