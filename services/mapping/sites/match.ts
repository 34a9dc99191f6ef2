/** Which map takes a message: those for its type, event and version; of these the one whose `match` says most about the sender. */
import type { Message } from '../../hl7v2/message.ts';
import { placeOf } from '../../hl7v2/path.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { type SpecNode, texts } from '../read.ts';
import type { MatchRule, MessageSpec } from '../spec.ts';

/** Reads `match: { MSH-4.1: [STMARYS], MSH-3.1: [SUNQUEST] }`. */
export function matchRules(node: SpecNode | undefined, faults: Diagnostic[]): readonly MatchRule[] {
  if (node === undefined) return [];
  if (node.kind !== 'map') {
    faults.push(diagnostic('spec-shape', node.at));
    return [];
  }
  return node.entries.flatMap(({ key, at, value }) => {
    const place = placeOf(key);
    const values = texts(value).map((each) => each.value);
    if (place === undefined || place.field === 0) faults.push(diagnostic('match-path', at, { name: key }));
    else if (values.length === 0) faults.push(diagnostic('spec-shape', value.at));
    else return [{ path: key, place, values: new Set(values), at }];
    return [];
  });
}

/** True when the message has one of the values at every place that `rules` names. */
export function matches(rules: readonly MatchRule[], message: Message): boolean {
  return rules.every(({ place, values }) => {
    let left = place.occurrence;
    const segment = message.segments.find((each) => each.name === place.segment && --left === 0);
    const value = segment?.value(place.field, place.repetition, place.component, place.subcomponent);
    return value !== undefined && values.has(value);
  });
}

export interface Choosable {
  readonly spec: MessageSpec;
  takes(type: string, event: string, version: string): boolean;
}

export type Choice<T> = { readonly map: T } | { readonly none: 'no-map' | 'unknown-site' } | { readonly several: readonly T[] };

/**
 * Chooses among maps. A `site` that the source is set to (a folder of sites/, or the id of a site's map) comes first, whatever the message
 * says of its sender; else the map with the most places that match, an event before `*`, a version before `*`. Two that say equally much
 * are an answer of their own: nobody guesses.
 */
export function chooseMap<T extends Choosable>(maps: readonly T[], message: Message, site: string | undefined): Choice<T> {
  const { type, event, definitionsVersion } = message;
  const fit = maps.filter((each) => each.takes(type, event, definitionsVersion));
  if (site !== undefined) {
    if (!maps.some((each) => isOf(each.spec, site))) return { none: 'unknown-site' };
    const own = fit.filter((each) => isOf(each.spec, site));
    const matching = own.filter((each) => matches(each.spec.match, message));
    if (own.length > 0) return best(matching.length > 0 ? matching : own, type, event);
    return best(
      fit.filter((each) => each.spec.site === undefined && matches(each.spec.match, message)),
      type,
      event,
    );
  }
  return bestMatch(fit, message);
}

/** As chooseMap without a site, of maps that take messages of this type, event and version. */
export function bestMatch<T extends Choosable>(fit: readonly T[], message: Message): Choice<T> {
  const { type, event } = message;
  const matching = fit.filter((each) => matches(each.spec.match, message));
  const [only] = matching;
  return only !== undefined && matching.length === 1 ? { map: only } : best(matching, type, event);
}

const isOf = (spec: MessageSpec, site: string): boolean => spec.site !== undefined && (spec.site === site || spec.id === site);

function best<T extends Choosable>(maps: readonly T[], type: string, event: string): Choice<T> {
  const ranked = maps.map((map) => ({ map, rank: rankOf(map.spec, type, event) }));
  const highest = Math.max(...ranked.map((each) => each.rank));
  const first = ranked.filter((each) => each.rank === highest).map((each) => each.map);
  const [only] = first;
  if (only === undefined) return { none: 'no-map' };
  return first.length === 1 ? { map: only } : { several: first };
}

function rankOf(spec: MessageSpec, type: string, event: string): number {
  const exact = spec.messages.some(({ value }) => value === `${type}^${event}`) ? 2 : 0;
  return spec.match.length * 4 + exact + (spec.versions.includes('*') ? 0 : 1);
}

/** Maps that some message would fit equally well: found when specs are checked, before a message is parked for it. */
export function ambiguities(specs: readonly MessageSpec[]): readonly Diagnostic[] {
  return specs.flatMap((spec, i) =>
    specs.slice(0, i).flatMap((other) => {
      if (!overlap(spec, other)) return [];
      const same = spec.match.every((each) => other.match.some(({ path }) => path === each.path));
      return [diagnostic(same ? 'match-ambiguous' : 'match-may-overlap', spec.at, { name: spec.id, other: other.id })];
    }),
  );
}

function overlap(a: MessageSpec, b: MessageSpec): boolean {
  const events = a.messages.filter((each) => b.messages.some((other) => other.value === each.value));
  const versions = a.versions.some((each) => b.versions.includes(each));
  if (events.length === 0 || !versions || a.match.length !== b.match.length) return false;
  return a.match.every((each) => {
    const same = b.match.find((other) => other.path === each.path);
    return same === undefined || [...each.values].some((value) => same.values.has(value));
  });
}
