import type { CodeSystemProvider, JsonObject } from '../provider.ts';
import { CodingCheck, type Learned, type Verdict } from './coding-check.ts';
import { checkDisplay } from './display-check.ts';
import { at, Findings, noteStanding, standingOfSystem, standingOfValueSet } from './findings.ts';
import { inferSystem } from './infer.ts';
import { issue, TerminologyRefusal } from './issue.ts';
import { canonical, textAt } from './json.ts';
import { nameOf } from './library.ts';
import { type Prepared, prepare, type Sent } from './prepared.ts';
import type { Scope } from './scope.ts';
import { preferredTerm, type Term, termsOf } from './terms.ts';
import { type Answer, type Coded, codingPath, parametersOf, pathOf, refusedAnswer } from './validate-answer.ts';
import { compareVersions } from './versions.ts';

const sentOf = (coding: JsonObject): Sent => ({
  system: textAt(coding, 'system'),
  version: textAt(coding, 'version'),
  code: textAt(coding, 'code') ?? '',
  display: textAt(coding, 'display'),
});

/**
 * $validate-code (http://hl7.org/fhir/R4/valueset-operation-validate-code.html): returns the Parameters. `isSystem`: the value set is
 * only the code system itself, which the caller never named. Throws TerminologyRefusal for what cannot be answered at all.
 */
export function validate(scope: Scope, valueSet: JsonObject, coded: Coded, isSystem: boolean): JsonObject {
  scope.require(valueSet);
  let prepared: Prepared;
  try {
    prepared = prepare(scope, valueSet);
  } catch (error) {
    if (error instanceof TerminologyRefusal && error.isFinding) return refusedAnswer(coded, error);
    throw error;
  }
  scope.assertSupplements();
  const findings = new Findings();
  for (const text of scope.notes)
    findings.add({ severity: 'warning', code: 'not-found', type: 'vs-invalid', id: undefined, text, expression: undefined });
  noteStanding(findings, standingOfValueSet(valueSet), valueSet);
  const answer: Answer = {
    ok: false,
    matched: undefined,
    last: undefined,
    inferred: undefined,
    inactive: undefined,
    deprecated: undefined,
    normal: undefined,
    hasNoCode: false,
    codings: [...coded.codings],
  };
  const listed: string[] = [];
  for (const [index, coding] of coded.codings.entries()) {
    const path = codingPath(coded, index);
    const sent = sentOf(coding);
    if (sent.code === '') {
      noCode(findings, path, sent);
      answer.hasNoCode = true;
      break;
    }
    listed.push(oneCoding(scope, findings, prepared, coded, { index, path, sent, isSystem }, answer));
  }
  summarize(findings, valueSet, coded, answer, { listed, isSystem });
  return parametersOf(findings, coded, answer);
}

function noCode(findings: Findings, path: string, sent: Sent): void {
  const text =
    sent.system === undefined
      ? 'Coding has no code and cannot be validated'
      : `Coding has no code for system ${sent.system} and cannot be validated`;
  findings.say({
    severity: 'warning',
    code: 'invalid',
    type: 'invalid-data',
    id: undefined,
    text,
    expression: path === '' ? undefined : path,
  });
}

interface Place {
  readonly index: number;
  readonly path: string;
  readonly sent: Sent;
  readonly isSystem: boolean;
}

/** Judges one coding; returns it as messages name it. */
function oneCoding(scope: Scope, findings: Findings, prepared: Prepared, coded: Coded, place: Place, answer: Answer): string {
  const { path, index, isSystem } = place;
  const inferred =
    place.sent.system === undefined && scope.settings.inferSystem ? inferSystem(scope, findings, prepared, place.sent) : undefined;
  const sent = inferred === undefined ? place.sent : { ...place.sent, system: inferred };
  const check = new CodingCheck(scope, findings, path);
  const cannotInfer = place.sent.system === undefined && scope.settings.inferSystem && inferred === undefined;
  const verdict: Verdict = cannotInfer ? false : check.check(prepared, sent);
  const { learned } = check;
  if (inferred !== undefined) answer.inferred = inferred;
  const name = `'${sent.system ?? ''}${sent.version === undefined ? '' : `|${sent.version}`}#${sent.code}${sent.display === undefined ? '' : ` ('${sent.display}')`}'`;
  if (verdict === false && !isSystem && coded.mode === 'codeableConcept') {
    const type = ['code-invalid', 'this-code-not-in-vs'] as const;
    const text = issue(
      'information',
      type,
      at(path, 'code'),
      'None_of_the_provided_codes_are_in_the_value_set_one',
      name.slice(1, -1),
      nameOf(prepared.valueSet),
    );
    findings.add(text);
  }
  if (answer.ok !== true && verdict !== false) answer.ok = verdict;
  let { system } = learned;
  let terms: readonly Term[] = learned.terms;
  if (verdict === true) {
    if (sent.display !== undefined && learned.terms.length > 0) displayOf(scope, findings, sent, learned.terms, path, learned.system);
  } else if (!scope.settings.membershipOnly && sent.system !== undefined && !cannotInfer) {
    const found = lookInSystem(scope, findings, check, prepared, sent);
    system = found ?? system;
    terms = learned.terms;
    if (
      found !== undefined &&
      sent.version === undefined &&
      coded.mode === 'codeableConcept' &&
      found.version !== undefined &&
      terms.length > 0
    )
      answer.codings[index] = { ...answer.codings[index], version: found.version };
  }
  learnOf(answer, learned, path, sent);
  const inDialect = (tag: string): string | undefined => {
    const concept = system?.locate(sent.code);
    return concept && system?.preferredName?.(concept, tag);
  };
  const display = preferredTerm(terms, scope.settings.languages, inDialect)?.value ?? preferredTerm(terms, undefined)?.value;
  if (verdict === true && answer.matched === undefined) answer.matched = { sent, learned, path, display };
  if (answer.last === undefined || verdict === true) answer.last = { sent, system, display };
  return name;
}

function learnOf(answer: Answer, learned: Learned, path: string, sent: Sent): void {
  if (learned.inactive) answer.inactive ??= { path, code: sent.code, status: learned.status };
  else if (learned.status?.toLowerCase() === 'deprecated') answer.deprecated ??= sent.code;
  answer.normal ??= learned.normal;
}

function displayOf(
  scope: Scope,
  findings: Findings,
  sent: Sent,
  terms: readonly Term[],
  path: string,
  system: CodeSystemProvider | undefined,
): void {
  const { code, display = '' } = sent;
  if (system?.freeDisplay === true) return;
  checkDisplay(findings, scope.settings, terms, { system: sent.system ?? '', code, display, path, defaultLanguage: system?.language });
}

/** Looks at a coding that is not in the value set: does its code system exist, has it the code, is the display right? */
function lookInSystem(
  scope: Scope,
  findings: Findings,
  check: CodingCheck,
  prepared: Prepared,
  sent: Sent,
): CodeSystemProvider | undefined {
  const url = sent.system ?? '';
  const place = at(check.path, 'system');
  if (!/^[a-z][a-z0-9+.-]*:\S/i.test(url))
    findings.say(issue('error', ['invalid', 'invalid-data'], place, 'Terminology_TX_System_Relative'));
  const version = sent.version ?? includedVersion(prepared, url);
  const system = scope.codeSystem(url, version);
  if (system === undefined) {
    noSystem(scope, findings, check, url, version);
    return undefined;
  }
  for (const each of scope.versionFaults(system, at(check.path, 'version'))) findings.add(each);
  noteStanding(findings, standingOfSystem(system), prepared.valueSet);
  const concept = system.locate(sent.code);
  if (concept === undefined) {
    check.noSuchCode(system, sent.code);
    return system;
  }
  if (check.learned.terms.length === 0) check.learned.terms = [...termsOf(system, concept)];
  check.learnStatus(system, concept);
  if (sent.display !== undefined) displayOf(scope, findings, sent, check.learned.terms, check.path, system);
  return system;
}

function noSystem(scope: Scope, findings: Findings, check: CodingCheck, url: string, version: string | undefined): void {
  const place = at(check.path, 'system');
  const supplement = scope.library.supplement(url);
  if (scope.valueSet(url, undefined) !== undefined) {
    findings.say(issue('error', ['invalid', 'invalid-data'], place, 'Terminology_TX_System_ValueSet2', url));
  } else if (supplement !== undefined) {
    findings.say(issue('error', ['invalid', 'invalid-data'], place, 'CODESYSTEM_CS_NO_SUPPLEMENT', canonical(url, supplement.version)));
  } else {
    check.unknown(url, version === undefined ? undefined : scope.versionOf(url, version));
  }
}

/** The newest version of a code system that the value set names. */
const includedVersion = (prepared: Prepared, url: string): string | undefined =>
  prepared.includes
    .flatMap(({ system, version }) => (system === url ? (version ?? []) : []))
    .sort(compareVersions)
    .at(-1);

/** Says that nothing of what was sent is in the value set, unless everything there is to say is said. */
function summarize(
  findings: Findings,
  valueSet: JsonObject,
  coded: Coded,
  answer: Answer,
  { listed, isSystem }: { readonly listed: readonly string[]; readonly isSystem: boolean },
): void {
  if (answer.ok !== false || (isSystem && findings.hasErrors)) return;
  if (answer.hasNoCode && (coded.mode !== 'codeableConcept' || isSystem)) return;
  const type = ['code-invalid', 'not-in-vs'] as const;
  const name = nameOf(valueSet);
  if (coded.mode === 'codeableConcept') findings.say(issue('error', type, undefined, 'TX_GENERAL_CC_ERROR_MESSAGE', name));
  else {
    const codes = listed.join(', ').replace(/^'|'$/g, '');
    findings.say(issue('error', type, at(pathOf(coded), 'code'), 'None_of_the_provided_codes_are_in_the_value_set_one', codes, name));
  }
}
