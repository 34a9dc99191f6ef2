/** `map:` — a code looked up in a concept map; a code without a row is always reported, and the rule says what becomes of it. */
import { asText } from '../expression/typed.ts';
import type { ScalarNode } from '../read.ts';
import type { Rule } from '../rules.ts';
import type { TableSpec } from '../spec.ts';
import { afterValue, compiled, type Place, pick, whereJs, whereThere } from './place.ts';
import { PRIMITIVE, type Target } from './target.ts';
import { assign } from './values.ts';

type ExpressionRule = Extract<Rule, { kind: 'expression' }>;

/** Returns statements that set `out` to what the concept map says of the rule's text. */
export function writeLookup(rule: ExpressionRule, mapNode: ScalarNode, target: Target, out: string, place: Place): string {
  const table = place.build.table(mapNode, place.use);
  const value = compiled(rule.node, place);
  if (table === undefined || value === undefined) return '';
  checkTargets(table, target, place);
  const picked = pick(value, rule, target, place);
  if (picked === undefined) return '';
  const text = asText(picked, true);
  if (text === undefined) {
    place.build.fault('map-needs-from', rule.at);
    return '';
  }
  const shape = shapeOf(target, rule, place);
  if (shape === undefined) return '';
  const at = whereJs(value, place);
  const rung = JSON.stringify(rule.options.onUnmapped ?? 'report');
  const k = place.build.constant(table);
  const row = `R.row(${k}, c, X, () => ${at}, ${rung})`;
  const set = picked.type.many
    ? `${out} = R.some(R.each1(${text}, (c) => ${shape}(${row}, ${k})));`
    : `{ const c = ${text}; const r = c === undefined ? undefined : ${shape}(${row}, ${k}); ${out} = ${target.many ? 'R.oneOf(r)' : 'r'}; }`;
  const source = rule.options.keepSource === true ? keepSource(rule, target, out, place) : '';
  return whereThere(picked, set + source + afterValue(value, false, out, place), place);
}

function shapeOf(target: Target, rule: Rule, place: Place): string | undefined {
  if (target.type === 'CodeableConcept') return 'R.rowConcept';
  if (target.type === 'Coding') return 'R.rowCoding';
  if (PRIMITIVE(target.type) && target.type !== '') return 'R.rowCode';
  place.build.fault(target.choice === undefined ? 'map-needs-from' : 'choice-needs-type', rule.at, {
    path: target.path,
    example: 'CodeableConcept',
  });
  return undefined;
}

/** The sender's own coding stays beside the mapped one. */
function keepSource(rule: ExpressionRule, target: Target, out: string, place: Place): string {
  const value = compiled(rule.node, place);
  const picked = value === undefined ? undefined : pick(value, rule, target, place);
  if (picked === undefined || target.type !== 'CodeableConcept') return '';
  const assigned = assign(picked, target, place.build, rule.at, place.write.typeBody);
  if (assigned === undefined) return '';
  return assigned.many
    ? `\n${out} = R.withSources(${out}, ${assigned.js});`
    : `\n${out} = R.withSource(${out}, ${assigned.js}, ${target.many});`;
}

/** Every code a concept map can give must be in the element's required value set. */
function checkTargets(table: TableSpec, target: Target, place: Place): void {
  const { binding } = target;
  if (binding === undefined) return;
  for (const row of table.codes.values()) {
    if (!binding.codes.has(row.code))
      place.build.fault('binding-violated', row.at, { value: row.code, set: binding.name, path: target.path });
  }
}
