/**
 * What a message would become by texts of specs: its acknowledgement, resources, rows, problems, and which rule made what of which bytes. Nothing is
 * stored, and nothing is read of the store but the message where one of the journal is meant.
 */
import { messageById } from '../../database/journal-take.ts';
import { gravest, harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { validateResource } from '../../fhir/validate.ts';
import { acknowledgement } from '../../hl7v2/acknowledge.ts';
import type { Message } from '../../hl7v2/message.ts';
import { readHeader } from '../../hl7v2/parse.ts';
import { type LoadedMaps, mapsOf } from '../../mapping/maps.ts';
import { entryOf, type SpecNode, texts } from '../../mapping/read.ts';
import { type SpecTexts, specFilesOf } from '../../mapping/texts.ts';
import type { RuleOutcome } from '../../mapping/trace/lineage.ts';
import type { ResourceRows } from '../../omop/row.ts';
import { contextOf, type Parts, parsedBy, rulesFor } from '../parts.ts';
import { dateOf } from '../rows.ts';
import { specSetOf } from './live.ts';

export interface Trial {
  readonly texts: SpecTexts;
  /** Bytes of a message, or the number of one in the journal. */
  readonly message: Uint8Array | number;
  /** Whose rules hold: its time zone, character set, site. */
  readonly source?: string | undefined;
}

const MOST_COMPILED = 6;
const compiled = new Map<string, LoadedMaps>();

/**
 * Returns the maps of texts that a message of this type and event needs, compiled once for as long as they are among the last that were asked for:
 * message maps of other types would cost ten times as much and say nothing about it.
 */
function compiledFor(texts: SpecTexts, { type, event }: Pick<Message, 'type' | 'event'>): LoadedMaps {
  const key = `${specSetOf(texts).digest} ${type}^${event}`;
  const known = compiled.get(key) ?? mapsOf(specFilesOf(texts).filter(({ isCases, read }) => !isCases && mayTake(read.root, type, event)));
  compiled.delete(key);
  compiled.set(key, known);
  if (compiled.size > MOST_COMPILED) compiled.delete(compiled.keys().next().value ?? '');
  return known;
}

/** False for a map of messages of other types only. */
function mayTake(root: SpecNode | undefined, type: string, event: string): boolean {
  const messages = texts(entryOf(entryOf(root, 'source')?.value, 'message')?.value);
  return messages.length === 0 || messages.some(({ value }) => value === `${type}^${event}` || value === `${type}^*`);
}

/** Returns what becomes of the message. Throws Refusal journal-no-message. */
export async function tryMessage(parts: Parts, { texts: specs, message: asked, source = '' }: Trial) {
  const recorded = typeof asked === 'number' ? await messageById(parts.database, asked) : undefined;
  if (typeof asked === 'number' && recorded === undefined) throw new Refusal([problem('journal-no-message', { id: asked })]);
  const bytes = typeof asked === 'number' ? (recorded?.content ?? new Uint8Array()) : asked;
  const rules = rulesFor(parts, recorded?.source ?? source);
  const start = performance.now();
  const parsed = parsedBy(rules, bytes);
  if (!parsed.ok) return { ...nothing(parts, bytes, parsed.problems), compiledMs: 0 };
  const maps = compiledFor(specs, parsed.value);
  const compiledMs = performance.now() - start;
  const traced = maps.trace(parsed.value, contextOf(rules));
  const { conversion } = traced;
  const invalid = conversion.drafts.flatMap(({ resource }) => validateResource(resource)).filter((each) => !harmless([each]));
  const problems = [...parsed.problems, ...parsed.value.structureProblems, ...conversion.problems, ...invalid];
  const status = conversion.rung === 'refuse' ? 'refused' : conversion.rung === 'park-message' || invalid.length > 0 ? 'parked' : 'applied';
  const rows = rowsBy(parts, maps, conversion.drafts);
  return {
    status,
    acknowledgement: acknowledged(parts, bytes, status, problems),
    spec: conversion.spec,
    resources: conversion.drafts.map(({ resource, update, deletes }) => ({ resource, update, deletes })),
    rows,
    problems,
    unmapped: [...conversion.unmapped, ...rows.flatMap(({ unmapped }) => unmapped)],
    unread: conversion.unread,
    trace: {
      elements: Object.fromEntries(traced.elements),
      rules: traced.rules.filter(({ ran }) => ran > 0).map(briefly),
    },
    message: Buffer.from(bytes).toString('utf8'),
    compiledMs: Math.round(compiledMs * 10) / 10,
    tookMs: Math.round((performance.now() - start - compiledMs) * 10) / 10,
  };
}

const briefly = ({ rule, ran, made, why }: RuleOutcome) => ({ rule, ran, made, why });

function nothing(parts: Parts, bytes: Uint8Array, problems: readonly Problem[]) {
  const status = gravest(problems)?.ack === 'AR' ? 'refused' : 'parked';
  return {
    status,
    acknowledgement: acknowledged(parts, bytes, status, problems),
    spec: '',
    resources: [],
    rows: [],
    problems,
    unmapped: [],
    unread: [],
    trace: { elements: {}, rules: [] },
    message: Buffer.from(bytes).toString('utf8'),
    tookMs: 0,
  };
}

/** The answer of original mode when a message is judged at its receipt. */
function acknowledged(parts: Parts, bytes: Uint8Array, status: string, problems: readonly Problem[]): string {
  const faults = problems.filter((each) => !harmless([each]));
  const code = status === 'applied' ? 'AA' : status === 'refused' ? (gravest(faults)?.ack ?? 'AR') : 'AE';
  const timestamp = parts.clock();
  const answer = acknowledgement(readHeader(bytes), { code, problems: code === 'AA' ? [] : faults, controlId: 'dry-run', timestamp });
  return Buffer.from(answer).toString('utf8');
}

interface TriedRows extends ResourceRows {
  readonly reference: string;
  readonly columns: ReturnType<LoadedMaps['rowMaps']['trace']>['rows'];
}

/** Rows of what this one message makes: what the store holds of its resources is not counted in. */
function rowsBy(
  parts: Parts,
  maps: LoadedMaps,
  drafts: readonly { readonly resource: Parameters<LoadedMaps['rowMaps']['trace']>[0] & { readonly id: string } }[],
): readonly TriedRows[] {
  const named = new Map(drafts.map(({ resource }) => [`${resource.resourceType}/${resource.id}`, resource]));
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const asOf = dateOf(parts, parts.clock());
  return drafts.map(({ resource }) => {
    const context = { vocabulary, timezone: parts.cdmTimezone, asOf, lookup: (reference: string) => named.get(reference) };
    const { made, rows } = maps.rowMaps.trace(resource, context);
    return { reference: `${resource.resourceType}/${resource.id}`, ...made, columns: rows };
  });
}
