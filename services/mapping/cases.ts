/**
 * Runs the cases of message maps: given a message (a fixture with some fields set, or written out), every assertion must hold.
 * An assertion is an expression over what was made: resources by type (`observation[0].status = 'final'`), and `ack`, `rung`, `problems`
 * (codes), `unmapped` (system|code), `unread` (paths), `deletes` (elements), `updates` (Patient:merge).
 */
import { ERRORS, gravest, harmless } from '../errors.ts';
import { RESOURCE_TYPES } from '../fhir/definitions.ts';
import { readJson } from '../fhir/format/json.ts';
import { withRaw, withValue } from '../hl7v2/encode.ts';
import type { Message } from '../hl7v2/message.ts';
import { parseMessage } from '../hl7v2/parse.ts';
import type { Conversion, ConvertContext, Maps } from './conversion.ts';
import { type Diagnostic, type DiagnosticCode, diagnostic, type Position } from './diagnostics.ts';
import { compileExpression } from './expression/compile.ts';
import { expressionRuntime, type Run } from './expression/runtime.ts';
import type { Compiled, FhirScope } from './expression/scope.ts';
import { asCondition, system } from './expression/typed.ts';
import { entryOf, type ListNode, type ScalarNode, type SpecNode, textOf, texts } from './read.ts';
import { type ConvertedRecord, convertObject, convertTable, type RecordMap } from './records/maps.ts';
import { type CaseTables, tableCaseFaults } from './table-cases.ts';
import { FHIR_TYPES } from './to-fhir/target.ts';
import { outCaseFaults } from './to-hl7v2/cases.ts';
import type { OutMaps } from './to-hl7v2/maps.ts';

export interface CaseReport {
  readonly passed: number;
  readonly failed: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** Finds the bytes a case names; undefined when there are none. */
export type FindBytes = (file: string, from: Position) => Uint8Array | undefined;

/** Hears of each case that was run. */
export type CaseTold = (node: SpecNode, faults: readonly Diagnostic[]) => void;

/** Returns what a list of cases came to. */
export function runCases(list: ListNode, maps: CaseMaps, find: FindBytes, told?: CaseTold): CaseReport {
  const diagnostics: Diagnostic[] = [];
  let passed = 0;
  let failed = 0;
  for (const node of list.items) {
    const faults = runCase(node, maps, find);
    told?.(node, faults);
    if (faults.length === 0) passed += 1;
    else failed += 1;
    diagnostics.push(...faults);
  }
  return { passed, failed, diagnostics };
}

function runCase(node: SpecNode, maps: CaseMaps, find: FindBytes): readonly Diagnostic[] {
  const name = textOf(node, 'name') ?? '(no name)';
  const fault = (code: DiagnosticCode, at: Position, reason: string): readonly Diagnostic[] => [diagnostic(code, at, { name, reason })];
  const given = entryOf(node, 'given')?.value;
  const table = textOf(given, 'table');
  if (table !== undefined) return tableCaseFaults(table, node, maps, fault);
  if (textOf(given, 'resource') !== undefined) return outCaseFaults(node, maps.outMaps, fault);
  const expected = texts(entryOf(node, 'expect')?.value);
  if (given?.kind !== 'map' || expected.length === 0) return fault('case-shape', node.at, 'a case has name, given and expect');
  const context = contextOf(given);
  const conversion = isRecords(given) ? convertedRecords(given, maps, find, context) : convertedMessage(given, maps, find, context);
  if (typeof conversion === 'string') return fault('case-shape', given.at, conversion);
  return expected.flatMap((each) => assertionFaults(each, name, conversion));
}

/** Maps as cases need them. */
export interface CaseMaps extends Maps, CaseTables {
  readonly recordMaps: readonly RecordMap[];
  readonly outMaps: Pick<OutMaps, 'buildFrom'>;
}

const isRecords = (given: SpecNode): boolean =>
  textOf(given, 'csv') !== undefined || textOf(given, 'json') !== undefined || /\.(csv|tsv|json)$/.test(textOf(given, 'file') ?? '');

function convertedMessage(given: SpecNode, maps: Maps, find: FindBytes, context: ConvertContext): Conversion | string {
  const message = givenMessage(given, find);
  return typeof message === 'string' ? message : maps.convert(message, context);
}

/** All records of the case as one conversion. */
function convertedRecords(given: SpecNode, maps: RecordMaps, find: FindBytes, context: ConvertContext): Conversion | string {
  const records = givenRecords(given, maps, find, context);
  if (typeof records === 'string') return records;
  const [only] = records;
  return only !== undefined && records.length === 1 ? only.conversion : together(records.map((each) => each.conversion));
}

type RecordMaps = Pick<CaseMaps, 'recordMaps'>;

function givenRecords(given: SpecNode, maps: RecordMaps, find: FindBytes, context: ConvertContext): readonly ConvertedRecord[] | string {
  const file = textOf(given, 'file');
  const written = textOf(given, 'csv') ?? textOf(given, 'json');
  const bytes = file === undefined ? Buffer.from(written ?? '', 'utf8') : find(file, given.at);
  if (bytes === undefined) return `the file ${file} is not there`;
  if (textOf(given, 'json') === undefined && file?.endsWith('.json') !== true) {
    const made = convertTable(maps.recordMaps, bytes, context);
    return made.ok ? [...made.value] : `the file is not converted: ${made.problems[0]?.code ?? ''}`;
  }
  const read = readJson(bytes);
  const made = read.ok ? convertObject(maps.recordMaps, read.value, context) : read;
  return made.ok ? [made.value] : `the object is not converted: ${made.problems[0]?.code ?? ''}`;
}

/** Returns the records that a case gives, as they came, with what they are converted with; none for a case of something else. */
export function caseRecords(
  node: SpecNode,
  maps: RecordMaps,
  find: FindBytes,
): { readonly records: readonly ConvertedRecord[]; readonly context: ConvertContext } {
  const given = entryOf(node, 'given')?.value;
  if (given?.kind !== 'map' || !isRecords(given)) return { records: [], context: { timezone: 'UTC' } };
  const context = contextOf(given);
  const records = givenRecords(given, maps, find, context);
  return { records: typeof records === 'string' ? [] : records, context };
}

function together(all: readonly Conversion[]): Conversion {
  const order: readonly Conversion['rung'][] = ['none', 'drop', 'default', 'park-resource', 'park-message', 'refuse'];
  const worst = Math.max(0, ...all.map((each) => order.indexOf(each.rung)));
  return {
    drafts: all.flatMap((each) => each.drafts),
    problems: all.flatMap((each) => each.problems),
    unmapped: all.flatMap((each) => each.unmapped),
    unread: all.flatMap((each) => each.unread),
    rung: order[worst] ?? 'none',
    spec: all[0]?.spec ?? '',
  };
}

function givenMessage(given: SpecNode, find: FindBytes): Message | string {
  const file = textOf(given, 'file');
  const written = textOf(given, 'message');
  const bytes =
    file === undefined
      ? written === undefined
        ? undefined
        : Buffer.from(written.trim().replaceAll('\n', '\r'), 'utf8')
      : find(file, given.at);
  if (bytes === undefined) return file === undefined ? 'given names neither file nor message' : `the file ${file} is not there`;
  const parsed = parseMessage(bytes, written === undefined ? {} : { charset: 'UNICODE UTF-8' });
  if (!parsed.ok) return `the message cannot be read: ${parsed.problems[0]?.code ?? ''}`;
  let message: Message = parsed.value;
  const set = entryOf(given, 'set')?.value;
  for (const each of set?.kind === 'map' ? set.entries : []) {
    if (each.value.kind !== 'scalar') return `set ${each.key} needs a text`;
    try {
      // A whole field may be written with its separators; parts are single values.
      message = each.key.includes('.') ? withValue(message, each.key, each.value.value) : withRaw(message, each.key, each.value.value);
    } catch {
      return `set ${each.key} is no path that can be set`;
    }
  }
  return message;
}

/** Returns the message that a case gives and what it is converted with; undefined for a case of something else, or one that cannot be read. */
export function caseMessage(node: SpecNode, find: FindBytes): { readonly message: Message; readonly context: ConvertContext } | undefined {
  const given = entryOf(node, 'given')?.value;
  const isOfMessage = textOf(given, 'message') !== undefined || textOf(given, 'file') !== undefined;
  if (given?.kind !== 'map' || !isOfMessage || isRecords(given)) return undefined;
  const message = givenMessage(given, find);
  return typeof message === 'string' ? undefined : { message, context: contextOf(given) };
}

function contextOf(given: SpecNode): ConvertContext {
  const authority = textOf(given, 'authority');
  return { timezone: textOf(given, 'timezone') ?? 'UTC', ...(authority === undefined ? {} : { authority }) };
}

function assertionFaults(node: ScalarNode, name: string, conversion: Conversion): readonly Diagnostic[] {
  // Assertions are always expressions: the "=" in front may be left out.
  const expression: ScalarNode = node.value.startsWith('=')
    ? node
    : { ...node, value: `=${node.value}`, at: { ...node.at, column: node.at.column - 1 } };
  const result = compileExpression(expression, ASSERTIONS);
  if (!result.ok) return result.diagnostics;
  const holds: unknown = new Function('R', 'X', 'N', `"use strict"; return ${asCondition(result.value)};`)(
    expressionRuntime,
    RUN,
    valuesOf(conversion),
  );
  return holds === true ? [] : [diagnostic('case-fails', node.at, { name, reason: `"${node.value}" does not hold` })];
}

const RUN: Run = { error: undefined, authority: '', messageOffset: undefined, timezone: 'UTC', note: () => undefined };

const lowerFirst = (type: string): string => type.charAt(0).toLowerCase() + type.slice(1);

const ASSERTIONS: FhirScope = {
  format: 'fhir',
  types: FHIR_TYPES,
  root: undefined,
  names: new Map<string, Compiled>([
    ...[...RESOURCE_TYPES.keys()].map((type): [string, Compiled] => [
      lowerFirst(type),
      { js: `N[${JSON.stringify(type)}]`, type: { kind: 'fhir', name: type, many: true } },
    ]),
    ...['problems', 'unmapped', 'unread', 'deletes', 'updates'].map((each): [string, Compiled] => [
      each,
      { js: `N[${JSON.stringify(each)}]`, type: system('string', true) },
    ]),
    ...['ack', 'rung'].map((each): [string, Compiled] => [each, { js: `N[${JSON.stringify(each)}]`, type: system('string') }]),
  ]),
};

/** What assertions can name; types of which nothing was made are empty lists. */
function valuesOf(conversion: Conversion): unknown {
  const values: Record<string, unknown> = {
    problems: conversion.problems.map((each) => each.code),
    unmapped: conversion.unmapped.map((each) => `${each.system}|${each.code}`),
    unread: conversion.unread.map((each) => each.path),
    deletes: conversion.drafts.flatMap((each) => each.deletes.map((element) => `${each.resource.resourceType}.${element}`)),
    updates: conversion.drafts.map((each) => `${each.resource.resourceType}:${each.update}`),
    rung: conversion.rung,
    ack: acknowledgementOf(conversion),
  };
  for (const type of RESOURCE_TYPES.keys()) values[type] = [];
  for (const { resource } of conversion.drafts) {
    const list = values[resource.resourceType];
    if (Array.isArray(list)) list.push(resource);
  }
  return values;
}

function acknowledgementOf({ problems, rung }: Conversion): string {
  if (rung === 'refuse') return 'AR';
  if (rung === 'park-message' || rung === 'park-resource') return 'AE';
  return harmless(problems) ? 'AA' : (gravest(problems)?.ack ?? ERRORS.internal.ack);
}
