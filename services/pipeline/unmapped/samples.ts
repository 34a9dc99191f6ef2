/** What stands beside a code that is not mapped: values and units, from resources that have it. */
import { isObject, readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';

export interface Beside {
  /** As '5.4 mmol/L'; of text only that it is one, for it may be anybody's name. */
  readonly values: readonly string[];
  readonly units: readonly string[];
}

/** Returns the ids of the Specimens that resources given as JSON refer to, each once. */
export function specimensOf(bodies: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const body of bodies) {
    const read = readJson(body);
    const specimen = read.ok ? read.value['specimen'] : undefined;
    for (const each of Array.isArray(specimen) ? specimen : [specimen]) {
      const reference = isObject(each) ? each['reference'] : undefined;
      const id = typeof reference === 'string' ? /^Specimen\/([A-Za-z0-9\-.]{1,64})$/.exec(reference)?.[1] : undefined;
      if (id !== undefined) found.add(id);
    }
  }
  return [...found];
}

/** Returns what a Specimen given as JSON is said to be by its codes: name and code. What is written as text only may be anything, and is not repeated. */
export function specimenType(body: string): string | undefined {
  const read = readJson(body);
  const type = read.ok ? read.value['type'] : undefined;
  const codings = isObject(type) && Array.isArray(type['coding']) ? type['coding'].filter(isObject) : [];
  const [coding] = codings.filter((each) => typeof each['code'] === 'string');
  if (coding === undefined) return undefined;
  return [...new Set([coding['display'], coding['code']].filter((each) => typeof each === 'string' && each !== ''))].join(' ');
}

const MOST = 5;
/** A number, a ratio, a range; too short for telephones, days and numbers of people. */
const MEASURED = /^[<>=~+\-\s]*\d{1,6}([.,]\d{1,6})?(\s*[:/]\s*\d{1,6})?$|^\d{1,3}([.,]\d{1,3})?\s*-\s*\d{1,3}([.,]\d{1,3})?$/;
/** Signs and letters of results: '+++', 'A'. */
const SIGNS = /^[+-]{1,4}$|^[A-Za-z]$/;
/** Any other word may be a name. */
const RESULTS = new Set([
  ...'positive pos negative neg normal abnormal trace none present absent detected undetected reactive nonreactive'.split(' '),
  ...'high low yes no true false unknown few moderate many clear cloudy turbid yellow amber rare invalid equivocal'.split(' '),
]);
const isPlain = (text: string): boolean => MEASURED.test(text) || SIGNS.test(text) || RESULTS.has(text.toLowerCase());
const HIDDEN = '(text)';

/** Returns at most five different values and units of resources given as JSON. */
export function besideCode(bodies: readonly string[]): Beside {
  const values = new Set<string>();
  const units = new Set<string>();
  for (const body of bodies) {
    const read = readJson(body);
    if (read.ok) collect(read.value, values, units);
  }
  return { values: [...values].slice(0, MOST), units: [...units].slice(0, MOST) };
}

function collect(resource: Resource | Record<string, unknown>, values: Set<string>, units: Set<string>): void {
  for (const [name, value] of Object.entries(resource)) {
    if (name.startsWith('value') && name !== 'valueSet') addValue(value, values, units);
    if ((name === 'quantity' || name === 'doseQuantity') && isObject(value)) addValue(value, values, units);
    if (name === 'component' && Array.isArray(value)) for (const each of value) if (isObject(each)) collect(each, values, units);
  }
}

function addValue(value: unknown, values: Set<string>, units: Set<string>): void {
  if (typeof value === 'string') {
    values.add(isPlain(value.trim()) ? value : HIDDEN);
    return;
  }
  if (typeof value === 'number' || typeof value === 'boolean') values.add(String(value));
  if (!isObject(value)) return;
  const { coding } = value;
  if (Array.isArray(coding)) {
    for (const each of coding) if (isObject(each)) values.add(String(each['display'] ?? each['code'] ?? ''));
    return;
  }
  const amount = value['value'];
  const unit = [value['unit'], value['code']].find((each) => typeof each === 'string' && each !== '');
  if (typeof unit === 'string') units.add(unit);
  if (amount !== undefined && !isObject(amount))
    values.add(`${String(value['comparator'] ?? '')}${String(amount)}${typeof unit === 'string' ? ` ${unit}` : ''}`);
}
