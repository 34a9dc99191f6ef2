/** A message map's resources with the resource maps they use written in: what the message map says itself wins, field by field. */
import { isResourceType, RESOURCE_TYPES } from '../../fhir/definitions.ts';
import type { Draft } from '../conversion.ts';
import { type Diagnostic, diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import type { ScalarNode } from '../read.ts';
import type { RungName } from '../rules.ts';
import type { MessageSpec, ResourceParts, ResourceSpec, ResourceUse } from '../spec.ts';
import type { ResourceField } from './objects.ts';

export interface Resolved {
  readonly name: string;
  readonly at: Position;
  readonly type: string;
  readonly each: ScalarNode | undefined;
  readonly when: ScalarNode | undefined;
  readonly otherwise: ScalarNode | undefined;
  readonly key: readonly ScalarNode[];
  readonly update: Draft['update'];
  readonly sameKey: 'merge' | 'keep' | 'number' | 'park-resource';
  readonly onError: RungName;
  readonly fields: readonly ResourceField[];
}

export interface ResolvedMessage {
  readonly resources: readonly Resolved[];
  /** Resource maps that were used. */
  readonly used: readonly ResourceSpec[];
  readonly diagnostics: readonly Diagnostic[];
}

type Uses = Pick<MessageSpec, 'resources' | 'use'>;

/** Returns the resources of a message map, complete. `find` gives a resource map by path without version. */
export function resolveMessage(spec: Uses, find: ReadonlyMap<string, ResourceSpec>): ResolvedMessage {
  const diagnostics: Diagnostic[] = [];
  const used: ResourceSpec[] = [];
  const resources: Resolved[] = [];
  for (const each of spec.resources) {
    const base = each.use === undefined ? undefined : resourceMap(each.use, spec, find, diagnostics);
    if (each.use !== undefined && base === undefined) continue;
    if (base !== undefined) used.push(base);
    const resolved = resolveOne(each, spec, base, diagnostics);
    if (resolved !== undefined) resources.push(resolved);
  }
  return { resources, used, diagnostics };
}

function resourceMap(
  node: ScalarNode,
  spec: Uses,
  find: ReadonlyMap<string, ResourceSpec>,
  diagnostics: Diagnostic[],
): ResourceSpec | undefined {
  const asked = spec.use.get(node.value)?.value ?? node.value;
  const [path = '', version] = asked.split('@');
  const found = find.get(path);
  if (found === undefined) diagnostics.push(diagnostic('unknown-map', node.at, { name: asked, nearest: didYouMean(path, find.keys()) }));
  else if (version !== undefined && version !== found.version) {
    diagnostics.push(diagnostic('map-version', node.at, { name: path, found: found.version, asked: version }));
  }
  return found;
}

/** An empty text takes back what the resource map says. */
const said = (node: ScalarNode | undefined): ScalarNode | undefined => (node?.value === '' ? undefined : node);

function resolveOne(own: ResourceUse, spec: Uses, base: ResourceSpec | undefined, diagnostics: Diagnostic[]): Resolved | undefined {
  const first = <K extends keyof ResourceParts>(key: K): ResourceParts[K] | undefined => own.parts[key] ?? base?.parts[key];
  const type = first('type');
  const key = first('key');
  if (type === undefined || !isResourceType(type.value)) {
    diagnostics.push(
      type === undefined
        ? diagnostic('resource-without-type', own.at, { name: own.name })
        : diagnostic('unknown-type', type.at, { name: type.value, nearest: didYouMean(type.value, RESOURCE_TYPES.keys()) }),
    );
    return undefined;
  }
  if (key === undefined || key.length === 0) {
    diagnostics.push(diagnostic('resource-without-key', own.at, { name: own.name }));
    return undefined;
  }
  const mine = new Set(own.parts.fields.map((each) => each.name));
  const inherited = (base?.parts.fields ?? []).filter((each) => !mine.has(each.name));
  return {
    name: own.name,
    at: own.at,
    type: type.value,
    each: first('each'),
    when: first('when'),
    otherwise: said(first('otherwise')),
    key,
    update: first('update') ?? 'merge',
    sameKey: first('sameKey') ?? 'park-resource',
    onError: first('onError') ?? 'park-resource',
    fields: [
      ...inherited.map((each) => ({ ...each, use: base?.use ?? new Map<string, ScalarNode>() })),
      ...own.parts.fields.map((each) => ({ ...each, use: spec.use })),
    ],
  };
}
