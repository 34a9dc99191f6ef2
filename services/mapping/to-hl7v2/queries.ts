/** Maps that answer queries, compiled: which map answers which query, and what it tells of a patient and of what is recorded about them. */
import { type Problem, problem } from '../../errors.ts';
import { isResourceType } from '../../fhir/definitions.ts';
import { searchParameters } from '../../fhir/parameters.ts';
import type { Resource } from '../../fhir/resource.ts';
import { type Diagnostic, diagnostic, didYouMean } from '../diagnostics.ts';
import { digestOf, specLabel } from '../digest.ts';
import type { Compiled } from '../expression/scope.ts';
import { system } from '../expression/typed.ts';
import type { OutContext } from './compile.ts';
import { type BuiltSegment, type CompiledOutMessage, lineOf } from './message.ts';
import type { OutMessageSpec, OutProfiles, OutQuerySpec, OutRecordSpec, PublishedOut } from './model.ts';
import { watched } from './seen.ts';

/** What is said of one resource. */
export interface Told {
  /** Segments without what `problems` names; none when the map says that it is not told. */
  readonly lines: readonly string[];
  /** What of it cannot be told, by field ('PID-16.1'); by its type where that is all of it. */
  readonly problems: readonly Problem[];
  /** Elements that are recorded and that no rule reads: 'Patient.photo'. */
  readonly untold: readonly string[];
}

/** What refers to a resource, by the names of the map. */
export type RecordLinks = Readonly<Record<string, readonly Resource[]>>;

export interface RecordMap {
  readonly spec: OutRecordSpec;
  told(resource: Resource, links: RecordLinks, changed: string): Told;
}

export interface QueryMap {
  readonly spec: OutQuerySpec;
  /** 'id@version#digest'. */
  readonly label: string;
  /** `position`: the patient's place in the answer, from 1; `confidence`: 0 to 100. */
  told(patient: Resource, place: { readonly position: number; readonly confidence: number }, changed: string): Told;
  readonly records: readonly RecordMap[];
}

/** A query that a map answers. */
export interface AnsweredQuery {
  readonly map: QueryMap;
  /** MSH-9 of the answer. */
  readonly is: string;
  readonly profiles: OutProfiles | undefined;
}

/** Returns the map of a query by MSH-9 ('QBP^Q22') and QPD-1.1; a row that names the query is taken before one that takes any. */
export type FindQuery = (message: string, name: string) => AnsweredQuery | undefined;

export type CompileOut = (
  spec: OutMessageSpec,
  own: ReadonlyMap<string, Compiled>,
) => { readonly message: CompiledOutMessage; readonly faults: readonly Diagnostic[]; readonly uses: PublishedOut['uses'] };

const OWN: ReadonlyMap<string, Compiled> = new Map([
  ['position', { js: 'c.position', type: system('string') }],
  ['confidence', { js: 'c.confidence', type: system('string') }],
]);

/** Returns what finds the map of a query, the maps as a lock names them, and what is wrong with them. */
export function compileQueries(
  specs: readonly OutQuerySpec[],
  compile: CompileOut,
): { readonly find: FindQuery; readonly published: readonly PublishedOut[]; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const published: PublishedOut[] = [];
  const rows: { readonly message: string; readonly name: string | undefined; readonly answered: AnsweredQuery }[] = [];
  for (const spec of specs) {
    const { map, faults, lock } = queryMap(spec, compile);
    diagnostics.push(...faults);
    if (faults.every((each) => each.severity !== 'error')) published.push(lock);
    for (const { message, name, is, profiles, at } of spec.queries) {
      const same = rows.find((each) => each.message === message && folded(each.name) === folded(name));
      if (same !== undefined) diagnostics.push(diagnostic('rows-duplicate-map', at, { type: message, other: same.answered.map.spec.id }));
      rows.push({ message, name, answered: { map, is, profiles } });
    }
  }
  return {
    find: (message, name) => {
      const own = rows.filter((each) => each.message === message);
      const found =
        own.find((each) => each.name !== undefined && folded(each.name) === folded(name)) ?? own.find((each) => each.name === undefined);
      return found?.answered;
    },
    published,
    diagnostics,
  };
}

const folded = (name: string | undefined): string | undefined => name?.trim().toLowerCase();

function queryMap(
  spec: OutQuerySpec,
  compile: CompileOut,
): { readonly map: QueryMap; readonly faults: readonly Diagnostic[]; readonly lock: PublishedOut } {
  const base = { ...spec, kind: 'message' as const };
  const patient = compile({ ...base, types: [], linked: [] }, OWN);
  const records = spec.records.map((record) => {
    const { at, type: source, linked, ignore, segments, refuse, when } = record;
    const types = when === undefined ? [] : [{ when, is: '', at }];
    const unsearched = linked.filter(({ by }) => by === undefined);
    const made = compile({ ...base, at, source, linked, ignore, segments, refuse, types }, OWN);
    const faults = unsearched.map((each) => diagnostic('spec-header', each.at, { name: `linked.${each.name}: by` }));
    return { record, message: made.message, uses: made.uses, faults: [...made.faults, ...faults, ...unsearchable(record)] };
  });
  const { id, version, at } = spec;
  const uses = [...new Map([...patient.uses, ...records.flatMap((each) => each.uses)].map((each) => [each.root, each])).values()];
  const digest = digestOf([spec.root, ...uses.map(({ root }) => root)]);
  return {
    lock: { id, version, digest, at, uses },
    map: {
      spec,
      label: specLabel(id, version, digest),
      told: (resource, { position, confidence }, changed) =>
        toldBy(patient.message, resource, {}, { changed, position: String(position), confidence: String(confidence) }),
      records: records.map(({ record, message }) => ({
        spec: record,
        told: (resource, links, changed) => toldBy(message, resource, links, { changed }),
      })),
    },
    faults: [...patient.faults, ...records.flatMap(({ faults }) => faults)],
  };
}

/** What `by` and `sort` name and the standard does not know. */
function unsearchable({ at, type, by, sort, linked }: OutRecordSpec): readonly Diagnostic[] {
  const asked = [
    { at, type, name: by },
    { at, type, name: sort },
    ...linked.map((each) => ({ at: each.at, type: each.type, name: each.by })),
  ];
  return asked.flatMap((each) => {
    if (each.name === undefined || !isResourceType(each.type) || searchParameters(each.type).has(each.name)) return [];
    const nearest = didYouMean(each.name, searchParameters(each.type).keys());
    return [diagnostic('unknown-element', each.at, { type: `The search of ${each.type}`, name: each.name, nearest })];
  });
}

const NOTHING: Told = { lines: [], problems: [], untold: [] };

function toldBy(
  message: CompiledOutMessage,
  resource: Resource,
  links: RecordLinks,
  own: Pick<OutContext, 'changed' | 'position' | 'confidence'>,
): Told {
  const problems: Problem[] = [];
  const root = watched(resource);
  const linked = Object.entries(links).map(([name, all]) => [name, all.map((each) => ({ each, seen: watched(each) }))] as const);
  const values = Object.fromEntries(linked.map(([name, all]) => [name, all.map(({ seen }) => seen.value)]));
  const context: OutContext = { root: root.value, links: values, change: 'create', number: '', field: '', problems, ...own };
  if (!message.types.every(({ test }) => test(context, context.root))) return NOTHING;
  const refused = message.refuse.find(({ test }) => test(context, context.root));
  if (refused !== undefined)
    return { ...NOTHING, problems: [problem('outgoing-not-expressible', { what: refused.because }, resource.resourceType)] };
  const segments = message.segments(context).filter(({ says }) => says);
  const ignored = (type: string): readonly string[] => ['resourceType', ...(message.ignored.get(type) ?? [])];
  const missed = [{ each: resource, seen: root }, ...linked.flatMap(([, all]) => all)].flatMap(({ each, seen }) =>
    seen.unread(ignored(each.resourceType)).map((path) => `${each.resourceType}.${path.replace(/\[\d+\]/g, '')}`),
  );
  return { lines: numbered(segments).map((each) => lineOf(each, undefined)), problems, untold: [...new Set(missed)] };
}

/** Results that stand in several places of one map are numbered through: OBX-1 counts those of one order. */
function numbered(segments: readonly BuiltSegment[]): readonly BuiltSegment[] {
  let count = 0;
  return segments.map((each) => {
    if (each.name === 'ORC') count = 0;
    if (each.name !== 'OBX') return each;
    count += 1;
    return { ...each, fields: [[String(count)], ...each.fields.slice(1)] };
  });
}
