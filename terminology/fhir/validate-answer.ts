import type { CodeSystemProvider, JsonObject } from '../provider.ts';
import type { Learned, Verdict } from './coding-check.ts';
import type { Findings } from './findings.ts';
import { issue, outcomeOf, type TerminologyRefusal } from './issue.ts';
import { textAt } from './json.ts';
import type { Sent } from './prepared.ts';

/** What was sent to be validated, and as which parameter. */
export interface Coded {
  readonly mode: 'code' | 'coding' | 'codeableConcept';
  readonly codings: readonly JsonObject[];
  /** The CodeableConcept itself. */
  readonly concept: JsonObject | undefined;
}

/** Where what was sent stands, in the expressions of issues. */
export const pathOf = ({ mode }: Coded): string => (mode === 'code' ? '' : mode === 'coding' ? 'Coding' : 'CodeableConcept');

export const codingPath = (coded: Coded, index: number): string =>
  coded.mode === 'codeableConcept' ? `CodeableConcept.coding[${index}]` : pathOf(coded);

/** What is answered of the codings: of the first that is in the value set, else of the last one looked at. */
export interface Answer {
  ok: Verdict;
  matched: { readonly sent: Sent; readonly learned: Learned; readonly path: string; readonly display: string | undefined } | undefined;
  last: { readonly sent: Sent; readonly system: CodeSystemProvider | undefined; readonly display: string | undefined } | undefined;
  inferred: string | undefined;
  inactive: { readonly path: string; readonly code: string; readonly status: string | undefined } | undefined;
  deprecated: string | undefined;
  normal: string | undefined;
  hasNoCode: boolean;
  /** Codings as they are given back. */
  readonly codings: JsonObject[];
}

/** Returns the Parameters that say what was found. */
export function parametersOf(findings: Findings, coded: Coded, answer: Answer): JsonObject {
  const isConcept = coded.mode === 'codeableConcept';
  noteStatus(findings, coded, answer);
  const valid = answer.ok === true && !findings.hasErrors;
  const { matched, last } = answer;
  const shown = matched?.sent ?? (isConcept ? undefined : last?.sent);
  const system = matched?.learned.system ?? last?.system;
  const version = matched === undefined ? (last?.sent.version ?? system?.version) : matched.learned.system?.version;
  const display = matched?.display ?? (isConcept ? undefined : last?.display);
  const isAboutShown = !isConcept || (matched !== undefined && answer.inactive?.path === matched.path);
  const { status = '' } = answer.inactive ?? {};
  const message = findings.message;
  const parameter: JsonObject[] = [{ name: 'result', valueBoolean: valid }];
  const add = (name: string, type: string, value: string | boolean | undefined) => {
    if (value !== undefined && value !== '') parameter.push({ name, [`value${type}`]: value });
  };
  add('system', 'Uri', shown?.system);
  for (const each of findings.unknownSystems) {
    if (!valid) add(answer.ok === false ? 'x-unknown-system' : 'x-caused-by-unknown-system', 'Canonical', each);
  }
  add('normalized-code', 'Code', answer.normal);
  add('code', 'Code', shown?.code);
  add('version', 'String', shown === undefined ? undefined : version);
  add('display', 'String', shown === undefined ? undefined : display);
  if (answer.inactive !== undefined && isAboutShown) {
    parameter.push({ name: 'inactive', valueBoolean: true });
    if (status !== 'inactive') add('status', 'Code', status);
  } else if (answer.inactive === undefined && answer.deprecated !== undefined) add('status', 'Code', 'deprecated');
  add('message', 'String', message);
  // An empty list is no FHIR: a concept of text alone goes back as it came.
  const codings = answer.codings.length === 0 ? {} : { coding: answer.codings };
  if (isConcept) parameter.push({ name: 'codeableConcept', valueCodeableConcept: { ...withoutCodings(coded.concept), ...codings } });
  if (findings.issues.length > 0) parameter.push({ name: 'issues', resource: outcomeOf(findings.issues) });
  return { resourceType: 'Parameters', parameter };
}

function withoutCodings(concept: JsonObject | undefined): JsonObject {
  const { coding: _, ...others } = concept ?? {};
  return others;
}

function noteStatus(findings: Findings, coded: Coded, { inactive, deprecated }: Answer): void {
  const type = ['business-rule', 'code-comment'] as const;
  if (inactive !== undefined) {
    const { status = 'inactive', path, code } = inactive;
    const text = status === 'inactive' || status === 'DISCOURAGED' ? status : `${status} and inactive`;
    findings.say(issue('warning', type, path === '' ? 'code' : path, 'INACTIVE_CONCEPT_FOUND', code, text));
  } else if (deprecated !== undefined) {
    findings.say(issue('warning', type, pathOf(coded) || 'code', 'DEPRECATED_CONCEPT_FOUND', deprecated));
  }
}

/** The answer when the value set or code system to validate against cannot be used: result false, and why. */
export function refusedAnswer(coded: Coded, refusal: TerminologyRefusal, unknown?: string): JsonObject {
  const [coding] = coded.codings;
  const isConcept = coded.mode === 'codeableConcept';
  const parameter: JsonObject[] = [{ name: 'result', valueBoolean: false }];
  for (const [name, type] of isConcept
    ? []
    : ([
        ['system', 'Uri'],
        ['code', 'Code'],
        ['version', 'String'],
      ] as const)) {
    const value = textAt(coding, name);
    if (value !== undefined) parameter.push({ name, [`value${type}`]: value });
  }
  if (unknown !== undefined) parameter.push({ name: 'x-unknown-system', valueCanonical: unknown });
  const texts = refusal.issues.filter(({ severity }) => severity !== 'information').map(({ text }) => text);
  parameter.push({ name: 'message', valueString: [...new Set(texts)].sort().join('; ') });
  if (isConcept) parameter.push({ name: 'codeableConcept', valueCodeableConcept: coded.concept });
  parameter.push({ name: 'issues', resource: outcomeOf(refusal.issues) });
  return { resourceType: 'Parameters', parameter };
}
