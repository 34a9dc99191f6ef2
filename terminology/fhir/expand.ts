import type { JsonObject } from '../provider.ts';
import { type Compiled, compile, type Member, type Part } from './compose.ts';
import { Expansion, systemName } from './expansion.ts';
import { issue, TerminologyRefusal } from './issue.ts';
import { canonical, extensionText, flagAt, STANDARDS_STATUS, textAt } from './json.ts';
import { nameOf } from './library.ts';
import type { Limits } from './limits.ts';
import { isExcluded, membersOf, quickTotal, type Wishes } from './members.ts';
import type { Scope } from './scope.ts';

const UNCLOSED = 'http://hl7.org/fhir/StructureDefinition/valueset-unclosed';
/** Elements that are part of the definition: shown with includeDefinition only. */
const DEFINITION: ReadonlySet<string> = new Set([
  'id',
  'meta',
  'text',
  'contained',
  'extension',
  'publisher',
  'contact',
  'description',
  'purpose',
  'copyright',
  'compose',
  'expansion',
]);

/** Of what is to be said of codes in filters: a list of thousands would hide the answer. */
const MOST_NOTES = 50;

export interface ExpandOptions {
  /** Becomes expansion.identifier: urn:uuid:… */
  readonly identifier: string;
  /** ISO instant. */
  readonly timestamp: string;
  readonly limits: Limits;
}

/**
 * $expand (http://hl7.org/fhir/R4/valueset-operation-expand.html): returns the value set with its expansion. Pages are of one stable
 * order; `total` is there whenever it is known. Throws TerminologyRefusal.
 */
export function expand(scope: Scope, valueSet: JsonObject, { identifier, timestamp, limits }: ExpandOptions): JsonObject {
  const { settings } = scope;
  scope.require(valueSet);
  const compiled = compile(scope, valueSet);
  scope.assertSupplements();
  const expansion = new Expansion(settings, valueSet);
  const anyVersion = settings.versionsMatch ?? excludesOtherVersions(compiled);
  echo(expansion, scope, anyVersion);
  const wishes: Wishes = {
    activeOnly: settings.activeOnly === true,
    selectableOnly: settings.excludeNotForUI === true,
    text: settings.filter,
    anyVersion,
  };
  const unclosed = noteSources(expansion, scope, compiled);
  const page = pageOf(scope, compiled, wishes, limits);
  const contains = page.isNested
    ? nested(expansion, page.members, compiled.byVersion)
    : page.members.map((each) => expansion.contains(each, compiled.byVersion));
  for (const each of [...scope.notes].slice(0, MOST_NOTES)) expansion.parameter('warning', 'String', each);
  for (const each of expansion.supplements) expansion.parameter('used-supplement', 'Uri', each);
  for (const { parameter, url, version } of scope.usedRules.values()) {
    if (`${url}|${version}` !== nameOf(valueSet)) expansion.parameter(parameter, 'Uri', `${url}|${version}`);
  }
  const extension = [...unclosed, ...expansion.extensions];
  const shown = Object.entries(valueSet).filter(([name]) =>
    settings.includeDefinition === true ? name !== 'id' && name !== 'expansion' : !DEFINITION.has(name),
  );
  return {
    ...Object.fromEntries(shown),
    expansion: {
      ...(extension.length === 0 ? {} : { extension }),
      identifier,
      timestamp,
      ...(page.total === undefined ? {} : { total: page.total }),
      ...(settings.offset === undefined ? {} : { offset: settings.offset }),
      parameter: expansion.parameters,
      ...(contains.length === 0 ? {} : { contains }),
    },
  };
}

/** What was asked for is said again (http://hl7.org/fhir/R4/valueset.html#expansion). */
function echo(expansion: Expansion, { settings }: Scope, anyVersion: boolean): void {
  expansion.parameter('filter', 'String', settings.filter);
  expansion.parameter('displayLanguage', 'Code', settings.languages?.text);
  for (const each of settings.designations) expansion.parameter('designation', 'String', each);
  expansion.parameter('excludeNested', 'Boolean', settings.excludeNested);
  expansion.parameter('versionsMatch', 'Boolean', anyVersion ? true : undefined);
  expansion.parameter('activeOnly', 'Boolean', settings.activeOnly);
  expansion.parameter('includeDesignations', 'Boolean', settings.includeDesignations);
  expansion.parameter('includeDefinition', 'Boolean', settings.includeDefinition);
  expansion.parameter('excludeNotForUI', 'Boolean', settings.excludeNotForUI);
  expansion.parameter('excludePostCoordinated', 'Boolean', settings.excludePostCoordinated);
  expansion.parameter('offset', 'Integer', settings.offset);
  expansion.parameter('count', 'Integer', settings.count);
}

/** A value set that takes one version of a code system and leaves out codes of another means the codes, whatever the version. */
function excludesOtherVersions({ includes, excludes }: Compiled): boolean {
  const parts = [...includes, ...excludes];
  if (includes.length === 0 || excludes.length === 0) return false;
  if (new Set(parts.map(({ system }) => system?.url)).size !== 1 || parts.some(({ system }) => system?.version === undefined)) return false;
  const included = new Set(includes.map(({ system }) => system?.version));
  return excludes.every(({ system }) => !included.has(system?.version));
}

/** Notes every code system and value set that the expansion draws from; returns the extensions that say why it is not closed. */
function noteSources(expansion: Expansion, { settings }: Scope, compiled: Compiled): readonly JsonObject[] {
  const unclosed: JsonObject[] = [];
  const reasons = new Set<string>();
  const visit = ({ includes, excludes }: Compiled) => {
    for (const part of [...includes, ...excludes]) {
      if (part.system !== undefined) noteSystem(part, includes.includes(part));
      for (const each of part.imports) {
        visit(each);
        const status = { status: textAt(each.resource, 'status'), standardsStatus: extensionText(each.resource, STANDARDS_STATUS) };
        expansion.warnOf({ ...status, experimental: flagAt(each.resource, 'experimental') }, nameOf(each.resource));
        if (!each.isContained) expansion.parameter('used-valueset', 'Uri', nameOf(each.resource));
      }
    }
  };
  let isOpen = false;
  const noteSystem = ({ system, kind, set }: Part, isIncluded: boolean) => {
    if (system === undefined) return;
    expansion.parameter('used-codesystem', 'Uri', systemName(system));
    expansion.warnOf(system, systemName(system));
    if (system.content === 'fragment') {
      expansion.parameter('used-fragment', 'Uri', systemName(system));
      reasons.add(`This extension is based on a fragment of the code system ${system.url}`);
    }
    if (!isIncluded || set.isOpen !== true || settings.excludePostCoordinated === true) return;
    isOpen = true;
    if (kind === 'all') reasons.add(`The code System '${system.url}' has a grammar and so has infinite members`);
  };
  visit(compiled);
  if (isOpen) unclosed.push({ url: UNCLOSED, valueBoolean: true });
  for (const each of reasons) {
    if (unclosed.length === 0) unclosed.push({ url: UNCLOSED, valueBoolean: true });
    unclosed.push({ url: `${UNCLOSED}-reason`, valueString: each });
  }
  return unclosed;
}

interface Page {
  readonly members: readonly Member[];
  readonly total: number | undefined;
  readonly isNested: boolean;
}

function pageOf(scope: Scope, compiled: Compiled, wishes: Wishes, limits: Limits): Page {
  const { count, offset = 0, excludeNested } = scope.settings;
  if (count !== undefined && count > limits.page) throw tooCostly(compiled, limits.page);
  const known = quickTotal(compiled, wishes);
  if (count === undefined && offset === 0) {
    if (known !== undefined && known > limits.expansion) throw tooCostly(compiled, limits.expansion);
    const members: Member[] = [];
    for (const each of membersOf(compiled, wishes)) {
      if (members.length >= limits.expansion) throw tooCostly(compiled, limits.expansion);
      members.push(each);
    }
    return {
      members: best(compiled, wishes, members),
      total: members.length,
      isNested: excludeNested !== true && canNest(compiled, wishes, members),
    };
  }
  const end = offset + (count ?? limits.expansion);
  if (known !== undefined && wishes.text !== undefined) return ranked(compiled, wishes.text, known, offset, end);
  const members: Member[] = [];
  let walked = 0;
  let isWhole = true;
  for (const each of membersOf(compiled, wishes)) {
    if (walked >= offset && walked < end) members.push(each);
    walked++;
    if (known !== undefined && walked >= end) break;
    if (walked >= limits.walk + end) {
      isWhole = false;
      break;
    }
  }
  const total = known ?? (isWhole ? walked : undefined);
  const isEverything = offset === 0 && total !== undefined && total < end;
  return { members, total, isNested: isEverything && excludeNested !== true && canNest(compiled, wishes, members) };
}

/** Puts what a text search found in one code system in the order of its ranks; other members stay in the order of their includes. */
function best(compiled: Compiled, { text }: Wishes, members: readonly Member[]): readonly Member[] {
  const [part] = compiled.includes;
  if (text === undefined || compiled.includes.length !== 1 || part?.kind !== 'all' || part.system === undefined) return members;
  const byRow = new Map(members.map((each) => [each.concept.row, each]));
  return part.system
    .search(text)
    .best(Number.POSITIVE_INFINITY)
    .flatMap((row) => byRow.get(row) ?? []);
}

/** A page of a text search in one code system: the best come first. */
function ranked(compiled: Compiled, text: string, total: number, offset: number, end: number): Page {
  const [part] = compiled.includes;
  const system = part?.system;
  if (system === undefined) return { members: [], total, isNested: false };
  const rows = system.search(text).best(end).slice(offset, end);
  const members = rows.map((row) => ({ system, concept: system.conceptAt(row), listed: undefined, source: compiled.resource }));
  return { members: members.filter(({ concept }) => !isExcluded(compiled, system, concept, false)), total, isNested: false };
}

function tooCostly({ resource }: Compiled, limit: number): TerminologyRefusal {
  const found = issue('error', ['too-costly', undefined], undefined, 'VALUESET_TOO_COSTLY', nameOf(resource), `>${limit}`);
  return new TerminologyRefusal(422, [{ ...found, diagnostics: 'Ask for pages with count and offset, or narrow it with filter.' }]);
}

/** A tree can be shown when nothing was picked by hand or imported and no concept stands in two places. */
function canNest({ includes, excludes }: Compiled, { text }: Wishes, members: readonly Member[]): boolean {
  // What a search found in a whole code system is a list, the best first.
  if (text !== undefined && includes.some(({ kind }) => kind === 'all')) return false;
  const parts = [...includes, ...excludes];
  if (parts.some(({ kind, imports, filterCount }) => kind === 'list' || kind === 'import' || imports.length > 0 || filterCount > 1))
    return false;
  return members.every(({ system, concept }) => system.parents(concept).length < 2);
}

function nested(expansion: Expansion, members: readonly Member[], byVersion: boolean): readonly JsonObject[] {
  const keyOf = (system: Member['system'], row: number) => `${canonical(system.url, system.version)} ${row}`;
  const known = new Map(members.map(({ system, concept }) => [keyOf(system, concept.row), [] as Member[]]));
  const roots: Member[] = [];
  for (const member of members) {
    const { system, concept } = member;
    let [parent] = system.parents(concept);
    while (parent !== undefined && !known.has(keyOf(system, parent))) [parent] = system.parents(system.conceptAt(parent));
    const place = parent === undefined ? undefined : known.get(keyOf(system, parent));
    (place ?? roots).push(member);
  }
  const entryOf = (member: Member): JsonObject => {
    const below = (known.get(keyOf(member.system, member.concept.row)) ?? []).map(entryOf);
    const entry = expansion.contains(member, byVersion);
    return below.length === 0 ? entry : { ...entry, contains: below };
  };
  return roots.map(entryOf);
}
