/** Differences of a plan without what may tell who they are about (security.md, point 5), until somebody reveals the plan for a reason. */
import type { PlanChange } from '../../database/specs/plans.ts';
import type { SpecTexts } from '../../mapping/texts.ts';
import { isColumnPlain, isElementPlain, masked } from '../message/mask.ts';
import type { PlanSummary } from './plan-desk.ts';

/** Returns the words that maps say themselves: codes of their tables, constants. What a map that runs says is nobody's name. */
export function wordsOf(texts: SpecTexts): ReadonlySet<string> {
  const words = new Set<string>();
  for (const text of texts.values()) for (const word of text.split(/[\s"'`,[\]{}()=]+/)) words.add(word.replace(/:$/, ''));
  return words;
}

/**
 * Returns a difference whose values are masked where nobody knows them to be harmless; its whole texts are left out. What the draft makes is not
 * believed to be what its path says: a draft can put a name, a number or a day of birth anywhere. Of it only what stood there before, or what the
 * maps that run say themselves (`words`), is shown.
 */
export function maskedChange<T extends PlanChange>({ before: _before, after: _after, ...change }: T, words: ReadonlySet<string>) {
  const { what, kind } = change;
  if (what === 'message') return change;
  const isPlainAt = (path: string, text: string): boolean =>
    what === 'row' ? isColumnPlain(kind, path.slice(kind.length + 1).split('.')[0] ?? '') : isElementPlain(path, text);
  // What stands in a place that hides it is not known to be harmless anywhere.
  const known = new Set<string>();
  const isBefore = (path: string, text: string): boolean => {
    const isPlain = isPlainAt(path, text);
    if (isPlain) known.add(text);
    return isPlain;
  };
  const isAfter = (path: string, text: string): boolean =>
    isPlainAt(path, text) && (known.has(text) || words.has(text) || text === 'true' || text === 'false');
  const shown = change.fields.map(({ path, before, after }) => ({
    path,
    ...(before === undefined ? {} : { before: hidden(`${kind}.${path}`, before, isBefore) }),
    after,
  }));
  return {
    ...change,
    fields: shown.map(({ after, ...field }) => ({
      ...field,
      ...(after === undefined ? {} : { after: hidden(`${kind}.${field.path}`, after, isAfter) }),
    })),
  };
}

/**
 * Returns what a plan found out, without the codes that only the draft makes: it can say that a name is one. Those that the maps that run have too
 * stand in the list of unmapped codes.
 */
export function maskedSummary(summary: PlanSummary, words: ReadonlySet<string>): PlanSummary {
  const shown = (text: string): string => (words.has(text) ? text : masked(text));
  const codes = summary.unmapped.codes.map((each) =>
    each.before > 0 ? each : { ...each, system: shown(each.system), code: shown(each.code) },
  );
  return { ...summary, unmapped: { ...summary.unmapped, codes } };
}

function hidden(path: string, value: unknown, isPlain: (path: string, text: string) => boolean): unknown {
  if (Array.isArray(value)) return value.map((each, i) => hidden(`${path}[${i}]`, each, isPlain));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hidden(`${path}.${name}`, each, isPlain)]));
  if (value === undefined || value === null) return value;
  const text = String(value);
  return isPlain(path, text) ? value : masked(text);
}
