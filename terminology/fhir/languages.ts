/** Language preferences as Accept-Language writes them (RFC 9110 12.5.4) over tags of BCP 47. */
export interface LanguageRange {
  readonly tag: string;
  /** 0 to 1; 0: not wanted. */
  readonly quality: number;
}

export interface Languages {
  /** Best first. */
  readonly ranges: readonly LanguageRange[];
  /** As it is echoed: 'de, *; q=0'. */
  readonly text: string;
}

const RANGE = /^(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q\s*=\s*(\d(?:\.\d{0,3})?))?$/;

/** Returns the preferences that `text` lists; undefined when it is not a list of languages. */
export function readLanguages(text: string): Languages | undefined {
  const ranges: LanguageRange[] = [];
  for (const part of text.split(',')) {
    const [, tag, quality] = RANGE.exec(part.trim()) ?? [];
    if (tag === undefined) return undefined;
    ranges.push({ tag, quality: quality === undefined ? 1 : Math.min(1, Number(quality)) });
  }
  const sorted = [...ranges].sort((a, b) => b.quality - a.quality);
  return { ranges: sorted, text: ranges.map(({ tag, quality }) => (quality === 1 ? tag : `${tag}; q=${quality}`)).join(', ') };
}

/** The same, with every other language allowed after the listed ones unless the list itself speaks of others. */
export function withOthers(languages: Languages): Languages {
  if (languages.ranges.some(({ tag }) => tag === '*')) return languages;
  return { ...languages, ranges: [...languages.ranges, { tag: '*', quality: 0.001 }] };
}

/** How closely tags must agree: altogether, in language, script and region, or in language. */
export type Closeness = 'full' | 'region' | 'language';
export const CLOSENESS: readonly Closeness[] = ['full', 'region', 'language'];

const TAG = /^([a-z]{2,8})(?:-[a-z]{3})*(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?(?=-|$)/i;

/** Returns whether two tags agree as closely as asked. */
export function sameLanguage(a: string, b: string, closeness: Closeness): boolean {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  if (left === right) return true;
  if (closeness === 'full') return false;
  const [x, y] = [TAG.exec(left), TAG.exec(right)];
  if (x === null || y === null || x[1] !== y[1]) return false;
  return closeness === 'language' || (x[2] === y[2] && x[3] === y[3]);
}

/** Returns whether a range allows a language; one that is not stated is allowed by * only. */
export function allows(range: LanguageRange, language: string | undefined, closeness: Closeness): boolean {
  if (range.quality <= 0) return false;
  if (range.tag === '*') return true;
  return language !== undefined && sameLanguage(range.tag, language, closeness);
}

/** Returns whether any of the ranges allows a language; everything is allowed where nothing was asked, or no language is stated. */
export const anyAllows = (languages: Languages | undefined, language: string | undefined, closeness: Closeness): boolean =>
  languages === undefined || language === undefined || languages.ranges.some((range) => allows(range, language, closeness));
