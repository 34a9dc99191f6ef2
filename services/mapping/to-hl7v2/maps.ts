/** The maps from FHIR to HL7v2 together: from files to `build`, which makes a message of a resource or says why it cannot be one. */
import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import type { Resource } from '../../fhir/resource.ts';
import { charsetOf, encode } from '../../hl7v2/charset.ts';
import { componentsOf } from '../../hl7v2/definitions.ts';
import { type Diagnostic, diagnostic, type Position } from '../diagnostics.ts';
import { digestOf, specLabel } from '../digest.ts';
import type { Compiled } from '../expression/scope.ts';
import type { SpecFile } from '../files.ts';
import type { TableSpec } from '../spec.ts';
import { FHIR } from '../to-rows/shapes.ts';
import { OutCompiler, type OutContext, type Step } from './compile.ts';
import { type BuiltSegment, type CompiledOutMessage, compileOutMessage, lineOf } from './message.ts';
import type { OutMapSpec, OutMessageSpec, OutSegmentSpec, OutTypeSpec, PublishedOut } from './model.ts';
import { compileQueries, type FindQuery } from './queries.ts';
import { isOutMap, readOutMap } from './read.ts';
import { watched } from './seen.ts';
import { primitive } from './written.ts';

/** What stands in MSH beside the message's own type. */
export interface OutHeader {
  readonly sendingApplication: string;
  readonly sendingFacility: string;
  readonly receivingApplication: string;
  readonly receivingFacility: string;
  /** MSH-10. */
  readonly controlId: string;
  /** MSH-18 (table 0211). */
  readonly charset: string;
  readonly processingId: string;
}

/** A version of a resource to be told. */
export interface ToldChange {
  readonly resource: Resource;
  /** The version before; undefined when there was none, or when nothing of it is to be told as deleted. */
  readonly before: Resource | undefined;
  readonly change: 'create' | 'update' | 'delete';
  /** ISO instant. */
  readonly changed: string;
}

/** Finds resources that a message needs, by reference (Patient/1); those that are not there are left out. */
export type FindLinked = (references: readonly string[]) => Promise<ReadonlyMap<string, Resource>>;

export interface OutMaps {
  /** Every map that makes messages of a type or answers queries, with the digest of its text and of all that it uses. */
  readonly published: readonly PublishedOut[];
  /** Types of resources that messages are made of. */
  readonly types: readonly string[];
  /** 'id@version#digest' of the map of a type; '' when there is none. */
  labelOf(type: string): string;
  /**
   * Returns the message's bytes, or why there is none: `outgoing-no-map`, `outgoing-not-expressible` (with the place in the message or in the
   * resource), `outgoing-linked-missing`, `hl7v2-value-unencodable`. The same input gives the same bytes.
   */
  build(told: ToldChange, header: OutHeader, find: FindLinked): Promise<Result<Uint8Array>>;
  /** As build, where everything that a message may need is in `stored`, by reference (Patient/1). */
  buildFrom(told: ToldChange, header: OutHeader, stored: ReadonlyMap<string, Resource>): Result<Uint8Array>;
  /** Finds the map that answers a query. */
  readonly query: FindQuery;
  /** Places of every rule, of maps of queries too; one that several maps use stands here several times. */
  readonly rules: readonly Position[];
  /** Places of the rules, and of the rows of concept maps, that give a value when this is built. */
  triedBy(told: ToldChange, header: OutHeader, stored: ReadonlyMap<string, Resource>): ReadonlySet<Position>;
  /** Everything wrong with the files; a map with an error makes nothing. */
  readonly diagnostics: readonly Diagnostic[];
}

/** True of a file that makes HL7v2. */
const isOut = ({ isCases, read }: SpecFile): boolean => !isCases && isOutMap(read.root);

/** Returns the maps among `files` compiled; `tables`: concept maps by their path in the family. */
export function compileOutMaps(files: readonly SpecFile[], tables: ReadonlyMap<string, TableSpec>): OutMaps {
  const diagnostics: Diagnostic[] = [];
  const specs = files.filter(isOut).flatMap((file): readonly { readonly path: string; readonly spec: OutMapSpec }[] => {
    const { map, diagnostics: faults } = readOutMap(file.read);
    diagnostics.push(...faults);
    return map === undefined ? [] : [{ path: file.path.slice(file.path.indexOf('/') + 1), spec: map }];
  });
  const types = specs.map(({ spec }) => spec).filter((each) => each.kind === 'type');
  const segments = new Map(specs.flatMap(({ path, spec }) => (spec.kind === 'segment' ? [[path, spec] as const] : [])));
  const messages = new Map<string, CompiledOutMessage>();
  const labels = new Map<string, string>();
  const published: PublishedOut[] = [];
  const rules: Position[] = [];
  for (const { spec } of specs) {
    if (spec.kind !== 'message') continue;
    const other = messages.get(spec.source);
    if (other !== undefined) diagnostics.push(diagnostic('rows-duplicate-map', spec.at, { type: spec.source, other: other.spec.id }));
    const { message, faults, uses, places } = compiled(spec, types, segments, tables);
    rules.push(...places);
    diagnostics.push(...faults);
    if (faults.some((each) => each.severity === 'error') || other !== undefined) continue;
    messages.set(spec.source, message);
    const { id, version, at, root } = spec;
    const digest = digestOf([root, ...uses.map((each) => each.root)]);
    labels.set(spec.source, specLabel(id, version, digest));
    published.push({ id, version, digest, at, uses });
  }
  const asked = specs.map(({ spec }) => spec).filter((each) => each.kind === 'query');
  const queries = compileQueries(asked, (spec, own) => {
    const made = compiled(spec, types, segments, tables, own);
    rules.push(...made.places);
    return made;
  });
  diagnostics.push(...queries.diagnostics);
  return {
    query: queries.find,
    types: [...messages.keys()].sort(),
    published: [...published, ...queries.published],
    labelOf: (type) => labels.get(type) ?? '',
    build: async (told, header, find) => {
      const message = messages.get(told.resource.resourceType);
      return message === undefined ? noMap(told) : built(message, told, header, await find(neededBy(message, told)));
    },
    buildFrom: (told, header, stored) => {
      const message = messages.get(told.resource.resourceType);
      return message === undefined ? noMap(told) : built(message, told, header, stored);
    },
    rules,
    triedBy: (told, header, stored) => {
      const message = messages.get(told.resource.resourceType);
      const made = new Set<Position>();
      if (message !== undefined) built(message, told, header, stored, made);
      return made;
    },
    diagnostics,
  };
}

/** Compiles a message map with the datatype maps that it uses, each once, in a module of its own. */
function compiled(
  spec: OutMessageSpec,
  types: readonly OutTypeSpec[],
  segments: ReadonlyMap<string, OutSegmentSpec>,
  tables: ReadonlyMap<string, TableSpec>,
  own?: ReadonlyMap<string, Compiled>,
): {
  readonly message: CompiledOutMessage;
  readonly faults: readonly Diagnostic[];
  readonly uses: PublishedOut['uses'];
  readonly places: readonly Position[];
} {
  const steps = new Map<OutTypeSpec, { step: Step }>();
  const find = (source: string, target: string): Step | undefined => {
    const map = types.find((each) => each.source === source && each.target === target);
    if (map === undefined) return undefined;
    let known = steps.get(map);
    if (known === undefined) {
      // One that uses itself finds its step here.
      known = { step: () => [] };
      steps.set(map, known);
      const scope = { format: 'fhir', types: FHIR, root: { js: 'i', type: map.source } } as const;
      if (componentsOf(spec.target, map.target).length === 0 && map.rule.body.kind === 'parts')
        compiler.fault('unknown-type', map.at, { name: map.target });
      known.step = compiler.rule(map.rule, map.target, { scope, path: '', use: map.use, version: spec.target });
    }
    const held = known;
    return (c, i) => held.step(c, i);
  };
  const compiler = new OutCompiler(tables, find);
  const message = compileOutMessage(spec, compiler, segments, own);
  compiler.link();
  const uses = [...steps.keys(), ...message.uses, ...compiler.tablesUsed];
  return { message, faults: compiler.diagnostics, uses, places: compiler.rules };
}

const noMap = ({ resource }: ToldChange): Result<Uint8Array> => failure(problem('outgoing-no-map', { type: resource.resourceType }));

const contextOf = ({ change, changed }: ToldChange, root: unknown, problems: Problem[]): OutContext => ({
  root,
  links: {},
  change,
  changed,
  number: '',
  field: '',
  problems,
});

function built(
  message: CompiledOutMessage,
  told: ToldChange,
  header: OutHeader,
  stored: ReadonlyMap<string, Resource>,
  made?: Set<Position>,
): Result<Uint8Array> {
  const problems: Problem[] = [];
  const root = watched(told.resource);
  const plain = { ...contextOf(told, root.value, problems), ...(made === undefined ? {} : { made }) };
  const links = linkedTo(message, plain, stored);
  problems.push(...links.problems);
  const context: OutContext = { ...plain, links: links.values };
  const refused = message.refuse.find(({ test }) => test(context, context.root));
  if (refused !== undefined) return failure(problem('outgoing-not-expressible', { what: refused.because }, told.resource.resourceType));
  const type = message.types.find(({ test }) => test(context, context.root))?.is;
  if (type === undefined)
    problems.push(problem('outgoing-not-expressible', { what: 'no kind of message fits' }, told.resource.resourceType));
  const segments = problems.length > 0 ? [] : message.segments(context);
  const before = told.before === undefined ? [] : message.segments({ ...context, root: told.before, problems: [] });
  if (problems.length === 0) {
    problems.push(...unread(told.resource, root.unread(ignoredOf(message, told.resource.resourceType))));
    for (const { resource, unread: missed } of links.whole)
      problems.push(...unread(resource, missed(ignoredOf(message, resource.resourceType))));
  }
  if (problems.length > 0) return failure(...problems);
  const written = segments.map((each) => ({ each, was: sameIn(before, each) })).filter(({ each, was }) => each.says || was?.says === true);
  const lines = [mshOf(header, type ?? '', message.spec.target, told.changed), ...written.map(({ each, was }) => lineOf(each, was))];
  const bytes = encode(`${lines.join('\r')}\r`, charsetOf(header.charset) ?? 'ascii');
  return bytes === undefined ? failure(problem('hl7v2-value-unencodable', { charset: header.charset })) : success(bytes);
}

const ignoredOf = (message: CompiledOutMessage, type: string): readonly string[] => ['resourceType', ...(message.ignored.get(type) ?? [])];

/** At most so many places are told of one resource. */
const MOST_TOLD = 10;

const unread = ({ resourceType }: Resource, paths: readonly string[]): readonly Problem[] =>
  paths
    .slice(0, MOST_TOLD)
    .map((path) => problem('outgoing-not-expressible', { what: 'no rule of the map reads it' }, `${resourceType}.${path}`));

const sameIn = (before: readonly BuiltSegment[], { deletes }: BuiltSegment): BuiltSegment | undefined =>
  deletes === undefined ? undefined : before.find((each) => each.deletes === deletes);

interface Linked {
  readonly values: Readonly<Record<string, unknown>>;
  readonly whole: readonly { readonly resource: Resource; readonly unread: (ignored: readonly string[]) => readonly string[] }[];
  readonly problems: readonly Problem[];
}

interface AskedLink {
  readonly link: CompiledOutMessage['linked'][number];
  readonly references: readonly string[];
}

const askedBy = (message: CompiledOutMessage, context: OutContext): readonly AskedLink[] =>
  message.linked.map((link) => {
    const found = link.references(context, context.root);
    const references = (Array.isArray(found) ? found : []).flatMap((each: unknown) => referenceIn(each, link.type) ?? []);
    return { link, references };
  });

/** References to everything that the message of a change needs, each once. */
const neededBy = (message: CompiledOutMessage, told: ToldChange): readonly string[] => [
  ...new Set(askedBy(message, contextOf(told, told.resource, [])).flatMap(({ references }) => references)),
];

function linkedTo(message: CompiledOutMessage, context: OutContext, resources: ReadonlyMap<string, Resource>): Linked {
  const values: Record<string, unknown> = {};
  const whole: Linked['whole'][number][] = [];
  const problems: Problem[] = [];
  for (const { link, references } of askedBy(message, context)) {
    const missing = references.filter((each) => !resources.has(each));
    if (missing.length > 0 || (link.require && references.length === 0))
      problems.push(problem('outgoing-linked-missing', { name: link.name, type: link.type }, message.spec.source));
    const found = references.flatMap((each) => resources.get(each) ?? []);
    const read = found.map((resource) => {
      const seen = watched(resource);
      if (link.whole) whole.push({ resource, unread: seen.unread });
      return seen.value;
    });
    values[link.name] = link.many ? read : read[0];
  }
  return { values, whole, problems };
}

function referenceIn(value: unknown, type: string): string | undefined {
  const reference: unknown = typeof value === 'object' && value !== null && 'reference' in value ? value.reference : undefined;
  return typeof reference === 'string' && reference.startsWith(`${type}/`) ? reference : undefined;
}

function mshOf(header: OutHeader, type: string, version: string, changed: string): string {
  const text = (value: string, datatype = 'ST'): string => {
    const made = primitive(value, datatype);
    return 'text' in made ? made.text : '';
  };
  const { sendingApplication, sendingFacility, receivingApplication, receivingFacility, controlId, processingId, charset } = header;
  const names = [sendingApplication, sendingFacility, receivingApplication, receivingFacility].map((each) => text(each));
  return ['MSH|^~\\&', ...names, text(changed, 'DTM'), '', type, text(controlId), processingId, version, '', '', '', '', '', charset].join(
    '|',
  );
}
