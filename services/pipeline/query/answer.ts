/**
 * Answers queries (HL7 v2 chapters 3.3.56 to 58 and 5; IHE PDQ and PIX; CDC's immunization queries) from the store: read, find, tell, keep. The
 * query is in the journal and in the audit log before its answer goes out; it changes nothing else. The same query sent again is answered anew.
 */
import type { SourceRules } from '../../config/rules.ts';
import { isWaitedFor } from '../../database/journal/queries.ts';
import { gravest, type Problem, problem, Refusal } from '../../errors.ts';
import { isRestricted } from '../../fhir/security-labels.ts';
import { acknowledgement, queryAnswer } from '../../hl7v2/acknowledge.ts';
import { escapeText } from '../../hl7v2/escape.ts';
import type { Message } from '../../hl7v2/message.ts';
import { type AskedQuery, readQuery } from '../../hl7v2/query.ts';
import { STANDARD } from '../../hl7v2/recode.ts';
import type { AnsweredQuery } from '../../mapping/to-hl7v2/queries.ts';
import type { Parts } from '../parts.ts';
import { type Asked, askedOf } from './asked.ts';
import { type FoundPatient, isKnownDomain, patientsAgreeing, patientsByIdentifier, patientsMatching } from './find.ts';
import { type IncomingQuery, keptOf, keysOf, type Outcome } from './keep.ts';
import { isAfter, pointerOf, readPointer } from './pointer.ts';
import { MOST_FOUND } from './search.ts';
import { domainsWithout, type MayTell, type Telling, toldPatients, toldRecords, withAskedNumbers } from './tell.ts';

export interface QueryAnswer {
  readonly bytes: Uint8Array;
  readonly code: 'AA' | 'AE' | 'AR';
  /** HTTP status. */
  readonly status: number;
  readonly problems: readonly Problem[];
}

/** What is said, before it is written as a message. */
interface Said extends Outcome {
  readonly lines: readonly string[];
  readonly profile: string;
  /** DSC-1 of the answer. */
  readonly pointer: string | undefined;
}

const SILENT: Said = {
  status: 'NF',
  problems: [],
  lines: [],
  profile: '',
  counts: undefined,
  pointer: undefined,
  told: [],
  keys: [],
  withheld: 0,
};

const refusedWith = (problems: readonly Problem[]): Said => ({
  ...SILENT,
  status: gravest(problems)?.ack === 'AR' ? 'AR' : 'AE',
  problems,
});

/** Patients of one answer where the sender names no limit. */
const STANDARD_LIMIT = 100;

/**
 * Returns the answer to a query. Rejects (Refusal) where the store or the journal cannot be reached: then nothing of the answer may go out.
 */
export async function answerQuery(parts: Parts, incoming: IncomingQuery): Promise<QueryAnswer> {
  const { message } = incoming;
  const asked = readQuery(message);
  const about = asked.ok ? asked.value : undefined;
  const answered = parts.maps.outMaps.query(`${message.type}^${message.event}`, about?.name ?? '');
  const said = await saidTo(parts, incoming, { about, answered, problems: asked.problems });
  const number = await keptOf(parts, incoming, said, answered);
  const code: QueryAnswer['code'] = said.status === 'AE' || said.status === 'AR' ? said.status : 'AA';
  const answer = {
    code,
    problems: said.problems,
    controlId: `${parts.clock().getTime().toString(36)}-${number}`,
    timestamp: parts.clock(),
  };
  const worst = gravest(said.problems);
  const bytes =
    answered === undefined
      ? acknowledgement(message, answer)
      : queryAnswer(message, answer, { type: answered.is, profile: profileOf(said, answered), lines: linesOf(about, said) });
  return { bytes, code, status: code === 'AA' ? 200 : (worst?.status ?? 422), problems: code === 'AA' ? [] : said.problems };
}

/** An answer without data has the profile of one. */
const profileOf = ({ profile, status }: Said, { profiles }: AnsweredQuery): string =>
  profile === '' && (status === 'AE' || status === 'AR') ? (profiles?.none ?? '') : profile;

/** QAK, the query repeated, the data, and where it goes on. */
function linesOf(about: AskedQuery | undefined, { status, lines, counts, pointer }: Said): readonly string[] {
  if (about === undefined) return [`QAK||${status}`];
  const numbers = (counts ?? []).map(String);
  const qak = ['QAK', escapeText(about.tag, STANDARD), status, about.nameField, ...numbers];
  while (qak.at(-1) === '') qak.pop();
  return [qak.join('|'), ...about.echo, ...lines, ...(pointer === undefined ? [] : [`DSC|${pointer}|I`])];
}

interface Question {
  readonly about: AskedQuery | undefined;
  readonly answered: AnsweredQuery | undefined;
  readonly problems: readonly Problem[];
}

async function saidTo(parts: Parts, { message, rules }: IncomingQuery, { about, answered, problems }: Question): Promise<Said> {
  if (rules.queries === 'refused') return refusedWith([problem('query-not-allowed', {}, 'MSH-3')]);
  // Nothing is kept of an answer: there is nothing to cancel, and that is what its sender wants (chapter 5.4.8).
  if (message.type === 'QCN') return { ...SILENT, status: 'OK' };
  // Of a kind of query that has maps: what it does not say comes before that no map takes it as it is.
  if (answered === undefined && (about !== undefined || message.event !== 'Q11')) {
    const name = about?.name === undefined || about.name === '' ? '' : ' of this name';
    const query = `${message.type}^${message.event}`.replace(/[^\w^]/g, '').slice(0, 12);
    return refusedWith([problem('query-unknown', { query: `${query}${name}` }, name === '' ? 'MSH-9' : 'QPD-1')]);
  }
  if (about === undefined || answered === undefined) return refusedWith(problems);
  try {
    const said = await answerTo(parts, message, rules, about, answered);
    if (said.status === 'AE' || said.status === 'AR') return said;
    const behind = (await isWaitedFor(parts.database, said.keys)) ? [problem('query-behind', {}, 'QPD')] : [];
    return { ...said, problems: [...behind, ...said.problems, ...about.warnings] };
  } catch (error) {
    if (error instanceof Refusal && error.problems.every(({ code }) => code === 'query-too-broad' || code.startsWith('fhir-search')))
      return refusedWith(error.problems);
    throw error;
  }
}

async function answerTo(
  parts: Parts,
  message: Message,
  rules: SourceRules,
  about: AskedQuery,
  { map, profiles }: AnsweredQuery,
): Promise<Said> {
  const asked = askedOf(parts, message, rules, map.spec);
  if (!asked.ok) return refusedWith(asked.problems);
  const { keys } = asked.value;
  const found = await foundFor(parts, asked.value, map.spec.find);
  if (!found.ok) return { ...refusedWith(found.problems), keys };
  const { inactive } = found.value;
  const mayTell: MayTell = rules.queries === 'all' ? () => true : (resource) => !isRestricted(resource);
  // Not even that they are here: to who must not see a restricted record it is nobody's.
  const patients = found.value.patients.filter(({ resource }) => mayTell(resource));
  const withheld = found.value.patients.length - patients.length;
  const faulty = (problems: readonly Problem[]): Said => ({ ...refusedWith(problems), keys, withheld });
  const [none] = await unknownDomains(parts, patients, asked.value);
  if (none !== undefined) return faulty([problem('query-domain-unknown', {}, `${none.place}.4`)]);
  const place = asked.value.identifierPlace;
  if (map.spec.find === 'identifier') {
    if (patients.length > 1) return faulty([problem('query-identifier-ambiguous', { count: patients.length }, place)]);
    if (patients.length === 0 && map.spec.unknown === 'error') return faulty([problem('query-identifier-unknown', {}, place)]);
  }
  const warnings = inactive === 0 ? [] : [problem('query-inactive', { count: inactive }, place)];
  const those = patients.flatMap((each) => withAskedNumbers(each, asked.value, map.spec.others) ?? []);
  const telling: Answering = { parts, about, asked: asked.value, map, warnings, mayTell };
  const said = map.spec.find === 'match' ? await matched(telling, those, profiles) : await listed(telling, those);
  return { ...said, keys: [...keys, ...said.keys], withheld };
}

/** Returns the asked authorities that nobody has a number of. */
async function unknownDomains(parts: Parts, patients: readonly FoundPatient[], { domains }: Asked) {
  const unknown: Asked['domains'][number][] = [];
  for (const domain of domainsWithout(patients, domains)) if (!(await isKnownDomain(parts, domain))) unknown.push(domain);
  return unknown;
}

function foundFor(parts: Parts, asked: Asked, find: 'identifier' | 'all' | 'match') {
  const isEmpty =
    asked.identifiers.length + asked.accounts.length === 0 &&
    Object.keys(asked.patient).every((each) => each === 'resourceType' || each === 'meta');
  const what = find === 'identifier' ? 'the number of the patient' : 'whom it asks for';
  if (isEmpty || (find === 'identifier' && asked.identifiers.length === 0))
    return { ok: false, problems: [problem('query-incomplete', { what }, asked.identifierPlace)] } as const;
  if (find === 'identifier') return patientsByIdentifier(parts, asked);
  if (find === 'match') return patientsMatching(parts, asked, 0);
  if (asked.confidence === undefined) return patientsAgreeing(parts, asked);
  // How sure an account number makes it is not known: looked at or not, the answer would be wrong.
  if (asked.accounts.length > 0)
    return {
      ok: false,
      problems: [problem('query-parameter-unknown', { name: 'PID.18 together with a confidence' }, asked.identifierPlace)],
    } as const;
  return patientsMatching(parts, asked, asked.confidence);
}

interface Answering {
  readonly parts: Parts;
  readonly about: AskedQuery;
  readonly asked: Asked;
  readonly map: AnsweredQuery['map'];
  readonly warnings: readonly Problem[];
  readonly mayTell: MayTell;
}

/** All who were found, in pages where the sender wants fewer at once. */
async function listed({ parts, about, map, warnings }: Answering, patients: readonly FoundPatient[]): Promise<Said> {
  const start = about.pointer === undefined ? undefined : readPointer(about.echo, about.pointer);
  if (about.pointer !== undefined && start === undefined) return refusedWith([problem('query-continuation', {}, 'DSC-1')]);
  const rest = start === undefined ? patients : patients.filter((each) => isAfter(each, start));
  const page = rest.slice(0, Math.min(about.limit ?? STANDARD_LIMIT, MOST_FOUND));
  const after = rest.length - page.length;
  const telling = toldPatients(map, page, patients.length - rest.length + 1, parts.clock().toISOString());
  if (telling.faults.length > 0) return { ...refusedWith(telling.faults), keys: page.flatMap(keysOf) };
  const last = page.at(-1);
  return {
    ...SILENT,
    ...ok(telling, page, warnings),
    counts: [patients.length, page.length, after],
    pointer: after === 0 || last === undefined ? undefined : pointerOf(about.echo, last),
  };
}

const ok = (
  telling: Telling,
  told: readonly FoundPatient[],
  warnings: readonly Problem[],
): Pick<Said, 'status' | 'problems' | 'lines' | 'told' | 'keys'> => ({
  status: told.length === 0 ? 'NF' : 'OK',
  problems: [...warnings, ...telling.warnings],
  lines: telling.lines,
  told,
  keys: told.flatMap(keysOf),
});

/** One who is surely meant, with what is recorded; else those who could be; too many are nobody (CDC's guide, chapter 7). */
async function matched(
  { parts, about, map, warnings, mayTell }: Answering,
  patients: readonly FoundPatient[],
  profiles: AnsweredQuery['profiles'],
): Promise<Said> {
  const sure = patients.filter(({ isSure }) => isSure);
  const [one] = sure;
  const changed = parts.clock().toISOString();
  const profile = (name: 'one' | 'several' | 'none'): string => profiles?.[name] ?? '';
  if (sure.length === 1 && one !== undefined) {
    const person = toldPatients(map, [one], 1, changed);
    const records = await toldRecords(parts, map, about.name, { patient: one.resource.id, changed, mayTell });
    const faults = [...person.faults, ...records.faults];
    if (faults.length > 0) return { ...refusedWith(faults), profile: profile('none'), keys: keysOf(one) };
    const telling = { lines: [...person.lines, ...records.lines], warnings: [...person.warnings, ...records.warnings], faults };
    return { ...SILENT, ...ok(telling, [one], warnings), profile: profile('one'), counts: [1, 1, 0] };
  }
  const limit = Math.min(about.limit ?? STANDARD_LIMIT, STANDARD_LIMIT);
  if (patients.length > limit)
    return { ...SILENT, status: 'TM', problems: [...warnings, problem('query-candidates', { limit }, 'RCP-2')], profile: profile('none') };
  const telling = toldPatients(map, patients, 1, changed);
  if (telling.faults.length > 0) return { ...refusedWith(telling.faults), profile: profile('none') };
  const { length } = patients;
  return {
    ...SILENT,
    ...ok(telling, patients, warnings),
    profile: profile(length === 0 ? 'none' : 'several'),
    counts: [length, length, 0],
  };
}
