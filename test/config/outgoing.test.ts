import type { LookupAddress } from 'node:dns';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  guardedEndpoint,
  guardedLookup,
  isPrivate,
  type OutgoingRules,
  REFUSED_ADDRESS,
  readOutgoingRules,
} from '../../services/config/outgoing.ts';

function rules(allow: string, networks?: string): OutgoingRules {
  const read = readOutgoingRules(allow, networks);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}
const isAllowed = (allow: string, asked: string): boolean => guardedEndpoint(rules(allow), asked).ok;

describe('the guard of outgoing addresses', () => {
  it('allows what is listed, and nothing when nothing is', () => {
    expect(isAllowed('https://ehr.example.org/fhir', 'https://ehr.example.org/fhir/hook?x=1')).toBe(true);
    expect(isAllowed('https://ehr.example.org/fhir', 'https://EHR.example.org:443/fhir')).toBe(true);
    expect(isAllowed('mllp://10.1.2.3:2575, mllps://lab.example.org', 'mllps://lab.example.org:2575')).toBe(true);
    expect(isAllowed('https://[2001:4860::1]/', 'https://[2001:4860:0::1]/x')).toBe(true);
    expect(readOutgoingRules(undefined, undefined)).toMatchObject({ ok: true, value: { allowed: [] } });
    expect(guardedEndpoint({ allowed: [], networks: undefined }, 'https://ehr.example.org/').ok).toBe(false);
  });

  it.each([
    ['a host that only begins alike', 'https://ehr.example.org.evil.example/fhir'],
    ['a host that only ends alike', 'https://evil-ehr.example.org/fhir'],
    ['a host below', 'https://x.ehr.example.org/fhir'],
    ['a path that only begins alike', 'https://ehr.example.org/fhir-evil/hook'],
    ['a path that climbs out', 'https://ehr.example.org/fhir/../admin'],
    ['a path that climbs out in disguise', 'https://ehr.example.org/fhir/%2e%2e/admin'],
    ['a path with a hidden slash', 'https://ehr.example.org/fhir/..%2fadmin'],
    ['a path with a hidden backslash', 'https://ehr.example.org/fhir/%5c..%5cadmin'],
    ['another host before an @', 'https://ehr.example.org@evil.example/fhir'],
    ['credentials', 'https://user:secret@ehr.example.org/fhir'],
    ['another host before a backslash', 'https://evil.example\\@ehr.example.org/fhir'],
    ['another port', 'https://ehr.example.org:8443/fhir'],
    ['the clear', 'http://ehr.example.org/fhir'],
    ['another scheme', 'file:///etc/passwd'],
    ['no address', 'ehr.example.org/fhir'],
    ['a fragment', 'https://ehr.example.org/fhir#x'],
    ['a line break', 'https://ehr.example.org/fhir\r\nHost: evil'],
    ['letters that look alike', 'https://еhr.example.org/fhir'],
    ['this machine as a number', 'http://2130706433/'],
    ['this machine as a hex number', 'mllp://0x7f.1:2575'],
  ])('refuses %s', (_name, asked) => {
    expect(isAllowed('https://ehr.example.org/fhir', asked)).toBe(false);
  });

  it('compares numbers that stand for addresses as addresses', () => {
    expect(isAllowed('http://127.0.0.1:80', 'http://2130706433/')).toBe(true);
    expect(isAllowed('mllp://127.0.0.1:2575', 'mllp://0x7f.1:2575')).toBe(true);
  });

  it.each([
    ['https://x/ ftp://y/', 'ftp://y/'],
    ['mllp://host/path', 'mllp://host/path'],
    ['https://u:p@host/', 'https://u:p@host/'],
    ['https:host', 'https:host'],
    ['*', '*'],
  ])('refuses the setting %s and names %s', (allow, entry) => {
    const read = readOutgoingRules(allow, undefined);
    expect(read.ok).toBe(false);
    expect(read.problems[0]).toMatchObject({ code: 'outgoing-setting', text: expect.stringContaining(entry) });
    expect(readOutgoingRules(undefined, '10.0.0.0/40').problems[0]?.code).toBe('outgoing-setting');
  });

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
  ])('knows %s as private', (address) => {
    expect([isPrivate(address), isPrivate(`::ffff:${address}`)]).toEqual([true, true]);
  });

  it.each([
    '::1',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001::1',
    '::7f00:1',
    '::ffff:7f00:1',
    'ff02::1',
  ])('knows %s as private', (address) => {
    expect(isPrivate(address)).toBe(true);
  });

  it('takes public addresses for public', () => {
    expect(['8.8.8.8', '172.15.0.1', '172.32.0.1', '192.167.1.1', '2001:4860:4860::8888'].map(isPrivate)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('never allows another host, whatever is written around it', () => {
    const around = fc.stringMatching(/^[a-z0-9@:/.#?%\\-]{0,12}$/);
    fc.assert(
      fc.property(around, around, (before, after) => {
        const asked = `https://${before}ehr.example.org${after}`;
        const found = guardedEndpoint(rules('https://ehr.example.org/fhir'), asked);
        if (!found.ok) return true;
        const url = new URL(asked);
        return url.hostname === 'ehr.example.org' && url.port === '' && (url.pathname === '/fhir' || url.pathname.startsWith('/fhir/'));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the look-up of connections', () => {
  const looked = (allow: string, networks: string | undefined, answers: readonly string[], host = 'ehr.example.org', all = true) =>
    new Promise<string | readonly LookupAddress[] | undefined>((resolve) => {
      const found = answers.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      const lookup = guardedLookup(rules(allow, networks), (_host, _options, done) => done(null, found));
      lookup(host, { all }, (error, address) => resolve(error ? error.code : address));
    });

  it('gives public addresses, in either form that is asked for', async () => {
    expect(await looked('https://ehr.example.org', undefined, ['8.8.8.8', '2001:4860::1'])).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2001:4860::1', family: 6 },
    ]);
    expect(await looked('https://ehr.example.org', undefined, ['8.8.8.8'], 'ehr.example.org', false)).toBe('8.8.8.8');
  });

  it.each([['127.0.0.1'], ['169.254.169.254'], ['::1'], ['::ffff:10.0.0.1'], ['8.8.8.8', '10.0.0.1'], []])(
    'refuses a name that was turned to %s after it was allowed',
    async (...answers) => {
      expect(await looked('https://ehr.example.org', undefined, answers)).toBe(REFUSED_ADDRESS);
    },
  );

  it('gives private addresses of networks that are listed, and of no other', async () => {
    expect(await looked('https://ehr.example.org', '10.20.0.0/16', ['10.20.1.1'])).toEqual([{ address: '10.20.1.1', family: 4 }]);
    expect(await looked('https://ehr.example.org', '10.20.0.0/16', ['10.21.1.1'])).toBe(REFUSED_ADDRESS);
  });
});
