/** Requests that know nothing of each other, in one transaction: what a batch of hundreds of entries is made of, at the price of one write. */
import type { Transaction } from '../../database/connect.ts';
import type { JournalEntry } from '../../database/journal/entry.ts';
import { Refusal } from '../../errors.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import { references } from '../../fhir/references.ts';
import type { JsonValue } from '../../fhir/resource.ts';
import { localReference } from '../../fhir/search/index.ts';
import { type AskedEntry, type Question, questionsOf } from '../../fhir/transaction/transaction.ts';
import { type Parts, writeEach } from '../../pipeline.ts';
import { keyOf } from '../apply/change.ts';
import { type Planned, planOf, type Written, writtenOf } from './write.ts';

/** One of several requests. */
export interface RequestAlone {
  /** The request as it goes into the journal. */
  readonly entry: JournalEntry;
  readonly asked: AskedEntry;
}

const MOST_TOGETHER = 200;

/** Their writing changes how others are read, indexed or told of: each is a request of its own. */
const CHANGES_OTHERS: ReadonlySet<string> = new Set([
  'CodeSystem',
  'ConceptMap',
  'NamingSystem',
  'OperationDefinition',
  'SearchParameter',
  'StructureDefinition',
  'Subscription',
  'ValueSet',
]);

/** A condition that one identifier of one system answers, whatever else is stored: no list, no modifier, nothing escaped. */
const ONE_IDENTIFIER = /^[^|,\\$]+\|[^|,\\$]+$/;

/**
 * Gathers requests, in their order, that come to the same one after the other and all at once: none asks for, writes or refers to what one
 * before it writes, and none refers to what comes after it. `add` returns false where the one that is added has to begin anew.
 */
class Gathering {
  readonly #base: string;
  readonly #writes = new Set<string>();
  readonly #refers = new Set<string>();
  readonly #updated = new Set<string>();
  readonly #types = new Set<string>();
  readonly #texts = new Set<string>();
  #size = 0;

  constructor(base: string) {
    this.#base = base;
  }

  add(asked: AskedEntry): boolean {
    const { type, id, resource } = asked;
    if (resource === undefined || !isPlain(asked) || this.#size >= MOST_TOGETHER) return false;
    const key = `${type}/${id ?? ''}`;
    if (id !== undefined && (this.#writes.has(key) || this.#refers.has(key))) return false;
    if (!questionsOf([asked], { base: this.#base }).every((question) => this.#isUntouched(question))) return false;
    this.#size++;
    this.#types.add(type);
    // An update may take away what a condition would have found.
    if (id === undefined) for (const text of textsOf(resource)) this.#texts.add(`${type} ${text}`);
    else this.#updated.add(type);
    if (asked.condition !== undefined) this.#texts.add(`${type} ${plain(identifierOf(asked.condition) ?? '')}`);
    if (id !== undefined) this.#writes.add(key);
    for (const { reference } of references(resource)) this.#refers.add(targetOf(localReference(reference, this.#base)));
    return true;
  }

  /** True when nothing that was gathered can change the answer. */
  #isUntouched(question: Question): boolean {
    if (!this.#types.has(question.type)) return isOfOneType(question);
    const value = identifierOf(question);
    return value !== undefined && !this.#updated.has(question.type) && !this.#texts.has(`${question.type} ${plain(value)}`);
  }
}

/** A create, or an update by id, of what has no effect but its own. */
function isPlain({ method, type, id, patch, condition, resource, problems }: AskedEntry): boolean {
  if (patch !== undefined || problems.length > 0 || CHANGES_OTHERS.has(type)) return false;
  if (type === 'Patient' && resource?.['link'] !== undefined) return false;
  return method === 'POST' || (method === 'PUT' && id !== undefined && condition === undefined);
}

/** Returns the identifier's value of a condition that asks for one identifier and nothing else. */
function identifierOf({ parameters: [only, second] }: Question): string | undefined {
  if (only === undefined || second !== undefined || only[0] !== 'identifier' || !ONE_IDENTIFIER.test(only[1])) return undefined;
  return only[1].slice(only[1].indexOf('|') + 1);
}

/** Chains and _has look at resources of other types. */
const isOfOneType = ({ parameters }: Question): boolean => parameters.every(([name]) => /^[a-z][a-z-]*$/.test(name));

/** However a search compares tokens, equal ones are equal so. */
const plain = (value: string): string => value.normalize('NFKD').toLowerCase().trim();

/** Every text of a resource: wherever a search parameter finds its identifiers (masterIdentifier is one, too), they are among these. */
function textsOf(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [plain(value)];
  if (isArray(value)) return value.flatMap(textsOf);
  return isObject(value) ? Object.values(value).flatMap(textsOf) : [];
}

const targetOf = (reference: string): string => reference.replace(/(?:\/_history\/|#).*$/, '');

/**
 * Returns entries in their order, those together that come to the same one after the other and all at once (`Gathering`). An entry alone is
 * of any kind; several are creates and updates.
 */
export function gathered(entries: readonly AskedEntry[], base: string): readonly (readonly AskedEntry[])[] {
  const groups: AskedEntry[][] = [];
  let gathering: Gathering | undefined;
  for (const each of entries) {
    if (gathering?.add(each)) {
      groups.at(-1)?.push(each);
      continue;
    }
    groups.push([each]);
    const begun = new Gathering(base);
    gathering = begun.add(each) ? begun : undefined;
  }
  return groups;
}

/**
 * Does several requests in one transaction, each with an entry of its own in the journal; they must have been gathered. Returns what became
 * of each; undefined, with nothing done, when one of them is refused or asks for more than a write: then each has to be done alone.
 */
export async function writeTogether(
  parts: Parts,
  requests: readonly RequestAlone[],
  base: string,
): Promise<readonly (Written | undefined)[] | undefined> {
  const entries = requests.map(({ asked }, index) => ({ ...asked, index }));
  const asked = { kind: 'batch', entries, questions: questionsOf(entries, { base }) } as const;
  let planned: Planned = { entries: [], existing: new Map(), changes: [] };
  const plan = async (tx: Transaction): Promise<readonly Planned['changes'][]> => {
    planned = await planOf(parts, tx, { asked, base });
    const byKey = Map.groupBy(planned.changes, ({ resource }) => keyOf(resource));
    return planned.entries.map(({ exists, type, id = '' }) => (exists ? [] : (byKey.get(`${type}/${id}`) ?? [])));
  };
  try {
    const journal = requests.map(({ entry }) => entry);
    const outcomes = await writeEach(parts, journal, plan);
    return placed(writtenOf(planned, outcomes), requests);
  } catch (error) {
    // Which of them is at fault is found out one by one.
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function placed(written: readonly Written[], requests: readonly RequestAlone[]): readonly (Written | undefined)[] {
  const byIndex = new Map(written.map((each) => [each.index, each]));
  return requests.map(({ asked }, i) => {
    const found = byIndex.get(i);
    return found && { ...found, index: asked.index };
  });
}
