/** A site's map: the message map it extends with the resource maps written in, then its overrides, each addressed to exactly one rule. */
import { type Diagnostic, type DiagnosticCode, diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import { digestOf } from '../digest.ts';
import { entryOf, type MapEntry, type MapNode, type ScalarNode, type SpecNode, textOf } from '../read.ts';
import type { Ignored, MessageSpec, Override, SiteSpec, SpecFamily } from '../spec.ts';
import { RESOURCE_KEYS, specOf } from '../spec-read.ts';
import { changedRule, findRules, merged, nodeAt, rulePaths, withNode } from './find.ts';

export interface ResolvedSite {
  readonly spec: MessageSpec;
  readonly family: SpecFamily;
}

export interface ResolvedSites {
  readonly sites: readonly ResolvedSite[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Returns every site's map complete. `path` of a site is the path of its file ('sites/example-hospital/oru-lab'). */
export function resolveSites(
  sites: readonly { readonly spec: SiteSpec; readonly path: string }[],
  families: ReadonlyMap<string, SpecFamily>,
): ResolvedSites {
  const diagnostics: Diagnostic[] = [];
  const resolved: ResolvedSite[] = [];
  const bases = [...families.values()].flatMap((family) => family.messages.map((spec) => ({ spec, family })));
  for (const { spec, path } of sites) {
    const [id = '', version] = spec.extends.value.split('@');
    const base = bases.find((each) => each.spec.id === id);
    if (base === undefined) {
      const other = sites.find((each) => each.spec.id === id);
      if (other !== undefined) {
        const named = bases.some((each) => each.spec.id === other.spec.extends.value.split('@')[0]);
        const hint = named ? other.spec.extends.value : (bases[0]?.spec.id ?? 'v2-to-fhir/adt-a01');
        diagnostics.push(diagnostic('site-extends-site', spec.extends.at, { name: id, base: hint }));
        continue;
      }
      diagnostics.push(
        diagnostic('unknown-map', spec.extends.at, {
          name: id,
          nearest: didYouMean(
            id,
            bases.map((each) => each.spec.id),
          ),
        }),
      );
      continue;
    }
    if (version !== undefined && version !== base.spec.version)
      diagnostics.push(diagnostic('map-version', spec.extends.at, { name: id, found: base.spec.version, asked: version }));
    const site = new SiteResolver(spec, base.spec, base.family, diagnostics).resolve(path, families);
    if (site !== undefined) resolved.push(site);
  }
  return { sites: resolved, diagnostics };
}

/** A message map with the resource maps it uses written in, as one tree; `use` names are paths then. */
export function flattened(spec: MessageSpec, family: SpecFamily): MapNode {
  const resources = spec.resources.map((each): MapEntry => {
    const own = entryOf(entryOf(spec.root, 'resources')?.value, each.name)?.value;
    const path = (spec.use.get(each.use?.value ?? '')?.value ?? each.use?.value ?? '').split('@')[0] ?? '';
    const base = family.resources.get(path);
    const inner = base === undefined ? [] : resourceEntries(expanded(base.root, base.use), base.root);
    return {
      key: each.name,
      at: each.at,
      value: { kind: 'map', at: each.at, entries: mergedResource(inner, entriesOf(expanded(own, spec.use))) },
    };
  });
  const value: MapNode = { kind: 'map', at: spec.at, entries: resources };
  return { ...spec.root, entries: spec.root.entries.map((each) => (each.key === 'resources' ? { ...each, value } : each)) };
}

const entriesOf = (node: SpecNode | undefined): readonly MapEntry[] => (node?.kind === 'map' ? node.entries : []);

/** What a resource map gives a resource: its keys, with the target's type. */
function resourceEntries(node: SpecNode, root: MapNode): readonly MapEntry[] {
  const type = entryOf(entryOf(root, 'target')?.value, 'type');
  return [...(type === undefined ? [] : [type]), ...entriesOf(node).filter((each) => RESOURCE_KEYS.includes(each.key))];
}

function mergedResource(base: readonly MapEntry[], own: readonly MapEntry[]): readonly MapEntry[] {
  const fields = own.find((each) => each.key === 'fields');
  const inherited = base.find((each) => each.key === 'fields');
  const rest = merged(base, own).filter((each) => each.key !== 'use' && each.key !== 'fields');
  if (fields === undefined && inherited === undefined) return rest;
  const names = new Set(entriesOf(fields?.value).map((each) => each.key));
  const entries = [...entriesOf(inherited?.value).filter((each) => !names.has(each.key)), ...entriesOf(fields?.value)];
  const at = (fields ?? inherited)?.at ?? { file: '', line: 1, column: 1 };
  return [...rest, { key: 'fields', at, value: { kind: 'map', at, entries } }];
}

/** The tree with short names of concept maps (`map: sex`) replaced by what `use` says of them. */
function expanded(node: SpecNode | undefined, use: ReadonlyMap<string, ScalarNode>): SpecNode {
  if (node === undefined) return { kind: 'scalar', value: '', quoted: false, at: { file: '', line: 1, column: 1 } };
  if (node.kind === 'list') return { ...node, items: node.items.map((each) => expanded(each, use)) };
  if (node.kind === 'scalar') return node;
  return {
    ...node,
    entries: node.entries.map((each) => {
      const named = each.key === 'map' && each.value.kind === 'scalar' ? use.get(each.value.value) : undefined;
      return named === undefined ? { ...each, value: expanded(each.value, use) } : { ...each, value: { ...named, at: each.value.at } };
    }),
  };
}

class SiteResolver {
  readonly #site: SiteSpec;
  readonly #base: MessageSpec;
  readonly #family: SpecFamily;
  readonly #diagnostics: Diagnostic[];

  constructor(site: SiteSpec, base: MessageSpec, family: SpecFamily, diagnostics: Diagnostic[]) {
    this.#site = site;
    this.#base = base;
    this.#family = family;
    this.#diagnostics = diagnostics;
  }

  resolve(path: string, families: ReadonlyMap<string, SpecFamily>): ResolvedSite | undefined {
    const site = this.#site;
    let resources: SpecNode = entryOf(flattened(this.#base, this.#family), 'resources')?.value ?? site.root;
    for (const each of site.overrides) resources = this.#apply(resources, each);
    const root = this.#root(resources);
    const read = specOf({ file: site.file, root, diagnostics: [] });
    this.#diagnostics.push(...read.diagnostics);
    if (read.spec?.kind !== 'message') return undefined;
    const used = this.#base.resources.flatMap(
      (each) =>
        this.#family.resources.get((this.#base.use.get(each.use?.value ?? '')?.value ?? each.use?.value ?? '').split('@')[0] ?? '') ?? [],
    );
    const ignore: readonly Ignored[] = [...read.spec.ignore, ...used.flatMap((each) => each.ignore)];
    const known = [...this.#base.reads, ...used.flatMap((each) => each.segments), ...site.segments.keys()];
    const folder = /^sites\/([^/]+)\//.exec(path)?.[1] ?? path.split('/')[0] ?? '';
    const spec: MessageSpec = {
      ...read.spec,
      file: site.file,
      at: site.at,
      extends: this.#base,
      site: folder,
      match: site.match,
      segments: new Map([...this.#base.segments, ...site.segments]),
      ignore,
      reads: known,
    };
    return { spec, family: this.#ownFamily(folder, families) };
  }

  /** The base's tree with the site's header, parameters, ignores and cases. */
  #root(resources: SpecNode): MapNode {
    const { root } = this.#site;
    const own = new Map(root.entries.map((each) => [each.key, each]));
    const source = entryOf(root, 'source') ?? entryOf(this.#base.root, 'source');
    const params = merged(entriesOf(entryOf(this.#base.root, 'params')?.value), entriesOf(own.get('params')?.value));
    const at = root.at;
    const list = (node: MapNode): readonly SpecNode[] => {
      const found = entryOf(node, 'ignore')?.value;
      return found?.kind === 'list' ? found.items : [];
    };
    const entries: MapEntry[] = [];
    const push = (key: string, value: SpecNode | undefined): void =>
      void (value === undefined ? undefined : entries.push({ key, at, value }));
    push('map', own.get('map')?.value);
    push('version', own.get('version')?.value);
    push('source', source?.value);
    push('target', entryOf(this.#base.root, 'target')?.value);
    if (params.length > 0) push('params', { kind: 'map', at, entries: this.#params(params) });
    push('resources', resources);
    push('ignore', { kind: 'list', at, items: [...list(this.#base.root), ...list(root)] });
    push('cases', own.get('cases')?.value);
    return { kind: 'map', at, entries };
  }

  /** A site gives the value; what a parameter is, the base has declared. */
  #params(entries: readonly MapEntry[]): readonly MapEntry[] {
    const base = entryOf(this.#base.root, 'params')?.value;
    return entries.map((each) => {
      const declared = entryOf(base, each.key)?.value;
      if (declared?.kind !== 'map' || each.value.kind !== 'scalar') return each;
      const rest = declared.entries.filter((entry) => entry.key !== 'value');
      return { ...each, value: { ...declared, entries: [...rest, { key: 'value', at: each.at, value: each.value }] } };
    });
  }

  #apply(resources: SpecNode, override: Override): SpecNode {
    return override.action === 'add' ? this.#add(resources, override) : this.#change(resources, override);
  }

  #found(resources: SpecNode, path: ScalarNode): readonly (readonly number[])[] {
    const [name = '', ...rest] = path.value.split('.');
    const index = resources.kind === 'map' ? resources.entries.findIndex((each) => each.key === name) : -1;
    const resource = resources.kind === 'map' ? resources.entries[index]?.value : undefined;
    if (resource?.kind !== 'map') return [];
    if (rest.length === 0) return [[index]];
    const fieldsAt = resource.entries.findIndex((each) => each.key === 'fields');
    const fields = resource.entries[fieldsAt]?.value;
    return fields === undefined ? [] : findRules(fields, rest).map((each) => [index, fieldsAt, ...each]);
  }

  #change(resources: SpecNode, override: Override): SpecNode {
    const { path } = override;
    const found = this.#found(resources, path);
    const [only] = found;
    const node = only === undefined ? undefined : nodeAt(resources, only);
    if (only === undefined || node === undefined || found.length > 1) {
      const nearest = didYouMean(path.value, pathsOf(resources));
      this.#fault(found.length > 1 ? 'override-many' : 'override-none', path.at, { path: path.value, count: found.length, nearest });
      return resources;
    }
    this.#checkBase(override, node);
    if (override.action === 'remove') return withNode(resources, only, undefined);
    const set = expanded(override.set, this.#site.use);
    if (path.value.includes('.')) return withNode(resources, only, changedRule(node, set));
    if (set.kind !== 'map' || entryOf(set, 'fields') !== undefined) {
      this.#fault('override-shape', path.at, { path: path.value });
      return resources;
    }
    return withNode(resources, only, { ...set, entries: merged(entriesOf(node), set.entries) });
  }

  /** What is added stands in a resource, or in a nested map that a path names; a single name adds a resource. */
  #add(resources: SpecNode, override: Override): SpecNode {
    const { path } = override;
    const steps = path.value.split('.');
    const name = steps.at(-1) ?? '';
    if (this.#found(resources, path).length > 0) {
      this.#fault('override-exists', path.at, { path: path.value });
      return resources;
    }
    const entry: MapEntry = { key: name, at: path.at, value: expanded(override.set, this.#site.use) };
    if (steps.length === 1) return resources.kind === 'map' ? { ...resources, entries: [...resources.entries, entry] } : resources;
    const parent: ScalarNode = { ...path, value: steps.slice(0, -1).join('.') };
    const found = steps.length === 2 ? this.#fieldsOf(resources, parent.value) : this.#found(resources, parent);
    const [only] = found;
    const node = only === undefined ? undefined : nodeAt(resources, only);
    if (only === undefined || node?.kind !== 'map' || found.length > 1) {
      this.#fault(found.length > 1 ? 'override-many' : 'override-none', path.at, {
        path: parent.value,
        count: found.length,
        nearest: didYouMean(parent.value, pathsOf(resources)),
      });
      return resources;
    }
    return withNode(resources, only, { ...node, entries: [...node.entries, entry] });
  }

  #fieldsOf(resources: SpecNode, name: string): readonly (readonly number[])[] {
    const index = resources.kind === 'map' ? resources.entries.findIndex((each) => each.key === name) : -1;
    const resource = resources.kind === 'map' ? resources.entries[index]?.value : undefined;
    const at = resource?.kind === 'map' ? resource.entries.findIndex((each) => each.key === 'fields') : -1;
    return at < 0 ? [] : [[index, at]];
  }

  #checkBase(override: Override, node: SpecNode): void {
    const now = `sha256:${digestOf([node]).slice(0, 16)}`;
    const { base, path } = override;
    if (base === undefined) this.#fault('override-without-base', path.at, { path: path.value, digest: now });
    // A shorter digest is compared as far as it goes, but not less than eight digits.
    else if (!/^sha256:[0-9a-f]{8,64}$/.test(base.value) || !`sha256:${digestOf([node])}`.startsWith(base.value))
      this.#fault('override-base-moved', base.at, { path: path.value, digest: now });
  }

  /** Tables and datatype maps of the site's own folder come before those of the base. */
  #ownFamily(folder: string, families: ReadonlyMap<string, SpecFamily>): SpecFamily {
    const own = families.get('sites');
    const prefix = `${folder}/`;
    const tables = [...(own?.tables ?? [])].flatMap(([path, table]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), table] as const] : [],
    );
    const types = [...(own?.siteTypes.get(folder) ?? [])];
    return {
      ...this.#family,
      name: `sites/${folder}`,
      tables: new Map([...this.#family.tables, ...tables]),
      types: new Map([...this.#family.types, ...types]),
      messages: [],
      records: [],
    };
  }

  #fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>>): void {
    this.#diagnostics.push(diagnostic(code, at, values));
  }
}

function pathsOf(resources: SpecNode): readonly string[] {
  return entriesOf(resources).flatMap(({ key, value }) => [
    key,
    ...rulePaths(entryOf(value, 'fields')?.value ?? value).map((each) => `${key}.${each}`),
  ]);
}

/** Returns the version a spec asks for after '@', if it does. */
export const askedVersion = (root: MapNode, key: string): string | undefined => textOf(root, key)?.split('@')[1];
