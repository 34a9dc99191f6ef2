/**
 * Field rules: from YAML nodes to a tree with one shape per form. A rule is a literal, an `=expression`, a nested map, a list of
 * alternatives, a switch, `all` (several rules of which every one counts), or the long form `{ from, when, map, … }`.
 */
import { type Diagnostic, type DiagnosticCode, diagnostic, didYouMean, type Position } from './diagnostics.ts';
import { isExpression, type ListNode, type MapEntry, type MapNode, type ScalarNode, type SpecNode } from './read.ts';

/** What becomes of a value that cannot be made: the ladder, from mildest to gravest. */
export const RUNGS = ['drop', 'park-resource', 'park-message', 'refuse'] as const;
export type RungName = (typeof RUNGS)[number];

export interface RuleOptions {
  readonly when?: ScalarNode;
  /** Name under `use`, or path of a concept map. */
  readonly map?: ScalarNode;
  readonly keepSource?: boolean;
  readonly default?: Rule;
  /** Constants for parts that the datatype map leaves empty. */
  readonly with?: readonly RuleEntry[];
  readonly require?: boolean;
  readonly onUnmapped?: 'report' | RungName;
  readonly onError?: RungName | Rule;
  readonly multiple?: 'first' | 'last' | 'all' | 'join';
  /** A word of the author's that is reported when this outcome is used. */
  readonly report?: ScalarNode;
  /** A segment, a group path or an expression: the rule is run for each. */
  readonly each?: ScalarNode;
}

export interface RuleEntry {
  readonly name: string;
  readonly at: Position;
  readonly rule: Rule;
}

export interface SwitchCase {
  /** Undefined for `else`. */
  readonly is: readonly ScalarNode[] | undefined;
  readonly rule: Rule;
}

export type Rule = { readonly at: Position; readonly options: RuleOptions } & (
  | { readonly kind: 'literal'; readonly node: ScalarNode }
  | { readonly kind: 'expression'; readonly node: ScalarNode }
  | { readonly kind: 'object'; readonly entries: readonly RuleEntry[] }
  | { readonly kind: 'alternatives' | 'all'; readonly items: readonly Rule[] }
  | { readonly kind: 'switch'; readonly subject: ScalarNode; readonly cases: readonly SwitchCase[] }
);

/** Keys of a rule's long form beside the form itself. */
export const OPTION_KEYS: readonly string[] = [
  'when',
  'map',
  'keepSource',
  'default',
  'require',
  'onUnmapped',
  'onError',
  'multiple',
  'report',
  'each',
  'with',
  'because',
];
/** Keys that give a rule its form. */
export const FORM_KEYS: readonly string[] = ['from', 'switch', 'cases', 'all', 'then'];
const NONE: RuleOptions = {};

/** Reads rules; faults are collected in `diagnostics`. `isElement(name)` decides where a keyword is also an element of the target. */
export class RuleReader {
  readonly diagnostics: Diagnostic[] = [];

  rule(node: SpecNode, depth = 0): Rule {
    if (depth > 30) return this.#bad('rule-too-deep', node.at);
    if (node.kind === 'scalar')
      return isExpression(node)
        ? { kind: 'expression', node, at: node.at, options: NONE }
        : { kind: 'literal', node, at: node.at, options: NONE };
    if (node.kind === 'list')
      return { kind: 'alternatives', items: node.items.map((item) => this.rule(item, depth + 1)), at: node.at, options: NONE };
    return this.#map(node, depth);
  }

  /** A map: long form when it says `from`, `switch`, `all` or `then`, else an object of the target. */
  #map(node: MapNode, depth: number): Rule {
    const entries = new Map(node.entries.map((each) => [each.key, each]));
    const form = ['from', 'switch', 'all', 'then'].find((key) => entries.has(key));
    const options = this.#options(entries, depth);
    const { at } = node;
    if (form === undefined) {
      const own = node.entries.filter((each) => !OPTION_KEYS.includes(each.key));
      return {
        kind: 'object',
        at,
        options,
        entries: own.map((each) => ({ name: each.key, at: each.at, rule: this.rule(each.value, depth + 1) })),
      };
    }
    for (const each of node.entries) {
      if (!OPTION_KEYS.includes(each.key) && !FORM_KEYS.includes(each.key)) this.#unknownKey(each, [...OPTION_KEYS, ...FORM_KEYS]);
    }
    const value = entries.get(form)?.value;
    if (value === undefined) return this.#bad('rule-shape', at);
    if (form === 'switch') return this.#switch(value, entries.get('cases'), options, depth, at);
    if (form === 'all') {
      if (value.kind !== 'list') return this.#bad('rule-shape', value.at);
      return { kind: 'all', items: value.items.map((item) => this.rule(item, depth + 1)), at, options };
    }
    const inner = this.rule(value, depth + 1);
    if (inner.kind === 'object' || Object.keys(inner.options).length > 0) return { kind: 'alternatives', items: [inner], at, options };
    return { ...inner, options };
  }

  #switch(subject: SpecNode, cases: MapEntry | undefined, options: RuleOptions, depth: number, at: Position): Rule {
    if (!isExpression(subject) || cases?.value.kind !== 'list') return this.#bad('switch-shape', subject.at);
    return { kind: 'switch', subject, cases: this.#cases(cases.value, depth), at, options };
  }

  #cases(list: ListNode, depth: number): SwitchCase[] {
    const found: SwitchCase[] = [];
    for (const item of list.items) {
      const entries = item.kind === 'map' ? item.entries : [];
      const otherwise = entries.find((each) => each.key === 'else');
      const is = entries.find((each) => each.key === 'is');
      if (otherwise !== undefined && entries.length === 1) found.push({ is: undefined, rule: this.rule(otherwise.value, depth + 1) });
      else if (item.kind === 'map' && is !== undefined) {
        const rest = { ...item, entries: entries.filter((each) => each.key !== 'is') };
        found.push({ is: this.#codes(is.value), rule: this.rule(rest, depth + 1) });
      } else this.#bad('switch-shape', item.at);
    }
    if (found.length === 0 || found.at(-1)?.is !== undefined) this.#fault('switch-without-else', list.at);
    return found;
  }

  #codes(node: SpecNode): ScalarNode[] {
    const items = node.kind === 'list' ? node.items : [node];
    const codes = items.filter((item) => item.kind === 'scalar');
    if (codes.length !== items.length) this.#fault('switch-shape', node.at);
    return codes;
  }

  #options(entries: ReadonlyMap<string, MapEntry>, depth: number): RuleOptions {
    const scalar = (key: string): ScalarNode | undefined => {
      const value = entries.get(key)?.value;
      if (value === undefined || value.kind === 'scalar') return value;
      this.#fault('rule-shape', value.at);
      return undefined;
    };
    const word = <T extends string>(key: string, words: readonly T[]): T | undefined => {
      const node = scalar(key);
      const found = words.find((each) => each === node?.value);
      if (node !== undefined && found === undefined) {
        this.#fault('unknown-word', node.at, { name: node.value, key, words: words.join(', '), nearest: didYouMean(node.value, words) });
      }
      return found;
    };
    const when = scalar('when');
    if (when !== undefined && !isExpression(when)) this.#fault('not-an-expression', when.at, { key: 'when' });
    const onErrorNode = entries.get('onError')?.value;
    const onError =
      onErrorNode === undefined
        ? undefined
        : onErrorNode.kind === 'scalar' && !isExpression(onErrorNode)
          ? word('onError', RUNGS)
          : this.rule(onErrorNode, depth + 1);
    const fallback = entries.get('default')?.value;
    const filling = entries.get('with')?.value;
    const all: { -readonly [K in keyof RuleOptions]: RuleOptions[K] | undefined } = {
      when,
      map: scalar('map'),
      keepSource: word('keepSource', ['true', 'false']) === 'true' || undefined,
      default: fallback === undefined ? undefined : this.rule(fallback, depth + 1),
      with:
        filling?.kind === 'map'
          ? filling.entries.map((each) => ({ name: each.key, at: each.at, rule: this.rule(each.value, depth + 1) }))
          : undefined,
      require: word('require', ['true', 'false']) === 'true' || undefined,
      onUnmapped: word('onUnmapped', ['report', ...RUNGS]),
      onError,
      multiple: word('multiple', ['first', 'last', 'all', 'join']),
      report: scalar('report'),
      each: scalar('each'),
    };
    return withoutUndefined(all);
  }

  #unknownKey(entry: MapEntry, known: readonly string[]): void {
    this.#fault('unknown-key', entry.at, { name: entry.key, nearest: didYouMean(entry.key, known) });
  }

  #bad(code: DiagnosticCode, at: Position): Rule {
    this.#fault(code, at);
    return { kind: 'literal', node: { kind: 'scalar', value: '', quoted: true, at }, at, options: NONE };
  }

  #fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): void {
    this.diagnostics.push(diagnostic(code, at, values));
  }
}

type WithoutUndefined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined(all: { [K in keyof RuleOptions]: RuleOptions[K] | undefined }): RuleOptions {
  const entries = Object.entries(all).filter(([, value]) => value !== undefined);
  const options: Partial<WithoutUndefined<RuleOptions>> = Object.fromEntries(entries);
  return options;
}

/** True when the rule gives the same value for every message: such values alone do not make an object worth having. */
export function isConstant(rule: Rule): boolean {
  if (rule.options.when !== undefined || rule.options.each !== undefined) return false;
  if (rule.kind === 'literal') return true;
  if (rule.kind === 'object') return rule.entries.every((each) => isConstant(each.rule));
  if (rule.kind === 'all' || rule.kind === 'alternatives') return rule.items.every(isConstant);
  return false;
}
