/** A skeleton of a message map from a sample: what stands in the message, with the resource maps that are there for it. Values are never copied. */
import { stringify } from 'yaml';
import { fieldOf } from '../../hl7v2/definitions.ts';
import type { Group, Message, Segment } from '../../hl7v2/message.ts';
import type { MessageMap } from '../compiled.ts';
import type { LoadedMaps } from '../maps.ts';
import { entryOf, type SpecNode, textOf } from '../read.ts';
import type { ResourceUse, SpecFamily } from '../spec.ts';

type Plain = string | readonly Plain[] | { readonly [name: string]: Plain };

/** Returns the YAML of a map named `id` for messages like this one; it passes the checker as it is. */
export function skeletonOf(message: Message, id: string, maps: LoadedMaps): string {
  const family = maps.families.get('v2-to-fhir');
  const places = placesOf(message.root);
  const taken = maps.messageMaps.find(
    (each) => each.spec.site === undefined && each.takes(message.type, message.event, message.definitionsVersion),
  );
  const own = [...places.keys()].filter((name) => name.startsWith('Z'));
  if (taken !== undefined) return siteSkeleton(message, id, taken, own, places);
  const resources = family === undefined ? [] : resourcesFor(places, family, maps.messageMaps);
  const names = new Set(resources.map(([name]) => name));
  const map: Record<string, Plain> = {
    map: id,
    version: '0.1.0',
    source: { format: 'hl7v2', message: `${message.type}^${message.event}`, versions: ['*'] },
    target: { format: 'fhir', version: '4.0.1' },
    params: { tz: { type: 'timezone' } },
    ...(own.length === 0 ? {} : { segments: Object.fromEntries(own.map((name) => [name, declared(message, name)])) }),
    resources: Object.fromEntries(resources.filter(([, body]) => needsOnly(body, names))),
    ignore: [
      { path: 'MSH-5', because: 'the receiver is this service' },
      { path: 'MSH-6', because: 'the receiver is this service' },
    ],
  };
  return `# From a sample; complete the rules, then: npx polyseme check\n${stringify(map, { lineWidth: 0 })}${notesOf(message, places)}`;
}

/** The message is mapped already: what a sender does otherwise belongs into a map of its site. */
function siteSkeleton(message: Message, id: string, base: MessageMap, own: readonly string[], places: ReadonlyMap<string, string>): string {
  const msh = message.segments[0];
  const match = [3, 4].flatMap((n) => {
    const value = msh?.value(n);
    return value === undefined ? [] : [[`MSH-${n}.1`, [value]] as const];
  });
  const map: Record<string, Plain> = {
    map: id,
    version: '0.1.0',
    extends: base.spec.id,
    match: Object.fromEntries(match),
    ...(own.length === 0 ? {} : { segments: Object.fromEntries(own.map((name) => [name, declared(message, name)])) }),
    override: [],
  };
  const hint = '# override: [{ at: RESOURCE.ELEMENT, set: { … }, because: why }] changes a rule of the map that is extended';
  return `# From a sample that ${base.spec.id} takes: what this sender does otherwise\n${stringify(map, { lineWidth: 0 })}${hint}\n${notesOf(message, places)}`;
}

/** Where segments of each name stand: their group's path. */
function placesOf(root: Group): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  const walk = (group: Group): void => {
    for (const each of group.children) {
      if ('children' in each) walk(each);
      else if (!places.has(each.name)) places.set(each.name, group.path);
    }
  };
  walk(root);
  return places;
}

/** Resource maps for the segments that are there, as another message map uses them. */
function resourcesFor(
  places: ReadonlyMap<string, string>,
  family: SpecFamily,
  maps: readonly MessageMap[],
): readonly (readonly [string, Plain])[] {
  const found = new Map<string, Plain>();
  for (const [path, spec] of family.resources) {
    const [first = ''] = spec.segments;
    const group = places.get(first);
    if (group === undefined) continue;
    const used = maps.flatMap((map) => map.spec.resources.map((use) => ({ use, map }))).find(({ use }) => use.use?.value === path);
    const name = used?.use.name ?? path.replace(/^.*-to-/, '');
    if (found.has(name)) continue;
    const { each: _, use: __, ...rest } = used === undefined ? {} : plainOf(used.use, used.map);
    const isOwn = used?.use.parts.each?.value.endsWith(first) === true;
    const each = isOwn ? (group === '' ? first : `${group}.${first}`) : group;
    found.set(name, { use: path, ...(each === '' ? {} : { each }), ...rest });
  }
  return [...found];
}

function plainOf(use: ResourceUse, map: MessageMap): Record<string, Plain> {
  const node = entryOf(entryOf(map.spec.root, 'resources')?.value, use.name)?.value;
  const plain = node === undefined ? {} : plainNode(node);
  // What a map says under a short name of its own cannot be copied.
  return typeof plain === 'object' && !Array.isArray(plain)
    ? Object.fromEntries(Object.entries(plain).filter(([key]) => key !== 'fields'))
    : {};
}

function plainNode(node: SpecNode): Plain {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainNode);
  return Object.fromEntries(node.entries.map((each) => [each.key, plainNode(each.value)]));
}

/** A resource whose key asks for another one that is not made here would not compile. */
const needsOnly = (body: Plain, names: ReadonlySet<string>): boolean =>
  [...JSON.stringify(body).matchAll(/\brefs?\((\w+)\)/g)].every(([, name]) => name !== undefined && names.has(name));

function declared(message: Message, name: string): Plain {
  const at = message.segments.findIndex((each) => each.name === name);
  const before = message.segments.slice(0, at).findLast((each) => !each.name.startsWith('Z'));
  const count = Math.max(...message.segments.filter((each) => each.name === name).map((each) => each.fieldCount));
  const fields = Array.from({ length: count }, (_, i) => [String(i + 1), { name: `field ${i + 1}`, type: 'ST' }] as const);
  return { after: before?.name ?? 'MSH', fields: Object.fromEntries(fields) };
}

/** What each segment has, by the standard's datatypes: for the author to choose from. */
function notesOf(message: Message, places: ReadonlyMap<string, string>): string {
  const lines = [...places].map(([name, group]) => {
    const valued = new Set(message.segments.filter((each) => each.name === name).flatMap(valuedFields));
    const fields = [...valued]
      .sort((a, b) => a - b)
      .map((n) => `${name}-${n} ${fieldOf(message.definitionsVersion, name, n)?.type ?? ''}`.trim());
    return `# ${group === '' ? name : `${group}.${name}`}: ${fields.join(', ')}`;
  });
  return `# Valued in the sample:\n${lines.join('\n')}\n`;
}

const valuedFields = (segment: Segment): readonly number[] =>
  Array.from({ length: segment.fieldCount }, (_, i) => i + 1).filter((n) => segment.state(n) === 'valued');

/** Returns the name for a map of such messages: 'v2-to-fhir/oru-r01', or the one of a site where that is taken. */
export function usualId(message: Message, maps: LoadedMaps): string {
  const name = `${message.type}-${message.event}`.toLowerCase();
  const isTaken = maps.messageMaps.some((each) => each.takes(message.type, message.event, message.definitionsVersion));
  const sender =
    message.segments[0]
      ?.value(4)
      ?.toLowerCase()
      .replace(/[^a-z0-9]+/g, '-') ?? 'sender';
  return isTaken ? `sites/${sender}/${name}` : `v2-to-fhir/${name}`;
}

/** The id that a tree says it has. */
export const idOfTree = (root: SpecNode): string => textOf(root, 'map') ?? '';
