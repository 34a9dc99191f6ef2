import type { CodeSystemProvider, Concept, JsonObject } from '../provider.ts';
import { extensionText, objectAt, objectsAt, STANDARDS_STATUS, textAt } from './json.ts';
import { allows, anyAllows, CLOSENESS, type Closeness, type Languages, sameLanguage } from './languages.ts';

/** One name of a concept, a display or a designation. */
export interface Term {
  readonly value: string;
  readonly language: string | undefined;
  readonly use: JsonObject | undefined;
  readonly status: string | undefined;
  readonly extension: readonly JsonObject[] | undefined;
  /** url|version of the supplement that it is from. */
  readonly source: string | undefined;
}

/** What marks a display among the designations. */
export const PREFERRED: JsonObject = {
  system: 'http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra',
  code: 'preferredForLanguage',
  display: 'Preferred For Language',
};
const SNOMED = 'http://snomed.info/sct';
const SNOMED_PREFERRED = '900000000000548007';
const SNOMED_SYNONYM = '900000000000013009';

/** Returns all names of a concept, its display first. */
export function termsOf(system: CodeSystemProvider, concept: Concept): readonly Term[] {
  const display = system.display(concept);
  const own: Term[] =
    display === undefined
      ? []
      : [{ value: display, language: system.language, use: PREFERRED, status: undefined, extension: undefined, source: undefined }];
  for (const { value, language, use, status, extension, source } of system.designations(concept)) {
    own.push({ value: value.trim(), language, use, status, extension, source });
  }
  return own;
}

/** Returns the names that ValueSet.compose.include.concept adds. */
export function termsOfInclude(included: JsonObject, valueSet: JsonObject): readonly Term[] {
  const display = textAt(included, 'display')?.trim();
  const designations = objectsAt(included, 'designation').map(
    (each): Term => ({
      value: textAt(each, 'value')?.trim() ?? '',
      language: textAt(each, 'language'),
      use: objectAt(each, 'use'),
      status: extensionText(each, STANDARDS_STATUS),
      extension: objectsAt(each, 'extension'),
      source: undefined,
    }),
  );
  if (display === undefined) return designations;
  return [
    { value: display, language: textAt(valueSet, 'language'), use: PREFERRED, status: undefined, extension: undefined, source: undefined },
    ...designations,
  ];
}

const isUse = (use: JsonObject, system: unknown, code: unknown): boolean => use['system'] === system && use['code'] === code;

/** True for a name that may stand as the display: one without a use, or one that says so. */
export const isDisplay = ({ use }: Term): boolean =>
  use === undefined || isUse(use, PREFERRED['system'], PREFERRED['code']) || isUse(use, SNOMED, SNOMED_PREFERRED);

const isPreferred = (term: Term): boolean => isDisplay(term) || (term.use !== undefined && isUse(term.use, SNOMED, SNOMED_SYNONYM));

export const isActive = ({ status }: Term): boolean => status !== 'withdrawn' && status !== 'inactive';

/**
 * Returns the name to show: in the first language of the list that there is one in, the closest in script and region, active before
 * retired, displays before other names. Without a list the first display. `inDialect`: the name that a dialect prefers.
 */
export function preferredTerm(
  terms: readonly Term[],
  languages: Languages | undefined,
  inDialect?: (tag: string) => string | undefined,
): Term | undefined {
  if (terms.length === 0) return undefined;
  if (languages === undefined) {
    return (
      terms.find((each) => isPreferred(each) && isActive(each)) ??
      terms.find(isDisplay) ??
      terms.find((each) => isPreferred(each)) ??
      terms[0]
    );
  }
  for (const range of languages.ranges) {
    if (range.quality <= 0) continue;
    const name = range.tag === '*' ? undefined : inDialect?.(range.tag);
    const own = name === undefined ? undefined : terms.find(({ value }) => value === name);
    if (own !== undefined) return own;
    for (const mustBeActive of [true, false]) {
      for (const closeness of CLOSENESS) {
        const fitting = terms.filter((each) => allows(range, each.language, closeness) && (!mustBeActive || isActive(each)));
        const found = fitting.find(isPreferred) ?? fitting.find(isDisplay) ?? fitting[0];
        if (found !== undefined) return found;
      }
    }
  }
  return terms.find((each) => each.language === undefined && isDisplay(each));
}

/** How the display that was sent compares with the names of the concept. */
export interface DisplayMatch {
  readonly found: boolean;
  /** True when only white space differs. */
  readonly onlySpaces: boolean;
}

const spaced = (text: string): string => text.replace(/\s+/g, ' ').trim().toLowerCase();

/** Looks for a display among the names in these languages, and in `defaultLanguage` if given; case does not count. */
export function matchDisplay(
  terms: readonly Term[],
  display: string,
  languages: Languages | undefined,
  { defaultLanguage, activeOnly = false }: { readonly defaultLanguage?: string | undefined; readonly activeOnly?: boolean } = {},
): DisplayMatch {
  const eligible = terms.filter((each) => {
    if (activeOnly && !isActive(each)) return false;
    if (defaultLanguage !== undefined && each.language !== undefined && sameLanguage(each.language, defaultLanguage, 'full')) return true;
    return anyAllows(languages, each.language, 'language');
  });
  const found = eligible.some(({ value }) => value.toLowerCase() === display.toLowerCase());
  return { found, onlySpaces: !found && eligible.some(({ value }) => spaced(value) === spaced(display)) };
}

/** Counts the names in these languages, as closely as any agrees; `displaysOnly`: of those that may be displays. */
export function countTerms(terms: readonly Term[], languages: Languages | undefined, displaysOnly: boolean): number {
  for (const closeness of CLOSENESS) {
    const count = inLanguages(terms, languages, closeness, displaysOnly).length;
    if (count > 0) return count;
  }
  return 0;
}

const inLanguages = (
  terms: readonly Term[],
  languages: Languages | undefined,
  closeness: Closeness,
  displaysOnly: boolean,
): readonly Term[] =>
  terms.filter((each) => (!displaysOnly || isDisplay(each)) && each.value !== '' && anyAllows(languages, each.language, closeness));

/** Lists the valid displays for a message: 'Anzeige1' (de) or 'Anzeige 1' (de). */
export function presentTerms(terms: readonly Term[], languages: Languages | undefined, displaysOnly: boolean): string {
  const fitting = inLanguages(terms, languages, 'language', displaysOnly);
  const shown = fitting.length > 0 ? fitting : terms.filter((each) => !displaysOnly || isDisplay(each));
  const texts = shown.map(({ value, language }) => (language === undefined ? `'${value}'` : `'${value}' (${language})`));
  return texts.length < 3 ? texts.join(' or ') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;
}
