import { harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { isArray, isObject, writeJson } from '../../fhir/format/json.ts';
import type { JsonObject, Resource } from '../../fhir/resource.ts';
import { type AskedEntry, questionsOf } from '../../fhir/transaction/transaction.ts';
import { resolveTransaction } from '../../fhir/transaction/transaction-resolve.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { writeRequest } from '../fhir/write.ts';
import type { Parts } from '../parts.ts';
import { bytesOf, inOrderOfReference, keysOf, targetsOf, type Unit } from './order.ts';

/** What was refused, and where it stands. */
export interface Refused {
  readonly from: string;
  readonly problems: readonly Problem[];
}

/** Missing targets may still come with another file. */
const MAY_COME = new Set<Problem['code']>(['reference-not-found', 'fhir-reference-none']);
const MOST_TOGETHER = 500;
/** JSON that waits, or is gathered: as objects it is several times as much. */
export const MOST_WAITING_BYTES = 16_000_000;
const MOST_GATHERED_BYTES = 8_000_000;
/** What found no room to wait is read again; so much of it is remembered, and so often is it tried. */
const MOST_POSTPONED = 250_000;
const MOST_READINGS = 50;
const BASE = 'urn:polyseme:import';

const mayCome = (problems: readonly Problem[]): boolean => problems.every((each) => MAY_COME.has(each.code));
const sizeOf = (units: readonly Unit[]): number => units.reduce((sum, { entries }) => sum + entries.length, 0);

/**
 * FHIR files into the store. A resource keeps its id (its own, else that of its fullUrl), so that importing a file again changes
 * nothing. A bundle is stored whole or not at all; single resources are gathered into transactions. What refers to something that has
 * not come yet waits for the rest, whatever the order of the files; of several versions of a resource the last one read stays. What finds no
 * room to wait in memory is named by `next`, to be read again.
 */
export class FhirImport {
  readonly tally = { read: 0, created: 0, updated: 0, unchanged: 0 };
  readonly #parts: Parts;
  readonly #mostWaitingBytes: number;
  #waiting: Unit[] = [];
  #waitingBytes = 0;
  #waitingKeys = new Set<string>();
  #gathered: Unit[] = [];
  #gatheredBytes = 0;
  #gatheredKeys = new Set<string>();
  /** Behind what found no room nothing else gets in: versions of a resource stay in their order. */
  #isFull = false;
  #postponed = new Set<string>();
  #postponedKeys = new Set<string>();
  #late: Refused[] = [];
  #refused = 0;
  #readings = 1;
  #settledBefore = 0;
  /** When nothing gets in any more: first what refers to nothing that is still to come is refused, then, of circles, everything. */
  #patience: 'all' | 'of-what-may-come' | 'none' = 'all';
  /** What was still to come when this reading began. */
  #open: ReadonlySet<string> = new Set();

  /** `mostWaitingBytes`: of JSON in memory; for who reads again what `next` names. */
  constructor(parts: Parts, mostWaitingBytes = Number.POSITIVE_INFINITY) {
    this.#parts = parts;
    this.#mostWaitingBytes = mostWaitingBytes;
  }

  /** Takes a Bundle or a resource; returns what refuses it. */
  async add(from: string, value: JsonObject): Promise<readonly Problem[]> {
    const isBundle = value['resourceType'] === 'Bundle';
    const all = isBundle ? entriesIn(value) : [{ resource: value }];
    if (this.#readings === 1) this.tally.read += all.length;
    const faults = validateResource(value).filter((each) => !harmless([each]));
    if (faults.length > 0) return faults;
    const content = all.flatMap(({ resource }) => (isObject(resource) ? [writeJson(resource)] : [])).join('\n');
    const unit = { from, entries: standalone(all), content };
    const keys = keysOf(unit);
    const isMuch = this.#gathered.length >= MOST_TOGETHER || this.#gatheredBytes + content.length > MOST_GATHERED_BYTES;
    if (isBundle || isMuch || keys.some((key) => this.#gatheredKeys.has(key))) await this.#flush();
    // Behind an older version that waits, a newer one waits too.
    if (keys.some((key) => this.#waitingKeys.has(key))) this.#wait([unit]);
    else if (isBundle || this.#patience !== 'all') return this.#writeOrWait(unit);
    else {
      this.#gathered.push(unit);
      this.#gatheredBytes += content.length;
      for (const key of keys) this.#gatheredKeys.add(key);
    }
    return [];
  }

  /**
   * Writes what waits, what is referred to first; returns what is refused for good. `stopped` is asked between transactions: what is not
   * stored then stays so.
   */
  async finish(stopped: () => boolean): Promise<readonly Refused[]> {
    await this.#flush();
    const refused = this.#late;
    this.#late = [];
    let waiting = this.#waiting;
    // A condition may find what was written after it was asked: again, as long as something gets in.
    for (let before = Number.POSITIVE_INFINITY; waiting.length > 0 && waiting.length < before; ) {
      before = waiting.length;
      const left = await this.#round(waiting, refused, stopped);
      if (stopped()) return refused;
      waiting = left;
    }
    this.#waiting = [];
    if (this.#postponed.size === 0 || this.#readings >= MOST_READINGS) this.#patience = 'none';
    else if (this.#settled() === this.#settledBefore) this.#patience = this.#patience === 'all' ? 'of-what-may-come' : 'none';
    const open = new Set(this.#postponedKeys);
    for (const group of inOrderOfReference(waiting)) {
      if (this.#patience === 'all' || (this.#patience === 'of-what-may-come' && isAwaiting(group, open))) {
        this.#waiting.push(...group);
        for (const key of group.flatMap(keysOf)) open.add(key);
        continue;
      }
      const problems = await this.#write(group, () => true);
      if (problems.length > 0) refused.push(...group.map(({ from }) => ({ from, problems })));
    }
    this.#refused += refused.length;
    return refused;
  }

  /** After `finish`: returns what is to be read and added again, in its order, before it is finished again; undefined when nothing is. */
  next(): ReadonlySet<string> | undefined {
    const postponed = this.#postponed;
    if (postponed.size === 0) return undefined;
    this.#open = new Set([...this.#postponedKeys, ...this.#waiting.flatMap(keysOf)]);
    this.#postponed = new Set();
    this.#postponedKeys = new Set();
    this.#readings += 1;
    this.#settledBefore = this.#settled();
    this.#isFull = false;
    this.#waitingBytes = bytesOf(this.#waiting);
    this.#waitingKeys = new Set(this.#waiting.flatMap(keysOf));
    return postponed;
  }

  #settled(): number {
    return this.tally.created + this.tally.updated + this.tally.unchanged + this.#refused;
  }

  /** Returns the units that still wait for something. */
  async #round(units: readonly Unit[], refused: Refused[], stopped: () => boolean): Promise<Unit[]> {
    const left: Unit[] = [];
    for (const groups of together(inOrderOfReference(units))) {
      if (stopped()) return left;
      if ((await this.#write(groups.flat(), () => false)).length === 0) continue;
      for (const group of groups) {
        if (stopped()) return left;
        const problems = await this.#write(group, (found) => !mayCome(found));
        if (problems.length === 0) continue;
        if (mayCome(problems)) left.push(...group);
        else refused.push(...group.map(({ from }) => ({ from, problems })));
      }
    }
    return left;
  }

  async #flush(): Promise<void> {
    const units = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#gatheredKeys = new Set();
    if (units.length === 0 || (await this.#write(units, () => false)).length === 0) return;
    // Which of them are at fault is found out at the end, when everything is there that may come; without room for them, now.
    if (this.#hasRoom(units)) this.#wait(units);
    else this.#wait(await this.#round(units, this.#late, () => false));
  }

  async #writeOrWait(unit: Unit): Promise<readonly Problem[]> {
    const isHopeless = this.#patience === 'none' || (this.#patience === 'of-what-may-come' && !isAwaiting([unit], this.#open));
    const problems = await this.#write([unit], (found) => isHopeless || !mayCome(found));
    if (isHopeless && problems.length > 0) this.#refused += 1;
    if (problems.length === 0 || isHopeless || !mayCome(problems)) return problems;
    this.#wait([unit]);
    return [];
  }

  #hasRoom(units: readonly Unit[]): boolean {
    return !this.#isFull && this.#waitingBytes + bytesOf(units) <= this.#mostWaitingBytes;
  }

  #wait(units: readonly Unit[]): void {
    for (const unit of units) {
      for (const key of keysOf(unit)) this.#waitingKeys.add(key);
      if (this.#hasRoom([unit])) {
        this.#waiting.push(unit);
        this.#waitingBytes += unit.content.length;
        continue;
      }
      this.#isFull = true;
      if (this.#postponed.size < MOST_POSTPONED) {
        this.#postponed.add(unit.from);
        for (const key of keysOf(unit)) this.#postponedKeys.add(key);
      } else this.#late.push({ from: unit.from, problems: [problem('import-waits', { most: MOST_POSTPONED })] });
    }
  }

  /** Writes units in one transaction; returns why nothing of them was stored. `isFinal`: whether that is a refusal for the journal. */
  async #write(units: readonly Unit[], isFinal: (problems: readonly Problem[]) => boolean): Promise<readonly Problem[]> {
    const entries = units.flatMap((unit) => unit.entries).map((entry, index) => ({ ...entry, index }));
    const content = Buffer.from(units.map((unit) => unit.content).join('\n'));
    const entry = {
      source: 'import',
      channel: 'import',
      content,
      controlId: undefined,
      messageType: 'transaction',
      patientKeys: [],
    } as const;
    const asked = { kind: 'transaction', entries, questions: questionsOf(entries, {}) } as const;
    try {
      for (const { status } of await writeRequest(this.#parts, { entry, asked, base: BASE, isFinal })) {
        if (status === 'created' || status === 'updated' || status === 'unchanged') this.tally[status] += 1;
      }
      return [];
    } catch (error) {
      if (error instanceof Refusal) return error.problems;
      throw error;
    }
  }
}

/** Whether units refer to something of what is still to come, beside themselves. */
function isAwaiting(units: readonly Unit[], open: ReadonlySet<string>): boolean {
  const own = new Set(units.flatMap(keysOf));
  return units.flatMap(targetsOf).some((target) => open.has(target) && !own.has(target));
}

/** Groups in order, as many as make a transaction of a good size. */
function together(groups: readonly (readonly Unit[])[]): readonly (readonly (readonly Unit[])[])[] {
  const all: (readonly Unit[])[][] = [];
  let size = Number.POSITIVE_INFINITY;
  let keys = new Set<string>();
  for (const group of groups) {
    const own = group.flatMap(keysOf);
    if (size + sizeOf(group) > MOST_TOGETHER || own.some((key) => keys.has(key))) {
      all.push([]);
      size = 0;
      keys = new Set();
    }
    all.at(-1)?.push(group);
    size += sizeOf(group);
    for (const key of own) keys.add(key);
  }
  return all;
}

const entriesIn = (bundle: JsonObject): readonly JsonObject[] => (isArray(bundle['entry']) ? bundle['entry'] : []).filter(isObject);

/** The entries as updates, with references to each other by fullUrl made references by id: what is left refers to the store. */
function standalone(entries: readonly JsonObject[]): readonly AskedEntry[] {
  const asked = entries.map(put);
  const resolved = resolveTransaction({ kind: 'transaction', entries: asked, questions: [] }, new Map(), {
    newId: () => '',
    keepConditional: true,
  });
  if (!resolved.ok) throw new Refusal(resolved.problems);
  const resources = new Map(resolved.value.map(({ index, resource }) => [index, resource]));
  return asked.map((entry) => ({ ...entry, fullUrl: undefined, resource: resources.get(entry.index) ?? entry.resource }));
}

/** An entry as an update of the id that the resource has, or that its fullUrl gives it. */
function put(entry: JsonObject, index: number): AskedEntry {
  const at = `Bundle.entry[${index}]`;
  const { resource: value } = entry;
  if (!isObject(value)) throw new Refusal([problem('import-not-a-write', {}, at)]);
  const fullUrl = typeof entry['fullUrl'] === 'string' ? entry['fullUrl'] : undefined;
  const type = String(value['resourceType']);
  const own = typeof value['id'] === 'string' ? value['id'] : undefined;
  const id = own ?? /(?:^urn:uuid:|\/)([A-Za-z0-9\-.]{1,64})$/.exec(fullUrl ?? '')?.[1];
  if (id === undefined) throw new Refusal([problem('import-without-id', {}, `${type} at entry ${index}`)]);
  const resource: Resource = { ...value, resourceType: type, id };
  return { index, method: 'PUT', type, id, search: undefined, condition: undefined, ifMatch: undefined, fullUrl, resource, problems: [] };
}
