/**
 * What of a message map decides whether a message is taken: the resources without which it is parked or refused, and of them only what can
 * fail so. A module of these tells in a fraction of the time that a message will be taken; of any other the whole conversion tells why.
 */
import type { Segment } from '../../hl7v2/message.ts';
import type { RungName } from '../rules.ts';
import type { TypeSpec } from '../spec.ts';
import type { Resolved } from './resolve.ts';
import { type Handle, MessageRun } from './run.ts';
import { targetOf } from './target.ts';

const GRAVE: readonly string[] = ['park-message', 'refuse'];
const PARKING: readonly string[] = ['park-resource', ...GRAVE];

const says = (tree: unknown, words: readonly string[]): boolean => {
  const text = JSON.stringify(tree);
  return words.some((each) => text.includes(`"${each}"`));
};

/**
 * Returns the resources, with the fields, that decide; undefined when that cannot be told from their rules alone: then only the whole
 * conversion decides.
 */
export function decisive(resources: readonly Resolved[], types: Iterable<TypeSpec>): readonly Resolved[] | undefined {
  for (const { root } of types) if (says(root, PARKING)) return undefined;
  const grave = resources.filter(({ onError, fields }) => GRAVE.includes(onError) || says(fields, GRAVE));
  // Where nothing of it parks the message, it is taken if anything is made.
  if (grave.length === 0) return resources.map(reduced);
  const kept = new Map(grave.map((each) => [each.name, reduced(each)]));
  for (let level: readonly Resolved[] = [...kept.values()]; level.length > 0; ) {
    const names = level.flatMap((each) => namesIn(each));
    if (names.includes('*')) return undefined;
    level = resources.filter(({ name }) => !kept.has(name) && names.includes(name)).map(reduced);
    for (const each of level) kept.set(each.name, each);
  }
  return resources.flatMap(({ name }) => kept.get(name) ?? []);
}

/** A resource with the fields without which it is not made. */
const reduced = (resource: Resolved): Resolved => ({
  ...resource,
  fields: resource.fields.filter(
    ({ name, rule }) =>
      rule.options.require === true || targetOf(resource.type, name, '')?.required === true || says(rule, [...PARKING, 'require']),
  ),
});

/** The resources that a resource's key, condition and fields refer to; '*' for all. */
const namesIn = ({ key, when, each, fields }: Resolved): readonly string[] =>
  [...JSON.stringify([key, when, each, fields]).matchAll(/\brefs?\(\s*['"\\]*([\w*]+)/g)].map((found) => found[1] ?? '');

/** A run of such a module: ids are only told apart, not made. */
export class JudgingRun extends MessageRun {
  #made = 0;

  override handle(
    type: string,
    parts: readonly (string | undefined)[],
    name: string,
    sameKey: Handle['sameKey'],
    onError: RungName,
    anchor?: Segment,
  ): Handle | undefined {
    if (parts.includes(undefined)) return super.handle(type, parts, name, sameKey, onError, anchor);
    this.error = undefined;
    this.#made += 1;
    const id = String(this.#made);
    return { id, type, name, reference: { reference: `${type}/${id}` }, sameKey, anchor, parked: false };
  }

  /** True when something is made of the message and nothing says that it is parked or refused. */
  get isTaken(): boolean {
    return !GRAVE.includes(this.rung) && this.made().length > 0;
  }
}
