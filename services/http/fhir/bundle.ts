import { readResource } from '../../database/resources/resources.ts';
import { searchResources } from '../../database/search/search.ts';
import { gravest, harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { type EntryAnswer, orderTransaction, searchsetBundle, transactionResponse } from '../../fhir/bundle.ts';
import { etag, writeJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import { parseSearch } from '../../fhir/search/parse.ts';
import type { AskedEntry, Transaction } from '../../fhir/transaction/transaction.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { type Written, writeRequest } from '../../pipeline/fhir/write.ts';
import { gathered, writeTogether } from '../../pipeline/fhir/write-together.ts';
import type { Parts } from '../../pipeline.ts';
import { type OperationAnswerer, operationAnswers } from '../terminology/batch.ts';
import { entryOfRead, entryOfWritten, isKnown, missing, resourceOf as resourceOfVersion } from './answers.ts';
import type { AskDoor } from './ask.ts';
import { journalEntry, resourceOfType, writeAsked } from './single.ts';

export interface BundleOptions {
  /** What answers terminology operations. */
  readonly operation?: OperationAnswerer;
  /** What answers GET entries that are more than a read or a search of a type. */
  readonly ask?: AskDoor;
  /** The Prefer header (http.html#ops). */
  readonly prefer?: string | undefined;
}

/** transaction and batch (http://hl7.org/fhir/R4/http.html#transaction): returns the response bundle, or throws what refuses the whole. */
export async function answerBundle(parts: Parts, bytes: Uint8Array, base: string, options: BundleOptions = {}): Promise<Resource> {
  const { bundle, faults } = bundleOf(bytes);
  const called = options.operation === undefined ? NOTHING_CALLED : await operationAnswers(bundle, base, options.operation);
  const read = orderTransaction(bundle, { base });
  if (!read.ok) throw new Refusal(read.problems);
  const asked = {
    ...read,
    value: {
      ...read.value,
      entries: read.value.entries.filter(({ index }) => !called.has(index)).map((entry) => withFaults(entry, faults.get(entry.index))),
    },
  };
  const answers =
    asked.value.kind === 'batch'
      ? await batchAnswers(parts, asked.value, base, options)
      : await transactionAnswers(parts, asked.value, bytes, base, options);
  return transactionResponse(asked.value.kind, [...answers, ...called.values()]);
}

const NOTHING_CALLED: ReadonlyMap<number, EntryAnswer> = new Map();

/** A valid Bundle; what is wrong with entries of a batch is theirs alone, by their places. */
function bundleOf(bytes: Uint8Array): { readonly bundle: Resource; readonly faults: ReadonlyMap<number, readonly Problem[]> } {
  const bundle = resourceOfType(bytes, 'Bundle');
  const problems = validateResource(bundle).filter((each) => !harmless([each]));
  const entryOf = (each: Problem): number => Number(/^Bundle\.entry\[(\d+)\]\.resource\b/.exec(each.at ?? '')?.[1] ?? -1);
  const faults = Map.groupBy(problems, entryOf);
  if (problems.length > 0 && (bundle['type'] !== 'batch' || faults.has(-1))) throw new Refusal(problems);
  return { bundle, faults };
}

const withFaults = (entry: AskedEntry, faults: readonly Problem[] = []): AskedEntry => ({
  ...entry,
  problems: [...entry.problems, ...faults],
});

async function transactionAnswers(
  parts: Parts,
  asked: Transaction,
  content: Uint8Array,
  base: string,
  options: BundleOptions,
): Promise<readonly EntryAnswer[]> {
  // Before anything is stored: a transaction that is refused has done nothing.
  const unread = asked.entries.flatMap((each) => (each.search === undefined ? [] : parseSearch(each.type, each.search, { base }).problems));
  if (unread.some((each) => !harmless([each]))) throw new Refusal(unread);
  const entry = { source: 'fhir', channel: 'fhir', content, controlId: undefined, messageType: 'transaction', patientKeys: [] } as const;
  const isWriting = asked.entries.some(({ method }) => method !== 'GET');
  const written = isWriting ? await writeRequest(parts, { entry, asked, base }) : [];
  const answers = written.map((each) => entryOfWritten(each, options.prefer));
  const answered = new Set(answers.map(({ index }) => index));
  for (const each of asked.entries) {
    // All is stored by now: a read that fails is told where it stands.
    if (each.method === 'GET') answers.push(await (isWriting ? answerAlone : readAnswer)(parts, each, base, options));
    else if (!answered.has(each.index)) answers.push(nothingDeleted(each));
  }
  return answers;
}

/** A conditional delete that found nothing. */
const nothingDeleted = ({ index }: AskedEntry): EntryAnswer => ({ index, status: '204 No Content' });

/** Entries of a batch do not know of each other: each is a request and a journal entry of its own, and gets its own answer. */
async function batchAnswers(parts: Parts, asked: Transaction, base: string, options: BundleOptions): Promise<readonly EntryAnswer[]> {
  const answers: EntryAnswer[] = [];
  for (const group of gathered(asked.entries, base)) {
    const requests = group.length > 1 ? group.map((each) => ({ asked: each, entry: journalEntry(each, contentOf(each)) })) : [];
    const together = requests.length > 0 ? await writeTogether(parts, requests, base) : undefined;
    for (const [i, each] of group.entries())
      answers.push(together ? answerOf(each, together[i], options) : await answerAlone(parts, each, base, options));
  }
  return answers;
}

async function answerAlone(parts: Parts, each: AskedEntry, base: string, options: BundleOptions): Promise<EntryAnswer> {
  try {
    if (each.problems.length > 0) throw new Refusal(each.problems);
    return each.method === 'GET'
      ? await readAnswer(parts, each, base, options)
      : answerOf(each, await writeAsked(parts, contentOf(each), base, each), options);
  } catch (error) {
    const problems =
      error instanceof Refusal ? error.problems : [problem('internal', { reason: error instanceof Error ? error.name : 'unknown' })];
    return { index: each.index, status: String(gravest(problems)?.status ?? 500), problems };
  }
}

function contentOf({ resource, sent }: AskedEntry): Uint8Array {
  const text = resource ?? sent;
  return Buffer.from(text === undefined ? '' : writeJson(text));
}

const answerOf = (asked: AskedEntry, written: Written | undefined, { prefer }: BundleOptions): EntryAnswer =>
  written === undefined ? nothingDeleted(asked) : { ...entryOfWritten(written, prefer), index: asked.index };

async function readAnswer(parts: Parts, asked: AskedEntry, base: string, { ask }: BundleOptions): Promise<EntryAnswer> {
  const { index, address } = asked;
  if (address !== undefined) {
    if (ask === undefined) throw new Refusal([problem('fhir-bundle-url', { reason: 'it must start with a resource type' })]);
    const { status, resource, etag: tag } = await ask(address, asked);
    const common = { index, status: String(status), ...(tag === undefined ? {} : { etag: tag }) };
    return resource === undefined ? common : { ...common, ...(status < 400 ? { resource } : { outcome: resource }) };
  }
  if (asked.search === undefined) {
    const found = await readResource(parts.database, asked.type, asked.id ?? '');
    if (found === undefined || found.deleted) throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', asked.type)]);
    const { ifNoneMatch, ifModifiedSince } = asked;
    if (isKnown(found, { ifNoneMatch, ifModifiedSince }))
      return { index: asked.index, status: '304 Not Modified', etag: etag(found.version) };
    return entryOfRead(asked.index, resourceOfVersion(found));
  }
  const query = parseSearch(asked.type, asked.search, { base });
  if (!query.ok) throw new Refusal(query.problems);
  const page = await searchResources(parts.database, query.value, { base });
  const resources = page.resources.map(resourceOfVersion);
  const included = page.included.map(resourceOfVersion);
  return entryOfRead(
    asked.index,
    searchsetBundle({ base, query: query.value, resources, included, total: page.total, next: page.nextPage }),
  );
}
