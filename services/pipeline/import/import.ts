import { harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { isObject, writeJson } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { questionsOf } from '../../fhir/transaction/transaction.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { writeRequest } from '../fhir/write.ts';
import type { Parts } from '../parts.ts';
import { entriesIn, standalone } from './entries.ts';
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
    let waiting = await this.#settle(this.#waiting, refused, stopped);
    if (stopped()) return refused;
    if (this.#postponed.size === 0 || this.#readings >= MOST_READINGS) this.#patience = 'none';
    else if (this.#settled() === this.#settledBefore) this.#patience = this.#patience === 'all' ? 'of-what-may-come' : 'none';
    while (waiting.length > 0 && this.#patience !== 'all') {
      const groups = inOrderOfReference(waiting);
      let kept = await this.#judged(groups, refused, this.#postponedKeys);
      // What waits only for each other, in circles of which a version is not there any more, waits for nothing.
      if (kept.length === waiting.length && this.#patience === 'none') kept = await this.#judged(groups, refused, undefined);
      if (kept.length === waiting.length) break;
      waiting = await this.#settle(kept, refused, stopped);
      if (stopped()) return refused;
    }
    this.#waiting = waiting;
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

  /** Writes units as long as something gets in, for a condition may find what was written after it was asked; returns those that still wait. */
  async #settle(units: readonly Unit[], refused: Refused[], stopped: () => boolean): Promise<Unit[]> {
    let waiting = [...units];
    for (let before = Number.POSITIVE_INFINITY; waiting.length > 0 && waiting.length < before && !stopped(); ) {
      before = waiting.length;
      waiting = await this.#round(waiting, refused, stopped);
    }
    return waiting;
  }

  /**
   * Writes for good, in their order, the groups that wait for nothing which may still be stored: neither for a target among the others or in `open`,
   * nor behind an older version that does; all of them without `open`. Returns the units of the others.
   */
  async #judged(groups: readonly (readonly Unit[])[], refused: Refused[], open: ReadonlySet<string> | undefined): Promise<Unit[]> {
    const kept: Unit[] = [];
    const keptKeys = new Set<string>();
    const coming = new Map<string, number>();
    for (const key of groups.flat().flatMap(keysOf)) coming.set(key, (coming.get(key) ?? 0) + 1);
    for (const group of groups) {
      const keys = group.flatMap(keysOf);
      for (const key of keys) coming.set(key, (coming.get(key) ?? 0) - 1);
      const mayStillCome = (key: string): boolean => open?.has(key) === true || keptKeys.has(key) || (coming.get(key) ?? 0) > 0;
      if (open !== undefined && (isAwaiting(group, mayStillCome) || keys.some((key) => keptKeys.has(key)))) {
        kept.push(...group);
        for (const key of keys) keptKeys.add(key);
        continue;
      }
      const problems = await this.#write(group, () => true);
      if (problems.length > 0) refused.push(...group.map(({ from }) => ({ from, problems })));
    }
    return kept;
  }

  /** Returns the units that still wait for something, or behind an older version that does. */
  async #round(units: readonly Unit[], refused: Refused[], stopped: () => boolean): Promise<Unit[]> {
    const left: Unit[] = [];
    const leftKeys = new Set<string>();
    const leave = (group: readonly Unit[]): void => {
      left.push(...group);
      for (const key of group.flatMap(keysOf)) leftKeys.add(key);
    };
    const isBehind = (group: readonly Unit[]): boolean => group.some((unit) => keysOf(unit).some((key) => leftKeys.has(key)));
    for (const groups of together(inOrderOfReference(units))) {
      if (stopped()) return left;
      if (!groups.some(isBehind) && (await this.#write(groups.flat(), () => false)).length === 0) continue;
      for (const group of groups) {
        if (stopped()) return left;
        const problems = isBehind(group) ? [] : await this.#write(group, (found) => !mayCome(found));
        if (isBehind(group) || (problems.length > 0 && mayCome(problems))) leave(group);
        else if (problems.length > 0) refused.push(...group.map(({ from }) => ({ from, problems })));
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
    const isHopeless =
      this.#patience === 'none' || (this.#patience === 'of-what-may-come' && !isAwaiting([unit], (key) => this.#open.has(key)));
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
function isAwaiting(units: readonly Unit[], isComing: (key: string) => boolean): boolean {
  const own = new Set(units.flatMap(keysOf));
  return units.flatMap(targetsOf).some((target) => isComing(target) && !own.has(target));
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
