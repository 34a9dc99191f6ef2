import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ANSWERS } from '../services/errors/answers.ts';
import { DATABASE } from '../services/errors/database.ts';
import { DOORS } from '../services/errors/doors.ts';
import { FHIR } from '../services/errors/fhir.ts';
import { FHIR_BULK } from '../services/errors/fhir-bulk.ts';
import { FHIR_OPERATIONS } from '../services/errors/fhir-operations.ts';
import { HL7V2 } from '../services/errors/hl7v2.ts';
import { MAPPING } from '../services/errors/mapping.ts';
import { OUTGOING } from '../services/errors/outgoing.ts';
import { QUALITY } from '../services/errors/quality.ts';
import { QUERIES } from '../services/errors/queries.ts';
import { SPECS } from '../services/errors/specs.ts';
import { TERMINOLOGY } from '../services/errors/terminology.ts';
import { ERRORS, gravest, harmless, problem } from '../services/errors.ts';

const root = resolve(import.meta.dirname, '..');

function productText(): string {
  return ['services', 'terminology']
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter(
      (entry) =>
        entry.isFile() &&
        entry.name.endsWith('.ts') &&
        !join(entry.parentPath, entry.name).includes('/services/errors') &&
        !entry.name.endsWith('.generated.ts'),
    )
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');
}

describe('the error table', () => {
  it('has each code in one of its parts only: a second one would silently win', () => {
    const parts = [
      HL7V2,
      FHIR,
      FHIR_OPERATIONS,
      FHIR_BULK,
      MAPPING,
      TERMINOLOGY,
      ANSWERS,
      QUALITY,
      QUERIES,
      DATABASE,
      DOORS,
      OUTGOING,
      SPECS,
    ];
    const codes = parts.flatMap((part) => Object.keys(part));
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
    expect(codes.length).toBe(Object.keys(ERRORS).length);
  });

  it('has no code that nothing reports', () => {
    const text = productText();
    expect(Object.keys(ERRORS).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });

  it('says in every row what to do, in a sentence, and refuses with a status that refuses', () => {
    const wrong = Object.entries(ERRORS).filter(
      ([code, { message, cure, severity, status, ack }]) =>
        !/^[a-z][a-z0-9-]+$/.test(code) ||
        !/[.?]$/.test(message) ||
        !/[.?]$/.test(cure) ||
        ((severity === 'error' || severity === 'fatal') && (status < 400 || ack === 'AA')),
    );
    expect(wrong.map(([code]) => code)).toEqual([]);
  });

  it('fills messages from values and keeps what it was not given visible', () => {
    expect(problem('too-large', { limit: 10 }).text).toBe('The input is larger than 10 bytes.');
    expect(problem('too-large').text).toContain('{limit}');
  });

  it('answers with the gravest problem', () => {
    expect(gravest([problem('login-required'), problem('internal', { reason: 'x' })])?.status).toBe(500);
    expect(gravest([])).toBeUndefined();
    expect(harmless([problem('internal')])).toBe(false);
  });
});
