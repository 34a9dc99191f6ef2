/** Runs the cases that stand in a row map: given a resource and a written-out vocabulary, exactly these rows. */
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { CdmRow, CdmValue, ResourceRows } from '../../omop/row.ts';
import type { RowContext } from '../conversion.ts';
import { type Diagnostic, diagnostic, type Position } from '../diagnostics.ts';
import { entryOf, type MapNode, type SpecNode, textOf } from '../read.ts';
import type { RowMaps } from './maps.ts';
import type { RowMapSpec } from './model.ts';
import { type WrittenConcept, writtenVocabulary } from './vocabulary.ts';

export interface RowCaseReport {
  readonly passed: number;
  readonly failed: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** Returns what the cases of every compiled map came to; `told` hears of each. */
export function runRowCases(maps: RowMaps, told?: (node: SpecNode, faults: readonly Diagnostic[]) => void): RowCaseReport {
  let passed = 0;
  const diagnostics: Diagnostic[] = [];
  let failed = 0;
  for (const { spec } of maps.maps.values()) {
    const list = entryOf(spec.root, 'cases')?.value;
    for (const node of list?.kind === 'list' ? list.items : []) {
      const found = runCase(node, spec, maps);
      told?.(node, found === undefined ? [] : [found]);
      if (found === undefined) passed += 1;
      else {
        failed += 1;
        diagnostics.push(found);
      }
    }
  }
  return { passed, failed, diagnostics };
}

function runCase(node: SpecNode, spec: RowMapSpec, maps: RowMaps): Diagnostic | undefined {
  const given = rowCaseGiven(node, spec);
  if ('code' in given) return given;
  const reason = difference(maps.rows(given.resource, given.context), given.node);
  return reason === undefined ? undefined : diagnostic('rows-case-differs', reason.at, { name: nameOf(node), reason: reason.text });
}

const nameOf = (node: SpecNode): string => textOf(node, 'name') ?? '(no name)';

export interface RowCaseGiven {
  readonly node: MapNode;
  readonly resource: Resource;
  readonly context: RowContext;
}

/** Returns what a case of a row map gives, or what is wrong with it. */
export function rowCaseGiven(node: SpecNode, spec: RowMapSpec): RowCaseGiven | Diagnostic {
  const name = nameOf(node);
  const given = entryOf(node, 'given')?.value;
  const read = readJson(given?.kind === 'scalar' ? given.value : '');
  if (!read.ok || node.kind !== 'map') return diagnostic('rows-case', given?.at ?? node.at, { name, reason: '"given" is not JSON' });
  const resource = resourceOf(read.value);
  if (resource?.resourceType !== spec.type) {
    return diagnostic('rows-case', given?.at ?? node.at, { name, reason: `"given" is not a ${spec.type}` });
  }
  const vocabulary = writtenVocabulary(conceptsOf(entryOf(spec.root, 'vocabulary')?.value));
  const asOf = textOf(node, 'asOf');
  const context = { vocabulary, timezone: textOf(node, 'timezone') ?? 'UTC', ...(asOf === undefined ? {} : { asOf }) };
  return { node, resource, context };
}

function resourceOf(value: unknown): Resource | undefined {
  if (typeof value !== 'object' || value === null || !('resourceType' in value) || typeof value.resourceType !== 'string') return undefined;
  return { ...value, resourceType: value.resourceType };
}

interface Difference {
  readonly text: string;
  readonly at: Position;
}

function difference(made: ResourceRows, node: MapNode): Difference | undefined {
  const expected = entryOf(node, 'expect')?.value;
  const items = expected?.kind === 'list' ? expected.items : [];
  const rows = [...made.rows].sort((a, b) => a.n - b.n);
  for (const [i, item] of items.entries()) {
    const entry = item.kind === 'map' ? item.entries[0] : undefined;
    const row = rows[i];
    if (entry === undefined || entry.value.kind !== 'map') return { text: 'a row is written "table: { column: value }"', at: item.at };
    if (row === undefined) return { text: `row ${i + 1} (${entry.key}) was not made; ${accountOf(made)}`, at: item.at };
    const differs = rowDifference(row, entry.key, entry.value);
    if (differs !== undefined) return { text: `row ${i + 1}: ${differs}`, at: item.at };
  }
  const extra = rows[items.length];
  if (extra !== undefined) return { text: `a further row was made: ${extra.table} ${JSON.stringify(extra.columns)}`, at: node.at };
  return accountDifference(made, node);
}

function rowDifference(row: CdmRow, table: string, expected: MapNode): string | undefined {
  if (row.table !== table) return `is in ${row.table}, expected in ${table}`;
  const columns = new Map(Object.entries(row.columns).filter(([, value]) => value !== null));
  if (row.partOf !== undefined) columns.set('partOf', row.partOf);
  for (const { key, value } of expected.entries) {
    const made = key === 'n' ? String(row.n) : valueText(columns.get(key));
    const wanted = value.kind === 'scalar' ? value.value : '(not a text)';
    if (made !== wanted) return `${key} is ${made}, expected ${wanted}`;
    columns.delete(key);
  }
  const [left] = columns;
  return left === undefined ? undefined : `${left[0]} is ${valueText(left[1])}, expected NULL`;
}

const valueText = (value: CdmValue | undefined): string => {
  if (value === undefined || value === null) return 'NULL';
  return typeof value === 'object' ? value.ref : String(value);
};

const accountOf = (made: ResourceRows): string =>
  `excluded: ${made.exclusions.map((each) => `rule ${each.rule} ${each.reason}`).join('; ') || 'nothing'}`;

/**
 * `excluded`, `adjusted`: rule numbers in order; `unmapped`: 'system|code why'; `instead`: what stands in for a place that is no site. What a case
 * does not name is empty.
 */
function accountDifference(made: ResourceRows, node: MapNode): Difference | undefined {
  const accounts = [
    { key: 'excluded', made: made.exclusions.map((each) => String(each.rule)), always: true },
    { key: 'adjusted', made: made.adjustments.map((each) => String(each.rule)), always: true },
    { key: 'unmapped', made: made.unmapped.map((each) => `${each.system}|${each.code} ${each.why}`), always: true },
    { key: 'instead', made: made.standIn === undefined ? [] : [made.standIn], always: true },
  ];
  for (const account of accounts) {
    const entry = entryOf(node, account.key);
    const items = entry?.value.kind === 'list' ? entry.value.items : [];
    const wanted = items.map((item) => (item.kind === 'scalar' ? item.value : ''));
    if (account.made.join(', ') === wanted.join(', ')) continue;
    const detail = account.key === 'adjusted' ? made.adjustments.map((each) => ` (rule ${each.rule}: ${each.reason})`).join('') : '';
    return { text: `${account.key} is [${account.made.join(', ')}]${detail}, expected [${wanted.join(', ')}]`, at: entry?.at ?? node.at };
  }
  return undefined;
}

/** Reads `vocabulary:` of a map: { system, vocabulary, code, id, name, domain, class, standard, to, value }. */
function conceptsOf(node: SpecNode | undefined): readonly WrittenConcept[] {
  if (node?.kind !== 'list') return [];
  return node.items.map((item) => {
    const standard = textOf(item, 'standard') ?? 'S';
    const invalid = textOf(item, 'invalid') ?? '';
    const values = (textOf(item, 'value') ?? '').split(' ');
    return {
      system: textOf(item, 'system') ?? '',
      concept_id: Number(textOf(item, 'id')),
      concept_name: textOf(item, 'name') ?? '',
      domain_id: textOf(item, 'domain') ?? '',
      vocabulary_id: textOf(item, 'vocabulary') ?? '',
      concept_class_id: textOf(item, 'class') ?? '',
      standard_concept: standard === 'S' || standard === 'C' ? standard : '',
      concept_code: textOf(item, 'code') ?? '',
      invalid_reason: invalid === 'D' || invalid === 'U' ? invalid : '',
      to: (textOf(item, 'to') ?? '')
        .split(' ')
        .filter((id) => id !== '')
        .map((id, i) => ({ concept_id: Number(id), value: values[i] === undefined || values[i] === '' ? undefined : Number(values[i]) })),
    };
  });
}
