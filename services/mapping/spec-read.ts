/** From YAML trees to the documents of the language (spec.ts), with a diagnostic for whatever does not belong. */
import { type Diagnostic, type DiagnosticCode, diagnostic, didYouMean, type Position } from './diagnostics.ts';
import { paramsOf } from './params.ts';
import { entryOf, type MapNode, misformed, type ReadSpec, type ScalarNode, type SpecNode, textNode, textOf, texts } from './read.ts';
import { recordSource } from './records/spec-read.ts';
import { RUNGS, RuleReader } from './rules.ts';
import { declaredSegments } from './sites/declared.ts';
import { matchRules } from './sites/match.ts';
import { overridesOf } from './sites/overrides.ts';
import type {
  Ignored,
  MessageSpec,
  RecordSpec,
  ResourceParts,
  ResourceUse,
  SiteSpec,
  Spec,
  SpecBase,
  TableRow,
  TableSpec,
  TypeSpec,
} from './spec.ts';

const HEADER_KEYS = ['map', 'version', 'source', 'target', 'use', 'because', 'notes', 'cases'];
/** Keys of a resource, in a resource map and in a message map. */
export const RESOURCE_KEYS: readonly string[] = [
  'type',
  'key',
  'when',
  'otherwise',
  'each',
  'update',
  'sameKey',
  'onError',
  'fields',
  'because',
];
/** Keys of a document of each kind. */
export const KEYS: Readonly<Record<Spec['kind'], readonly string[]>> = {
  type: [...HEADER_KEYS, 'fields', 'value'],
  resource: [...HEADER_KEYS, ...RESOURCE_KEYS, 'ignore'],
  message: [...HEADER_KEYS, 'params', 'resources', 'ignore', 'match', 'segments'],
  records: [...HEADER_KEYS, 'params', 'resources', 'ignore'],
  site: [...HEADER_KEYS, 'extends', 'params', 'ignore', 'match', 'segments', 'override'],
  table: [...HEADER_KEYS, 'codes'],
  rows: [],
};

export interface SpecResult {
  readonly spec: Spec | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** A document that is read once is one spec: what was compiled of it is found by it. */
const specs = new WeakMap<ReadSpec, SpecResult>();

/** Returns the spec in a read document, or why it is none; the same one each time. */
export function specOf(read: ReadSpec): SpecResult {
  const known = specs.get(read);
  if (known !== undefined) return known;
  const found = freshSpecOf(read);
  specs.set(read, found);
  return found;
}

function freshSpecOf(read: ReadSpec): SpecResult {
  if (read.root === undefined) return { spec: undefined, diagnostics: read.diagnostics };
  const reader = new SpecReader(read.file);
  if (read.root.kind !== 'map') return { spec: undefined, diagnostics: [diagnostic('spec-shape', read.root.at)] };
  const spec = reader.spec(read.root);
  const diagnostics = [...reader.diagnostics, ...reader.rules.diagnostics];
  return { spec: diagnostics.some((each) => each.severity === 'error') ? undefined : spec, diagnostics };
}

class SpecReader {
  readonly diagnostics: Diagnostic[] = [];
  readonly rules = new RuleReader();
  readonly #file: string;
  #isRecords = false;

  constructor(file: string) {
    this.#file = file;
  }

  spec(root: MapNode): Spec | undefined {
    const kind = kindOf(root);
    this.#isRecords = kind === 'records';
    const id = textOf(root, 'map') ?? '';
    const version = textOf(root, 'version') ?? '';
    // Row maps and their concept tables are read, and faulted, by their own reader.
    if (kind === 'rows') return { file: this.#file, id, version, at: root.at, use: new Map(), root, kind };
    if (id === '') this.#fault('spec-header', root.at, { name: 'map' });
    if (!/^\d+\.\d+\.\d+$/.test(version)) this.#fault('spec-header', entryOf(root, 'version')?.at ?? root.at, { name: 'version' });
    const base = { file: this.#file, id, version, at: root.at, use: this.#use(root), root };
    this.#knownKeys(root, KEYS[kind]);
    if (kind === 'table') return { ...base, ...this.#table(root) };
    if (kind === 'type') return { ...base, ...this.#type(root) };
    if (kind === 'message') return { ...base, ...this.#message(root) };
    if (kind === 'records') return { ...base, ...this.#records(root) };
    if (kind === 'site') return { ...base, ...this.#site(root) };
    const segments = texts(entryOf(entryOf(root, 'source')?.value, 'segments')?.value).map((each) => each.value);
    return {
      ...base,
      kind: 'resource',
      segments,
      ignore: this.#ignoreList(root),
      parts: this.#parts(root, textNode(entryOf(root, 'target')?.value, 'type')),
    };
  }

  #use(root: MapNode): Map<string, ScalarNode> {
    const node = entryOf(root, 'use')?.value;
    const found = new Map<string, ScalarNode>();
    for (const each of node?.kind === 'map' ? node.entries : []) {
      if (each.value.kind === 'scalar') found.set(each.key, each.value);
      else this.#fault('spec-shape', each.value.at);
    }
    return found;
  }

  #type(root: MapNode): Omit<TypeSpec, keyof SpecBase> {
    const sourceTypes = texts(entryOf(entryOf(root, 'source')?.value, 'type')?.value);
    const targetType = textOf(entryOf(root, 'target')?.value, 'type') ?? '';
    if (sourceTypes.length === 0 || targetType === '') this.#fault('spec-header', root.at, { name: 'source.type and target.type' });
    const body = entryOf(root, 'fields') ?? entryOf(root, 'value');
    if (body === undefined) this.#fault('spec-header', root.at, { name: 'fields' });
    const rule = this.rules.rule(body?.value ?? root);
    return { kind: 'type', sourceTypes: sourceTypes.map((each) => each.value), targetType, rule };
  }

  #table(root: MapNode): Omit<TableSpec, keyof SpecBase> {
    const codes = new Map<string, TableRow>();
    const node = entryOf(root, 'codes')?.value;
    for (const each of node?.kind === 'map' ? node.entries : []) {
      if (each.value.kind === 'scalar') {
        codes.set(each.key, { code: each.value.value, display: undefined, system: undefined, at: each.value.at });
        continue;
      }
      const isOfKnownKeys = each.value.kind !== 'map' || this.#knownKeys(each.value, ['code', 'display', 'system', 'because']);
      const code = textOf(each.value, 'code');
      // A misspelt key is one mistake: it is told once.
      if (code === undefined && isOfKnownKeys) this.#fault('spec-shape', each.value.at);
      codes.set(each.key, {
        code: code ?? '',
        display: textOf(each.value, 'display'),
        system: textOf(each.value, 'system'),
        at: each.value.at,
      });
    }
    const sourceSystem = textOf(entryOf(root, 'source')?.value, 'system') ?? '';
    return { kind: 'table', codes, sourceSystem, targetSystem: textOf(entryOf(root, 'target')?.value, 'system') };
  }

  #message(root: MapNode): Omit<MessageSpec, keyof SpecBase> {
    const source = entryOf(root, 'source')?.value;
    const messages = texts(entryOf(source, 'message')?.value);
    for (const each of messages)
      if (!/^[A-Z]{3}\^([A-Z0-9]{3}|\*)$/.test(each.value)) this.#fault('spec-message', each.at, { name: each.value });
    const versions = texts(entryOf(source, 'versions')?.value).map((each) => each.value);
    if (messages.length === 0 || versions.length === 0) this.#fault('spec-header', root.at, { name: 'source.message and source.versions' });
    const resources = entryOf(root, 'resources')?.value;
    const cases = entryOf(root, 'cases')?.value;
    return {
      kind: 'message',
      messages,
      versions,
      params: this.#params(root),
      resources: resources?.kind === 'map' ? resources.entries.map((each) => this.#resourceUse(each.key, each.at, each.value)) : [],
      ignore: this.#ignoreList(root),
      cases: cases?.kind === 'list' ? cases : undefined,
      match: matchRules(entryOf(root, 'match')?.value, this.diagnostics),
      segments: declaredSegments(entryOf(root, 'segments')?.value, this.diagnostics),
      site: undefined,
      extends: undefined,
      reads: [],
    };
  }

  #records(root: MapNode): Omit<RecordSpec, keyof SpecBase> {
    const resources = entryOf(root, 'resources')?.value;
    const cases = entryOf(root, 'cases')?.value;
    return {
      kind: 'records',
      ...recordSource(root, this.diagnostics),
      params: this.#params(root),
      resources: resources?.kind === 'map' ? resources.entries.map((each) => this.#resourceUse(each.key, each.at, each.value)) : [],
      ignore: this.#ignoreList(root),
      cases: cases?.kind === 'list' ? cases : undefined,
    };
  }

  #site(root: MapNode): Omit<SiteSpec, keyof SpecBase> {
    this.#params(root);
    this.#ignoreList(root);
    return {
      kind: 'site',
      extends: textNode(root, 'extends') ?? { kind: 'scalar', value: '', quoted: false, at: root.at },
      match: matchRules(entryOf(root, 'match')?.value, this.diagnostics),
      segments: declaredSegments(entryOf(root, 'segments')?.value, this.diagnostics),
      overrides: overridesOf(entryOf(root, 'override')?.value, this.diagnostics),
    };
  }

  #params(root: MapNode): MessageSpec['params'] {
    return paramsOf(entryOf(root, 'params')?.value, this.diagnostics);
  }

  #resourceUse(name: string, at: Position, node: SpecNode): ResourceUse {
    if (node.kind !== 'map') {
      this.#fault('spec-shape', node.at);
      return { name, at, use: undefined, parts: emptyParts };
    }
    this.#knownKeys(node, ['use', ...RESOURCE_KEYS]);
    return { name, at, use: textNode(node, 'use'), parts: this.#parts(node, textNode(node, 'type')) };
  }

  #parts(node: MapNode, type: ScalarNode | undefined): ResourceParts {
    for (const { at } of misformed(node)) this.#fault('spec-shape', at);
    const key = entryOf(node, 'key')?.value;
    const fields = entryOf(node, 'fields')?.value;
    return {
      type,
      key: key === undefined ? undefined : texts(key),
      when: textNode(node, 'when'),
      otherwise: textNode(node, 'otherwise'),
      each: textNode(node, 'each'),
      update: this.#word(node, 'update', ['merge', 'replace', 'ensure']),
      sameKey: this.#word(node, 'sameKey', ['merge', 'keep', 'number', 'park-resource']),
      onError: this.#word(node, 'onError', RUNGS),
      fields:
        fields?.kind === 'map' ? fields.entries.map((each) => ({ name: each.key, at: each.at, rule: this.rules.rule(each.value) })) : [],
    };
  }

  #ignoreList(root: MapNode): readonly Ignored[] {
    for (const { at } of misformed(root)) this.#fault('spec-shape', at);
    const ignore = entryOf(root, 'ignore')?.value;
    return ignore?.kind === 'list' ? ignore.items.map((each) => this.#ignored(each)) : [];
  }

  #ignored(node: SpecNode): Ignored {
    const path = textOf(node, 'path') ?? '';
    const isPath = this.#isRecords ? /^[A-Za-z_][\w.]*$/ : /^[A-Z][A-Z0-9]{2}(-\d{1,3})?$/;
    if (!isPath.test(path)) this.#fault('ignore-path', node.at, { name: path });
    if ((textOf(node, 'because') ?? '') === '') this.#fault('ignore-reason', node.at, { name: path });
    return { path, at: node.at };
  }

  #word<T extends string>(node: MapNode, key: string, words: readonly T[]): T | undefined {
    const value = textNode(node, key);
    const found = words.find((each) => each === value?.value);
    if (value !== undefined && found === undefined) {
      this.#fault('unknown-word', value.at, { name: value.value, key, words: words.join(', '), nearest: didYouMean(value.value, words) });
    }
    return found;
  }

  /** Faults the keys that are not known; true when there are none. */
  #knownKeys(node: MapNode, known: readonly string[]): boolean {
    const unknown = node.entries.filter(({ key }) => !known.includes(key));
    for (const { key, at } of unknown) this.#fault('unknown-key', at, { name: key, nearest: didYouMean(key, known) });
    return unknown.length === 0;
  }

  #fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): void {
    this.diagnostics.push(diagnostic(code, at, values));
  }
}

const emptyParts: ResourceParts = {
  type: undefined,
  key: undefined,
  when: undefined,
  otherwise: undefined,
  each: undefined,
  update: undefined,
  sameKey: undefined,
  onError: undefined,
  fields: [],
};

function kindOf(root: MapNode): Spec['kind'] {
  const target = textOf(entryOf(root, 'target')?.value, 'format');
  // Maps to HL7v2 are read, and faulted, by their own reader too.
  const isRows = target === 'omop' || target === 'hl7v2' || entryOf(root, 'concepts') !== undefined;
  if (entryOf(root, 'extends') !== undefined) return 'site';
  if (isRows || entryOf(root, 'rows') !== undefined) return 'rows';
  if (entryOf(root, 'codes') !== undefined) return 'table';
  const format = textOf(entryOf(root, 'source')?.value, 'format');
  if (format === 'csv' || format === 'json') return 'records';
  if (entryOf(root, 'resources') !== undefined) return 'message';
  return entryOf(entryOf(root, 'source')?.value, 'type') !== undefined ? 'type' : 'resource';
}
