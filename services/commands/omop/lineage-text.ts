/** Lineage as people read it: value <- rule (file:line) <- place of the message and its bytes. */
import { relative } from 'node:path';
import type { Position } from '../../mapping/diagnostics.ts';
import type { ElementLineage, RuleOutcome, TracedConversion } from '../../mapping/trace/lineage.ts';
import type { RowLineage } from '../../mapping/trace/rows.ts';

const placeOf = (at: Position): string => `${relative('', at.file)}:${at.line}`;

/** Returns one line per value of every resource, then the rules that made nothing and why. */
export function traceText({ elements, rules }: TracedConversion): string {
  const lines = [...elements].flatMap(([reference, all]) => [reference, ...all.map((each) => `  ${elementText(each)}`)]);
  return [...lines, 'rules that made nothing', ...silentRules(rules)].join('\n');
}

function elementText({ path, value, rules, row, sources }: ElementLineage): string {
  const [first, ...around] = rules;
  const rule = first === undefined ? '' : ` <- ${first.text} (${placeOf(first.at)})`;
  const table = row === undefined ? '' : ` <- ${placeOf(row)}`;
  // The rule of the resource says why the datatype's rule was asked.
  const asked = around.findLast((each) => each.at.file !== first?.at.file && each.role !== 'resource');
  const outer = asked === undefined ? '' : ` for ${asked.text} (${placeOf(asked.at)})`;
  return `${path} = ${value}${rule}${table}${outer}${sourceText({ sources })}`;
}

function sourceText({ sources }: Pick<ElementLineage, 'sources'>): string {
  if (sources.length === 0) return '';
  const places = sources.map(({ path, bytes }) => (bytes === undefined ? path : `${path} bytes ${bytes.from}-${bytes.to}`));
  return ` <- ${places.join(', ')}`;
}

function silentRules(rules: readonly RuleOutcome[]): readonly string[] {
  return rules
    .filter((each) => each.made === 0)
    .map(
      ({ rule, ran, why }) => `  ${rule.target}: ${rule.text} (${placeOf(rule.at)}) ${ran === 0 ? 'did not run' : 'made nothing'}: ${why}`,
    );
}

/** Returns a line per column of a row: its value, the rule, the elements it read, and where these are from. */
export function rowText(
  row: RowLineage,
  values: Readonly<Record<string, unknown>>,
  elements: readonly ElementLineage[],
): readonly string[] {
  const byPath = new Map(elements.map((each) => [each.path, each]));
  return row.columns.flatMap(({ column, rule, at, read }) => {
    const place = at === undefined ? 'a rule of the CDM' : `${rule} (${placeOf(at)})`;
    const from = read.filter((path) => !/\.(resourceType|id)$/.test(path));
    const lines = from.map((path) => {
      const element = byPath.get(path);
      return element === undefined ? `    ${path}` : `    ${elementText(element)}`;
    });
    return [`  ${column} = ${String(values[column])} <- ${place}`, ...lines];
  });
}

/** Lineage for machines. */
export const traceJson = ({ conversion, elements, rules }: TracedConversion): string =>
  JSON.stringify({ spec: conversion.spec, elements: Object.fromEntries(elements), rules }, undefined, 2);
