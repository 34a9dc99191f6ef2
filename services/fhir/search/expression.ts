/**
 * Compiles the part of FHIRPath that search parameters are written in (http://hl7.org/fhir/R4/searchparameter.html) to JSON paths with
 * their datatypes: names, choices, `as`/`ofType`, `where(name = 'value')`, `where(resolve() is Type)`, `extension('url')`, `[n]`.
 */
import { failure, problem, type Result, success } from '../../errors.ts';
import { baseOf, choiceNames, type ElementDefinition, elementsOf, isResourceType } from '../definitions.ts';

/** One property on the way to a value. */
export interface Step {
  readonly name: string;
  /** Keeps values that have this property with this value (`where(system='email')`). */
  readonly where: readonly [name: string, value: string] | undefined;
  /** Keeps the n-th value only. */
  readonly index: number | undefined;
}

/** One typed place in a resource that a parameter looks at. */
export interface ParameterPath {
  readonly steps: readonly Step[];
  readonly datatype: string;
  /** The path as declared, without the type of its choices: paths of one element have the same. */
  readonly element: string;
  /** Keeps references to this type only (`resolve() is Patient`). */
  readonly target: string | undefined;
  /** Code system that a `code` has by its required binding. */
  readonly system: string | undefined;
  /** Resource types that a reference here may point to; undefined: any. */
  readonly targets: readonly string[] | undefined;
  /** The value is whether something other than false is there (`exists() and … != false`). */
  readonly truth: boolean;
  /** A valid resource has at most one value here. */
  readonly single: boolean;
}

interface State {
  readonly steps: readonly Step[];
  /** Names as declared, with what was kept of them. */
  readonly element: string;
  readonly type: string;
  readonly definition: ElementDefinition | undefined;
  readonly targets: readonly string[] | undefined;
  readonly target: string | undefined;
  readonly single: boolean;
}

/** The datatype of an entry of a Bundle: as a reference it means the resource that it holds. */
export const ENTRY = 'Bundle.entry';

class NotCompiled extends Error {}

const NAME = /^[A-Za-z_]\w*/;
const CALL = /^(as|ofType|where|extension)\(/;

/** Returns the parts of an expression between `|` that stand in no brackets or quotes. */
export function alternativesOf(expression: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let i = 0; i < expression.length; i++) {
    const c = expression[i];
    if (c === "'") quoted = !quoted;
    else if (quoted) continue;
    else if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === '|' && depth === 0) {
      parts.push(expression.slice(from, i).trim());
      from = i + 1;
    }
  }
  return [...parts, expression.slice(from).trim()];
}

function named(state: State, name: string): readonly State[] {
  const all = elementsOf(state.type);
  const element = all.get(name) ?? all.get(`${name}[x]`);
  if (element === undefined) return [];
  const names = choiceNames(element);
  return element.types.map((type, i) => ({
    steps: [...state.steps, { name: names[i] ?? name, where: undefined, index: undefined }],
    element: state.element === '' ? name : `${state.element}.${name}`,
    type: type.code,
    definition: element,
    targets: type.targets,
    target: undefined,
    single: state.single && element.max === 1,
  }));
}

const withLast = (state: State, change: Partial<Step>, note: string): State => ({
  ...state,
  steps: state.steps.map((step, i) => (i === state.steps.length - 1 ? { ...step, ...change } : step)),
  element: state.element + note,
});

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

class Compiler {
  readonly #text: string;
  readonly #type: string;
  #at = 0;

  constructor(text: string, type: string) {
    this.#text = text;
    this.#type = type;
  }

  all(root: State): readonly State[] {
    const states = this.#chain(root);
    if (this.#at !== this.#text.length) throw new NotCompiled(this.#rest().slice(0, 40));
    return states;
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }

  #take(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#rest());
    if (found === null || found.index !== 0) return undefined;
    this.#at += found[0].length;
    return found[1] ?? found[0];
  }

  #chain(root: State): readonly State[] {
    let states: readonly State[];
    if (this.#take(/^\(\s*/) !== undefined) {
      states = this.#chain(root);
      if (this.#take(/^\s*\)/) === undefined) throw new NotCompiled('a bracket is not closed');
    } else states = this.#first(root);
    for (;;) {
      const index = this.#take(/^\[(\d+)\]/);
      const cast = index === undefined ? this.#take(/^\s+as\s+([\w.]+)/) : undefined;
      if (index !== undefined) states = states.map((each) => withLast(each, { index: Number(index) }, `[${index}]`));
      else if (cast !== undefined) states = this.#cast(states, cast);
      else if (this.#take(/^\./) !== undefined) states = this.#step(states);
      else return states;
    }
  }

  #first(root: State): readonly State[] {
    const name = this.#take(NAME);
    if (name === undefined) throw new NotCompiled(this.#rest().slice(0, 40));
    if (name === this.#type || name === 'Resource' || name === 'DomainResource' || name === '$this') return [root];
    return this.#existing(named(root, name), name);
  }

  #existing(states: readonly State[], name: string): readonly State[] {
    if (states.length === 0) throw new NotCompiled(`there is no element ${name}`);
    return states;
  }

  #cast(states: readonly State[], type: string): readonly State[] {
    const wanted = type.replace(/^FHIR\./, '');
    return this.#existing(
      states.filter((each) => sameName(each.type, wanted)),
      `of type ${wanted}`,
    );
  }

  #step(states: readonly State[]): readonly State[] {
    const call = CALL.exec(this.#rest())?.[1];
    if (call === undefined) {
      const name = this.#take(NAME);
      if (name === undefined || this.#rest().startsWith('(')) throw new NotCompiled(`${name ?? 'a name is missing'}()`);
      return this.#existing(
        states.flatMap((each) => named(each, name)),
        name,
      );
    }
    this.#take(CALL);
    const found = this.#called(states, call);
    if (this.#take(/^\s*\)/) === undefined) throw new NotCompiled(`${call}(…) has more than is understood`);
    return found;
  }

  #called(states: readonly State[], call: string): readonly State[] {
    if (call === 'as' || call === 'ofType') return this.#cast(states, this.#take(/^\s*([\w.]+)/) ?? '');
    if (call === 'extension') {
      const url = this.#take(/^\s*'([^']+)'/);
      if (url === undefined) throw new NotCompiled('extension() without an address');
      return states.flatMap((each) => named(each, 'extension')).map((each) => withLast(each, { where: ['url', url] }, `[url=${url}]`));
    }
    const target = this.#take(/^\s*resolve\(\)\s+is\s+(\w+)/);
    if (target !== undefined) return states.map((each) => ({ ...each, target }));
    const name = this.#take(/^\s*([a-z]\w*)\s*=\s*/);
    const value = name === undefined ? undefined : this.#take(/^'([^']*)'/);
    if (name === undefined || value === undefined) throw new NotCompiled('where() with another condition than name = text');
    return states.map((each) => withLast(each, { where: [name, value] }, `[${name}=${value}]`));
  }
}

function pathOf(state: State, truth: boolean): ParameterPath {
  const systems = state.type === 'code' ? [...(state.definition?.binding?.systems.keys() ?? [])] : [];
  const { steps, element, type: datatype, target, single } = state;
  // What a Bundle holds is not what it refers to: nothing is kept from deletion by it.
  const targets = datatype === ENTRY ? [] : state.targets;
  return { steps, datatype, element, target, targets, system: systems.length === 1 ? systems[0] : undefined, truth, single };
}

const TRUTH = /^([\w.]+)\.exists\(\) and \1 != false$/;

/**
 * Returns the paths of an expression on a resource type, or on an element type ('Observation.component'). Alternatives that name other
 * types are left out. Problem fhir-search-expression: what is not in the part of FHIRPath above, or an element that does not exist.
 */
export function compileExpression(expression: string, type: string): Result<readonly ParameterPath[]> {
  const resource = type.split('.')[0] ?? type;
  const root: State = { steps: [], element: '', type, definition: undefined, targets: undefined, target: undefined, single: true };
  const paths: ParameterPath[] = [];
  for (const alternative of alternativesOf(expression)) {
    const first = /^\(*\s*([A-Za-z]\w*)/.exec(alternative)?.[1] ?? '';
    if (isResourceType(first) && first !== resource) continue;
    const truth = TRUTH.exec(alternative)?.[1];
    try {
      for (const state of new Compiler(truth ?? alternative, resource).all(root)) paths.push(pathOf(state, truth !== undefined));
    } catch (error) {
      if (!(error instanceof NotCompiled)) throw error;
      return failure(problem('fhir-search-expression', { reason: error.message.slice(0, 120) }));
    }
  }
  return success(paths);
}

/** Returns true when a datatype is `wanted` or a specialisation of it: Age is a Quantity. */
export const isOfType = (datatype: string, wanted: string): boolean =>
  datatype === wanted || (baseOf(datatype) !== '' && isOfType(baseOf(datatype), wanted));
