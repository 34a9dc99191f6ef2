import { harmless, type Problem, problem, Refusal } from '../errors.ts';
import { isArray, isObject, writeJson } from '../fhir/json.ts';
import type { JsonObject, Resource } from '../fhir/resource.ts';
import { type AskedEntry, questionsOf } from '../fhir/transaction.ts';
import { validateResource } from '../fhir/validate.ts';
import { writeRequest } from '../pipeline/fhir-write.ts';
import type { Parts } from '../pipeline.ts';

interface Unit {
  readonly from: string;
  readonly entries: readonly AskedEntry[];
}

/** Missing targets may still come with another file. */
const MAY_COME = new Set<Problem['code']>(['reference-not-found', 'fhir-reference-none']);
const LINES_TOGETHER = 500;
const BASE = 'urn:polyseme:import';

/**
 * FHIR files into the store. A resource keeps its id (its own, else that of its fullUrl), so that importing a file again changes
 * nothing. A bundle is one transaction; single resources are gathered into transactions. What refers to something that has not come yet
 * waits for the rest, whatever the order of the files.
 */
export class FhirImport {
  readonly tally = { read: 0, created: 0, updated: 0, unchanged: 0 };
  readonly #parts: Parts;
  readonly #waiting: Unit[] = [];
  #gathered: Unit = { from: '', entries: [] };

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Takes a Bundle or a resource; returns what refuses it. */
  async add(from: string, value: JsonObject): Promise<readonly Problem[]> {
    const faults = validateResource(value).filter((each) => !harmless([each]));
    const isBundle = value['resourceType'] === 'Bundle';
    this.tally.read += isBundle ? entriesIn(value).length : 1;
    if (faults.length > 0) return faults;
    if (isBundle) return this.#write({ from, entries: entriesIn(value).map((entry, index) => put(entry, index)) }, true);
    const { entries } = this.#gathered;
    const next = put({ resource: value }, entries.length);
    const twice = entries.some((each) => each.type === next.type && each.id === next.id);
    if (twice || entries.length >= LINES_TOGETHER) await this.#flush();
    this.#gathered = {
      from: this.#gathered.from || from,
      entries: [...this.#gathered.entries, { ...next, index: this.#gathered.entries.length }],
    };
    return [];
  }

  /** Writes what waits, round by round as long as a round gets something in; returns what is refused for good. */
  async finish(): Promise<readonly { readonly from: string; readonly problems: readonly Problem[] }[]> {
    await this.#flush();
    for (;;) {
      const units = this.#waiting.splice(0);
      for (const unit of units) await this.#write(unit, true);
      if (this.#waiting.length === units.length) break;
    }
    // Nothing more comes: single resources that were gathered stand alone now, so that only the broken ones are refused.
    const last = this.#waiting.splice(0);
    const refused: { from: string; problems: readonly Problem[] }[] = [];
    for (const unit of last) refused.push(...(await this.#alone(unit)));
    return refused;
  }

  async #alone(unit: Unit): Promise<readonly { readonly from: string; readonly problems: readonly Problem[] }[]> {
    if (unit.entries.some((entry) => entry.fullUrl !== undefined)) return [{ from: unit.from, problems: await this.#write(unit, false) }];
    const refused: { from: string; problems: readonly Problem[] }[] = [];
    for (const entry of unit.entries) {
      const problems = await this.#write({ from: unit.from, entries: [entry] }, false);
      if (problems.length > 0) refused.push({ from: `${unit.from} ${entry.type}/${entry.id ?? ''}`, problems });
    }
    return refused;
  }

  async #flush(): Promise<void> {
    const unit = this.#gathered;
    this.#gathered = { from: '', entries: [] };
    if (unit.entries.length > 0 && (await this.#write(unit, true)).length > 0) this.#waiting.push(unit);
  }

  async #write(unit: Unit, mayWait: boolean): Promise<readonly Problem[]> {
    const content = Buffer.from(unit.entries.map(({ resource }) => writeJson(resource)).join('\n'));
    const entry = {
      source: 'import',
      channel: 'import',
      content,
      controlId: undefined,
      messageType: 'transaction',
      patientKeys: [],
    } as const;
    const asked = { kind: 'transaction', entries: unit.entries, questions: questionsOf(unit.entries, {}) } as const;
    const isFinal = (problems: readonly Problem[]) => !mayWait || !problems.every((each) => MAY_COME.has(each.code));
    try {
      for (const { status } of await writeRequest(this.#parts, { entry, asked, base: BASE, isFinal })) {
        if (status === 'created' || status === 'updated' || status === 'unchanged') this.tally[status] += 1;
      }
      return [];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (isFinal(error.problems)) return error.problems;
      this.#waiting.push(unit);
      return [];
    }
  }
}

const entriesIn = (bundle: JsonObject): readonly JsonObject[] =>
  (isArray(bundle['entry']) ? bundle['entry'] : []).filter(isObject).filter((entry) => isObject(entry['resource']));

/** An entry as an update of the id that the resource has, or that its fullUrl gives it. */
function put(entry: JsonObject, index: number): AskedEntry {
  const value = isObject(entry['resource']) ? entry['resource'] : {};
  const fullUrl = typeof entry['fullUrl'] === 'string' ? entry['fullUrl'] : undefined;
  const type = String(value['resourceType']);
  const own = typeof value['id'] === 'string' ? value['id'] : undefined;
  const id = own ?? /(?:^urn:uuid:|\/)([A-Za-z0-9\-.]{1,64})$/.exec(fullUrl ?? '')?.[1];
  if (id === undefined) throw new Refusal([problem('import-without-id', {}, `${type} at entry ${index}`)]);
  const resource: Resource = { ...value, resourceType: type, id };
  return { index, method: 'PUT', type, id, search: undefined, condition: undefined, ifMatch: undefined, fullUrl, resource, problems: [] };
}
