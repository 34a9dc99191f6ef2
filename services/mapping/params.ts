/** Parameters that a map declares and a site gives: `params: { tz: { type: timezone, require: true } }`, or `tz: Europe/Lisbon`. */
import { IANAZone } from 'luxon';
import { type Diagnostic, diagnostic, didYouMean } from './diagnostics.ts';
import { entryOf, type SpecNode, textNode, textOf } from './read.ts';
import type { ParamSpec } from './spec.ts';

const TYPES: Readonly<Record<string, (value: string) => boolean>> = {
  timezone: (value) => IANAZone.isValidZone(value),
  string: () => true,
  code: (value) => /^\S+( \S+)*$/.test(value),
  uri: (value) => /^\S+$/.test(value),
  integer: (value) => /^-?\d{1,15}$/.test(value),
  boolean: (value) => value === 'true' || value === 'false',
};

/** Returns the parameters under `params`, and reports what is no parameter. */
export function paramsOf(node: SpecNode | undefined, faults: Diagnostic[]): ReadonlyMap<string, ParamSpec> {
  const params = new Map<string, ParamSpec>();
  if (node !== undefined && node.kind !== 'map') faults.push(diagnostic('spec-shape', node.at));
  for (const { key, at, value } of node?.kind === 'map' ? node.entries : []) {
    const known = ['type', 'require', 'value', 'because'];
    for (const each of value.kind === 'map' ? value.entries : [])
      if (!known.includes(each.key))
        faults.push(diagnostic('unknown-key', each.at, { name: each.key, nearest: didYouMean(each.key, known) }));
    const typeNode = textNode(value, 'type');
    const type = typeNode?.value ?? (key === 'tz' ? 'timezone' : 'string');
    const given = value.kind === 'scalar' ? value : textNode(value, 'value');
    const fits = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (fits === undefined) {
      faults.push(diagnostic('unknown-type', typeNode?.at ?? at, { name: type, nearest: didYouMean(type, Object.keys(TYPES)) }));
    } else if (given !== undefined && !fits(given.value)) faults.push(diagnostic('param-value', given.at, { name: key, type }));
    params.set(key, { type, require: textOf(value, 'require') === 'true', value: given?.value, at: entryOf(value, 'value')?.at ?? at });
  }
  return params;
}
