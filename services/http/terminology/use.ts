/** What the rest of the FHIR door asks of the terminology engine: whether a code is in a value set, and the codes that a search means. */
import { leadsBack } from '../../../terminology/fhir/leads-back.ts';
import type { Library } from '../../../terminology/fhir/library.ts';
import { type Answer, answerCall, isTerminologyType } from '../../../terminology/fhir/operations.ts';
import type { Parameter } from '../../../terminology/fhir/settings.ts';
import { isRefusal } from '../../../terminology/provider.ts';
import { type Problem, problem } from '../../errors.ts';
import { codeSetOf } from '../../fhir/definitions.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { type Code, MOST_CODES, type NoCodes, type SearchTerms } from '../../fhir/search/terms.ts';
import type { CodeCheck } from '../../fhir/validation/value-set.ts';

export interface TerminologyUse {
  readonly checkCode: CodeCheck;
  /** Resolves to what is to be said of a code system, value set or concept map that was written: that it leads back to itself. */
  standing(resource: JsonObject): Promise<readonly Problem[]>;
  /** Resolves to terms with everything that was committed before the call; `more`: value sets and code systems beside them. */
  searchTerms(more: readonly JsonObject[]): Promise<SearchTerms>;
}

/** Returns the uses of a library that changes with the store; `library` resolves to the current one. */
export function terminologyUse(library: () => Promise<Library>): TerminologyUse {
  // The value sets of one validation are read once, not for every code.
  const over = new WeakMap<readonly JsonObject[], Library>();
  const libraryWith = async (terms: readonly JsonObject[]): Promise<Library> => {
    const known = over.get(terms);
    if (known !== undefined) return known;
    const made = (await library()).over(terms);
    over.set(terms, made);
    return made;
  };
  return {
    standing: async (resource) => (isTerminologyType(String(resource['resourceType'])) ? standingOf(await library(), resource) : []),
    checkCode: async (valueSet, coding, terms) => isMember(await libraryWith(terms), valueSet, coding),
    searchTerms: async (more) => {
      const current = await libraryWith(more);
      return {
        codesIn: (valueSet) => ofR4(valueSet) ?? codesIn(current, valueSet),
        codesAround: (direction, code) => codesAround(current, direction, code),
      };
    },
  };
}

/** Returns the problem, a warning, of a resource that leads back to itself. */
export function standingOf(library: Library, resource: JsonObject): readonly Problem[] {
  const way = leadsBack(library, resource);
  return way === undefined ? [] : [problem('terminology-leads-back', { way: way.map((each) => each.slice(0, 200)).join(' > ') })];
}

const called = (library: Library, operation: string, parameters: readonly Parameter[]): Answer =>
  answerCall({ type: 'ValueSet', id: undefined, operation, parameters }, { library, now: () => new Date(0).toISOString(), uuid: () => '' });

const objectsAt = (object: unknown, name: string): readonly JsonObject[] => {
  const value = isObject(object) ? object[name] : undefined;
  return isArray(value) ? value.filter(isObject) : [];
};

/** Findings that say that it cannot be told whether a code is in a value set, not that it is not. */
const CANNOT_TELL: ReadonlySet<unknown> = new Set(['not-found', 'vs-invalid', 'not-supported', 'too-costly']);

/** Whether a coding is in a value set, whatever its display says; undefined: a value set or code system of it is not known. */
function isMember(library: Library, valueSet: string, { system, code }: JsonObject): boolean | undefined {
  if (typeof code !== 'string') return undefined;
  const coded: readonly Parameter[] =
    typeof system === 'string'
      ? [{ name: 'coding', value: { system, code } }]
      : [
          { name: 'code', value: code },
          { name: 'inferSystem', value: true },
        ];
  const { status, resource } = called(library, 'validate-code', [{ name: 'url', value: valueSet }, ...coded]);
  if (status !== 200) return undefined;
  const found = objectsAt(resource, 'parameter');
  if (found.some((each) => each['name'] === 'result' && each['valueBoolean'] === true)) return true;
  const outcome = found.find((each) => each['name'] === 'issues')?.['resource'];
  // A warning is beside the answer, not instead of it.
  const errors = objectsAt(outcome, 'issue').filter(({ severity }) => severity === 'error');
  const types = errors.flatMap(({ details }) => objectsAt(details, 'coding').map((each) => each['code']));
  const isUnknown = found.some(({ name }) => name === 'x-unknown-system' || name === 'x-caused-by-unknown-system');
  return isUnknown || types.some((each) => CANNOT_TELL.has(each)) ? undefined : false;
}

const R4_VALUE_SETS = 'http://hl7.org/fhir/ValueSet/';

/** The codes of a value set that R4 requires somewhere: they are in its definitions. */
function ofR4(valueSet: string): readonly Code[] | undefined {
  const url = valueSet.replace(/\|.*$/, '');
  const found = url.startsWith(R4_VALUE_SETS) ? codeSetOf(url.slice(R4_VALUE_SETS.length)) : undefined;
  return found && [...found.systems].flatMap(([system, codes]) => [...codes].map((code) => ({ system, code })));
}

function codesIn(library: Library, valueSet: string): readonly Code[] | NoCodes {
  const { status, resource } = called(library, 'expand', [
    { name: 'url', value: valueSet },
    { name: 'count', value: MOST_CODES },
    { name: 'excludeNested', value: true },
  ]);
  if (status !== 200) return objectsAt(resource, 'issue').some((each) => each['code'] === 'too-costly') ? 'too-many' : 'unknown';
  const { expansion } = resource;
  const total = isObject(expansion) ? Number(expansion['total'] ?? Number.NaN) : Number.NaN;
  const codes = codesOf(expansion);
  return total > MOST_CODES || (codes.length >= MOST_CODES && total !== codes.length) ? 'too-many' : codes;
}

const codesOf = (level: unknown): readonly Code[] =>
  objectsAt(level, 'contains').flatMap((each): readonly Code[] => {
    const { system, code } = each;
    const below = codesOf(each);
    return typeof system === 'string' && typeof code === 'string' ? [{ system, code }, ...below] : below;
  });

function codesAround(library: Library, direction: 'below' | 'above', { system, code }: Code): readonly Code[] | NoCodes {
  const provider = library.codeSystem(system);
  const start = provider?.locate(code);
  if (provider === undefined || start === undefined) return 'unknown';
  const found = provider.filter({ property: 'concept', op: direction === 'below' ? 'is-a' : 'generalizes', value: code });
  if (isRefusal(found)) return found.refusal === 'too-costly' ? 'too-many' : 'unknown';
  if (found.size > MOST_CODES) return 'too-many';
  const codes = [...found.rows()].map((row) => provider.conceptAt(row).code);
  return [...new Set([start.code, ...codes])].map((each) => ({ system, code: each }));
}
