/** From a watched conversion to lineage: for every produced value the rules that made it, and the bytes it came from. */
import type { JsonValue, Resource } from '../../fhir/resource.ts';
import { Decimal } from '../../fhir/resource.ts';
import type { Message } from '../../hl7v2/message.ts';
import type { Conversion } from '../conversion.ts';
import type { Position } from '../diagnostics.ts';
import { segmentLabel } from '../to-fhir/positions.ts';
import { type ByteRange, byteRangesOf } from './bytes.ts';
import type { TracedRule } from './registry.ts';
import type { Frame, ReadPlace, TracedRun } from './run.ts';

export interface SourcePlace {
  /** 'OBX[2]-5', 'PID-3[2].4.1'. */
  readonly path: string;
  readonly bytes: ByteRange | undefined;
}

/** One produced value. */
export interface ElementLineage {
  /** 'Observation.code.coding[0].code'. */
  readonly path: string;
  readonly value: string;
  /** The rule that made it first, then those around it up to the resource. */
  readonly rules: readonly TracedRule[];
  /** The row of the concept map that gave it. */
  readonly row: Position | undefined;
  readonly sources: readonly SourcePlace[];
}

/** What became of one rule in one conversion. */
export interface RuleOutcome {
  readonly rule: TracedRule;
  /** How often it ran, and how often it made something. */
  readonly ran: number;
  readonly made: number;
  /** Why it made nothing; '' when it always made something. */
  readonly why: string;
}

export interface TracedConversion {
  readonly conversion: Conversion;
  /** By reference ('Patient/…'). */
  readonly elements: ReadonlyMap<string, readonly ElementLineage[]>;
  readonly rules: readonly RuleOutcome[];
}

/** Returns what a watched run shows. */
export function lineageOf(message: Message, conversion: Conversion, run: TracedRun, rules: readonly TracedRule[]): TracedConversion {
  const bytes = byteRangesOf(message);
  const elements = new Map<string, readonly ElementLineage[]>();
  for (const { resource } of conversion.drafts) {
    elements.set(`${resource.resourceType}/${resource.id}`, elementsOf(resource, run, rules, bytes));
  }
  return { conversion, elements, rules: outcomesOf(run, rules) };
}

function elementsOf(
  resource: Resource,
  run: TracedRun,
  rules: readonly TracedRule[],
  bytes: (place: ReadPlace) => ByteRange | undefined,
): readonly ElementLineage[] {
  const found: ElementLineage[] = [];
  const walk = (value: JsonValue | undefined, path: string, frame: Frame | undefined, index: number, of: number): void => {
    if (value === undefined || value === null) return;
    if (Array.isArray(value)) {
      for (const [i, each] of value.entries()) walk(each, `${path}[${i}]`, frame, i, value.length);
    } else if (typeof value === 'object' && !(value instanceof Decimal)) {
      const set = run.setBy.get(value);
      for (const [name, each] of Object.entries(value)) walk(each, `${path}.${name}`, set?.get(name) ?? frame, 0, 1);
    } else if (frame !== undefined) {
      found.push(elementOf(path, String(value), frame, index, of, rules, bytes));
    }
  };
  const top = run.setBy.get(resource);
  for (const [name, each] of Object.entries(resource)) walk(each, `${resource.resourceType}.${name}`, top?.get(name), 0, 1);
  return found;
}

function elementOf(
  path: string,
  value: string,
  frame: Frame,
  index: number,
  of: number,
  rules: readonly TracedRule[],
  bytes: (place: ReadPlace) => ByteRange | undefined,
): ElementLineage {
  const reads = distinct(readsOf(frame));
  // A list of plain values: where there is one place for each, the n-th value is from the n-th place.
  const [own] = reads.length === of && of > 1 ? [reads[index]] : [undefined];
  const chosen = own === undefined ? reads : [own];
  const chain: TracedRule[] = [];
  for (let here: Frame | undefined = deepest(frame); here !== undefined; here = here.parent) {
    const rule = rules[here.rule];
    if (rule !== undefined) chain.push(rule);
  }
  return {
    path,
    value,
    rules: chain,
    row: rowOf(frame),
    sources: chosen.map((place) => ({ path: placeText(place), bytes: bytes(place) })),
  };
}

/** The alternative or case that made the value says more than the list it stands in. */
function deepest(frame: Frame): Frame {
  const makers = frame.children.filter((each) => each.made);
  const [only] = makers;
  return only !== undefined && makers.length === 1 && frame.reads.length === 0 ? deepest(only) : frame;
}

function rowOf(frame: Frame): Position | undefined {
  return frame.row ?? frame.children.map(rowOf).find((each) => each !== undefined);
}

function readsOf(frame: Frame): readonly ReadPlace[] {
  return [...frame.reads, ...frame.children.filter((each) => each.made).flatMap(readsOf)];
}

function distinct(reads: readonly ReadPlace[]): readonly ReadPlace[] {
  const seen = new Map(reads.map((each) => [`${each.segment.index} ${placeText(each)}`, each]));
  return [...seen.values()];
}

function placeText({ segment, field, repetition, component, subcomponent }: ReadPlace): string {
  const parts = component === 0 ? '' : subcomponent === 0 ? `.${component}` : `.${component}.${subcomponent}`;
  return `${segmentLabel(segment)}-${field}${repetition > 1 ? `[${repetition}]` : ''}${parts}`;
}

/** What became of every rule of the module. */
export function outcomesOf(run: TracedRun, rules: readonly TracedRule[]): readonly RuleOutcome[] {
  const frames = new Map<number, Frame[]>();
  const walk = (frame: Frame): void => {
    const known = frames.get(frame.rule);
    if (known === undefined) frames.set(frame.rule, [frame]);
    else known.push(frame);
    for (const each of frame.children) walk(each);
  };
  for (const each of run.frames) walk(each);
  return rules.map((rule) => {
    const own = frames.get(rule.id) ?? [];
    const made = own.filter((each) => each.made).length;
    return { rule, ran: own.length, made, why: own.length > 0 && made === own.length ? '' : whyNot(rule, own, rules, frames) };
  });
}

function whyNot(
  rule: TracedRule,
  own: readonly Frame[],
  rules: readonly TracedRule[],
  frames: ReadonlyMap<number, readonly Frame[]>,
): string {
  const without = own.filter((each) => !each.made);
  const [first] = without;
  if (first === undefined) return notReached(rule, rules, frames);
  const error = without.flatMap(errorsOf)[0];
  if (error !== undefined) return `failed: ${error}`;
  if (without.every((each) => each.blocked)) return 'its condition does not hold';
  return without.every((each) => readsAll(each) === 0) ? 'the message has no value there' : 'nothing was made of what it read';
}

const errorsOf = (frame: Frame): readonly ErrorText[] => [...frame.errors, ...frame.children.flatMap(errorsOf)];
type ErrorText = Frame['errors'][number];

const readsAll = (frame: Frame): number => frame.reads.length + frame.children.reduce((sum, each) => sum + readsAll(each), 0);

function notReached(rule: TracedRule, rules: readonly TracedRule[], frames: ReadonlyMap<number, readonly Frame[]>): string {
  const parent = rule.parent === undefined ? undefined : rules[rule.parent];
  if (rule.role === 'type') return 'no value of this datatype was mapped';
  if (parent === undefined) return 'nothing of the message is made into this resource';
  const around = frames.get(parent.id) ?? [];
  if (around.length === 0) return notReached(parent, rules, frames);
  if (around.every((each) => each.blocked)) return 'the condition of the rule around it does not hold';
  if (rule.role === 'case') return 'the switch took another case';
  if (rule.role === 'alternative') return 'an alternative before it has a value';
  if (rule.role === 'default') return 'there was a value';
  return rule.role === 'instead' ? 'nothing failed' : 'the rule around it did not get so far';
}
