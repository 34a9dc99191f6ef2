import type { CodeSystemProvider, JsonObject } from '../provider.ts';
import { type Issue, issue, TerminologyRefusal } from './issue.ts';
import { canonical, choiceOf, extensionsOf, primitiveText, splitCanonical } from './json.ts';
import { containedIn, type Library } from './library.ts';
import type { Settings, VersionRule } from './settings.ts';
import { supplemented } from './supplements.ts';
import { matchesVersion, presentVersions } from './versions.ts';

const VALUE_SET_SUPPLEMENT = 'http://hl7.org/fhir/StructureDefinition/valueset-supplement';
/** Value sets within value sets. */
const DEEPEST = 50;

/** One request: what it may use, what it asks for, and what was used to answer it. */
export class Scope {
  readonly library: Library;
  readonly settings: Settings;
  /** Version rules that decided something, as parameter and url|version. */
  readonly usedRules = new Map<string, VersionRule>();
  /** Supplements that must be there, by url or url|version. */
  readonly required: Set<string>;
  readonly usedSupplements = new Set<string>();
  /** What the asker should know of the value sets that were read: of codes in filters that select nothing. */
  readonly notes = new Set<string>();
  readonly #systems = new Map<string, CodeSystemProvider | undefined>();
  readonly #open: string[] = [];

  constructor(library: Library, settings: Settings) {
    this.library = library;
    this.settings = settings;
    this.required = new Set(settings.supplements);
  }

  /** Returns the version of `url` to use where `stated` is said: what is forced, else what is stated, else the default, else what is checked. */
  versionOf(url: string, stated: string | undefined): string | undefined {
    const rules = this.settings.rules.filter((each) => each.url === url);
    const [forced, otherForced] = distinct(rules.filter(({ mode }) => mode === 'force'));
    if (otherForced !== undefined) throw conflict('SYSTEM_VERSION_MULTIPLE_OVERRIDE', url, forced?.version, otherForced.version);
    if (forced !== undefined) return this.#use(forced);
    if (stated !== undefined) return stated;
    const [byDefault, otherDefault] = distinct(rules.filter(({ mode }) => mode === 'default'));
    if (otherDefault !== undefined) throw conflict('SYSTEM_VERSION_MULTIPLE_DEFAULT', url, byDefault?.version, otherDefault.version);
    if (byDefault !== undefined) return this.#use(byDefault);
    const checked = rules.find(({ mode }) => mode === 'check');
    return checked === undefined ? undefined : this.#use(checked);
  }

  /** Returns a code system as the version rules have it, with its supplements; undefined when there is none. */
  codeSystem(url: string, stated: string | undefined): CodeSystemProvider | undefined {
    return this.codeSystemOf(url, this.versionOf(url, stated));
  }

  /** Returns a code system of just this version (undefined: the newest), with its supplements. */
  codeSystemOf(url: string, version: string | undefined): CodeSystemProvider | undefined {
    const key = canonical(url, version);
    if (this.#systems.has(key)) return this.#systems.get(key);
    const base = this.library.codeSystem(url, version);
    const found = base === undefined ? undefined : this.withSupplements(base);
    this.#systems.set(key, found);
    return found;
  }

  /** Adds the supplements that this request requires. */
  withSupplements(base: CodeSystemProvider): CodeSystemProvider {
    if (this.required.size === 0) return base;
    const wanted = this.library
      .supplementsOf(base.url, base.version)
      .filter((each) => [...this.required].some((name) => isNamed(each, name)));
    return supplemented(base, wanted);
  }

  /** Returns what the check rules say against using `system`; nothing when they agree. */
  versionFaults(system: CodeSystemProvider, expression?: string): readonly Issue[] {
    return this.settings.rules
      .filter(({ mode, url, version }) => mode === 'check' && url === system.url && !fits(version, system))
      .map(({ version }) =>
        issue('error', ['exception', 'version-error'], expression, 'VALUESET_VERSION_CHECK', system.url, system.version ?? '', version),
      );
  }

  /** Returns a value set by canonical, or by #id within `source`, as the version rules have it. */
  valueSet(reference: string, source: JsonObject | undefined): JsonObject | undefined {
    if (reference.startsWith('#')) return containedIn(source, reference);
    const { url, version } = splitCanonical(reference);
    return this.library.valueSet(url, this.versionOf(url, version)) ?? this.#implicitValueSet(url);
  }

  #implicitValueSet(url: string): JsonObject | undefined {
    const found = this.library.implicit(url);
    if (found === undefined) return undefined;
    const { system, set } = found;
    // What the caller says about versions counts where the URL says nothing.
    const version = (set.isOfVersion === true ? undefined : this.versionOf(system.url, undefined)) ?? system.version;
    const known = version === system.version ? version : (this.library.codeSystem(system.url, version)?.version ?? version);
    return {
      resourceType: 'ValueSet',
      url: set.url,
      ...(known === undefined ? {} : { version: known }),
      name: set.name,
      title: set.title,
      status: 'active',
      compose: {
        include: [
          {
            system: system.url,
            ...(known === undefined ? {} : { version: known }),
            ...(set.filters.length === 0 ? {} : { filter: set.filters.map(({ property, op, value }) => ({ property, op, value })) }),
          },
        ],
      },
    };
  }

  /** Notes the supplements that a value set itself requires. */
  require(valueSet: JsonObject): void {
    for (const each of extensionsOf(valueSet, VALUE_SET_SUPPLEMENT)) {
      const name = primitiveText(choiceOf(each)?.[1]);
      if (name !== undefined) this.required.add(name);
    }
    this.#systems.clear();
  }

  /** Notes the supplements that `system` brought. */
  saw(system: CodeSystemProvider): void {
    for (const name of this.required) {
      if (system.supplements.some((each) => each === name || splitCanonical(each).url === name)) this.usedSupplements.add(name);
    }
  }

  /** Refuses a request whose supplements are not all there. */
  assertSupplements(status = 422): void {
    const missing = [...this.required].filter((each) => !this.usedSupplements.has(each));
    if (missing.length > 0)
      throw new TerminologyRefusal(status, [
        issue('error', ['not-found', 'not-found'], undefined, 'VALUESET_SUPPLEMENT_MISSING', missing.join(',')),
      ]);
  }

  /** Runs `work` on a value set and refuses one that leads back to itself. */
  within<T>(name: string, work: () => T): T {
    if (this.#open.includes(name) || this.#open.length >= DEEPEST) {
      throw new TerminologyRefusal(422, [
        issue('error', ['processing', 'vs-invalid'], undefined, 'VALUESET_CIRCULAR_REFERENCE', name, this.#open.join(', ')),
      ]);
    }
    this.#open.push(name);
    try {
      return work();
    } finally {
      this.#open.pop();
    }
  }

  #use(rule: VersionRule): string {
    this.usedRules.set(`${rule.parameter} ${rule.url}|${rule.version}`, rule);
    return rule.version;
  }
}

const distinct = (rules: readonly VersionRule[]): readonly VersionRule[] => [
  ...new Map(rules.map((each) => [each.version, each])).values(),
];

const fits = (wanted: string, system: CodeSystemProvider): boolean =>
  matchesVersion(wanted, system.version) || system.matchesVersion?.(wanted) === true;

const isNamed = (supplement: CodeSystemProvider, name: string): boolean => {
  const { url, version } = splitCanonical(name);
  return supplement.url === url && (version === undefined || matchesVersion(version, supplement.version));
};

const conflict = (
  id: 'SYSTEM_VERSION_MULTIPLE_OVERRIDE' | 'SYSTEM_VERSION_MULTIPLE_DEFAULT',
  url: string,
  one = '',
  other = '',
): TerminologyRefusal => new TerminologyRefusal(400, [issue('error', ['exception', 'version-error'], undefined, id, url, one, other)]);

/** Returns what to say of a code system that is not there; `purpose`: for expanding, else for validating. */
export function unknownSystem(
  scope: Scope,
  url: string,
  version: string | undefined,
  purpose: 'expand' | 'validate',
  expression?: string,
): Issue {
  const known = scope.library.versionsOf(url);
  const type = ['not-found', 'not-found'] as const;
  if (version === undefined)
    return issue('error', type, expression, purpose === 'expand' ? 'UNKNOWN_CODESYSTEM_EXP' : 'UNKNOWN_CODESYSTEM', url);
  if (known.length === 0) {
    const id = purpose === 'expand' ? 'UNKNOWN_CODESYSTEM_VERSION_EXP_NONE' : 'UNKNOWN_CODESYSTEM_VERSION_NONE';
    return issue('error', type, expression, id, url, version);
  }
  const id = purpose === 'expand' ? 'UNKNOWN_CODESYSTEM_VERSION_EXP' : 'UNKNOWN_CODESYSTEM_VERSION';
  return issue('error', type, expression, id, url, version, presentVersions(known));
}
