/** What cases try of maps, in words. */
import { countText } from '../parts/numbers.ts';
import type { FileCoverage } from './answers.ts';

const KINDS = ['rules', 'columns', 'codes'] as const;

/** '12 of 14 rules tried', '3 of 9 codes tried'; of several files their sums, kind by kind. */
export function coveredText(of: readonly FileCoverage[]): string {
  const sums = KINDS.flatMap((kind) => {
    const own = of.filter((each) => each.of === kind);
    const [all, tried] = [own.reduce((sum, each) => sum + each.all, 0), own.reduce((sum, each) => sum + each.tried, 0)];
    return all === 0 ? [] : [`${countText(tried)} of ${countText(all)} ${kind}`];
  });
  return sums.length === 0 ? '' : `${sums.join(', ')} tried`;
}

const MOST_LINES = 40;

/** 'No case tries: lines 3, 7 and 9.', with how many more; '' when every one is tried. */
export function untriedText({ untried }: FileCoverage): string {
  if (untried.length === 0) return '';
  const shown = untried.slice(0, MOST_LINES).join(', ');
  const more = untried.length > MOST_LINES ? ` and ${countText(untried.length - MOST_LINES)} more` : '';
  return `No case tries line${untried.length === 1 ? '' : 's'} ${shown}${more}.`;
}
