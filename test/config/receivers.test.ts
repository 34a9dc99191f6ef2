import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ReceiverGround, receiversOf } from '../../services/config/receivers.ts';

const GROUND: ReceiverGround = {
  criteriaFault: (type, criteria) =>
    type === 'Colour' ? '"Colour" is no resource type' : criteria.includes('odd') ? 'it is odd' : undefined,
  isBuildable: (type) => type !== 'Basic',
  isCharset: (name) => name !== 'ROT13',
};
const read = (text: string) => receiversOf(text, '/etc/p/receivers.yaml', GROUND);
const faults = (text: string): readonly string[] =>
  read(text).problems.map(({ code, at, text: said }) => `${code} ${at?.replace('/etc/p/', '')} ${said}`);
const one = (more: string): string => `receivers:\n  lab:\n    to: mllps://lab.example.org\n    send: [Patient]\n${more}`;

describe('the file of receivers', () => {
  it('of the documentation is read', () => {
    const file = readFileSync(join(import.meta.dirname, '../../fixtures/receivers.yaml'), 'utf8');
    const found = read(file);
    expect(found.ok && found.value).toMatchObject([
      {
        name: 'laboratory',
        way: 'built',
        payload: 'hl7v2',
        interests: [
          ['Patient', ''],
          ['Encounter', ''],
          ['Observation', 'code=http://loinc.org|2093-3'],
        ],
        timeoutSeconds: 20,
        tls: { cert: '/etc/p/hub.pem', key: '/etc/p/hub.key', ca: '/etc/p/lab-ca.pem' },
        header: { receivingApplication: 'LIS', charset: '8859/1' },
      },
      { name: 'registry', way: 'resource', payload: 'json', headers: [['Authorization', 'Bearer TOKEN']], tls: { cert: undefined } },
    ]);
  });

  it('forwards by MLLP and sends JSON by HTTP where nothing else is said', () => {
    const found = read(
      'receivers:\n  a: { to: "mllp://10.1.2.3:2575", send: [Patient] }\n  b: { to: "http://10.1.2.3/x", send: [Patient] }',
    );
    expect(found.ok && found.value.map(({ way, payload }) => [way, payload])).toEqual([
      ['hl7v2', 'hl7v2'],
      ['resource', 'json'],
    ]);
  });

  it.each([
    ['    sned: x', 'receiver-setting-unknown receivers.yaml:5:5 "sned" is no setting here; the nearest is "send".'],
    [
      '    content: json',
      'receiver-setting-invalid receivers.yaml:5:14 receivers.lab.content: is not sent by mllps: MLLP takes forwarded and built, HTTP json, xml and none.',
    ],
    [
      '    content: guessed',
      'receiver-setting-invalid receivers.yaml:5:14 receivers.lab.content: must be one of forwarded, built (MLLP), json, xml, none (HTTP).',
    ],
    ['    tls: { cert: a.pem }', 'receiver-setting-invalid receivers.yaml:5:5 receivers.lab.tls: a certificate and its key go together.'],
    ['    headers: ["A: b"]', 'receiver-setting-invalid receivers.yaml:5:5 receivers.lab.headers: MLLP knows no headers.'],
    [
      '    charset: 8859/1',
      'receiver-setting-invalid receivers.yaml:5:14 receivers.lab.charset: is written into messages that are built only.',
    ],
    [
      '    content: built\n    charset: ROT13',
      'receiver-setting-invalid receivers.yaml:6:14 receivers.lab.charset: is no character set of HL7 table 0211.',
    ],
    [
      '    timeoutSeconds: soon',
      'receiver-setting-invalid receivers.yaml:5:21 receivers.lab.timeoutSeconds: must be a whole number of seconds from 1 to 999.',
    ],
    ['    to: x', 'receiver-file-syntax receivers.yaml:5:5 The file of receivers is not read: Map keys must be unique'],
  ])('with %s is refused at its place', (more, expected) => {
    expect(faults(one(more)).map((each) => each.slice(0, expected.length))).toContain(expected);
  });

  it.each([
    ['mllp://x/path', '[Patient]', 'to: has a path: MLLP knows none'],
    ['ftp://x', '[Patient]', 'to: is no address'],
    ['mllp://x', '[Colour]', '"Colour" is no resource type'],
    ['mllp://x', '["Patient?odd=1"]', 'it is odd'],
    ['mllp://x', '[]', 'must not be an empty list'],
    ['mllp://x', '[patient]', 'must be a resource type'],
  ])('to %s sending %s is refused', (to, send, expected) => {
    expect(faults(`receivers:\n  a:\n    to: ${to}\n    send: ${send}`)).toEqual([expect.stringContaining(expected)]);
  });

  it('builds only what a map makes, and speaks TLS only where the address does', () => {
    expect(faults('receivers: { a: { to: "mllp://x", send: [Basic], content: built } }')).toEqual([
      expect.stringContaining('makes a message of Basic'),
    ]);
    expect(faults('receivers: { a: { to: "http://x", send: [Basic], tls: { ca: x } } }')).toEqual([expect.stringContaining('write https')]);
  });
});
