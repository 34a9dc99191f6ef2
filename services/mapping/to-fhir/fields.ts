/**
 * Rules to JavaScript statements. Each rule writes statements that set one variable: to a value, to a non-empty array where the element
 * repeats, or leave it undefined. A failed conversion is handled by the nearest rule around it that says onError, else by itself.
 */
import { didYouMean } from '../diagnostics.ts';
import { compileExpression } from '../expression/compile.ts';
import type { Compiled, Hl7v2Scope } from '../expression/scope.ts';
import { asCondition, asText } from '../expression/typed.ts';
import type { ScalarNode } from '../read.ts';
import { isConstant, type Rule, type RuleEntry, type RungName } from '../rules.ts';
import type { TypeSpec } from '../spec.ts';
import { ruleText } from '../trace/registry.ts';
import type { Build } from './build.ts';
import { literalOf } from './literals.ts';
import { writeLookup } from './lookups.ts';
import { constantObject, writeObject } from './objects.ts';
import { afterValue, as, compiled, type Loop, listJs, type Place, pick, quiet, type Writers, whereThere } from './place.ts';
import { chosen, type Target } from './target.ts';
import { assign } from './values.ts';

/** The writers of rules and datatype bodies, for whoever starts a place. */
export const WRITERS: Writers = {
  rule: (rule, target, out, place) => writeRule(rule, target, out, place),
  typeBody: (spec, scope, build) => writeTypeBody(spec, scope, build),
};

function writeRule(rule: Rule, target: Target, out: string, place: Place): string {
  const { build, around } = place;
  const id = build.traceRule(rule.at, target.path, ruleText(rule), around?.role ?? 'part', around?.rule);
  if (id === undefined) return writeBare(rule, target, out, place);
  return `X.enter(${id});\n${writeBare(rule, target, out, { ...place, around: { rule: id, role: 'part' } })}\nX.leave(${id}, ${out});`;
}

function writeBare(rule: Rule, target: Target, out: string, place: Place): string {
  const { options } = rule;
  const guards = options.onError !== undefined;
  const inner: Place = { ...place, guarded: place.guarded || guards };
  let body = options.each === undefined ? writeForm(rule, target, out, inner) : writeEach(rule, options.each, target, out, inner);
  // Nothing can come of it here: a segment that this structure lacks.
  const isDead = body === '' && options.report === undefined && !guards;
  if (isDead && options.default === undefined && place.build.rules === undefined) return checked(options.when, place);
  if (guards) body = guarded(body, options.onError ?? 'drop', target, out, place);
  if (options.report !== undefined) {
    // An outcome that makes a value is reported when it made one; one that makes nothing, always.
    const made = rule.kind === 'object' && rule.entries.length === 0 ? '' : `if (${out} !== undefined) `;
    body = `${body}\n${made}X.reported(${JSON.stringify(options.report.value)}, ${JSON.stringify(target.path)});`;
  }
  // `when` of a loop is asked for each, inside it.
  if (options.when !== undefined && options.each === undefined) {
    const when = compiled(options.when, place);
    body = `if (${when === undefined ? 'false' : quiet(asCondition(when))}) {\n${body}\n}${place.build.rules === undefined ? '' : ' else X.blocked();'}`;
  }
  if (options.default !== undefined)
    body = `${body}\nif (${out} === undefined) {\n${writeRule(options.default, target, out, as('default', place))}\n}`;
  return body;
}

/** Compiles a condition only for its faults. */
function checked(when: ScalarNode | undefined, place: Place): string {
  if (when !== undefined) compiled(when, place);
  return '';
}

/** What failed inside is held back and handled here; what an outer rule holds is kept for it. */
function guarded(body: string, onError: RungName | Rule, target: Target, out: string, place: Place): string {
  const held = place.build.fresh('h');
  const rung = typeof onError === 'string' ? onError : 'drop';
  const instead = typeof onError === 'string' ? '' : `\n${writeRule(onError, target, out, as('instead', place))}`;
  return `const ${held} = X.held; X.held = undefined;\n${body}\nif (X.held !== undefined) { X.release(${JSON.stringify(rung)}); ${out} = undefined;${instead} }\nX.held = ${held};`;
}

function writeForm(rule: Rule, target: Target, out: string, place: Place): string {
  switch (rule.kind) {
    case 'literal':
      return writeLiteral(rule.node, target, out, place);
    case 'expression':
      return rule.options.map === undefined
        ? writeExpression(rule, target, out, place)
        : writeLookup(rule, rule.options.map, target, out, place);
    case 'object':
      return target.choice === undefined
        ? writeObjectRule(rule.entries, target, out, place)
        : writeChoice(rule.entries, target, out, place);
    case 'alternatives':
      return rule.items
        .map((item) => writeRule(item, target, out, as('alternative', place)))
        .filter((each) => each !== '')
        .map((each, i) => (i === 0 ? each : `if (${out} === undefined) {\n${each}\n}`))
        .join('\n');
    case 'all':
      return writeAll(rule.items, target, out, place);
    case 'switch':
      return writeSwitch(rule, target, out, place);
  }
}

const wrapped = (js: string, target: Target): string => (target.many ? `[${js}]` : js);

function writeLiteral(node: ScalarNode, target: Target, out: string, place: Place): string {
  if (node.value === '' && !node.quoted) return '';
  if (target.choice !== undefined) return choiceFault(target, node.at, place);
  const js = literalOf(node, target, place.build);
  return js === undefined ? '' : `${out} = ${wrapped(js, target)};`;
}

function choiceFault(target: Target, at: ScalarNode['at'], place: Place): string {
  place.build.fault('choice-needs-type', at, { path: target.path, example: target.choice?.types[0] ?? 'string' });
  return '';
}

type ExpressionRule = Extract<Rule, { kind: 'expression' }>;

function writeExpression(rule: ExpressionRule, target: Target, out: string, place: Place): string {
  if (target.choice !== undefined) return choiceFault(target, rule.at, place);
  const value = compiled(rule.node, place);
  if (value === undefined) return '';
  const picked = pick(value, rule, target, place);
  if (picked === undefined) return '';
  const assigned = assign(picked, target, place.build, rule.at, place.write.typeBody);
  if (assigned === undefined) return '';
  const set = assigned.many
    ? `${out} = R.some(${assigned.js});`
    : target.many
      ? `${out} = R.oneOf(${assigned.js});`
      : `${out} = ${assigned.js};`;
  return whereThere(picked, set + writeFilling(rule, target, out, place) + afterValue(value, assigned.fallible, out, place), place);
}

/** `with`: constants for parts that the datatype map left empty. */
function writeFilling(rule: Rule, target: Target, out: string, place: Place): string {
  const entries = rule.options.with;
  if (entries === undefined) return '';
  const filling = place.build.fresh('o');
  for (const each of entries) if (!isConstant(each.rule)) place.build.fault('rule-shape', each.at);
  return `\n{ let ${filling};\n${writeObject(entries, target.type, filling, target.path, { ...place, deletes: undefined }, true)}\nR.fill(${out}, ${filling}); }`;
}

function writeObjectRule(entries: readonly RuleEntry[], target: Target, out: string, place: Place): string {
  const name = place.build.fresh('o');
  const deeper: Place = { ...place, deletes: undefined };
  const constant = constantObject(entries, target.type, target.path, deeper);
  if (constant !== undefined) return `${out} = ${wrapped(constant, target)};`;
  const body = writeObject(entries, target.type, name, target.path, deeper);
  return body === '' ? '' : `let ${name};\n${body}\nif (${name} !== undefined) ${out} = ${wrapped(name, target)};`;
}

/** Keys of a choice's object are type names: the first that is there wins. */
function writeChoice(entries: readonly RuleEntry[], target: Target, out: string, place: Place): string {
  const { choice } = target;
  if (choice === undefined) return '';
  const lines: string[] = [];
  for (const entry of entries) {
    if (!choice.types.includes(entry.name)) {
      place.build.fault('unknown-type', entry.at, { name: entry.name, nearest: didYouMean(entry.name, choice.types) });
      continue;
    }
    const property = `${choice.element}${entry.name.charAt(0).toUpperCase()}${entry.name.slice(1)}`;
    const body = writeRule(entry.rule, chosen(target, entry.name), out, as('alternative', place));
    if (body === '') continue;
    lines.push(`if (${out} === undefined) {\n${body}\nif (${out} !== undefined) ${choice.nameVar} = ${JSON.stringify(property)};\n}`);
  }
  return lines.join('\n');
}

/** A list is made when there is something to put in it. */
const add = (list: string, name: string): string => `if (${name} !== undefined) ${list} = R.added(${list}, ${name});`;

function writeAll(items: readonly Rule[], target: Target, out: string, place: Place): string {
  const list = place.build.fresh('l');
  const lines = items.flatMap((item) => {
    const name = place.build.fresh('v');
    const body = writeRule(item, target, name, place);
    return body === '' ? [] : [`let ${name};\n${body}\n${add(list, name)}`];
  });
  if (lines.length === 0) return '';
  return `let ${list};\n${lines.join('\n')}\n${out} = ${target.many ? list : `${list}?.[0]`};`;
}

function writeSwitch(rule: Extract<Rule, { kind: 'switch' }>, target: Target, out: string, place: Place): string {
  const subject = compiled(rule.subject, place);
  const picked = subject === undefined ? undefined : pick(subject, rule, { ...target, many: false }, place);
  const text = picked === undefined ? undefined : asText(picked);
  if (text === undefined) {
    if (picked !== undefined)
      place.build.fault('expression-type', rule.subject.at, { reason: 'A switch needs text', hint: 'Choose a part that is text.' });
    return '';
  }
  const seen = new Set<string>();
  const cases = rule.cases.map((each) => {
    const labels = each.is?.map((node) => `case ${JSON.stringify(node.value)}:`).join(' ') ?? 'default:';
    for (const node of each.is ?? []) {
      if (seen.has(node.value)) place.build.fault('yaml-duplicate-key', node.at, { name: node.value });
      seen.add(node.value);
    }
    const inner = as('case', narrowed(place, subject, each.is));
    return `${labels} {\n${writeRule(each.rule, target, out, inner)}\nbreak;\n}`;
  });
  return `switch (${quiet(text)} ?? "") {\n${cases.join('\n')}\n}`;
}

/** Inside a case of `switch: =OBX-2`, OBX-5 has the datatype that the case names. */
function narrowed(place: Place, subject: Compiled | undefined, is: readonly ScalarNode[] | undefined): Place {
  const datatype = is?.[0]?.value;
  if (subject?.source?.path !== 'OBX-2' || datatype === undefined) return place;
  const { scope } = place;
  if (scope.format !== 'hl7v2') return place;
  const field: Hl7v2Scope['field'] = (segment, n) => {
    const found = scope.field(segment, n);
    return segment === 'OBX' && n === 5 && found !== undefined ? { ...found, datatype } : found;
  };
  return { ...place, scope: { ...scope, field } };
}

function writeEach(rule: Rule, each: ScalarNode, target: Target, out: string, place: Place): string {
  const loop = place.loop?.(each);
  if (loop === undefined) {
    if (place.loop === undefined) place.build.fault('rule-shape', each.at);
    return '';
  }
  const list = place.build.fresh('l');
  const name = place.build.fresh('v');
  const within: Place = { ...place, scope: loop.scope, loop: loop.inner ?? place.loop };
  const when = rule.options.when === undefined ? undefined : compiled(rule.options.when, within);
  const form = writeForm(rule, target, name, within);
  if (form === '' || (loop.dead === true && place.build.rules === undefined)) return '';
  const inner = rule.options.when === undefined ? form : `if (${when === undefined ? 'false' : quiet(asCondition(when))}) {\n${form}\n}`;
  return `let ${list};\n${loop.before()}\nlet ${name};\n${inner}\n${add(list, name)}\n${loop.after}\n${out} = ${target.many ? list : `${list}?.[0]`};`;
}

/** Writes a datatype map by itself: what the checker does with every one. */
export const writeTypeMap = (spec: TypeSpec, source: string, build: Build): string =>
  build.typeFunction(spec, source, (scope) => writeTypeBody(spec, scope, build));

/** The body of a datatype map: a function of the place `p`. */
function writeTypeBody(spec: TypeSpec, scope: Hl7v2Scope, build: Build): string {
  const place: Place = {
    build,
    scope,
    use: spec.use,
    around: { rule: undefined, role: 'type' },
    guarded: false,
    loop: placeLoop(build, scope),
    write: WRITERS,
    deletes: undefined,
  };
  const target: Target = {
    path: spec.targetType,
    type: spec.targetType,
    many: false,
    required: false,
    binding: undefined,
    choice: undefined,
  };
  return `let out;\n${writeRule(spec.rule, target, 'out', place)}\nreturn out;`;
}

/** `each: =EXPRESSION` runs over values: inside, `.1` is a part of one. */
export function placeLoop(build: Build, scope: Hl7v2Scope): (each: ScalarNode) => Loop | undefined {
  return (each) => {
    const result = compileExpression(each, scope);
    if (!result.ok) {
      build.diagnostics.push(...result.diagnostics);
      return undefined;
    }
    const { value } = result;
    if (value.type.kind !== 'v2') {
      build.fault('expression-type', each.at, { reason: '"each" runs over HL7v2 values', hint: 'Write a field, a segment or a group.' });
      return undefined;
    }
    const name = build.fresh('p');
    const list = listJs(value);
    const inner: Hl7v2Scope = { ...scope, current: { js: name, datatype: value.type.name } };
    return { before: () => `for (const ${name} of ${list}) {`, scope: inner, after: '}', inner: placeLoop(build, inner) };
  };
}
