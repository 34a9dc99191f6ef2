import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressFault, addressList } from '../../services/config/addresses.ts';
import { standardRules } from '../../services/config/rules.ts';
import { sourcesOf } from '../../services/config/source-file.ts';
import { attribute, isAdmitted, openSources, rulesNamed, type Sources } from '../../services/config/sources.ts';
import { fixture } from '../parts.ts';

const rules = standardRules({ timezone: 'UTC', authority: undefined });
const ground = { rules, mllp: { host: '127.0.0.1', port: 2575 }, tls: undefined };
const read = (text: string, more: Partial<typeof ground> = {}) => sourcesOf(text, 'sources.yaml', { ...ground, ...more });
const valid = (text: string): Sources => {
  const found = read(text);
  if (!found.ok) throw new Error(JSON.stringify(found.problems));
  return found.value;
};
const told = (text: string, more: Partial<typeof ground> = {}): readonly string[] =>
  read(text, more).problems.map(({ at, code, text: said }) => `${at?.replace('sources.yaml:', '')} ${code} ${said}`);

describe('the file of sources', () => {
  it('of the documentation is read, and says the standard where it says nothing', () => {
    const path = fixture('sources.yaml');
    const found = sourcesOf(readFileSync(path, 'utf8'), path, ground);
    expect(found.problems).toEqual([]);
    const sources = found.ok ? found.value : openSources(rules);
    expect(sources.list.map(({ name }) => name)).toEqual(['laboratory', 'admissions']);
    expect(sources.defaults).toEqual({ ...rules, timezone: 'Europe/Lisbon' });
    expect(rulesNamed(sources, 'laboratory')).toEqual({
      ...sources.defaults,
      acknowledge: 'committed',
      charset: '8859/1',
      reusedControlId: 'park',
      authority: 'NORTHSIDE',
    });
    expect(sources.list[1]).toMatchObject({
      listeners: [{ host: '127.0.0.1', port: 2577, tls: undefined }],
      http: false,
      rules: { acknowledge: 'processed', processedWithinMs: 30_000, maxMessageBytes: 1_048_576, maxConnections: 20, idleMs: 300_000 },
    });
  });

  it('with a wrong name or value is refused at its place, with the nearest name', () => {
    expect(told('sources:\n  a:\n    acknowlege: judged\n')).toEqual([
      '3:5 source-setting-unknown "acknowlege" is no setting here; the nearest is "acknowledge".',
    ]);
    expect(told('sources:\n  a:\n    match: { adresses: [1.2.3.4] }\n    idleSeconds: 0x10\n')).toEqual([
      expect.stringMatching(/^3:14 source-setting-unknown "adresses" is no setting here; the nearest is "addresses"\./),
      '4:18 source-setting-invalid sources.a.idleSeconds: must be a whole number, digits only.',
    ]);
    expect(told('sources:\n  a:\n    match:\n      addresses:\n        - 10.0.0.1\n        - 10.0.0.0/33\n')).toEqual([
      '6:11 source-setting-invalid sources.a.match.addresses.1: "10.0.0.0/33" must have /0 to /32.',
    ]);
    expect(told('sources:\n  a: { http: yes, mode: fast }\n').join()).toMatch(
      /2:14 .*true or false.*2:25 .*one of auto, original, enhanced/,
    );
    expect(told('default: {}\nsources: {}\n')).toEqual([
      '1:1 source-setting-unknown "default" is no setting here; the nearest is "defaults".',
    ]);
    expect(told('unknown: accept\n')).toEqual(['1:1 source-setting-invalid sources: is missing or must be a group of settings by name.']);
    expect(told('')).toHaveLength(1);
    expect(told('sources:\n  a: { timezone: Mars/Olympus }\n').join()).toContain('2:18');
    expect(told('sources:\n  "": {}\n').join()).toContain('a name begins with');
  });

  it('that is no plain YAML is refused: broken, doubled keys, aliases that swell', () => {
    expect(told('sources: [\n').join()).toContain('source-file-syntax');
    expect(told('sources:\n  a: {}\n  a: {}\n')).toEqual([expect.stringMatching(/^3:3 source-file-syntax/)]);
    const swell = `a: &a [x,x]\n${Array.from({ length: 9 }, (_, n) => `b${n}: &b${n} [*${n === 0 ? 'a' : `b${n - 1}`},*${n === 0 ? 'a' : `b${n - 1}`}]`).join('\n')}\nsources: *b8\n`;
    expect(read(swell).ok).toBe(false);
    expect(read('x'.repeat((1 << 20) + 1)).ok).toBe(false);
  });

  it('may not share a port in two ways, ask for names where no certificate is shown, or hold a source that is never reached', () => {
    const tls = '{ cert: a.crt, key: a.key }';
    expect(told(`sources:\n  a: { ports: [2600] }\n  b: { ports: [2600], tls: ${tls} }\n`)).toEqual([
      '3:8 source-setting-invalid sources.b.ports: source a listens on port 2600 with another host or certificate.',
    ]);
    expect(told('sources:\n  a: { ports: [2575] }\n').join()).toContain('common MLLP port');
    expect(told(`sources:\n  a: { ports: [2600], tls: ${tls}, match: { certificate: x } }\n`).join()).toContain('set tls.clientCa');
    expect(told('sources:\n  a: {}\n  b: { match: { sendingFacility: N } }\n')).toEqual([
      '3:3 source-setting-invalid sources.b: never reached: every message of it belongs to a already, which stands before it.',
    ]);
    expect(told('sources:\n  b: { match: { sendingFacility: N } }\n  a: {}\n')).toEqual([]);
  });

  it('of any text is read or refused with a place; nothing is thrown', () => {
    const word = fc.constantFrom(
      'sources',
      'a',
      'match',
      'ports',
      ':',
      '- ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '&x',
      '*x',
      '!!js',
      '"',
      '0',
      '#',
      '%',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => {
        const found = read(words.join(''));
        for (const each of found.problems) expect(each.at).toMatch(/^sources\.yaml:\d+:\d+$/);
      }),
    );
  });
});

describe('a message belongs to', () => {
  const sources = valid(`
sources:
  lab: { match: { addresses: [10.1.0.0/16, "fd00::/8"], sendingApplication: LAB } }
  own: { ports: [2600] }
  rest: { match: { sendingFacility: NORTH } }
`);
  const lab = { application: 'LAB', facility: 'NORTH' };
  const at = (address: string, port?: number) => ({ channel: 'mllp', address, port }) as const;

  it('the first source that is there and is called so', () => {
    expect(attribute(sources, at('10.1.2.3'), lab)?.name).toBe('lab');
    expect(attribute(sources, at('::ffff:10.1.2.3'), lab)?.name).toBe('lab');
    expect(attribute(sources, at('fd00::7%eth0'), lab)?.name).toBe('lab');
    expect(attribute(sources, at('10.2.2.3'), lab)?.name).toBe('rest');
    expect(attribute(sources, at('10.2.2.3', 2600), lab)?.name).toBe('own');
    expect(attribute(sources, { channel: 'http', address: '10.1.0.1' }, lab)?.name).toBe('lab');
    expect(attribute(sources, at('10.2.2.3'), { application: 'LAB', facility: 'SOUTH' })).toBeUndefined();
  });

  it('nobody when no source may send from there', () => {
    const closed = valid('sources:\n  lab: { match: { addresses: [10.1.0.0/16] } }\n');
    expect([isAdmitted(closed, at('10.1.0.9')), isAdmitted(closed, at('10.2.0.9')), isAdmitted(closed, at('nonsense'))]).toEqual([
      true,
      false,
      false,
    ]);
    expect(isAdmitted(openSources(rules), at('10.2.0.9'))).toBe(true);
    expect(isAdmitted(sources, at('10.2.0.9', 2601))).toBe(false);
  });

  it('a sender by its own name where unknown ones are accepted; a borrowed name gives no rules', () => {
    const open = valid('unknown: accept\nsources:\n  LAB: { match: { addresses: [10.1.0.0/16] }, processingIds: [T] }\n');
    expect(attribute(open, at('10.9.9.9'), lab)).toEqual({ name: 'NORTH/LAB', rules: open.defaults });
    const borrowed = attribute(open, at('10.9.9.9'), { application: 'LAB', facility: '' });
    expect(borrowed).toEqual({ name: '(unknown) LAB', rules: open.defaults });
    expect(rulesNamed(open, borrowed?.name ?? '')).toEqual(open.defaults);
    expect(attribute(open, { channel: 'import' }, lab)?.name).toBe('NORTH/LAB');
  });
});

describe('addresses', () => {
  it('are those of the network, as counted bit by bit', () => {
    const bits = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (network, address, length) => {
        const size = 2 ** (32 - length);
        const expected = Math.floor(bits(network) / size) === Math.floor(bits(address) / size);
        expect(addressList([`${network}/${length}`]).includes(address)).toBe(expected);
      }),
    );
    for (const wrong of ['', 'lab.example', '10.0.0', '10.0.0.1/', '10.0.0.1/8/8', '10.0.0.1/-1', 'fe80::/129'])
      expect(addressFault(wrong)).toBeDefined();
    expect([addressFault('fe80::/10'), addressFault('10.0.0.1')]).toEqual([undefined, undefined]);
  });
});
