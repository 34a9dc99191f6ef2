/** Reads one column rule: a literal, an expression, a list of alternatives, or the long form with `from`, `ref`, `id` or `concept`. */
import { entryOf, type ListNode, type MapEntry, type MapNode, type ScalarNode, type SpecNode, textOf } from '../read.ts';
import type { Alternative, ColumnRuleSpec, ColumnSpec } from './model.ts';
import type { RowReader } from './reader.ts';

const OPTIONS = ['time', 'text', 'map', 'answers'] as const;

/** Returns the rule of one `name: rule` pair; undefined when it has none that can be read. */
export function readColumn(entry: MapEntry, scope: ColumnSpec['scope'], reader: RowReader): ColumnSpec | undefined {
  const rule = readRule(entry.value, entry.key, reader);
  return rule === undefined
    ? undefined
    : { name: entry.key, at: entry.at, scope, require: textOf(entry.value, 'require') === 'true', rule };
}

function readRule(node: SpecNode, name: string, reader: RowReader): ColumnRuleSpec | undefined {
  if (node.kind !== 'map') return { kind: 'from', alternatives: readAlternatives(node, name, reader), options: new Map() };
  if (entryOf(node, 'ref') !== undefined) return readRef(node, reader);
  if (entryOf(node, 'id') !== undefined) {
    reader.keys(node, name, ['id', 'name']);
    return { kind: 'id', concept_id: reader.integer(node, 'id', name), name: reader.text(node, 'name', name) };
  }
  if (entryOf(node, 'concept') !== undefined) return readConcept(node, name, reader);
  reader.keys(node, name, ['from', 'when', 'rule', 'because', 'require', ...OPTIONS]);
  const options = new Map<string, ScalarNode>();
  for (const key of OPTIONS) {
    const value = entryOf(node, key)?.value;
    if (value?.kind === 'scalar') options.set(key, value);
  }
  const alternatives = readAlternatives(entryOf(node, 'from')?.value ?? node, name, reader, node);
  return { kind: 'from', alternatives, options };
}

const REFERENCES = /^(self|most-recent-visit|row:[\w-]+)$/;

function readRef(node: MapNode, reader: RowReader): ColumnRuleSpec | undefined {
  reader.keys(node, 'ref', ['ref', 'require']);
  const to = entryOf(node, 'ref')?.value;
  if (to?.kind === 'scalar' && (to.value.startsWith('=') || REFERENCES.test(to.value))) return { kind: 'ref', to };
  reader.fault('rows-expected', to?.at ?? node.at, {
    what: 'ref',
    form: 'an expression that gives a Reference, "self", "most-recent-visit" or "row:" and the name of a row before',
  });
  return undefined;
}

function readConcept(node: MapNode, name: string, reader: RowReader): ColumnRuleSpec {
  reader.keys(node, name, ['concept', 'map', 'vocabulary', 'prefer', 'default', 'when', 'require']);
  const fallback = entryOf(node, 'default')?.value;
  const written = fallback === undefined ? undefined : readRule(fallback, 'default', reader);
  if (written !== undefined && written.kind !== 'id') {
    reader.fault('rows-expected', node.at, { what: 'default', form: '{ id, name } of a concept' });
  }
  return {
    kind: 'concept',
    alternatives: readAlternatives(entryOf(node, 'concept')?.value ?? node, name, reader, node),
    map: textOf(node, 'map') ?? '',
    system: textOf(node, 'vocabulary') ?? '',
    prefer: reader.texts(entryOf(node, 'prefer')?.value, 'prefer'),
    default: written?.kind === 'id' ? written.concept_id : undefined,
    at: node.at,
  };
}

/** `outer` is the long form around a single `from`: its `when`, `rule` and `because` belong to it. */
function readAlternatives(node: SpecNode, name: string, reader: RowReader, outer?: MapNode): readonly Alternative[] {
  const items = node.kind === 'list' ? listItems(node, name, reader) : [node];
  return items.flatMap((item): readonly Alternative[] => {
    if (item.kind === 'scalar') return [alternative(item, node.kind === 'list' ? undefined : outer, reader)];
    const from = entryOf(item, 'from')?.value;
    if (item.kind === 'map' && from?.kind === 'scalar') {
      reader.keys(item, name, ['from', 'when', 'rule', 'because']);
      return [alternative(from, item, reader)];
    }
    reader.fault('rows-expected', item.at, { what: name, form: 'a literal, an expression, or { from, when, rule, because }' });
    return [];
  });
}

function listItems(node: ListNode, name: string, reader: RowReader): readonly SpecNode[] {
  if (node.items.length === 0) reader.fault('rows-expected', node.at, { what: name, form: 'a list of alternatives' });
  return node.items;
}

function alternative(from: ScalarNode, around: MapNode | undefined, reader: RowReader): Alternative {
  const rule = around === undefined ? undefined : entryOf(around, 'rule');
  return {
    from,
    when: around === undefined ? undefined : reader.expression(entryOf(around, 'when'), 'when'),
    rule: rule === undefined || around === undefined ? undefined : reader.integer(around, 'rule', 'an alternative'),
    because: around === undefined ? '' : (textOf(around, 'because') ?? ''),
  };
}
