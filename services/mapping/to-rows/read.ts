/** Reads row maps and concept tables out of YAML trees, with a diagnostic for whatever does not belong. */

import { CDM_TABLES } from '../../omop/tables.generated.ts';
import { ROUTED_TABLES, ROW_TABLES, type RoutedTable } from '../../omop/tables.ts';
import { type Diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import { entryOf, type MapEntry, type MapNode, type ReadSpec, type SpecNode, textOf } from '../read.ts';
import type { ColumnSpec, ConceptRow, ConceptTable, ExcludeSpec, RowMapSpec, RowSpec } from './model.ts';
import { readColumn } from './read-column.ts';
import { RowReader } from './reader.ts';

/** True for the tree of a row map: its target is OMOP. */
export const isRowMap = (root: SpecNode | undefined): boolean => textOf(entryOf(root, 'target')?.value, 'format') === 'omop';

/** True for the tree of a concept table: it starts with `concepts:`. */
export const isConceptTable = (root: SpecNode | undefined): boolean => entryOf(root, 'concepts') !== undefined;

export interface ReadRowMap {
  readonly map: RowMapSpec | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Returns the row map of a file; undefined with diagnostics when it cannot be one. */
export function readRowMap(file: ReadSpec): ReadRowMap {
  const reader = new RowReader();
  const start: Position = { file: file.file, line: 1, column: 1 };
  const root = file.root === undefined ? undefined : reader.map(file.root, 'a row map', start);
  if (root === undefined) return { map: undefined, diagnostics: [...file.diagnostics, ...reader.diagnostics] };
  reader.keys(root, 'a row map', ['map', 'version', 'title', 'source', 'target', 'exclude', 'columns', 'rows', 'cases', 'vocabulary']);
  const id = reader.text(root, 'map', 'a row map');
  const version = reader.text(root, 'version', 'a row map');
  const source = reader.map(entryOf(root, 'source')?.value, 'source', root.at);
  const type = source === undefined ? '' : reader.text(source, 'type', 'source');
  const shared = readColumns(entryOf(root, 'columns')?.value, 'resource', reader);
  const rows = reader.map(entryOf(root, 'rows')?.value, 'rows', root.at)?.entries.map((entry) => readRow(entry, shared, reader)) ?? [];
  const exclude = readExclude(entryOf(root, 'exclude')?.value, undefined, reader);
  const map: RowMapSpec = { id, version, at: root.at, type, exclude, rows: rows.filter((row) => row !== undefined), root };
  return { map: reader.diagnostics.length > 0 ? undefined : map, diagnostics: reader.diagnostics };
}

function readRow(entry: MapEntry, shared: readonly ColumnSpec[], reader: RowReader): RowSpec | undefined {
  const node = reader.map(entry.value, `row ${entry.key}`, entry.at);
  if (node === undefined) return undefined;
  reader.keys(node, 'a row', ['when', 'each', 'exclude', 'table', 'route', 'partOf', 'columns']);
  const own = readColumns(entryOf(node, 'columns')?.value, 'item', reader);
  const named = new Set(own.map((column) => column.name));
  const target = readTarget(node, entry, reader);
  if (target === undefined) return undefined;
  return {
    name: entry.key,
    at: entry.at,
    when: reader.expression(entryOf(node, 'when'), 'when'),
    each: reader.expression(entryOf(node, 'each'), 'each'),
    exclude: readExclude(entryOf(node, 'exclude')?.value, target, reader),
    partOf: reader.expression(entryOf(node, 'partOf'), 'partOf'),
    target,
    columns: [...shared.filter((column) => !named.has(column.name)), ...own],
  };
}

function readTarget(node: MapNode, entry: MapEntry, reader: RowReader): RowSpec['target'] | undefined {
  const table = textOf(node, 'table');
  if (table !== undefined) {
    const found = ROW_TABLES.find((each) => each === table);
    if (found !== undefined) return { kind: 'table', table: found };
    reader.fault('rows-unknown-table', entryOf(node, 'table')?.value.at ?? node.at, {
      name: table,
      nearest: didYouMean(table, Object.keys(CDM_TABLES)),
    });
    return undefined;
  }
  const route = entryOf(node, 'route')?.value;
  if (route?.kind !== 'map') {
    reader.fault('rows-missing-key', entry.at, { name: 'route (or table)', what: `row ${entry.key}` });
    return undefined;
  }
  reader.keys(route, 'route', ['concept', 'vocabulary', 'prefer', 'default', 'agent', 'says']);
  const given = reader.text(route, 'default', 'route');
  const intent = routed(given);
  if (intent === undefined && given !== '') {
    reader.fault('rows-unknown-table', entryOf(route, 'default')?.value.at ?? node.at, {
      name: given,
      nearest: didYouMean(given, ROUTED_TABLES),
    });
  }
  const concept = readColumn({ key: 'concept', at: route.at, value: entryOf(route, 'concept')?.value ?? route }, 'item', reader);
  if (intent === undefined || concept?.rule.kind !== 'from') return undefined;
  const says = entryOf(route, 'says')?.value;
  const agent = says ?? entryOf(route, 'agent')?.value;
  return {
    kind: 'route',
    concept: concept.rule.alternatives,
    system: textOf(route, 'vocabulary'),
    prefer: reader.texts(entryOf(route, 'prefer')?.value, 'prefer'),
    intent,
    agent:
      agent?.kind === 'map'
        ? { system: reader.text(agent, 'system', 'agent'), code: reader.text(agent, 'code', 'agent'), always: says !== undefined }
        : undefined,
  };
}

/** 'condition' and 'condition_occurrence' mean the same table. */
const routed = (name: string): RoutedTable | undefined =>
  ROUTED_TABLES.find((table) => table === name || table === `${name}_occurrence` || table === `${name}_exposure`);

function readColumns(node: SpecNode | undefined, scope: ColumnSpec['scope'], reader: RowReader): readonly ColumnSpec[] {
  if (node === undefined) return [];
  const map = reader.map(node, 'columns', node.at);
  return map?.entries.map((entry) => readColumn(entry, scope, reader)).filter((column) => column !== undefined) ?? [];
}

function readExclude(node: SpecNode | undefined, target: RowSpec['target'] | undefined, reader: RowReader): readonly ExcludeSpec[] {
  const isSite = target?.kind === 'table' && target.table === 'care_site';
  if (node === undefined) return [];
  if (node.kind !== 'list') {
    reader.fault('rows-expected', node.at, { what: 'exclude', form: 'a list of { when, rule, because }' });
    return [];
  }
  return node.items.flatMap((item) => {
    const map = reader.map(item, 'exclude', item.at);
    if (map === undefined) return [];
    reader.keys(map, isSite ? 'exclude' : 'exclude of what is no care_site', ['when', 'rule', 'because', ...(isSite ? ['instead'] : [])]);
    const when = reader.expression(entryOf(map, 'when'), 'when');
    if (when === undefined) return [];
    const instead = reader.expression(entryOf(map, 'instead'), 'instead');
    return [{ when, rule: reader.integer(map, 'rule', 'exclude'), because: reader.text(map, 'because', 'exclude'), instead }];
  });
}

export interface ReadConceptTable {
  readonly table: ConceptTable | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Returns the concept table of a file; undefined with diagnostics when it cannot be one. */
export function readConceptTable(file: ReadSpec): ReadConceptTable {
  const reader = new RowReader();
  const root = file.root === undefined ? undefined : reader.map(file.root, 'a concept table', { file: file.file, line: 1, column: 1 });
  if (root === undefined) return { table: undefined, diagnostics: [...file.diagnostics, ...reader.diagnostics] };
  reader.keys(root, 'a concept table', ['concepts', 'version', 'title', 'systems', 'sourceVocabulary', 'rows']);
  const rows = new Map<string, ConceptRow>();
  const list = entryOf(root, 'rows')?.value;
  for (const item of list?.kind === 'list' ? list.items : []) {
    const node = reader.map(item, 'a row', item.at);
    if (node === undefined) continue;
    reader.keys(node, 'a row', ['code', 'concept', 'name', 'because']);
    const code = reader.text(node, 'code', 'a row');
    if (rows.has(code)) reader.fault('rows-duplicate-code', node.at, { code });
    rows.set(code, { code, concept_id: reader.integer(node, 'concept', 'a row'), name: reader.text(node, 'name', 'a row'), at: node.at });
  }
  if (rows.size === 0) reader.fault('rows-missing-key', root.at, { name: 'rows', what: 'a concept table' });
  const table: ConceptTable = {
    id: reader.text(root, 'concepts', 'a concept table'),
    version: reader.text(root, 'version', 'a concept table'),
    at: root.at,
    systems: reader.texts(entryOf(root, 'systems')?.value, 'systems'),
    sourceVocabulary: textOf(root, 'sourceVocabulary') ?? '',
    rows,
  };
  return { table: reader.diagnostics.length > 0 ? undefined : table, diagnostics: reader.diagnostics };
}
