/** What a list of messages is filtered by: in the address, but for the patient and for words of the message, which stand in no address. */
import type { JournalFilter } from '../../database/journal/view.ts';
import { go, type Place } from '../router.tsx';

export const STATES = ['received', 'applied', 'parked', 'refused'] as const;
const BESIDE = ['patient', 'text'] as const;
const IN_ADDRESS = ['source', 'status', 'type', 'controlId', 'code', 'since', 'until'] as const;

/** As the door takes it; the state as it stands in the address. */
export interface Filter extends Omit<JournalFilter, 'status'> {
  readonly status?: string | undefined;
  /** Stands somewhere in the message. */
  readonly text?: string | undefined;
}

/** Returns the filter that a place shows. */
export function filterAt({ query, beside }: Place): Filter {
  const given = IN_ADDRESS.flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? '']] : []));
  const besides = BESIDE.flatMap((name) => (beside[name] ? [[name, beside[name]]] : []));
  return Object.fromEntries([...given, ...besides]);
}

/** Returns the address of a list; `patient` and `text` are not in it. */
export function listAddress(filter: Filter): string {
  const query = new URLSearchParams(IN_ADDRESS.flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])));
  return query.size === 0 ? '/messages' : `/messages?${query}`;
}

/** Goes to the list of a filter. */
export const goToList = (filter: Filter): void =>
  go(listAddress(filter), { beside: Object.fromEntries(BESIDE.flatMap((name) => (filter[name] ? [[name, filter[name]]] : []))) });
