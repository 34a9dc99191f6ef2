/** Differences between two worlds, counted and each told: what goes to another patient first, then what goes away, what changes, what comes. */
import type { PlanChange } from '../../database/specs/plans.ts';
import { isObject, writeJson } from '../../fhir/format/json.ts';
import { Decimal, type Resource } from '../../fhir/resource.ts';
import type { CdmRow, ResourceRows } from '../../omop/row.ts';

interface Spoken {
  readonly resource: Resource & { readonly id: string };
  readonly kin: string | undefined;
}

export type ChangeName = 'added' | 'changed' | 'gone' | 'moved';
export const GRADES: Readonly<Record<ChangeName, number>> = { moved: 0, gone: 1, changed: 2, added: 3 };

/** Field by field; at most so many are listed, all are in the whole texts. */
const MOST_FIELDS = 100;

export class Differences {
  readonly all: PlanChange[] = [];
  readonly #gone = new Map<string, { readonly at: number; readonly was: Spoken }>();
  readonly #come = new Map<string, { readonly at: number; readonly is: Spoken }>();

  /** Compares what a resource was and is. */
  resource(reference: string, was: Spoken | undefined, is: Spoken | undefined): void {
    const kind = reference.split('/')[0] ?? '';
    const [before, after] = [was && writeJson(was.resource), is && writeJson(is.resource)];
    if (before === after) return;
    const fields = fieldsOf(was?.resource, is?.resource);
    if (was !== undefined && is !== undefined) {
      const change = ownerOf(was.resource) === ownerOf(is.resource) ? 'changed' : 'moved';
      this.#add({ what: 'resource', change, kind, reference, fields, before, after });
      return;
    }
    const change = was === undefined ? 'added' : 'gone';
    const at = this.#add({ what: 'resource', change, kind, reference, fields, before, after });
    const kin = was?.kin ?? is?.kin;
    if (kin === undefined) return;
    if (was !== undefined) this.#gone.set(`${kind} ${kin}`, { at, was });
    if (is !== undefined) this.#come.set(`${kind} ${kin}`, { at, is });
    this.#moved(`${kind} ${kin}`);
  }

  /** The same stay, order or result under another patient: its id changes with the patient, its kin does not. */
  #moved(kin: string): void {
    const [gone, come] = [this.#gone.get(kin), this.#come.get(kin)];
    if (gone === undefined || come === undefined || ownerOf(gone.was.resource) === ownerOf(come.is.resource)) return;
    for (const at of [gone.at, come.at]) {
      const known = this.all[at];
      if (known !== undefined) this.all[at] = { ...known, change: 'moved', grade: GRADES.moved };
    }
  }

  /** Compares the rows of one resource. */
  rows(reference: string, was: ResourceRows, is: ResourceRows): void {
    const before = new Map(was.rows.map((row) => [`${row.table} ${row.n}`, row]));
    const after = new Map(is.rows.map((row) => [`${row.table} ${row.n}`, row]));
    for (const key of new Set([...before.keys(), ...after.keys()])) this.#row(`${key} of ${reference}`, before.get(key), after.get(key));
    this.#standIn(reference, was.standIn, is.standIn);
  }

  /** Rows of others name another care site: that of what stands in for this one. */
  #standIn(reference: string, before: string | undefined, after: string | undefined): void {
    if (before === after) return;
    const change = before === undefined ? 'added' : after === undefined ? 'gone' : 'changed';
    const field = { path: 'instead', ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
    this.#add({ what: 'row', change, kind: 'care_site', reference: `care_site instead of ${reference}`, fields: [field] });
  }

  #row(reference: string, was: CdmRow | undefined, is: CdmRow | undefined): void {
    const kind = (was ?? is)?.table ?? '';
    const [before, after] = [was && JSON.stringify(was.columns), is && JSON.stringify(is.columns)];
    if (before === after) return;
    const fields = fieldsOf(was?.columns, is?.columns);
    if (was !== undefined && is !== undefined && fields.length === 0) return;
    const person = (row: CdmRow): string => JSON.stringify(row.columns['person_id'] ?? null);
    const change = was === undefined ? 'added' : is === undefined ? 'gone' : person(was) === person(is) ? 'changed' : 'moved';
    this.#add({ what: 'row', change, kind, reference, fields, before, after });
  }

  /** A message that ends otherwise. */
  message(id: number, was: string, is: string): void {
    const change = is === 'applied' ? 'added' : 'gone';
    this.#add({
      what: 'message',
      change,
      kind: is,
      reference: `message ${id}`,
      messageId: id,
      fields: [{ path: 'status', before: was, after: is }],
    });
  }

  #add(change: Omit<PlanChange, 'grade'>): number {
    return this.all.push({ grade: GRADES[change.change], ...change }) - 1;
  }
}

/** The Patient that a resource is about. */
function ownerOf(resource: Resource): string {
  for (const name of ['subject', 'patient', 'beneficiary', 'individual']) {
    const value = resource[name];
    if (isObject(value) && typeof value['reference'] === 'string') return value['reference'];
  }
  return '';
}

/** Returns the places where two values differ, with what stands there. */
export function fieldsOf(before: unknown, after: unknown): PlanChange['fields'] {
  const found: { path: string; before?: unknown; after?: unknown }[] = [];
  const isInner = (value: unknown): boolean => isPlainObject(value) && !(value instanceof Decimal);
  const walk = (a: unknown, b: unknown, path: string): void => {
    if (found.length >= MOST_FIELDS || a === b) return;
    if (isInner(a) && isInner(b) && Array.isArray(a) === Array.isArray(b)) {
      const [one, other] = [entriesOf(a), entriesOf(b)];
      for (const name of new Set([...one.keys(), ...other.keys()]))
        walk(one.get(name), other.get(name), Array.isArray(a) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`);
    } else if (textOf(a) !== textOf(b)) {
      found.push({ path, ...(a === undefined ? {} : { before: shown(a) }), ...(b === undefined ? {} : { after: shown(b) }) });
    }
  };
  walk(before ?? {}, after ?? {}, '');
  return found;
}

/** Numbers keep their digits: as text. */
function shown(value: unknown): unknown {
  if (value instanceof Decimal) return String(value);
  if (Array.isArray(value)) return value.map(shown);
  return isPlainObject(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shown(each)])) : value;
}

const isPlainObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const entriesOf = (value: unknown): ReadonlyMap<string, unknown> => new Map(isPlainObject(value) ? Object.entries(value) : []);
const textOf = (value: unknown): string | undefined => (value instanceof Decimal ? String(value) : JSON.stringify(value));
