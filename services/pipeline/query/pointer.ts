/** Where an answer ended (DSC-1): stateless, so that any process goes on, and nothing has to be kept or cancelled. */
import { createHash } from 'node:crypto';
import type { FoundPatient } from './find.ts';

export interface Pointer {
  readonly confidence: number;
  readonly id: string;
}

const digestOf = (query: readonly string[]): string => createHash('sha256').update(query.join('\r')).digest('base64url').slice(0, 12);

/** Returns the pointer after a patient; `query`: the segments that say what is asked, which the next query repeats. */
export const pointerOf = (query: readonly string[], { confidence, resource }: FoundPatient): string =>
  `${digestOf(query)}.${Math.round(confidence * 100)}.${resource.id}`;

/** Returns what a pointer says; undefined when it is none of this query. */
export function readPointer(query: readonly string[], text: string): Pointer | undefined {
  const [, digest, confidence, id] = /^([\w-]{12})\.(\d{1,5})\.([A-Za-z0-9.-]{1,64})$/.exec(text) ?? [];
  return digest !== digestOf(query) || confidence === undefined || id === undefined
    ? undefined
    : { confidence: Number(confidence) / 100, id };
}

/** True of a patient who comes after the pointer. */
export const isAfter = ({ confidence, resource }: FoundPatient, pointer: Pointer): boolean =>
  confidence < pointer.confidence || (confidence === pointer.confidence && resource.id > pointer.id);
