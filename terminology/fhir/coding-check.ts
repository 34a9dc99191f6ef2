import { intersection } from '../concept-sets.ts';
import type { CodeSystemProvider, Concept, JsonObject } from '../provider.ts';
import { at, type Findings, noteStanding, standingOfSystem, standingOfValueSet } from './findings.ts';
import { filterSets } from './include-filters.ts';
import { issue } from './issue.ts';
import { extensionsOf, extensionText, isList, objectAt, objectsAt, STANDARDS_STATUS, textAt } from './json.ts';
import { nameOf } from './library.ts';
import type { Prepared, PreparedPart, Sent } from './prepared.ts';
import { type Scope, unknownSystem } from './scope.ts';
import { type Term, termsOf, termsOfInclude } from './terms.ts';
import { agreedVersion, pickVersion } from './version-choice.ts';

/** What is learned of a coding on the way. */
export interface Learned {
  terms: Term[];
  /** The code system that it was found in. */
  system: CodeSystemProvider | undefined;
  /** Set when the concept is not active. */
  inactive: boolean;
  status: string | undefined;
  /** The code as the code system writes it, where that differs. */
  normal: string | undefined;
}

export const nothingLearned = (): Learned => ({ terms: [], system: undefined, inactive: false, status: undefined, normal: undefined });

/** In the value set, not in it, or not known because a code system is missing. */
export type Verdict = boolean | undefined;

const DEPRECATED = 'http://hl7.org/fhir/StructureDefinition/valueset-deprecated';

/** Checks one coding against one value set and those that it imports. */
export class CodingCheck {
  readonly scope: Scope;
  readonly findings: Findings;
  readonly path: string;
  readonly learned: Learned;

  constructor(scope: Scope, findings: Findings, path: string, learned: Learned = nothingLearned()) {
    this.scope = scope;
    this.findings = findings;
    this.path = path;
    this.learned = learned;
  }

  /** Says whether the value set has the coding; whatever there is to say of it goes into the findings. */
  check(prepared: Prepared, sent: Sent): Verdict {
    if (sent.system === undefined) {
      this.findings.say(issue('warning', ['invalid', 'invalid-data'], this.path, 'Coding_has_no_system__cannot_validate'));
      return false;
    }
    if (prepared.compose === undefined) return this.#inExpansion(prepared, sent, sent.system);
    const picked = sent.version === undefined ? pickVersion(this.scope, prepared, sent) : undefined;
    let verdict: Verdict = false;
    for (const part of prepared.includes) {
      verdict = this.#ofPart(prepared, part, sent, picked);
      if (verdict === undefined) return undefined;
      for (const imported of part.imports) {
        noteStanding(this.findings, standingOfValueSet(imported.valueSet), prepared.valueSet);
        if (verdict === true) verdict = this.check(imported, sent);
      }
      if (verdict === true) break;
    }
    if (verdict !== true) return verdict;
    return !prepared.excludes.some((part) => this.#excludes(prepared, part, sent));
  }

  #ofPart(prepared: Prepared, part: PreparedPart, sent: Sent, picked: string | undefined): Verdict {
    if (part.system === undefined) return part.imports.length > 0;
    if (part.system !== sent.system || (picked !== undefined && part.version !== picked)) return false;
    // A version that some include names is for that include alone.
    if (sent.version !== undefined && part.version !== sent.version && prepared.includes.some((each) => each.version === sent.version))
      return false;
    const version = agreedVersion(this.scope, this.findings, this.path, part, sent);
    const system = this.scope.codeSystemOf(part.system, version);
    if (system === undefined) {
      if (this.scope.settings.membershipOnly) return false;
      this.unknown(part.system, version);
      return undefined;
    }
    for (const each of this.scope.versionFaults(system, at(this.path, 'version'))) this.findings.add(each);
    noteStanding(this.findings, standingOfSystem(system), prepared.valueSet);
    this.scope.saw(system);
    if (!this.#selects(prepared, part, system, sent.code)) return false;
    this.learned.system = system;
    return true;
  }

  /** Notes a code system that is not there, once. */
  unknown(url: string, version: string | undefined): void {
    const found = unknownSystem(this.scope, url, version, 'validate', at(this.path, 'system'));
    const known = version !== undefined && this.scope.library.versionsOf(url).length > 0;
    const name = known ? `${url}|${version}` : url;
    this.findings.tell(found.text);
    if (!this.findings.unknownSystems.has(name)) this.findings.add(found);
    this.findings.unknownSystems.add(name);
  }

  #selects(prepared: Prepared, part: PreparedPart, system: CodeSystemProvider, code: string): boolean {
    const { json } = part;
    if (isList(json['concept'])) {
      const listed = objectsAt(json, 'concept').find(
        (each) => system.locate(textAt(each, 'code') ?? '')?.code === (system.locate(code)?.code ?? code),
      );
      const concept = listed === undefined ? undefined : system.locate(code);
      return listed !== undefined && concept !== undefined && this.#accept(prepared, system, concept, code, listed);
    }
    const sets = filterSets(system, prepared.valueSet, json, part.path);
    const concept = system.locate(code);
    if (sets.length > 0)
      return concept !== undefined && intersection(sets).has(concept) && this.#accept(prepared, system, concept, code, undefined);
    return concept === undefined ? this.#noSuchCode(system, code) : this.#accept(prepared, system, concept, code, undefined);
  }

  /** A code that its code system does not have; a fragment of one cannot tell. */
  #noSuchCode(system: CodeSystemProvider, code: string): boolean {
    if (this.scope.settings.membershipOnly) return false;
    this.noSuchCode(system, code);
    return system.content !== 'complete';
  }

  /** Notes that the code system does not have the code. */
  noSuchCode(system: CodeSystemProvider, code: string): void {
    const { url, version, content } = system;
    const place = at(this.path, 'code');
    const type = ['code-invalid', 'invalid-code'] as const;
    if (content !== 'complete') this.findings.add(issue('warning', type, place, 'UNKNOWN_CODE_IN_FRAGMENT', code, url, version ?? ''));
    else if (version === undefined) this.findings.add(issue('error', type, place, 'Unknown_Code_in', code, url));
    else this.findings.add(issue('error', type, place, 'Unknown_Code_in_Version', code, url, version));
  }

  /** Whether a concept that an include selects may be used; learns its names and status. */
  #accept(prepared: Prepared, system: CodeSystemProvider, concept: Concept, code: string, listed: JsonObject | undefined): boolean {
    const { settings } = this.scope;
    const place = at(this.path, 'code');
    if (concept.row < 0 && !this.#obeysRules(system, concept, place)) return false;
    if (concept.code !== code) this.#notNormal(system, concept, code);
    this.learned.terms = [...termsOf(system, concept), ...(listed === undefined ? [] : termsOfInclude(listed, prepared.valueSet))];
    if (!settings.abstractOk && system.isAbstract(concept)) {
      if (!settings.membershipOnly)
        this.findings.add(issue('error', ['business-rule', 'code-rule'], place, 'ABSTRACT_CODE_NOT_ALLOWED', system.url, code));
      return false;
    }
    const isInactive = system.isInactive(concept);
    this.learnStatus(system, concept);
    if (isInactive && (prepared.activeOnly || settings.activeOnly === true)) {
      this.findings.say(issue('error', ['business-rule', 'code-rule'], place, 'STATUS_CODE_WARNING_CODE', code));
      return false;
    }
    if (listed !== undefined) this.#noteListed(prepared, system, code, listed);
    return true;
  }

  /** Whether a composed code keeps its code system's rules of composing; notes what is against them and what was not checked. */
  #obeysRules(system: CodeSystemProvider, concept: Concept, expression: string): boolean {
    const judged = system.judge?.(concept);
    if (judged === undefined) return true;
    const found = { id: undefined, expression: expression === '' ? undefined : expression };
    for (const each of judged.faults)
      this.findings.add({
        ...found,
        severity: 'error',
        code: 'code-invalid',
        type: 'invalid-code',
        text: `The concept model does not allow it: ${each}`,
      });
    if (judged.unchecked.length > 0) {
      const text = `The concept model has no rule for ${judged.unchecked.join(', ')}, so that part of the expression was not checked`;
      this.findings.add({ ...found, severity: 'information', code: 'informational', type: 'processing-note', text });
    }
    return judged.faults.length === 0;
  }

  learnStatus(system: CodeSystemProvider, concept: Concept): void {
    this.learned.inactive = system.isInactive(concept);
    this.learned.status = system.statusOf(concept);
  }

  #notNormal({ url, version }: CodeSystemProvider, concept: Concept, code: string): void {
    const id = concept.code.toLowerCase() === code.toLowerCase() ? 'CODE_CASE_DIFFERENCE' : 'CODE_NOT_IN_NORMAL_FORM';
    const name = version === undefined ? url : `${url}|${version}`;
    this.findings.add(issue('information', ['business-rule', 'code-rule'], at(this.path, 'code'), id, code, concept.code, name));
    this.learned.normal = concept.code;
  }

  /** A value set may list a code only to keep old data valid. */
  #noteListed(prepared: Prepared, system: CodeSystemProvider, code: string, listed: JsonObject): void {
    const stated = extensionText(listed, STANDARDS_STATUS);
    const status =
      stated === 'withdrawn' || stated === 'deprecated' ? stated : extensionsOf(listed, DEPRECATED).length > 0 ? 'deprecated' : undefined;
    if (status === undefined) return;
    const values = [system.url, code, status, nameOf(prepared.valueSet)] as const;
    this.findings.add(
      issue('warning', ['business-rule', 'code-comment'], at(this.path, 'code'), 'CONCEPT_DEPRECATED_IN_VALUESET', ...values),
    );
  }

  #excludes(prepared: Prepared, part: PreparedPart, sent: Sent): boolean {
    if (part.system !== undefined) {
      if (part.system !== sent.system) return false;
      const system = this.scope.codeSystem(part.system, part.version);
      const concept = system?.locate(sent.code);
      if (system === undefined || concept === undefined) return false;
      this.scope.saw(system);
      const { json } = part;
      if (isList(json['concept']) && !objectsAt(json, 'concept').some((each) => textAt(each, 'code') === concept.code)) return false;
      if (!filterSets(system, prepared.valueSet, json, part.path).every((each) => each.has(concept))) return false;
    }
    const silent = (imported: Prepared) => new CodingCheck(this.scope, this.findings.apart(), this.path).check(imported, sent) === true;
    return part.imports.every(silent) && (part.system !== undefined || part.imports.length > 0);
  }

  /** A value set that has an expansion and no definition: what it lists is in it. */
  #inExpansion(prepared: Prepared, sent: Sent, url: string): Verdict {
    const listed = containedEntry(prepared.valueSet, sent);
    if (listed === undefined) return false;
    const version = sent.version ?? textAt(listed, 'version');
    const system = this.scope.codeSystem(url, version);
    if (system === undefined) {
      if (this.scope.settings.membershipOnly) return false;
      this.unknown(url, version);
      return undefined;
    }
    noteStanding(this.findings, standingOfSystem(system), prepared.valueSet);
    const concept = system.locate(sent.code);
    if (concept === undefined) return this.#noSuchCode(system, sent.code);
    this.learned.system = system;
    return this.#accept(prepared, system, concept, sent.code, undefined);
  }
}

function containedEntry(valueSet: JsonObject, sent: Sent): JsonObject | undefined {
  const open = [...objectsAt(objectAt(valueSet, 'expansion'), 'contains')];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const version = textAt(next, 'version');
    const fits = sent.version === undefined || version === undefined || version === sent.version;
    if (next['system'] === sent.system && next['code'] === sent.code && fits) return next;
    open.push(...objectsAt(next, 'contains'));
  }
  return undefined;
}
