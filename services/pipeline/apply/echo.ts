/**
 * A request over a Patient to whom merges brought something. A client that read the resource and writes it back says again what it read:
 * that is no word of its own. So what it repeats of what the record itself had left open stays what the merge brought, and goes with the
 * merge; what it says otherwise is its own word; what it leaves out is not so, and is not brought again.
 */
import type { Moment } from '../../database/resources/statements.ts';
import { sameContent } from '../../fhir/format/json.ts';
import type { Change } from './change.ts';
import { folded, joined, readDraft, type Said, spoken } from './said.ts';

type Stored = Change['resource'];

/** Returns what is said of a Patient after a request made it `resource` at `event`: nothing when it repeats nothing that a merge brought. */
export function echoed(said: readonly Said[], resource: Stored, event: Moment): readonly Said[] {
  const own = said.filter(({ origin }) => origin === undefined);
  if (own.length === 0) return [];
  const [before, after] = [folded(own), folded(said)];
  const isOpen = (name: string): boolean => Object.keys(before).every((each) => groupOf(each) !== groupOf(name));
  const isBrought = (name: string): boolean => name in resource && isOpen(name) && sameElement(after, resource, name);
  const names = new Set(Object.keys(after).filter(isBrought));
  const kept = said.filter(({ origin }) => origin !== undefined).flatMap((each) => restrictedTo(each, names));
  if (kept.length === 0) return [];
  const rest = Object.fromEntries(Object.entries(resource).filter(([name]) => !names.has(name)));
  const word = { update: 'replace', deletes: [], resource: { ...rest, resourceType: resource.resourceType, id: resource.id } } as const;
  // What is left of two words may be the same.
  return joined([spoken(word, { ...event, rank: 0 }), ...kept]);
}

const sameElement = (a: Stored, b: Stored, name: string): boolean =>
  sameContent({ is: a[name] ?? null, more: a[`_${name}`] ?? null }, { is: b[name] ?? null, more: b[`_${name}`] ?? null });

/** Alternatives of one element, and what extends it, are open or not together. */
const groupOf = (name: string): string => name.replace(/^_/, '').replace(/^(deceased|multipleBirth)(\[x\]|[A-Z]\w*)$/, '$1');

/** Returns what of a statement is about some elements. What landed over the record lies beneath it from now on: a request is later. */
export function restrictedTo({ origin, first, last, rank, draft, deletes }: Said, names: ReadonlySet<string>): readonly Said[] {
  const { resourceType, id, ...all } = readDraft(draft);
  const content = Object.entries(all).filter(([name]) => names.has(name));
  if (content.length === 0) return [];
  const resource = { resourceType, id, ...Object.fromEntries(content) };
  const change = {
    update: 'merge',
    deletes: deletes.filter((name) => [...names].some((each) => groupOf(each) === groupOf(name))),
    resource,
    origin,
    beneath: true,
  } as const;
  return [{ ...spoken(change, { ...first, rank }), last }];
}
