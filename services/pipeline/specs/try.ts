/**
 * What a message would become by texts of specs: its acknowledgement, resources, rows, problems, and which rule made what of which bytes. Nothing is
 * stored, and nothing is read of the store but the message where one of the journal is meant.
 */
import { auditRecords } from '../../database/audit.ts';
import { messageById } from '../../database/journal/take.ts';
import { gravest, harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { acknowledgement } from '../../hl7v2/acknowledge.ts';
import { encode } from '../../hl7v2/charset.ts';
import type { Message } from '../../hl7v2/message.ts';
import { readHeader } from '../../hl7v2/parse.ts';
import type { SpecFile } from '../../mapping/files.ts';
import { isOfRows, rowMapsOf, type TracingMaps, tracingMapsOf } from '../../mapping/maps.ts';
import { entryOf, type ReadSpec, texts } from '../../mapping/read.ts';
import { matches } from '../../mapping/sites/match.ts';
import { specOf } from '../../mapping/spec-read.ts';
import { type SpecTexts, specFilesOf } from '../../mapping/texts.ts';
import type { RowMaps, TracedRows } from '../../mapping/to-rows/maps.ts';
import type { RuleOutcome, TracedConversion } from '../../mapping/trace/lineage.ts';
import type { ResourceRows } from '../../omop/row.ts';
import { dateOf } from '../apply/rows.ts';
import { contextOf, type Parts, parsedBy, rulesFor } from '../parts.ts';

export interface Trial {
  readonly texts: SpecTexts;
  /** Lines of a message, or the number of one in the journal. */
  readonly message: string | number;
  /** Whose rules hold: its time zone, character set, site. */
  readonly source?: string | undefined;
}

const MOST_COMPILED = 6;
/** The last that were asked for, the newest last. */
let compiled: readonly Compiled[] = [];

interface Compiled {
  /** Which of the texts are looked at: 'ORU^R01', and the sites that may take the message. */
  readonly of: string;
  readonly texts: SpecTexts;
  readonly maps: TracingMaps;
}

/**
 * Returns the maps of texts that a message needs, compiled once for as long as they are among the last that were asked for: message maps of other
 * types, and sites of other senders, would cost ten times as much and say nothing about it.
 */
function compiledFor(texts: SpecTexts, message: Message, site: string | undefined): TracingMaps {
  const files = specFilesOf(texts).filter(({ isCases, read }) => !isCases && mayTake(read, message, site));
  const sites = files.flatMap(({ path, read }) => (entryOf(read.root, 'extends') === undefined ? [] : [path]));
  const of = [`${message.type}^${message.event}`, ...sites].join(' ');
  const known = compiled.find((each) => each.of === of && areSame(each.texts, texts)) ?? { of, texts, maps: freshlyCompiled(files) };
  compiled = [...compiled.filter((each) => each !== known), known].slice(-MOST_COMPILED);
  return known.maps;
}

/** Of two sets of which one was made of the other most texts are the same objects: that is told without reading them. */
const areSame = (a: SpecTexts, b: SpecTexts): boolean =>
  a === b || (a.size === b.size && [...a].every(([path, text]) => b.get(path) === text));

/** Row maps of the last texts: most changes are in maps of messages, and leave them as they are. */
let lastRows: { readonly reads: readonly unknown[]; readonly rowMaps: RowMaps } | undefined;

function freshlyCompiled(files: readonly SpecFile[]): TracingMaps {
  const reads = files.filter(isOfRows).map(({ read }) => read);
  const isSame = lastRows?.reads.length === reads.length && reads.every((each, i) => each === lastRows?.reads[i]);
  const rowMaps = isSame && lastRows !== undefined ? lastRows.rowMaps : rowMapsOf(files);
  lastRows = { reads, rowMaps };
  return tracingMapsOf(files, rowMaps);
}

/** False for a map of messages of other types only, and for a site of other senders; where the source names its site all of them are there. */
function mayTake(read: ReadSpec, message: Message, site: string | undefined): boolean {
  if (site === undefined && entryOf(read.root, 'extends') !== undefined) {
    const { spec } = specOf(read);
    return spec?.kind !== 'site' || matches(spec.match, message);
  }
  const messages = texts(entryOf(entryOf(read.root, 'source')?.value, 'message')?.value);
  const { type, event } = message;
  return messages.length === 0 || messages.some(({ value }) => value === `${type}^${event}` || value === `${type}^*`);
}

export interface Attempt {
  readonly status: 'applied' | 'parked' | 'refused';
  readonly bytes: Uint8Array;
  readonly problems: readonly Problem[];
  /** Undefined: it is no message that can be read. */
  readonly made:
    | { readonly message: Message; readonly maps: TracingMaps; readonly traced: TracedConversion; readonly rows: readonly TriedRows[] }
    | undefined;
  /** The answer of original mode when a message is judged at its receipt. */
  readonly acknowledgement: string;
  readonly compiledMs: number;
  readonly tookMs: number;
}

export interface TriedRows {
  readonly reference: string;
  readonly traced: TracedRows;
}

/** Returns what becomes of the message. Throws Refusal journal-no-message. */
export async function attempt(parts: Parts, { texts: specs, message: asked, source = '' }: Trial): Promise<Attempt> {
  const recorded = typeof asked === 'number' ? await messageById(parts.database, asked) : undefined;
  if (typeof asked === 'number' && recorded === undefined) throw new Refusal([problem('journal-no-message', { id: asked })]);
  const rules = rulesFor(parts, recorded?.source ?? source);
  const bytes = typeof asked === 'string' ? bytesOf(rules, asked) : (recorded?.content ?? new Uint8Array());
  const start = performance.now();
  const parsed = parsedBy(rules, bytes);
  if (!parsed.ok) {
    const status = gravest(parsed.problems)?.ack === 'AR' ? 'refused' : 'parked';
    const answer = acknowledged(parts, bytes, status, parsed.problems);
    return { status, bytes, problems: parsed.problems, made: undefined, acknowledgement: answer, compiledMs: 0, tookMs: 0 };
  }
  const maps = compiledFor(specs, parsed.value, rules.site);
  const compiledMs = performance.now() - start;
  const traced = maps.trace(parsed.value, contextOf(rules));
  const { conversion } = traced;
  const invalid = conversion.drafts.flatMap(({ resource }) => validateResource(resource)).filter((each) => !harmless([each]));
  const problems = [...parsed.problems, ...parsed.value.structureProblems, ...conversion.problems, ...invalid];
  const status = conversion.rung === 'refuse' ? 'refused' : conversion.rung === 'park-message' || invalid.length > 0 ? 'parked' : 'applied';
  const rows = rowsBy(parts, maps, conversion.drafts);
  return {
    status,
    bytes,
    problems,
    made: { message: parsed.value, maps, traced, rows },
    acknowledgement: acknowledged(parts, bytes, status, problems),
    compiledMs: tenths(compiledMs),
    tookMs: tenths(performance.now() - start - compiledMs),
  };
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

/** What was pasted, in the character set that its MSH-18 says; a browser has taken its carriage returns. */
function bytesOf(rules: ReturnType<typeof rulesFor>, pasted: string): Uint8Array {
  const lines = pasted.replace(/\r?\n/g, '\r');
  const plain = Buffer.from(lines, 'utf8');
  const parsed = parsedBy(rules, plain);
  return (parsed.ok ? encode(lines, parsed.value.charset) : undefined) ?? plain;
}

/** Returns what becomes of the message, whole, as data. Throws Refusal journal-no-message. */
export async function tryMessage(parts: Parts, trial: Trial) {
  const { status, bytes, problems, made, acknowledgement: answer, compiledMs, tookMs } = await attempt(parts, trial);
  const { conversion, elements, rules } = made?.traced ?? {};
  const rows = made?.rows.map(({ reference, traced }): TriedAnswer => ({ reference, ...traced.made, columns: traced.rows })) ?? [];
  return {
    status,
    acknowledgement: answer,
    spec: conversion?.spec ?? '',
    resources: conversion?.drafts.map(({ resource, update, deletes }) => ({ resource, update, deletes })) ?? [],
    rows,
    problems,
    unmapped: [...(conversion?.unmapped ?? []), ...rows.flatMap(({ unmapped }) => unmapped)],
    unread: conversion?.unread ?? [],
    trace: { elements: Object.fromEntries(elements ?? []), rules: (rules ?? []).filter(({ ran }) => ran > 0).map(briefly) },
    message: Buffer.from(bytes).toString('utf8'),
    compiledMs,
    tookMs,
  };
}

interface TriedAnswer extends ResourceRows {
  readonly reference: string;
  readonly columns: TracedRows['rows'];
}

const briefly = ({ rule, ran, made, why }: RuleOutcome) => ({ rule, ran, made, why });

/** Somebody who revealed a message sees it unmasked for so long while maps are written. */
const REVEALED_MS = 8 * 3_600_000;

/** Returns true when the audit log says that this person revealed it ('message/7', 'plan/3'), for a reason, not long ago. */
export async function isRevealed(parts: Parts, actor: string, target: `${'message' | 'plan'}/${number}`): Promise<boolean> {
  const action = target.startsWith('plan/') ? 'spec.reveal' : 'message.reveal';
  const [last] = await auditRecords(parts.database, { actor, action, target, limit: 1 });
  return last !== undefined && Date.now() - Date.parse(last.at) < REVEALED_MS;
}

function acknowledged(parts: Parts, bytes: Uint8Array, status: string, problems: readonly Problem[]): string {
  const faults = problems.filter((each) => !harmless([each]));
  const code = status === 'applied' ? 'AA' : status === 'refused' ? (gravest(faults)?.ack ?? 'AR') : 'AE';
  const timestamp = parts.clock();
  const answer = acknowledgement(readHeader(bytes), { code, problems: code === 'AA' ? [] : faults, controlId: 'dry-run', timestamp });
  return Buffer.from(answer).toString('utf8');
}

/** Rows of what this one message makes: what the store holds of its resources is not counted in. */
function rowsBy(
  parts: Parts,
  maps: TracingMaps,
  drafts: readonly { readonly resource: Parameters<TracingMaps['rowMaps']['trace']>[0] & { readonly id: string } }[],
): readonly TriedRows[] {
  const named = new Map(drafts.map(({ resource }) => [`${resource.resourceType}/${resource.id}`, resource]));
  const vocabulary = parts.live?.current ?? parts.vocabulary;
  const asOf = dateOf(parts, parts.clock());
  return drafts.map(({ resource }) => {
    const context = { vocabulary, timezone: parts.cdmTimezone, asOf, lookup: (reference: string) => named.get(reference) };
    return { reference: `${resource.resourceType}/${resource.id}`, traced: maps.rowMaps.trace(resource, context) };
  });
}
