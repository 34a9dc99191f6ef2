/** What a list of messages is filtered by: in the address, but for the patient, who stands in no address. */
import type { JournalFilter } from '../../database/journal/view.ts';
import { go, type Place } from '../router.tsx';

export const STATES = ['received', 'applied', 'parked', 'refused'] as const;
const IN_ADDRESS = ['source', 'status', 'type', 'controlId', 'code', 'since', 'until'] as const;

/** As the door takes it; the state as it stands in the address. */
export interface Filter extends Omit<JournalFilter, 'status'> {
  readonly status?: string | undefined;
}

/** Returns the filter that a place shows. */
export function filterAt({ query, beside }: Place): Filter {
  const given = IN_ADDRESS.flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? '']] : []));
  return { ...Object.fromEntries(given), ...(beside['patient'] ? { patient: beside['patient'] } : {}) };
}

/** Returns the address of a list; `patient` is not in it. */
export function listAddress(filter: Filter): string {
  const query = new URLSearchParams(IN_ADDRESS.flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])));
  return query.size === 0 ? '/messages' : `/messages?${query}`;
}

/** Goes to the list of a filter. */
export const goToList = (filter: Filter): void => go(listAddress(filter), { beside: filter.patient ? { patient: filter.patient } : {} });
