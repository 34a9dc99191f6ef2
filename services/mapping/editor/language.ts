/** What an editor asks of a map: what may stand here, what is this, where is it defined. Pure; the language server and a console use the same. */
import { elementOf, elementsOf, isResourceType, RESOURCE_TYPES } from '../../fhir/definitions.ts';
import { componentsOf, fieldCountOf, fieldOf } from '../../hl7v2/definitions.ts';
import type { Position } from '../diagnostics.ts';
import { CONVERSIONS } from '../expression/convert.ts';
import { FUNCTIONS } from '../expression/functions.ts';
import type { LoadedMaps } from '../maps.ts';
import { entryOf, type MapNode, type SpecNode, textOf } from '../read.ts';
import { FORM_KEYS, OPTION_KEYS } from '../rules.ts';
import type { SpecFamily } from '../spec.ts';
import { KEYS, RESOURCE_KEYS } from '../spec-read.ts';
import { OUT_KEYS } from '../to-hl7v2/read.ts';

export interface Completion {
  readonly label: string;
  readonly detail: string;
  readonly kind: 'function' | 'field' | 'element' | 'key' | 'code' | 'map';
}

/** A place in a document: 0-based line and character, as editors count. */
export interface Cursor {
  readonly line: number;
  readonly character: number;
}

const VERSION = '2.8.2';

/** Returns what may stand at the cursor. */
export function completionsAt(text: string, cursor: Cursor, file: string, maps: LoadedMaps): readonly Completion[] {
  const line = text.split('\n')[cursor.line] ?? '';
  const before = line.slice(0, cursor.character);
  const value = /[:[,{-]\s*["']?(=[^,{}]*)$/.exec(before)?.[1];
  if (value !== undefined) return inExpression(value);
  const keyed = /([\w[\]]+):\s*\[?[\w/-]*$/.exec(before);
  const path = pathAt(text, cursor);
  if (keyed !== null && /:\s/.test(before)) return valuesOf(keyed[1] ?? '', path, file, maps);
  return keysAt(path, maps, file);
}

function inExpression(value: string): readonly Completion[] {
  const field = /\b([A-Z][A-Z0-9]{2})(?:\[\w+\])?-(\d*)$/.exec(value);
  if (field !== null) return fieldsOf(field[1] ?? '');
  const component = /\b([A-Z][A-Z0-9]{2})(?:\[\w+\])?-(\d+)\.(\d*)$/.exec(value);
  if (component !== null) return componentsAt(component[1] ?? '', Number(component[2]));
  if (/\bas\s+\w*$/.test(value)) return CONVERSIONS.map((each) => ({ label: each, detail: 'type', kind: 'key' }));
  const isAfterDot = /\.[a-zA-Z]*$/.test(value);
  return Object.entries(FUNCTIONS).flatMap(([label, row]) =>
    (row.on === 'nothing') === isAfterDot ? [] : [{ label, detail: `${row.signature}: ${row.doc}`, kind: 'function' } as const],
  );
}

function fieldsOf(segment: string): readonly Completion[] {
  return Array.from({ length: fieldCountOf(VERSION, segment) }, (_, i) => {
    const field = fieldOf(VERSION, segment, i + 1);
    return { label: `${segment}-${i + 1}`, detail: `${field?.type ?? ''} ${field?.name ?? ''}`.trim(), kind: 'field' };
  });
}

function componentsAt(segment: string, field: number): readonly Completion[] {
  const type = fieldOf(VERSION, segment, field)?.type ?? '';
  return componentsOf(VERSION, type).map((each, i) => ({ label: String(i + 1), detail: `${each.type} ${each.name}`, kind: 'field' }));
}

function valuesOf(key: string, path: readonly string[], file: string, maps: LoadedMaps): readonly Completion[] {
  const family = familyOf(file, maps);
  if (key === 'map' && path.length > 1)
    return [...(family?.tables.keys() ?? [])].map((label) => ({ label, detail: 'concept map', kind: 'map' }));
  if (key === 'use') return [...(family?.resources.keys() ?? [])].map((label) => ({ label, detail: 'resource map', kind: 'map' }));
  if (key === 'extends')
    return maps.messageMaps.map((each) => ({ label: each.spec.id, detail: `version ${each.spec.version}`, kind: 'map' }));
  if (key === 'type' && path.length <= 3)
    return [...RESOURCE_TYPES.keys()].map((label) => ({ label, detail: 'resource', kind: 'element' }));
  if (key === 'onError' || key === 'onUnmapped')
    return ['drop', 'park-resource', 'park-message', 'refuse'].map((label) => ({ label, detail: 'rung', kind: 'key' }));
  if (key === 'multiple') return ['first', 'last', 'all', 'join'].map((label) => ({ label, detail: 'of many values', kind: 'key' }));
  const type = typeAt(path.slice(0, -1), file, maps);
  const binding = type === undefined ? undefined : elementOf(type, key)?.binding;
  return [...(binding?.codes ?? [])].map((label) => ({ label, detail: binding?.name ?? '', kind: 'code' }));
}

function keysAt(path: readonly string[], maps: LoadedMaps, file: string): readonly Completion[] {
  const parent = path.slice(0, -1);
  if (parent.length === 0)
    return [...new Set([...Object.values(KEYS).flat(), ...OUT_KEYS])].map((label) => ({ label, detail: 'of a map', kind: 'key' }));
  const type = typeAt(parent, file, maps);
  const elements =
    type === undefined
      ? []
      : [...elementsOf(type).values()].map(
          (each) =>
            ({
              label: each.name,
              detail: `${type}: ${each.types.map(({ code }) => code).join(' | ')} ${each.min}..${each.max > 1 ? '*' : '1'}`,
              kind: 'element',
            }) as const,
        );
  const isResource = parent[0] === 'resources' && parent.length === 2;
  const keys = isResource ? ['use', ...RESOURCE_KEYS] : type === undefined ? [] : [...OPTION_KEYS, ...FORM_KEYS];
  return [...elements, ...keys.map((label) => ({ label, detail: isResource ? 'of a resource' : 'of a rule', kind: 'key' }) as const)];
}

/** Keys from the root to the line of the cursor, by indentation; the last one is the line's own (maybe unfinished). */
export function pathAt(text: string, cursor: Cursor): readonly string[] {
  const lines = text.split('\n').slice(0, cursor.line + 1);
  const own = lines.at(-1) ?? '';
  let depth = own.search(/\S|$/);
  const path = [/^\s*-?\s*["']?([\w[\]-]*)/.exec(own)?.[1] ?? ''];
  // Inside { … } of one line the key before the brace is around.
  const flow = /^\s*["']?([\w[\]-]+)["']?:\s*\{[^}]*$/.exec(own.slice(0, cursor.character));
  if (flow !== null) path.push(/[{,]\s*["']?([\w[\]]*)["']?(?::[^,]*)?$/.exec(own.slice(0, cursor.character))?.[1] ?? '');
  for (const line of lines.slice(0, -1).toReversed()) {
    const found = /^(\s*)(?:-\s*)?["']?([\w[\]-]+)["']?:/.exec(line);
    const indent = found?.[1]?.length ?? depth;
    if (found === null || indent >= depth) continue;
    path.unshift(found[2] ?? '');
    depth = indent;
  }
  return path;
}

/** The FHIR type whose elements stand under a path of keys. */
function typeAt(path: readonly string[], file: string, maps: LoadedMaps): string | undefined {
  const root = rootAt(file, maps);
  const at = path.indexOf('fields');
  if (at < 0) return undefined;
  const own = path[0] === 'resources' ? entryOf(entryOf(root, 'resources')?.value, path[1] ?? '')?.value : root;
  let type = textOf(own, 'type') ?? textOf(entryOf(own, 'target')?.value, 'type') ?? usedType(own, file, maps);
  for (const name of path.slice(at + 1)) {
    if (FORM_KEYS.includes(name) || OPTION_KEYS.includes(name) || type === undefined) continue;
    const element = elementOf(type, name);
    if (element === undefined) continue; // the name of a type below value[x]
    type = element.types.length === 1 ? element.types[0]?.code : name;
  }
  return type;
}

function usedType(own: SpecNode | undefined, file: string, maps: LoadedMaps): string | undefined {
  const path = textOf(own, 'use')?.split('@')[0] ?? '';
  const type = familyOf(file, maps)?.resources.get(path)?.parts.type?.value;
  return type !== undefined && isResourceType(type) ? type : undefined;
}

function rootAt(file: string, maps: LoadedMaps): MapNode | undefined {
  for (const family of maps.families.values()) {
    const all = [...family.messages, ...family.records, ...family.resources.values(), ...family.types.values()];
    const found = all.find((each) => each.file === file);
    if (found !== undefined) return found.root;
  }
  return undefined;
}

function familyOf(file: string, maps: LoadedMaps): SpecFamily | undefined {
  for (const family of maps.families.values()) if (`/${file}`.includes(`/${family.name}/`)) return family;
  return undefined;
}

/** Returns what stands at the cursor, in the standard's own words; undefined for nothing known. */
export function hoverAt(text: string, cursor: Cursor, file: string, maps: LoadedMaps): string | undefined {
  const line = text.split('\n')[cursor.line] ?? '';
  const token = tokenAt(line, cursor.character);
  const path = /^([A-Z][A-Z0-9]{2})(?:\[\w+\])?-(\d+)(?:\[[\d*]+\])?(?:\.(\d+))?/.exec(token);
  if (path !== null) return fieldHover(path[1] ?? '', Number(path[2]), path[3] === undefined ? undefined : Number(path[3]));
  const row = Object.hasOwn(FUNCTIONS, token) ? FUNCTIONS[token] : undefined;
  if (row !== undefined) return `${row.signature}: ${row.doc}`;
  const type = typeAt(pathAt(text, { line: cursor.line, character: cursor.character }).slice(0, -1), file, maps);
  const element = type === undefined ? undefined : elementOf(type, token);
  if (element === undefined) return undefined;
  const bound = element.binding === undefined ? '' : `; codes of ${element.binding.name}`;
  return `${type}.${element.name}: ${element.types.map(({ code }) => code).join(' | ')}, ${element.min}..${element.max > 1 ? '*' : '1'}${bound}`;
}

function fieldHover(segment: string, field: number, component: number | undefined): string | undefined {
  const found = fieldOf(VERSION, segment, field);
  if (found === undefined) return undefined;
  const whole = `${segment}-${field} ${found.name}: ${found.type}${found.repeats ? ', repeats' : ''}${found.table === undefined ? '' : `, table ${found.table}`}`;
  const part = component === undefined ? undefined : componentsOf(VERSION, found.type)[component - 1];
  return part === undefined ? whole : `${whole}\n.${component} ${part.name}: ${part.type}`;
}

function tokenAt(line: string, character: number): string {
  for (const found of line.matchAll(/[A-Z][A-Z0-9]{2}(?:\[\w+\])?-\d+(?:\[[\d*]+\])?(?:\.\d+)*|[\w/@-]+(?:\[x\])?/g)) {
    if (found.index <= character && character <= found.index + found[0].length) return found[0];
  }
  return '';
}

/** Returns where the map named at the cursor stands. */
export function definitionAt(text: string, cursor: Cursor, file: string, maps: LoadedMaps): Position | undefined {
  const token = tokenAt(text.split('\n')[cursor.line] ?? '', cursor.character).split('@')[0] ?? '';
  const family = familyOf(file, maps);
  const own = `/${file}`.includes('/sites/') ? [...maps.families.values()] : family === undefined ? [] : [family];
  const root = rootAt(file, maps);
  const name = textOf(entryOf(root, 'use')?.value, token)?.split('@')[0] ?? token;
  for (const each of own) {
    const found = each.tables.get(name) ?? each.resources.get(name) ?? [...each.tables].find(([path]) => path.endsWith(`/${name}`))?.[1];
    if (found !== undefined) return found.at;
  }
  return maps.messageMaps.find((each) => each.spec.id === token)?.spec.at;
}
