/**
 * Expressions to JavaScript text. The public way in for every map kind:
 *
 *   const compiled = compileExpression(node, scope);         // node: a ScalarNode whose text starts with '='
 *   if (!compiled.ok) … compiled.diagnostics                 // file:line:column, code, cure
 *   compiled.value.js                                         // JavaScript; many -> array, one -> value or undefined
 *   compiled.value.type                                       // { kind, name, many }, see scope.ts
 *   asText(value), asCondition(value)                         // its JavaScript as text (or undefined) / as true or false
 *   convertTo(value, 'decimal' | 'date' | 'dateTime' | …)     // the same as `as` in an expression
 *
 * Emitted code refers to two free names only: `R` (an ExpressionRuntime, runtime.ts; a caller may pass one with functions of its
 * own, e.g. a zone-aware `dateOf`) and `X` (the Run: `error` is set by a failed conversion), and to the JavaScript that the scope hands out
 * (for FHIR: `scope.root.js`). It is emitted from the typed tree: an author's text gets in only through JSON.stringify, names only after
 * they were found in a definition or in the list of functions.
 *
 * FHIR scope: names are elements of `scope.root.type`; `value` of Observation is a choice and needs `.ofType(T)`, `.exists()` or
 * `as date|dateTime|decimal|string`. Lists stay lists (`code.coding.code` gives many texts); where one is needed the author chooses.
 * `!=` is the opposite of `=`: it holds when one side is missing. Index `[n]` counts from 0 (FHIRPath); v2 repetitions from 1.
 */
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { ScalarNode } from '../read.ts';
import { callOf } from './compile-calls.ts';
import { memberOf, nameOf } from './compile-fhir.ts';
import { partOf, segmentOf, v2PathOf } from './compile-hl7v2.ts';
import type { Compiling } from './compiling.ts';
import { convertTo } from './convert.ts';
import { parseExpression, positionIn } from './parse.ts';
import type { Compiled, Scope } from './scope.ts';
import type { Expression } from './tree.ts';
import { ANYTHING, asCondition, asNumber, asText, isNumeric, literalText, system } from './typed.ts';

export type CompiledExpression =
  | { readonly ok: true; readonly value: Compiled }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Returns the compiled form of the expression in `node`, or every diagnostic of it. */
export function compileExpression(node: ScalarNode, scope: Scope): CompiledExpression {
  const parsed = parseExpression(node);
  if (!parsed.ok) return parsed;
  const diagnostics: Diagnostic[] = [];
  let names = 0;
  const within = (inner: Scope): Compiling => ({
    scope: inner,
    fault: (code, offset, values) => {
      diagnostics.push(diagnostic(code, positionIn(node, offset), values));
      return ANYTHING;
    },
    place: (offset) => positionIn(node, offset),
    fresh: () => `x${++names}`,
    compile: (tree, deeper) => compileTree(tree, deeper === undefined ? within(inner) : within(deeper)),
  });
  const value = compileTree(parsed.tree, within(scope));
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, value };
}

function compileTree(tree: Expression, at: Compiling): Compiled {
  switch (tree.kind) {
    case 'text':
      return literalText(tree.value);
    case 'number':
      return { js: tree.value.replace(/^0+(?=\d)/, ''), type: system(tree.value.includes('.') ? 'decimal' : 'integer') };
    case 'boolean':
      return { js: String(tree.value), type: system('boolean') };
    case 'v2':
      return v2PathOf(tree, at);
    case 'name':
      return at.scope.format === 'hl7v2' ? segmentOf(tree.name, tree.offset, at) : nameOf(tree.name, tree.offset, at);
    case 'member':
      return paramOf(tree, at) ?? memberOf(at.compile(tree.base), tree.name, tree.offset, at);
    case 'part':
      return partOf(at.compile(tree.base), tree.parts, tree.offset, at);
    case 'index':
      return indexOf(at.compile(tree.base), tree.index);
    case 'call':
      return callOf(tree, at);
    case 'binary':
      return binaryOf(tree, at);
    case 'in':
      return membershipOf(tree, at);
    case 'as': {
      const operand = at.compile(tree.operand);
      return convertTo(operand, tree.type, at, tree.offset);
    }
  }
}

/** `params.name`: a declared parameter. */
function paramOf(tree: Extract<Expression, { kind: 'member' }>, at: Compiling): Compiled | undefined {
  if (tree.base.kind !== 'name' || tree.base.name !== 'params' || at.scope.param === undefined) return undefined;
  const found = at.scope.param(tree.name);
  return typeof found === 'string' ? { js: found, type: system('string') } : at.fault(found.code, tree.offset, found.values);
}

function indexOf(base: Compiled, index: number): Compiled {
  if (base.type.kind === 'any') return base;
  const type = { ...base.type, many: false };
  if (base.type.many)
    return { js: `(${base.js})[${index}]`, type, ...(base.text === undefined ? {} : { text: `(${base.text})[${index}]` }) };
  return index === 0 ? base : { js: 'undefined', type };
}

type Binary = Extract<Expression, { kind: 'binary' }>;

function binaryOf(tree: Binary, at: Compiling): Compiled {
  const left = at.compile(tree.left);
  const right = at.compile(tree.right);
  if (tree.op === 'and' || tree.op === 'or') {
    return { js: `(${asCondition(left)} ${tree.op === 'and' ? '&&' : '||'} ${asCondition(right)})`, type: system('boolean') };
  }
  if (left.type.kind === 'any' || right.type.kind === 'any') return ANYTHING;
  if (tree.op === '??') return elseOf(left, right, tree, at);
  const many = [tree.left, tree.right].find((_, i) => (i === 0 ? left : right).type.many);
  if (many !== undefined) return at.fault('expression-many', many.offset, { path: left.type.many ? pathText(left) : pathText(right) });
  if (tree.op === '+') return sumOf(left, right, tree, at);
  return comparisonOf(left, right, tree, at);
}

const pathText = (value: Compiled): string => value.source?.path ?? value.type.name;

function sumOf(left: Compiled, right: Compiled, tree: Binary, at: Compiling): Compiled {
  const a = asText(left);
  const b = asText(right);
  if (a === undefined || b === undefined) {
    return at.fault('expression-type', tree.offset, { reason: '"+" joins texts', hint: 'Choose a part that is text.' });
  }
  return { js: `R.plus(${a}, ${b})`, type: system('string'), ...sourceOf(left, right) };
}

function comparisonOf(left: Compiled, right: Compiled, tree: Binary, at: Compiling): Compiled {
  if (left.type.name === 'boolean' || right.type.name === 'boolean') {
    const js = `(${asCondition(left)} ${tree.op === '=' ? '===' : '!=='} ${asCondition(right)})`;
    if (tree.op === '=' || tree.op === '!=') return { js, type: system('boolean') };
  }
  if (isNumeric(left) || isNumeric(right)) {
    const a = asNumber(left);
    const b = asNumber(right);
    if (a === undefined || b === undefined) {
      return at.fault('expression-type', tree.offset, {
        reason: 'A number is compared with something that is none',
        hint: 'Write "as decimal" or quote the number.',
      });
    }
    if (tree.op === '=') return { js: `R.same(${a}, ${b})`, type: system('boolean') };
    if (tree.op === '!=') return { js: `!R.same(${a}, ${b})`, type: system('boolean') };
    return { js: `(Number(${a}) ${tree.op} Number(${b}))`, type: system('boolean') };
  }
  const a = asText(left);
  const b = asText(right);
  if (a === undefined || b === undefined) {
    return at.fault('expression-type', tree.offset, {
      reason: `"${tree.op}" compares texts or numbers`,
      hint: 'Choose a part that is text.',
    });
  }
  if (tree.op === '=' || tree.op === '!=') {
    // A missing value equals nothing; when one side is a literal that is already so.
    const same = left.literal !== undefined || right.literal !== undefined ? `(${a} === ${b})` : `R.sameText(${a}, ${b})`;
    return { js: tree.op === '=' ? same : `!${same}`, type: system('boolean') };
  }
  return { js: `R.ordered(${a}, ${JSON.stringify(tree.op)}, ${b})`, type: system('boolean') };
}

/** `a ?? b`: the first that is there. Both keep their type when it is the same, else both are taken as text. */
function elseOf(left: Compiled, right: Compiled, tree: Binary, at: Compiling): Compiled {
  const same =
    left.type.kind === right.type.kind && left.type.name === right.type.name && left.type.kind !== 'choice' && left.type.kind !== 'segment';
  if (left.type.many || right.type.many) {
    const a = same ? listJs(left, left.js) : listJs(left, asText(left, true));
    const b = same ? listJs(right, right.js) : listJs(right, asText(right, true));
    if (a === undefined || b === undefined) return at.fault('expression-type', tree.offset, mixed(left, right));
    return { js: `R.orElse(${a}, ${b})`, type: same ? { ...left.type, many: true } : system('string', true), ...sourceOf(left, right) };
  }
  if (same) {
    const text = left.text !== undefined && right.text !== undefined ? { text: `(${left.text} ?? ${right.text})` } : {};
    return { js: `(${left.js} ?? ${right.js})`, type: left.type, ...text, ...sourceOf(left, right) };
  }
  if (isNumeric(left) && isNumeric(right)) return { js: `(${left.js} ?? ${right.js})`, type: system('decimal') };
  const a = asText(left);
  const b = asText(right);
  if (a === undefined || b === undefined || isTemporal(left) !== isTemporal(right))
    return at.fault('expression-type', tree.offset, mixed(left, right));
  return { js: `(${a} ?? ${b})`, type: system(isTemporal(left) ? 'dateTime' : 'string'), ...sourceOf(left, right) };
}

const isTemporal = (value: Compiled): boolean => value.type.kind === 'system' && ['date', 'dateTime', 'instant'].includes(value.type.name);

const listJs = (value: Compiled, js: string | undefined): string | undefined => (js === undefined || value.type.many ? js : `R.one(${js})`);

const mixed = (left: Compiled, right: Compiled): Readonly<Record<string, string>> => ({
  reason: `"??" stands between ${left.type.name} and ${right.type.name}`,
  hint: 'Give both sides the same type; "as" binds tighter than "??", so put parentheses: (a ?? b) as date.',
});

function membershipOf(tree: Extract<Expression, { kind: 'in' }>, at: Compiling): Compiled {
  const left = at.compile(tree.left);
  const items = tree.items.map((item) => at.compile(item));
  if (left.type.kind === 'any') return ANYTHING;
  if (left.type.many) return at.fault('expression-many', tree.left.offset, { path: pathText(left) });
  const text = asText(left);
  const literals = items.map((item) => item.literal);
  if (text === undefined || literals.some((each) => each === undefined)) {
    return at.fault('expression-type', tree.offset, {
      reason: '"in" compares a text with a list of texts',
      hint: "Write: PV1-2 in ('I', 'E').",
    });
  }
  const js = `${JSON.stringify(literals)}.includes(${text})`;
  return { js: tree.negated ? `!${js}` : js, type: system('boolean') };
}

const sourceOf = (left: Compiled, right: Compiled): Pick<Compiled, 'source'> => {
  const source = left.source ?? right.source;
  return source === undefined ? {} : { source };
};
