/** Calls of the closed list of functions (functions.ts). */
import { didYouMean } from '../diagnostics.ts';
import { itemScope, ofTypeOf } from './compile-fhir.ts';
import { wholeOf } from './compile-hl7v2.ts';
import type { Compiling } from './compiling.ts';
import { FUNCTIONS, type FunctionRow } from './functions.ts';
import type { Compiled, Scope } from './scope.ts';
import type { Call, Expression } from './tree.ts';
import { ANYTHING, asCondition, asText, choiceExists, originOf, system } from './typed.ts';

export function callOf(call: Call, at: Compiling): Compiled {
  const row = Object.hasOwn(FUNCTIONS, call.name) ? FUNCTIONS[call.name] : undefined;
  if (row === undefined)
    return at.fault('unknown-function', call.offset, { name: call.name, nearest: didYouMean(call.name, Object.keys(FUNCTIONS)) });
  // FHIRPath: extension('url') alone stands after what is looked at.
  const implied = call.base === undefined && row.on !== 'nothing' && at.scope.format === 'fhir' && at.scope.root !== undefined;
  const before: Expression | undefined = implied ? { kind: 'name', name: '$this', offset: call.offset } : call.base;
  const misplaced = (row.on === 'nothing') !== (before === undefined);
  if (misplaced || call.args.length > row.args.length || call.args.length < row.args.length - row.optional) {
    const expected = misplaced ? (row.on === 'nothing' ? 'nothing before it' : 'something before it') : `${row.args.length} arguments`;
    return at.fault('function-arguments', call.offset, { name: call.name, expected, signature: row.signature });
  }
  const base = before === undefined ? undefined : at.compile(before);
  if (base?.type.kind === 'any') return base;
  if (row.gives === 'special') return base === undefined ? withoutBase(call, at) : withBase(call, base, at);
  return base === undefined ? ANYTHING : ordinary(call, row, base, at);
}

function ordinary(call: Call, row: FunctionRow, base: Compiled, at: Compiling): Compiled {
  if (row.on === 'text' && base.type.many) return at.fault('expression-many', call.offset, { path: base.source?.path ?? base.type.name });
  const text = asText(base, true);
  if (text === undefined)
    return at.fault('expression-type', call.offset, { reason: `${call.name}() works on text`, hint: 'Choose a part that is text.' });
  const list = row.on === 'many' && !base.type.many ? `R.one(${text})` : text;
  const args = call.args.map((arg, i) => argument(arg, row.args[i] ?? 'text', row, call, at));
  if (args.includes(undefined)) return ANYTHING;
  const js = `R.${call.name}(${[list, ...args].join(', ')})`;
  const { needs, ...seen } = originOf(base);
  // Nothing gives nothing; only a question has an answer all the same.
  const source = row.gives === 'boolean' || needs === undefined ? seen : { ...seen, needs };
  return { js, type: row.gives === 'strings' ? system('string', true) : system(row.gives), ...source };
}

function argument(arg: Expression, kind: string, row: FunctionRow, call: Call, at: Compiling): string | undefined {
  if (kind === 'number') {
    if (arg.kind === 'number' && /^\d{1,6}$/.test(arg.value)) return String(Number(arg.value));
  } else {
    const value = at.compile(arg);
    if (value.type.kind === 'any') return undefined;
    const text = asText(value);
    if (text !== undefined) return text;
  }
  at.fault('function-arguments', arg.offset, { name: call.name, expected: `a ${kind} here`, signature: row.signature });
  return undefined;
}

function withBase(call: Call, base: Compiled, at: Compiling): Compiled {
  const arg = call.args[0];
  switch (call.name) {
    case 'exists':
      if (arg === undefined) return { js: asCondition(base), type: system('boolean') };
      return { js: `${whereOf(call, base, arg, at).js}.length > 0`, type: system('boolean') };
    case 'empty':
    case 'not':
      return {
        js: `!(${call.name === 'empty' && base.type.name === 'boolean' ? `${base.js} !== undefined` : asCondition(base)})`,
        type: system('boolean'),
      };
    case 'count':
      return {
        js: base.type.many
          ? `(${base.text ?? base.js}).length`
          : `(${base.type.kind === 'choice' ? choiceExists(base) : asPresence(base)} ? 1 : 0)`,
        type: system('integer'),
      };
    case 'where':
      return arg === undefined ? ANYTHING : whereOf(call, base, arg, at);
    case 'first':
    case 'last':
      return edgeOf(call.name, base);
    case 'ofType':
      return ofTypeOf(base, typeName(arg), arg?.offset ?? call.offset, at);
    case 'extension':
      return extensionOf(call, base, at);
    default:
      return wholeOf(base, call.name === 'raw' ? 'raw' : 'text', call.offset, at);
  }
}

const asPresence = (base: Compiled): string => (base.type.name === 'boolean' ? `${base.js} !== undefined` : asCondition(base));

const typeName = (arg: Expression | undefined): string => (arg?.kind === 'name' ? arg.name : arg?.kind === 'text' ? arg.value : '');

function whereOf(call: Call, base: Compiled, condition: Expression, at: Compiling): Compiled {
  const name = at.fresh();
  const scope = insideScope(at.scope, base, name);
  if (scope === undefined) {
    return at.fault('expression-type', call.offset, {
      reason: `${call.name}() with a condition needs values that have parts`,
      hint: 'Compare with = or in.',
    });
  }
  const test = at.compile(condition, scope);
  const list = base.type.many ? base.js : `R.one(${base.js})`;
  const source = originOf(base);
  return { js: `(${list}).filter((${name}) => ${asCondition(test)})`, type: { ...base.type, many: true }, ...source };
}

function insideScope(scope: Scope, base: Compiled, name: string): Scope | undefined {
  if (scope.format === 'hl7v2') return base.type.kind === 'v2' ? { ...scope, current: { js: name, datatype: base.type.name } } : undefined;
  if (base.type.kind === 'fhir' || base.type.kind === 'system') return itemScope(scope, name, base.type.name);
  return undefined;
}

function edgeOf(name: 'first' | 'last', base: Compiled): Compiled {
  if (!base.type.many) {
    const { every: _, ...only } = base;
    return only;
  }
  const edge = (js: string): string => (name === 'first' ? `(${js})[0]` : `(${js}).at(-1)`);
  const type = { ...base.type, many: false };
  const text = base.text === undefined ? {} : { text: edge(base.text) };
  const source = originOf(base);
  return { js: edge(base.js), type, ...text, ...source };
}

function extensionOf(call: Call, base: Compiled, at: Compiling): Compiled {
  const url = call.args[0];
  if (url?.kind !== 'text' || base.type.kind !== 'fhir') {
    return at.fault('expression-type', call.offset, {
      reason: 'extension() stands after a FHIR object and takes a quoted url',
      hint: "Write: extension('http://…').",
    });
  }
  if (!base.type.many)
    return { js: `R.extension(${base.js}, ${JSON.stringify(url.value)})`, type: { kind: 'fhir', name: 'Extension', many: true } };
  return {
    js: `(${base.js}).flatMap((x) => R.extension(x, ${JSON.stringify(url.value)}))`,
    type: { kind: 'fhir', name: 'Extension', many: true },
  };
}

function withoutBase(call: Call, at: Compiling): Compiled {
  const [first, second, third] = call.args;
  if (call.name === 'authority') return { js: 'X.authority', type: system('string') };
  if (call.name === 'words') return wordsOf(call, at);
  if (call.name === 'tableUri') {
    const current = at.scope.format === 'hl7v2' ? at.scope.current : undefined;
    if (current !== undefined) return { js: `R.tableUri(${current.js}, X)`, type: system('string') };
    return at.fault('expression-type', call.offset, { reason: 'tableUri() has a meaning only in datatype maps', hint: 'Write the URI.' });
  }
  if (call.name === 'localUri') {
    const name = first === undefined ? undefined : asText(at.compile(first));
    if (name === undefined)
      return at.fault('function-arguments', call.offset, { name: call.name, expected: 'a text', signature: 'localUri(.1)' });
    return { js: `R.localUri(${name}, X)`, type: system('string') };
  }
  if (call.name === 'ref' || call.name === 'refs') {
    const all = call.name === 'refs';
    const name = typeName(first);
    if (at.scope.handle === undefined) return at.fault('unknown-handle', call.offset, { name });
    const found = at.scope.handle(name, all);
    if (typeof found !== 'string') return at.fault(found.code, first?.offset ?? call.offset, found.values);
    if (all) return { js: found, type: { kind: 'fhir', name: 'Reference', many: true } };
    return { js: found, text: `R.refText(${found})`, type: { kind: 'fhir', name: 'Reference', many: false } };
  }
  if (first === undefined || second === undefined) return ANYTHING;
  return choiceOf(at.compile(first), at.compile(second), third === undefined ? undefined : at.compile(third), call, at);
}

/** `words(a, b, …)`: what is there, with spaces between. */
function wordsOf(call: Call, at: Compiling): Compiled {
  const values = call.args.map((arg) => at.compile(arg));
  if (values.some((each) => each.type.kind === 'any')) return ANYTHING;
  const texts = values.map((each) => asText(each));
  const faulty = texts.indexOf(undefined);
  if (faulty >= 0)
    return at.fault('function-arguments', call.args[faulty]?.offset ?? call.offset, {
      name: 'words',
      expected: 'single texts',
      signature: 'words(.6, .3, .2)',
    });
  const source = values.find((each) => each.source !== undefined)?.source;
  return { js: `R.words([${texts.join(', ')}])`, type: system('string'), ...(source === undefined ? {} : { source }) };
}

/** `iif(condition, a, b)`. */
function choiceOf(condition: Compiled, yes: Compiled, no: Compiled | undefined, call: Call, at: Compiling): Compiled {
  if (yes.type.kind === 'any' || no?.type.kind === 'any') return ANYTHING;
  const test = asCondition(condition);
  if (no === undefined) return { js: `(${test} ? ${yes.js} : ${yes.type.many ? '[]' : 'undefined'})`, type: yes.type };
  if (yes.type.kind === no.type.kind && yes.type.name === no.type.name && yes.type.many === no.type.many) {
    return { js: `(${test} ? ${yes.js} : ${no.js})`, type: yes.type };
  }
  const a = asText(yes);
  const b = asText(no);
  if (a === undefined || b === undefined) {
    return at.fault('expression-type', call.offset, {
      reason: 'The two answers of iif() have different types',
      hint: 'Give both the same type.',
    });
  }
  return { js: `(${test} ? ${a} : ${b})`, type: system('string') };
}
