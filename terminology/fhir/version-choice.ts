import { at, type Findings } from './findings.ts';
import { issue } from './issue.ts';
import type { Prepared, PreparedPart, Sent } from './prepared.ts';
import { type Scope, unknownSystem } from './scope.ts';
import { termsOf } from './terms.ts';
import { compareVersions, matchesVersion } from './versions.ts';

const MISMATCH = ['invalid', 'vs-invalid'] as const;

/**
 * Returns the version of the code system that an include and the coding agree on: what the rules and the include say, or what the coding
 * says where that is a nearer statement of the same. Notes where they do not agree.
 */
export function agreedVersion(scope: Scope, findings: Findings, path: string, part: PreparedPart, sent: Sent): string | undefined {
  const url = part.system ?? '';
  let version = scope.versionOf(url, part.version);
  if (sent.version === undefined) return version;
  if (version !== undefined && version !== sent.version && matchesVersion(version, sent.version)) version = sent.version;
  if (version === undefined && scope.library.versionsOf(url).some((each) => matchesVersion(sent.version ?? '', each)))
    version = sent.version;
  const system = scope.codeSystem(url, version);
  const place = at(path, 'version');
  if (system === undefined) {
    if (version !== sent.version)
      findings.say(issue('error', MISMATCH, place, 'VALUESET_VALUE_MISMATCH', url, version ?? '', sent.version));
    return version;
  }
  if (system.version === sent.version || matchesVersion(sent.version, system.version) || system.matchesVersion?.(sent.version) === true)
    return version;
  if (version === undefined) {
    findings.add(issue('warning', MISMATCH, place, 'VALUESET_VALUE_MISMATCH_DEFAULT', url, system.version ?? '', sent.version));
  } else if (version !== part.version) {
    findings.say(issue('error', MISMATCH, place, 'VALUESET_VALUE_MISMATCH_CHANGED', url, version, part.version ?? '', sent.version));
  } else {
    findings.say(issue('error', MISMATCH, place, 'VALUESET_VALUE_MISMATCH', url, version, sent.version));
  }
  if (scope.codeSystemOf(url, sent.version) === undefined) {
    findings.unknownSystems.add(`${url}|${sent.version}`);
    findings.say(unknownSystem(scope, url, sent.version, 'validate', at(path, 'system')));
  }
  return version;
}

/**
 * Returns the version to judge a coding without version by, where the value set includes several of its code system: the newest that
 * has the code, with the display that was sent; undefined when that does not tell them apart.
 */
export function pickVersion(scope: Scope, prepared: Prepared, sent: Sent): string | undefined {
  const versions = [...new Set(prepared.includes.flatMap(({ system, version }) => (system === sent.system ? (version ?? []) : [])))];
  if (versions.length < 2 || sent.system === undefined) return undefined;
  const having = versions.filter((version) => {
    const system = scope.codeSystem(sent.system ?? '', version);
    const concept = system?.locate(sent.code);
    if (system === undefined || concept === undefined) return false;
    return sent.display === undefined || termsOf(system, concept).some(({ value }) => value === sent.display);
  });
  if (having.length === versions.length) return undefined;
  return [...(having.length > 0 ? having : versions)].sort(compareVersions).at(-1);
}
