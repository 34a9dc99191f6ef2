/** What a query asks, read as a message of its sender would be: by the maps of its site, so that a number means the same in both. */
import type { SourceRules } from '../../config/rules.ts';
import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { isArray, isObject } from '../../fhir/format/json.ts';
import { type AskedIdentifier, askedTexts, type Domain, faultOfText } from '../../fhir/patient-criteria.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { type AskedPid, askedPid, pidText } from '../../hl7v2/asked-person.ts';
import type { Message } from '../../hl7v2/message.ts';
import { parseMessage } from '../../hl7v2/parse.ts';
import { placeOf } from '../../hl7v2/path.ts';
import { recoded } from '../../hl7v2/recode.ts';
import type { OutQuerySpec } from '../../mapping/to-hl7v2/model.ts';
import { conversionOf, type Parts } from '../parts.ts';

export interface AskedDomain extends Domain {
  /** 'QPD-8[2]'. */
  readonly place: string;
}

export interface Asked {
  /** A Patient with what is asked for; without identifiers. */
  readonly patient: JsonObject;
  /** One of them is the patient's. */
  readonly identifiers: readonly AskedIdentifier[];
  readonly identifierPlace: string;
  /** One of their stays has each of these account numbers (PID-18). */
  readonly accounts: readonly AskedIdentifier[];
  /** Whose numbers are wanted; empty: everybody's. */
  readonly domains: readonly AskedDomain[];
  /** 0 to 100: as sure as this; undefined: who agrees with all that is asked. */
  readonly confidence: number | undefined;
  /** Ordering keys ('id^authority') of those who are asked for. */
  readonly keys: readonly string[];
}

/** Numbers that nobody has stand for what is asked only to learn how the maps name its authority. */
const MARK = 'polyseme-query-domain-';
const MOST_DOMAINS = 20;

/** Returns what is asked, or why it cannot be (`query-parameter-unknown`, `query-value`, `query-incomplete`). */
export function askedOf(parts: Parts, message: Message, rules: SourceRules, spec: OutQuerySpec): Result<Asked> {
  const from = (name: string): string | undefined => spec.asks.find(({ to }) => to === name)?.from;
  const pid = askedPid(
    message,
    spec.asks.filter(({ to }) => to.startsWith('PID-')),
    from('parameters'),
  );
  const wanted = domainsIn(message, from('domains'));
  const confidence = confidenceOf(message, from('confidence'));
  const algorithm = from('algorithm');
  const faults = [...pid.problems, ...wanted.faults, ...confidence.faults];
  if (algorithm !== undefined && valueAt(message, algorithm) !== undefined)
    faults.push(problem('query-setting', { what: 'Choosing how patients are matched' }, algorithm));
  if (faults.length > 0) return failure(...faults);
  const numbers = pid.fields.get(3) ?? [];
  const patient = patientOf(parts, message, rules, pid, wanted.texts);
  if (!patient.ok) return patient;
  const all = listOf(patient.value['identifier']);
  const systemOf = (value: string): string => {
    const found = all.find((each) => each['value'] === value)?.['system'];
    return typeof found === 'string' ? found : '';
  };
  const identifiers = numbers.map((number, n): AskedIdentifier => {
    const value = number[0]?.[0] ?? '';
    return { value, domain: domainOf(number, systemOf(`${MARK}n${n}`)) };
  });
  const accounts = (pid.fields.get(18) ?? []).map(
    (number, n): AskedIdentifier => ({ value: number[0]?.[0] ?? '', domain: domainOf(number, systemOf(`${MARK}a${n}`)) }),
  );
  const { identifier: _marks, active: _active, id: _id, ...said } = patient.value;
  // What other fields than PID-3 say is asked beside it: both must hold.
  const beside = all.filter(({ value }) => typeof value === 'string' && !value.startsWith(MARK));
  const rest: JsonObject = beside.length === 0 ? said : { ...said, identifier: beside };
  const place = pid.places.get(3) ?? from('PID-3') ?? 'QPD-3';
  if ([...identifiers, ...accounts].some(({ value }) => value === ''))
    return failure(problem('query-incomplete', { what: 'the number' }, place));
  const wrong = askedTexts(rest)
    .map(faultOfText)
    .find((each) => each !== undefined);
  if (wrong !== undefined) return failure(problem('query-value', { reason: wrong }, from('parameters') ?? 'QPD'));
  return success({
    patient: rest,
    identifiers,
    identifierPlace: place,
    accounts,
    domains: wanted.texts.map((text, n) => ({ ...(domainOf(text, systemOf(`${MARK}d${n}`)) ?? NOWHERE), place: wanted.places[n] ?? '' })),
    confidence: confidence.least,
    keys: numbers.map((each) => `${each[0]?.[0] ?? ''}^${each[3]?.[0] || each[3]?.[1] || ''}`),
  });
}

const NOWHERE: Domain = { uri: '', name: undefined };
type NumberParts = readonly (readonly string[])[];

const listOf = (value: unknown): readonly JsonObject[] => (isArray(value) ? value.filter(isObject) : []);

/** CX-4 (HD): a name alone is known to its sender only, a universal id to everybody. */
function domainOf(number: NumberParts, uri: string): Domain | undefined {
  const [name, id] = number[3] ?? [];
  if (!name && !id) return undefined;
  // An answer names a local authority by its URN: who repeats that means no other.
  return { uri, name: uri.startsWith('urn:polyseme:') && id !== uri ? name || id : undefined };
}

function valueAt(message: Message, path: string): string | undefined {
  const place = placeOf(path);
  return message.segments.find((each) => each.name === place?.segment)?.value(place?.field ?? 0);
}

/** Reads what is asked as the sender's own announcement of a person (ADT^A28) is read. */
function patientOf(parts: Parts, message: Message, rules: SourceRules, pid: AskedPid, domains: readonly NumberParts[]): Result<JsonObject> {
  const mark = (value: string, number: NumberParts): NumberParts => [[value], [], [], number[3] ?? [], number[4] ?? []];
  const numbers = (pid.fields.get(3) ?? []).map((each, n) => mark(`${MARK}n${n}`, each));
  const accounts = (pid.fields.get(18) ?? []).map((each, n) => mark(`${MARK}a${n}`, each));
  const marks = [...numbers, ...accounts, ...domains.map((each, n) => mark(`${MARK}d${n}`, each)), [[`${MARK}nobody`]]];
  const msh = message.segments[0];
  const sender = [3, 4].map((n) => recoded(msh?.raw(n) ?? '', message)).join('|');
  const text = [
    `MSH|^~\\&|${sender}|||19000101||ADT^A28^ADT_A05|Q|P|2.5.1||||||UNICODE UTF-8`,
    'EVN||19000101',
    pidText(new Map([...pid.fields, [3, marks]])),
    'PV1|1|N',
  ];
  const parsed = parseMessage(Buffer.from(`${text.join('\r')}\r`, 'utf8'), { charset: 'UNICODE UTF-8' });
  if (!parsed.ok) return failure(...parsed.problems);
  const { drafts, problems, rung } = conversionOf(parts, parsed.value, rules);
  // What a map leaves out of what is asked would make the answer wider.
  const faults = problems.filter(({ at }) => at?.startsWith('PID') === true && at !== 'PID-3');
  if (faults.length > 0) return failure(...faults.map((each) => asFault(each, pid)));
  const patient = drafts.find(({ resource }) => resource.resourceType === 'Patient')?.resource;
  if (patient === undefined || rung === 'refuse' || rung === 'park-message')
    return failure(problem('query-value', { reason: 'the maps of this sender cannot read it' }, problems[0]?.at ?? 'QPD'));
  const lost = unmade(pid, patient);
  return lost.length > 0 ? failure(...lost) : success(patient);
}

/** What each field must have made, so that nothing asked for is left out: a code without a row, a date that is none. */
const MADE: ReadonlyMap<number, (patient: JsonObject) => boolean> = new Map([
  [2, (patient) => listOf(patient['identifier']).some(({ value }) => typeof value === 'string' && !value.startsWith(MARK))],
  [5, ({ name }) => listOf(name).length > 0],
  [6, ({ extension }) => listOf(extension).length > 0],
  [7, ({ birthDate }) => typeof birthDate === 'string'],
  [8, ({ gender }) => typeof gender === 'string'],
  [11, ({ address }) => listOf(address).length > 0],
  [13, ({ telecom }) => listOf(telecom).length > 0],
  [14, ({ telecom }) => listOf(telecom).length > 0],
  [16, ({ maritalStatus }) => isObject(maritalStatus) && listOf(maritalStatus['coding']).length > 0],
  [19, (patient) => listOf(patient['identifier']).some(({ value }) => typeof value === 'string' && !value.startsWith(MARK))],
  [24, (patient) => patient['multipleBirthBoolean'] !== undefined || patient['multipleBirthInteger'] !== undefined],
  [25, (patient) => patient['multipleBirthInteger'] !== undefined],
]);

const unmade = ({ fields, places }: AskedPid, patient: JsonObject): readonly Problem[] =>
  [...fields.keys()]
    .filter((n) => MADE.get(n)?.(patient) === false)
    .map((n) => problem('query-value', { reason: `it is none that PID-${n} can hold` }, places.get(n) ?? 'QPD'));

function asFault({ at = '' }: Problem, { places }: AskedPid): Problem {
  const field = placeOf(at)?.field;
  return problem(
    'query-value',
    { reason: `it is none that ${at} can hold` },
    (field === undefined ? undefined : places.get(field)) ?? 'QPD',
  );
}

interface AskedDomains {
  readonly texts: readonly NumberParts[];
  readonly places: readonly string[];
  readonly faults: readonly Problem[];
}

/** Whose numbers are wanted: CX whose fourth component alone counts. */
function domainsIn(message: Message, from: string | undefined): AskedDomains {
  const place = from === undefined ? undefined : placeOf(from);
  const segment = message.segments.find((each) => each.name === place?.segment);
  if (from === undefined || place === undefined || segment === undefined) return { texts: [], places: [], faults: [] };
  const count = segment.repetitions(place.field);
  if (count > MOST_DOMAINS)
    return { texts: [], places: [], faults: [problem('query-value', { reason: `there are more than ${MOST_DOMAINS}` }, from)] };
  const found = Array.from({ length: count }, (_, n) => {
    const authority = [1, 2, 3].map((each) => segment.value(place.field, n + 1, 4, each) ?? '');
    return {
      text: [[], [], [], authority],
      place: count > 1 ? `${from}[${n + 1}]` : from,
      isNamed: authority[0] !== '' || authority[1] !== '',
    };
  });
  const faults = found
    .filter(({ isNamed }) => !isNamed)
    .map((each) => problem('query-value', { reason: 'the authority stands in the fourth component' }, `${each.place}.4`));
  return { texts: found.map(({ text }) => text), places: found.map((each) => each.place), faults };
}

function confidenceOf(
  message: Message,
  from: string | undefined,
): { readonly least: number | undefined; readonly faults: readonly Problem[] } {
  const value = from === undefined ? undefined : valueAt(message, from);
  if (value === undefined) return { least: undefined, faults: [] };
  const least = /^\d{1,3}(\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN;
  if (least >= 0 && least <= 100) return { least, faults: [] };
  return { least: undefined, faults: [problem('query-value', { reason: 'a confidence is a number from 0 to 100' }, from)] };
}
