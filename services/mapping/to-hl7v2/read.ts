/** Reads maps from FHIR to HL7v2 out of YAML trees, with a diagnostic for whatever does not belong. */

import type { Diagnostic, DiagnosticCode, Position } from '../diagnostics.ts';
import { diagnostic, didYouMean } from '../diagnostics.ts';
import { entryOf, isExpression, type MapNode, type ReadSpec, type ScalarNode, type SpecNode, textNode, textOf } from '../read.ts';
import { RowReader } from '../to-rows/reader.ts';
import type { OutBody, OutIgnored, OutLinked, OutMapSpec, OutMessageSpec, OutPart, OutRule, OutSegment } from './model.ts';
import { QUERY_KEYS, queryParts } from './read-query.ts';

/** True for the tree of a map that makes HL7v2. */
export const isOutMap = (root: SpecNode | undefined): boolean => textOf(entryOf(root, 'target')?.value, 'format') === 'hl7v2';

export interface ReadOutMap {
  readonly map: OutMapSpec | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

const HEADER = ['map', 'version', 'because', 'source', 'target', 'use', 'ignore'];
/** Every key of a map from FHIR to HL7v2, of whatever kind. */
export const OUT_KEYS = [...HEADER, 'fields', 'value', 'message', 'refuse', 'linked', 'segments', 'cases', ...QUERY_KEYS];
const RULE_KEYS = ['when', 'each', 'from', 'map', 'default', 'type', 'all', 'because'];
export const SEGMENT_KEYS = ['segment', 'each', 'when', 'use', 'fields', 'always', 'deletes', 'segments', 'because'];
const MESSAGE = /^[A-Z]{3}\^[A-Z]\d\d\^[A-Z]{3}(_[A-Z]\d\d)?$/;
const DEEPEST = 8;

/** Returns the map of a file; undefined with diagnostics when it cannot be one. */
export function readOutMap(file: ReadSpec): ReadOutMap {
  const reader = new OutReader(file.file);
  const map = file.root?.kind === 'map' ? reader.document(file.root) : undefined;
  const diagnostics = [...file.diagnostics, ...reader.diagnostics];
  return { map: diagnostics.length > 0 ? undefined : map, diagnostics };
}

class OutReader {
  readonly #reader = new RowReader();
  readonly #file: string;
  readonly #own: Diagnostic[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  get diagnostics(): readonly Diagnostic[] {
    return [...this.#reader.diagnostics, ...this.#own];
  }

  document(root: MapNode): OutMapSpec {
    const id = this.#reader.text(root, 'map', 'a map');
    const version = this.#reader.text(root, 'version', 'a map');
    if (version !== '' && !/^\d+\.\d+\.\d+$/.test(version)) this.#fault('spec-header', root.at, { name: 'version' });
    const source = textOf(entryOf(root, 'source')?.value, 'type') ?? '';
    if (source === '') this.#fault('spec-header', root.at, { name: 'source.type' });
    const target = entryOf(root, 'target')?.value;
    const base = { file: this.#file, id, version, at: root.at, source, use: this.#use(root), ignore: this.#ignored(root), root };
    const segment = textOf(target, 'segment');
    if (segment !== undefined) {
      this.#keys(root, [...HEADER, 'fields']);
      return { ...base, kind: 'segment', target: segment, fields: this.#parts(entryOf(root, 'fields')?.value, 0) };
    }
    const datatype = textOf(target, 'type');
    if (entryOf(root, 'query') !== undefined) {
      this.#keys(root, [...HEADER, 'refuse', 'segments', ...QUERY_KEYS]);
      return { ...base, kind: 'query', target: textOf(target, 'version') ?? '', ...this.#query(root) };
    }
    if (datatype === undefined) return { ...base, kind: 'message', target: textOf(target, 'version') ?? '', ...this.#message(root) };
    this.#keys(root, [...HEADER, 'fields', 'value']);
    const body = entryOf(root, 'fields') ?? entryOf(root, 'value');
    if (body === undefined) this.#fault('spec-header', root.at, { name: 'fields' });
    return { ...base, kind: 'type', target: datatype, rule: this.rule(body?.value ?? root, 0) };
  }

  #message(root: MapNode): Pick<OutMessageSpec, 'types' | 'refuse' | 'linked' | 'segments'> {
    this.#keys(root, [...HEADER, 'message', 'refuse', 'linked', 'segments', 'cases']);
    const types = this.#list(entryOf(root, 'message')?.value).map((node) => {
      const is = node.kind === 'scalar' ? node.value : (textOf(node, 'is') ?? '');
      if (!MESSAGE.test(is)) this.#fault('spec-message', node.at, { name: is });
      return { is, at: node.at, when: node.kind === 'map' ? this.#reader.expression(entryOf(node, 'when'), 'when') : undefined };
    });
    if (types.length === 0) this.#fault('spec-header', root.at, { name: 'message' });
    return { types, refuse: this.#refuse(root), linked: this.#links(root), segments: this.#segments(entryOf(root, 'segments')?.value, 0) };
  }

  #query(root: MapNode): ReturnType<typeof queryParts> {
    return queryParts(root, {
      fault: (code, at, values) => this.#fault(code, at, values),
      keys: (node, known) => this.#keys(node, known),
      list: (node) => this.#list(node),
      when: (node) => this.#reader.expression(entryOf(node, 'when'), 'when'),
      refuse: (node) => this.#refuse(node),
      linked: (node) => this.#links(node),
      ignored: (node) => this.#ignored(node),
      segments: (node) => this.#segments(entryOf(node, 'segments')?.value, 0),
    });
  }

  #refuse(root: MapNode): OutMessageSpec['refuse'] {
    return this.#list(entryOf(root, 'refuse')?.value).flatMap((node) => {
      const when = this.#reader.expression(entryOf(node, 'when'), 'when');
      const because = textOf(node, 'because') ?? '';
      if (because === '') this.#fault('spec-header', node.at, { name: 'because' });
      return when === undefined ? [] : [{ when, because }];
    });
  }

  #links(root: MapNode): readonly OutLinked[] {
    const linked = entryOf(root, 'linked')?.value;
    return linked?.kind === 'map' ? linked.entries.flatMap((each) => this.#linked(each.key, each.value)) : [];
  }

  #linked(name: string, node: SpecNode): readonly OutLinked[] {
    if (node.kind === 'map') this.#keys(node, ['ref', 'by', 'type', 'require', 'whole', 'because']);
    const ref = this.#reader.expression(entryOf(node, 'ref'), 'ref');
    const by = textOf(node, 'by');
    const type = textOf(node, 'type') ?? '';
    if (type === '' || (ref === undefined) === (by === undefined))
      this.#fault('spec-header', node.at, { name: `linked.${name}: ref (or by) and type` });
    if (ref === undefined && by === undefined) return [];
    return [{ name, at: node.at, ref, by, type, require: textOf(node, 'require') === 'true', whole: textOf(node, 'whole') === 'true' }];
  }

  #segments(node: SpecNode | undefined, depth: number): readonly OutSegment[] {
    if (depth > DEEPEST) return [];
    return this.#list(node).flatMap((each): readonly OutSegment[] => {
      if (each.kind !== 'map') return this.#shape(each);
      this.#keys(each, SEGMENT_KEYS);
      return [
        {
          name: this.#reader.text(each, 'segment', 'a segment'),
          at: each.at,
          each: this.#reader.expression(entryOf(each, 'each'), 'each'),
          when: this.#reader.expression(entryOf(each, 'when'), 'when'),
          use: textNode(each, 'use'),
          fields: this.#parts(entryOf(each, 'fields')?.value, 0),
          always: textOf(each, 'always') === 'true',
          deletes: textOf(each, 'deletes') === 'true',
          segments: this.#segments(entryOf(each, 'segments')?.value, depth + 1),
        },
      ];
    });
  }

  /** A rule of any form. */
  rule(node: SpecNode, depth: number): OutRule {
    const plain = { at: node.at, when: undefined, each: undefined, map: undefined, default: undefined, type: undefined };
    if (depth > DEEPEST) this.#fault('rule-too-deep', node.at);
    if (depth > DEEPEST || node.kind === 'scalar') return { ...plain, body: this.#scalar(node) };
    if (node.kind === 'list') return { ...plain, body: { kind: 'choice', rules: node.items.map((each) => this.rule(each, depth + 1)) } };
    const numbered = node.entries.filter(({ key }) => /^[1-9]\d?$/.test(key));
    for (const { key, at } of node.entries)
      if (!RULE_KEYS.includes(key) && !/^[1-9]\d?$/.test(key))
        this.#fault('unknown-key', at, { name: key, nearest: didYouMean(key, RULE_KEYS) });
    const from = entryOf(node, 'from')?.value;
    const all = entryOf(node, 'all')?.value;
    if ([from, all, numbered[0]].filter((each) => each !== undefined).length !== 1) this.#fault('rule-shape', node.at);
    return {
      at: node.at,
      when: this.#reader.expression(entryOf(node, 'when'), 'when'),
      each: this.#reader.expression(entryOf(node, 'each'), 'each'),
      map: textNode(node, 'map'),
      default: textOf(node, 'default'),
      type: textOf(node, 'type'),
      body: this.#body(from, all, { ...node, entries: numbered }, depth),
    };
  }

  #body(from: SpecNode | undefined, all: SpecNode | undefined, numbered: MapNode, depth: number): OutBody {
    if (from?.kind === 'scalar') return this.#scalar(from);
    if (from !== undefined) return { kind: 'choice', rules: [this.rule(from, depth + 1)] };
    if (all !== undefined) return { kind: 'all', rules: this.#list(all).map((each) => this.rule(each, depth + 1)) };
    return { kind: 'parts', parts: this.#parts(numbered, depth + 1) };
  }

  #parts(node: SpecNode | undefined, depth: number): readonly OutPart[] {
    if (node === undefined) return [];
    if (node.kind !== 'map') return this.#shape(node);
    return node.entries.map(({ key, at, value }) => {
      if (!/^[1-9]\d?$/.test(key)) this.#fault('segment-field', at, { name: key });
      return { number: Number(key), at, rule: this.rule(value, depth) };
    });
  }

  #scalar(node: SpecNode): OutBody {
    if (isExpression(node)) return { kind: 'expression', node };
    return { kind: 'literal', text: node.kind === 'scalar' ? node.value : '' };
  }

  #use(root: MapNode): ReadonlyMap<string, ScalarNode> {
    const node = entryOf(root, 'use')?.value;
    return new Map(
      (node?.kind === 'map' ? node.entries : []).flatMap(({ key, value }) => (value.kind === 'scalar' ? [[key, value] as const] : [])),
    );
  }

  #ignored(root: MapNode): readonly OutIgnored[] {
    return this.#list(entryOf(root, 'ignore')?.value).flatMap((node) => {
      const path = textOf(node, 'path') ?? '';
      if (path === '') this.#fault('spec-header', node.at, { name: 'ignore: path' });
      if ((textOf(node, 'because') ?? '') === '') this.#fault('ignore-reason', node.at, { name: path });
      return path === '' ? [] : [{ path, at: node.at }];
    });
  }

  #list(node: SpecNode | undefined): readonly SpecNode[] {
    return node === undefined ? [] : node.kind === 'list' ? node.items : [node];
  }

  #keys(node: MapNode, known: readonly string[]): void {
    for (const { key, at } of node.entries)
      if (!known.includes(key)) this.#fault('unknown-key', at, { name: key, nearest: didYouMean(key, known) });
  }

  #shape(node: SpecNode): readonly never[] {
    this.#fault('spec-shape', node.at);
    return [];
  }

  #fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): void {
    this.#own.push(diagnostic(code, at, values));
  }
}
