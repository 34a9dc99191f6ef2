import { CodingCheck } from './coding-check.ts';
import type { Findings } from './findings.ts';
import { issue } from './issue.ts';
import { isList, objectsAt, textAt } from './json.ts';
import { nameOf } from './library.ts';
import type { Prepared, Sent } from './prepared.ts';
import type { Scope } from './scope.ts';

const CANNOT_INFER = ['not-found', 'cannot-infer'] as const;

/** Returns the one code system of a value set that has the code; undefined, with an issue that says why, when there are none or several. */
export function inferSystem(scope: Scope, findings: Findings, prepared: Prepared, sent: Sent): string | undefined {
  const having = [...new Set(systemsHaving(scope, prepared, sent.code))];
  const members =
    having.length < 2
      ? having
      : having.filter(
          (system) => new CodingCheck(scope, findings.apart(), '').check(prepared, { ...sent, system, display: undefined }) === true,
        );
  const [system, other] = members;
  if (other !== undefined) {
    const values = [sent.code, nameOf(prepared.valueSet), members.join(', ')] as const;
    findings.say(issue('error', CANNOT_INFER, 'code', 'Unable_to_resolve_system__value_set_has_multiple_matches', ...values));
    return undefined;
  }
  if (system === undefined)
    findings.say(issue('error', CANNOT_INFER, 'code', 'UNABLE_TO_INFER_CODESYSTEM', sent.code, nameOf(prepared.valueSet)));
  return system;
}

/** Code systems that a value set draws from and that have the code. */
function systemsHaving(scope: Scope, prepared: Prepared, code: string): readonly string[] {
  return prepared.includes.flatMap(({ system: url, version, json, imports }) => {
    if (url === undefined) return imports.flatMap((each) => systemsHaving(scope, each, code));
    const system = scope.codeSystem(url, version);
    const concept = system?.locate(code);
    if (concept === undefined) return [];
    const isListed = !isList(json['concept']) || objectsAt(json, 'concept').some((each) => textAt(each, 'code') === concept.code);
    return isListed ? [url] : [];
  });
}
