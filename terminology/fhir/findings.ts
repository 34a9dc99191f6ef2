import type { CodeSystemProvider, JsonObject } from '../provider.ts';
import { type Issue, issue } from './issue.ts';
import { canonical, extensionText, flagAt, STANDARDS_STATUS, textAt } from './json.ts';
import { nameOf } from './library.ts';
import type { MessageId } from './messages.ts';

export const at = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** What $validate-code finds: issues in order, and the sentences of its `message`. */
export class Findings {
  readonly issues: Issue[] = [];
  readonly messages: string[] = [];
  /** url or url|version. */
  readonly unknownSystems = new Set<string>();

  /** Adds an issue unless the same was said of the same place. */
  add(found: Issue): void {
    if (!this.issues.some((each) => each.text === found.text && each.expression === found.expression)) this.issues.push(found);
  }

  /** Adds an issue that belongs into the message too, even when it is no error. */
  say(found: Issue): void {
    this.add(found);
    this.tell(found.text);
  }

  tell(text: string): void {
    if (!this.messages.includes(text)) this.messages.push(text);
  }

  /** Findings that nobody hears of, for a question asked on the way. */
  apart(): Findings {
    return new Findings();
  }

  get hasErrors(): boolean {
    return this.issues.some(({ severity }) => severity === 'error');
  }

  /** The sentences, with every error among them, in an order that does not depend on how they were found. */
  get message(): string {
    const all = new Set([...this.messages, ...this.issues.flatMap(({ severity, text }) => (severity === 'error' ? [text] : []))]);
    return [...all].sort().join('; ');
  }
}

interface Standing {
  readonly type: 'CodeSystem' | 'ValueSet';
  readonly name: string;
  readonly status: string | undefined;
  readonly standardsStatus: string | undefined;
  readonly experimental: boolean | undefined;
}

export const standingOfSystem = (system: CodeSystemProvider): Standing => ({
  type: 'CodeSystem',
  name: canonical(system.url, system.version),
  status: system.status,
  standardsStatus: system.standardsStatus,
  experimental: system.experimental,
});

export const standingOfValueSet = (valueSet: JsonObject): Standing => ({
  type: 'ValueSet',
  name: nameOf(valueSet),
  status: textAt(valueSet, 'status'),
  standardsStatus: extensionText(valueSet, STANDARDS_STATUS),
  experimental: flagAt(valueSet, 'experimental'),
});

/** Notes what is to be known of a code system or value set that was used for `source`: withdrawn, retired, a draft within a final one. */
export function noteStanding(findings: Findings, { type, name, ...used }: Standing, source: JsonObject): void {
  const own = standingOfValueSet(source);
  const id = ((): MessageId | undefined => {
    if (used.standardsStatus === 'deprecated') return 'MSG_DEPRECATED';
    if (used.standardsStatus === 'withdrawn') return 'MSG_WITHDRAWN';
    if (used.status === 'retired') return 'MSG_RETIRED';
    if (used.experimental === true) return own.experimental === true ? undefined : 'MSG_EXPERIMENTAL';
    const isDraft = used.status === 'draft' || used.standardsStatus === 'draft';
    return isDraft && own.status !== 'draft' && own.standardsStatus !== 'draft' ? 'MSG_DRAFT' : undefined;
  })();
  if (id !== undefined) findings.add(issue('information', ['business-rule', 'status-check'], undefined, id, name, type));
}
