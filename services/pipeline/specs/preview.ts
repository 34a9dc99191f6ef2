/** What an author sees of a message while a map is written: as the page of a message, by texts that nobody published, masked until it was revealed. */
import { cureOf } from '../../database/journal/view.ts';
import { ERRORS } from '../../errors.ts';
import type { Resource } from '../../fhir/resource.ts';
import { fieldOf } from '../../hl7v2/definitions.ts';
import type { Message } from '../../hl7v2/message.ts';
import type { UnreadField } from '../../mapping/conversion.ts';
import { readOnce } from '../../mapping/read-once.ts';
import type { ElementLineage } from '../../mapping/trace/lineage.ts';
import type { UnmappedCode } from '../../omop/row.ts';
import { type MessageText, messageText } from '../message/fields.ts';
import { type RulePlace, type ShownElement, type ShownRow, shownElements, shownTraced, specFile } from '../message/lineage.ts';
import { isElementPlain, isFieldPlain, masked } from '../message/mask.ts';
import type { Parts } from '../parts.ts';
import { type Attempt, attempt, type Trial, type TriedRows } from './try.ts';

/** Rules are numbers of `Preview.places`: hundreds of elements come from a few dozen of them. */
export interface PreviewElement extends Omit<ShownElement, 'rule'> {
  readonly rule: number | undefined;
  /** The rule that made it, the row of the concept map that gave it, and the rules around them. */
  readonly rules: readonly number[];
}

export interface PreviewResource {
  readonly reference: string;
  readonly version: undefined;
  readonly isCurrent: true;
  readonly elements: readonly PreviewElement[];
  readonly rows: readonly ShownRow[];
}

export interface PreviewProblem {
  readonly code: string;
  readonly severity: string;
  readonly text: string;
  readonly at: string | undefined;
  readonly cure: string;
}

/** What became of one rule of a file. */
export interface PreviewRule {
  readonly line: number;
  readonly ran: number;
  readonly made: number;
  /** Why it made nothing; '' when it always made something. */
  readonly why: string;
}

export interface Preview {
  readonly status: Attempt['status'];
  readonly isMasked: boolean;
  /** False: the text of `path`, or a map that it is part of, cannot be run as it stands. */
  readonly isUsable: boolean;
  readonly spec: string;
  readonly text: MessageText | undefined;
  /** Segment by segment. */
  readonly acknowledgement: readonly string[];
  readonly problems: readonly PreviewProblem[];
  readonly unmapped: readonly UnmappedCode[];
  readonly unread: readonly UnreadField[];
  readonly isStored: false;
  readonly resources: readonly PreviewResource[];
  readonly resourceCount: number;
  /** Where rules stand that elements come from. */
  readonly places: readonly RulePlace[];
  /** Rules of the file that was asked for. */
  readonly rules: readonly PreviewRule[];
  readonly compiledMs: number;
  readonly tookMs: number;
}

const MOST_RESOURCES = 60;

/** Returns what becomes of a message; `path`: whose rules are told. `isWhole`: nothing is masked. Throws Refusal journal-no-message. */
export async function preview(
  parts: Parts,
  trial: Trial & { readonly path: string | undefined; readonly isWhole: boolean },
): Promise<Preview> {
  const { isWhole, path } = trial;
  const tried = await attempt(parts, trial);
  const { made } = tried;
  const conversion = made?.traced.conversion;
  const drafts = conversion?.drafts ?? [];
  const places = new Places();
  return {
    status: tried.status,
    isMasked: !isWhole,
    isUsable:
      (path === undefined || readOnce(trial.texts.get(path) ?? '', path).root !== undefined) &&
      !tried.problems.some(({ code }) => code === 'mapping-spec-broken'),
    spec: conversion?.spec ?? '',
    text: made && messageText(made.message, isWhole),
    acknowledgement: tried.acknowledgement.split('\r').filter((line) => line !== ''),
    problems: tried.problems.map(({ code, text, at }) => ({
      code,
      severity: Object.hasOwn(ERRORS, code) ? ERRORS[code].severity : 'error',
      text,
      at,
      cure: cureOf(code),
    })),
    unmapped: shownUnmapped(made, isWhole),
    unread: conversion?.unread ?? [],
    isStored: false,
    resources: drafts.slice(0, MOST_RESOURCES).map(({ resource }) => resourceOf(resource, made, places, isWhole)),
    resourceCount: drafts.length,
    places: places.all,
    rules: (made?.traced.rules ?? []).flatMap(({ rule, ran, made: count, why }) =>
      rule.at.file === path ? [{ line: rule.at.line, ran, made: count, why }] : [],
    ),
    compiledMs: tried.compiledMs,
    tookMs: tried.tookMs,
  };
}

function resourceOf(
  resource: Resource & { readonly id: string },
  made: Attempt['made'],
  places: Places,
  isWhole: boolean,
): PreviewResource {
  const reference = `${resource.resourceType}/${resource.id}`;
  const lineage = made?.traced.elements.get(reference) ?? [];
  const origins = new Map(lineage.map((each) => [each.path, each]));
  const isHidden = hiding(isWhole ? undefined : made?.message);
  const elements = shownElements(resource, lineage, isWhole);
  return {
    reference,
    version: undefined,
    isCurrent: true,
    elements: elements.map((each) => withRules(each, origins.get(each.path), isHidden, places)),
    rows: rowsOf(
      made?.rows.find((each) => each.reference === reference),
      elements.filter(isHidden).map((each) => each.path),
      isWhole,
    ),
  };
}

/** Places of rules, each once. */
class Places {
  readonly all: RulePlace[] = [];
  readonly #known = new Map<string, number>();

  numberOf(place: RulePlace): number {
    const key = `${place.file}:${place.line} ${place.text}`;
    const known = this.#known.get(key) ?? this.all.push(place) - 1;
    this.#known.set(key, known);
    return known;
  }
}

/** Codes that nothing maps, as far as they may be shown: where a map puts a name as a code, it is no code. */
function shownUnmapped(made: Attempt['made'], isWhole: boolean): readonly UnmappedCode[] {
  if (made === undefined) return [];
  const { conversion, elements: known } = made.traced;
  const all = [...conversion.unmapped, ...made.rows.flatMap(({ traced }) => traced.made.unmapped)];
  if (isWhole) return all;
  const isHidden = hiding(made.message);
  const hidden = new Set<string>();
  for (const { resource } of conversion.drafts) {
    for (const each of shownElements(resource, known.get(`${resource.resourceType}/${resource.id}`) ?? [], true))
      if (isHidden(each) || !isElementPlain(each.path, each.value)) hidden.add(each.value);
  }
  const isFree = ({ system, code, display, at }: UnmappedCode): boolean =>
    system === '' ||
    hidden.has(code) ||
    hidden.has(display ?? code) ||
    isHidden({ path: '', value: code, sources: placesIn(at), rule: undefined });
  return all.map((each) => (isFree(each) ? { system: each.system, code: masked(each.code), why: each.why, at: each.at } : each));
}

/** The place of a message that a code was read at; none where it was read of a resource. */
const placesIn = (at: string): readonly string[] => (/^[A-Z0-9]{3}(\[\d+\])?-\d/.test(at) ? [at] : []);

type Hidden = (element: ShownElement) => boolean;

/**
 * A map that is being written can put anything anywhere: a value is shown only when every field it came from may be shown too, wherever the map
 * put it. Ids and references are hashes.
 */
function hiding(message: Message | undefined): Hidden {
  if (message === undefined) return () => false;
  const known = new Map<string, boolean>();
  const isPlain = (path: string): boolean => {
    const { segment = '', n = '' } = /^(?<segment>[A-Z0-9]{3})(?:\[\d+\])?-(?<n>\d+)/.exec(path)?.groups ?? {};
    const name = `${segment}-${n}`;
    const found =
      known.get(name) ?? isFieldPlain(segment, Number(n), fieldOf(message.definitionsVersion, segment, Number(n)), typeOf(message, path));
    if (name !== 'OBX-5') known.set(name, found);
    return found;
  };
  return ({ path, sources }) => !/\.(id|reference)$/.test(path) && sources.some((source) => !isPlain(source));
}

/** The type of an OBX-5, from its own OBX-2. */
function typeOf(message: Message, path: string): string | undefined {
  const { occurrence } = /^OBX(?:\[(?<occurrence>\d+)\])?-5/.exec(path)?.groups ?? {};
  if (!path.startsWith('OBX')) return undefined;
  return message.segments.find(({ name, occurrence: own }) => name === 'OBX' && own === Number(occurrence ?? 1))?.value(2);
}

function withRules(element: ShownElement, origin: ElementLineage | undefined, isHidden: Hidden, places: Places): PreviewElement {
  const around = (origin?.rules ?? []).map(({ at, text }) => places.numberOf({ file: specFile(at.file), line: at.line, text }));
  const own = element.rule === undefined ? undefined : places.numberOf(element.rule);
  return {
    ...element,
    value: isHidden(element) ? masked(element.value) : element.value,
    rule: own,
    rules: own === undefined ? around : [own, ...around],
  };
}

/** Rows of one resource; a column that was read from what is hidden is hidden. */
function rowsOf(tried: TriedRows | undefined, hidden: readonly string[], isWhole: boolean): readonly ShownRow[] {
  return shownTraced(tried?.traced, undefined, isWhole).map((row) => ({
    ...row,
    columns: row.columns.map((column) => {
      const isHidden = column.read.some((path) =>
        hidden.some((each) => each === path || each.startsWith(`${path}.`) || each.startsWith(`${path}[`)),
      );
      return isHidden && !/_(id|concept_id)$/.test(column.name) ? { ...column, value: masked(column.value) } : column;
    }),
  }));
}
