import { describe, expect, it } from 'vitest';
import { builtInSystems } from '../../terminology/built-in/built-in.ts';
import { Library } from '../../terminology/fhir/library.ts';
import { call, issuesOf, parameterOf } from './fhir/call.ts';

const library = new Library({ systems: builtInSystems() });
const LANGUAGES = 'urn:ietf:bcp:47';
const MEDIA = 'urn:ietf:bcp:13';

/** The outcome, or what the refusal says. */
function outcome(system: string, codeA: string, codeB: string): unknown {
  const { resource } = call(library, 'CodeSystem/$subsumes', { system, codeA, codeB });
  return parameterOf(resource, 'outcome') ?? issuesOf(resource).join();
}
const MIRRORED: Readonly<Record<string, string>> = { subsumes: 'subsumed-by' };

describe('$subsumes of what is built in', () => {
  it.each([
    ['en', 'en-US', 'subsumes'],
    ['en-US', 'en-Latn-US', 'subsumes'],
    ['zh', 'zh-Hans-CN', 'subsumes'],
    ['de', 'de-1901', 'subsumes'],
    ['zh', 'zh-cmn', 'subsumes'],
    ['en', 'en-x-mine', 'subsumes'],
    ['en-us', 'en-US', 'equivalent'],
    ['en-US', 'en-GB', 'not-subsumed'],
    ['en', 'de', 'not-subsumed'],
    ['zh', 'zh-min-nan', 'not-subsumed'],
    ['i-klingon', 'i-klingon', 'equivalent'],
    ['x-mine', 'x-yours', 'not-subsumed'],
    ['en', 'never-ever-a-tag', 'error invalid-code'],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(outcome(LANGUAGES, a, b)).toBe(expected);
    expect(outcome(LANGUAGES, b, a)).toBe(MIRRORED[expected] ?? expected);
  });

  it.each([
    ['text/plain', 'text/plain; charset=utf-8', 'subsumes'],
    ['text/plain; charset="utf-8"', 'TEXT/plain;charset=UTF-8', 'equivalent'],
    ['text/plain;charset=utf-8', 'text/plain;charset=latin1', 'not-subsumed'],
    ['text/plain', 'text/html; level=1', 'not-subsumed'],
    ['application/json; foo=1', 'application/json; foo=1; version=2', 'subsumes'],
    ['application/json', 'application/json; foo=1', 'error cannot-determine'],
    ['application/json; foo=1', 'application/json; foo=2', 'error cannot-determine'],
    ['text/plain', 'nothing', 'error invalid-code'],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(outcome(MEDIA, a, b)).toBe(expected);
    expect(outcome(MEDIA, b, a)).toBe(MIRRORED[expected] ?? expected);
  });

  it('knows that an extended language belongs to one language', () => {
    const isValid = (code: string) => parameterOf(call(library, 'CodeSystem/$validate-code', { url: LANGUAGES, code }).resource, 'result');
    expect(['zh-cmn', 'en-cmn', 'ar-aao', 'zh-aao'].map(isValid)).toEqual([true, false, true, false]);
  });

  it('needs both codes and their system', () => {
    const status = (parameters: Readonly<Record<string, string>>) => {
      const { resource, status: found } = call(library, 'CodeSystem/$subsumes', parameters);
      return [found, ...issuesOf(resource)].join(' ');
    };
    expect(status({ codeA: 'en', codeB: 'de' })).toBe('400 error invalid-data');
    expect(status({ system: LANGUAGES, codeA: 'en' })).toBe('400 error invalid-data');
    expect(status({ system: 'http://example.org/never', codeA: 'en', codeB: 'de' })).toContain('404 error not-found');
  });
});
