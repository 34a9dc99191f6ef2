/** Objects of the target: every rule of a nested map sets one property; an object with nothing but constants in it is not made. */
import { didYouMean } from '../diagnostics.ts';
import type { ScalarNode } from '../read.ts';
import { isConstant, type Rule, type RuleEntry } from '../rules.ts';
import { literalOf } from './literals.ts';
import type { Place } from './place.ts';
import { remembered } from './remembering.ts';
import { elementNames, propertiesOf, type Target, targetOf } from './target.ts';

/** Returns statements that set `out` to an object of `type`, or leave it undefined when no message value is in it. */
export function writeObject(entries: readonly RuleEntry[], type: string, out: string, path: string, place: Place, partial = false): string {
  const object = place.build.fresh('o');
  const filled = place.build.fresh('b');
  const lacking = place.build.fresh('b');
  const constant = entries.length > 0 && entries.every((each) => isConstant(each.rule));
  const lines = [`const ${object} = {}; let ${filled} = ${constant}; let ${lacking} = false;`];
  const written = entries.map((entry) => writeEntry(entry, type, object, filled, lacking, path, place)).filter((each) => each !== '');
  if (!partial) reportMissingRules(entries, type, place);
  if (entries.length > 0 && written.length === 0) return '';
  lines.push(...written);
  lines.push(`if (${filled} && !${lacking}) ${out} = ${object};`);
  return lines.join('\n');
}

function writeEntry(entry: RuleEntry, type: string, object: string, filled: string, lacking: string, path: string, place: Place): string {
  const value = place.build.fresh('v');
  const nameVar = place.build.fresh('n');
  const target = targetOf(type, entry.name, nameVar);
  if (target === undefined) {
    place.build.fault('unknown-element', entry.at, { type, name: entry.name, nearest: nearestElement(type, entry.name) });
    return '';
  }
  const body = place.write.rule(entry.rule, { ...target, path: `${path}.${entry.name}` }, value, place);
  const property = target.choice === undefined ? JSON.stringify(entry.name) : nameVar;
  const isFast = place.build.rules === undefined;
  const traced = isFast ? '' : ` X.assigned(${object}, ${property});`;
  const dynamic = isConstant(entry.rule) ? '' : ` ${filled} = true;`;
  const needed = target.required || entry.rule.options.require === true;
  const otherwise = needed ? ` else { if (${filled}) X.lacks(${JSON.stringify(`${path}.${entry.name}`)}, false); ${lacking} = true; }` : '';
  if (body === '' && isFast) return otherwise.slice(' else '.length);
  return `let ${value}${target.choice === undefined ? '' : `, ${nameVar}`};\n${body}\nif (${value} !== undefined) { ${object}[${property}] = ${value};${traced}${dynamic} }${otherwise}`;
}

/** JavaScript of an object of which all is literal, as one literal; undefined where a part is not, or a trace wants to tell of each. */
export function constantObject(entries: readonly RuleEntry[], type: string, path: string, place: Place): string | undefined {
  const { build } = place;
  if (build.rules !== undefined || entries.length === 0 || !entries.every((each) => isPlainLiteral(each.rule))) return undefined;
  const targets = entries.map((each) => targetOf(type, each.name, ''));
  if (targets.some((each) => each === undefined || each.choice !== undefined)) return undefined;
  const missing = elementNames(type).required.some((name) => !entries.some((each) => each.name === name));
  if (missing || new Set(entries.map((each) => each.name)).size < entries.length) return undefined;
  const parts: string[] = [];
  const told = build.diagnostics.length;
  for (const [i, { name, rule }] of entries.entries()) {
    const target = targets[i];
    if (target === undefined) return undefined;
    const { kind } = rule;
    const js =
      kind === 'literal'
        ? literalOf(rule.node, target, build)
        : kind === 'object'
          ? constantObject(rule.entries, target.type, `${path}.${name}`, place)
          : undefined;
    if (js === undefined) {
      build.diagnostics.length = told; // whoever writes it the long way tells of it
      return undefined;
    }
    parts.push(`${JSON.stringify(name)}: ${target.many ? `[${js}]` : js}`);
  }
  return `{ ${parts.join(', ')} }`;
}

/** A literal that is a value, or an object of such, and nothing besides. */
function isPlainLiteral(rule: Rule): boolean {
  if (Object.keys(rule.options).some((key) => key !== 'require')) return false;
  if (rule.kind === 'literal') return rule.node.value !== '' || rule.node.quoted;
  return rule.kind === 'object' && rule.entries.length > 0 && rule.entries.every((each) => isPlainLiteral(each.rule));
}

/** ' Did you mean "value[x]"?' — a choice is written with its brackets. */
function nearestElement(type: string, name: string): string {
  const { all } = elementNames(type);
  return all.includes(`${name}[x]`) ? ` Did you mean "${name}[x]"?` : didYouMean(name, all);
}

function reportMissingRules(entries: readonly RuleEntry[], type: string, place: Place): void {
  const at = entries[0]?.at;
  if (at === undefined) return;
  for (const name of elementNames(type).required) {
    const properties = propertiesOf(type, name);
    if (!entries.some((each) => each.name === name || properties.includes(each.name)))
      place.build.fault('required-element', at, { type, name });
  }
}

/** A field of a resource, with the `use` of the file its rule stands in. */
export interface ResourceField extends RuleEntry {
  readonly use: ReadonlyMap<string, ScalarNode>;
}

/** Statements for the fields of a resource: they set properties of `o` and note deletes. `lacks` parks the resource. */
export function writeResourceFields(entries: readonly ResourceField[], type: string, place: Place): string {
  const lines: string[] = [];
  for (const entry of entries) {
    const value = place.build.fresh('v');
    const nameVar = place.build.fresh('n');
    const target: Target | undefined = targetOf(type, entry.name, nameVar);
    if (target === undefined) {
      place.build.fault('unknown-element', entry.at, { type, name: entry.name, nearest: nearestElement(type, entry.name) });
      continue;
    }
    const names = propertiesOf(type, entry.name);
    const deletes = (segment: string, field: number): string => `X.deleteIf(${segment}, ${field}, ${JSON.stringify(names)});`;
    const body = place.write.rule(entry.rule, target, value, { ...place, use: entry.use, deletes });
    const property = target.choice === undefined ? JSON.stringify(entry.name) : nameVar;
    const set =
      place.build.rules === undefined ? `o[${property}] = ${value};` : `{ o[${property}] = ${value}; X.assigned(o, ${property}); }`;
    const needed = target.required || entry.rule.options.require === true ? ` else X.lacks(${JSON.stringify(target.path)}, true);` : '';
    if (body === '' && place.build.rules === undefined) {
      if (needed !== '') lines.push(needed.slice(' else '.length));
      continue;
    }
    const made = remembered(body, target, value, place.build);
    lines.push(`let ${value}${target.choice === undefined ? '' : `, ${nameVar}`};\n${made}\nif (${value} !== undefined) ${set}${needed}`);
  }
  reportMissingRules(entries, type, place);
  return lines.join('\n');
}
