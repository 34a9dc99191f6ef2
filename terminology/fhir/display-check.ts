import { at, type Findings } from './findings.ts';
import { issue, type Severity } from './issue.ts';
import type { Settings } from './settings.ts';
import { countTerms, isActive, isDisplay, matchDisplay, preferredTerm, presentTerms, type Term } from './terms.ts';

export interface CheckedDisplay {
  readonly system: string;
  readonly code: string;
  readonly display: string;
  readonly path: string;
  /** Of the code system; displays without a language are in it. */
  readonly defaultLanguage: string | undefined;
}

const TYPE = ['invalid', 'invalid-display'] as const;

/** Checks the display that was sent with a code against the names of the concept, in the languages asked for. */
export function checkDisplay(findings: Findings, settings: Settings, terms: readonly Term[], checked: CheckedDisplay): void {
  const { system, code, display, path, defaultLanguage = 'en' } = checked;
  const { languages } = settings;
  const place = at(path, 'display');
  const match = matchDisplay(terms, display, languages);
  if (match.found) {
    if (!matchDisplay(terms, display, languages, { activeOnly: true }).found) noteInactive(findings, terms, checked);
    return;
  }
  const displays = countTerms(terms, languages, true);
  const count = displays > 0 ? displays : countTerms(terms, languages, false);
  const severity: Severity = settings.lenientDisplay || displays === 0 ? 'warning' : 'error';
  const asked = languages?.text ?? '--';
  if (count > 0) {
    const id = match.onlySpaces ? 'Display_Name_WS_for__should_be_one_of__instead_of' : 'Display_Name_for__should_be_one_of__instead_of';
    const listed = presentTerms(terms, languages, displays > 0);
    const valid = count === 1 ? `Valid display is ${listed}` : `Valid display is one of ${count} choices: ${listed}`;
    findings.say(issue(severity, TYPE, place, id, display, system, code, valid, asked));
    return;
  }
  const preferred = preferredTerm(terms, undefined)?.value;
  if (preferred === undefined) {
    findings.say(issue('warning', TYPE, place, 'NO_VALID_DISPLAY_AT_ALL', display, system, code));
    return;
  }
  const values = [display, system, code, asked, preferred] as const;
  if (matchDisplay(terms, display, languages, { defaultLanguage }).found) {
    findings.say(issue('information', TYPE, place, 'NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK', ...values));
  } else {
    findings.say(issue(settings.lenientDisplay ? 'warning' : 'error', TYPE, place, 'NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR', ...values));
  }
}

/** The display is a name of the concept, but one that is no longer to be used: the code stays right. */
function noteInactive(findings: Findings, terms: readonly Term[], { code, display, path }: CheckedDisplay): void {
  const better = [...new Set(terms.filter((each) => isActive(each) && isDisplay(each)).map(({ value }) => `"${value}"`))].join(', ');
  const type = ['invalid', 'display-comment'] as const;
  findings.add(issue('warning', type, at(path, 'display'), 'INACTIVE_DISPLAY_FOUND', display, code, 'deprecated', better));
}
