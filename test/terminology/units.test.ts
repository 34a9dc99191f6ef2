import { UcumLhcUtils } from '@lhncbc/ucum-lhc';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { unitForm } from '../../terminology/unit-form.ts';
import { ucumOf } from '../../terminology/unit-spelling.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import { loaded, starter, tiny } from './write-release.ts';

let vocabulary: Vocabulary;
beforeAll(async () => {
  vocabulary = await loaded(starter);
});
const conceptFor = (unit: string): number | undefined => vocabulary.unit(unit).targets[0]?.concept.concept_id;

describe('unit', () => {
  it.each([
    [8876, 'mm[Hg] mmHg'],
    [8541, '/min {beats}/min beats/minute beats/min {breaths}/min breaths/min bpm 1/min'],
    [8848, '10*3/uL 10^3/uL K/uL x10E3/uL 10E3/uL 10(3)/uL Thousand/uL 10*3/mcL 10*3/µL'],
    [8815, '10*6/uL M/uL 10^6/uL Million/uL'],
    [9444, '10*9/L 10^9/L x10^9/L'],
    [8645, 'U/L [U]/L units/L U/l'],
    [8923, '[iU]/L IU/L [IU]/L'],
    [9040, 'm[iU]/L m[IU]/L mIU/L 10*-3.[iU]/L u[IU]/mL'],
    [9557, 'meq/L mEq/L 10*-3.eq/L'],
    [8840, 'mg/dL mg/dl'],
    [8753, 'mmol/L mmol/l'],
    [8748, 'ug/L mcg/L µg/L μg/L'],
    [8842, 'ng/mL ng/ml'],
    [8752, 'mm/h mm/hr'],
    [720870, 'mL/min/{1.73_m2} mL/min/1.73m2'],
    [8482, 'pH [pH]'],
    [44777566, '[score] {score}'],
    [9448, 'a years yr'],
    [8784, '{cells}/uL cells/uL cells/mcL'],
    [8786, '/[HPF] /HPF /hpf'],
    [586323, 'Cel degC'],
  ])('%i stands for %s', (concept, units) => {
    for (const unit of units.split(' ')) expect([unit, conceptFor(unit)]).toEqual([unit, concept]);
  });

  it('keeps apart what only looks alike, and never changes case', () => {
    expect(conceptFor('mmol/L')).not.toBe(conceptFor('meq/L'));
    for (const unit of [
      'MG/DL',
      'Mg/dL',
      'mg/DL',
      'KG',
      'MMOL/L',
      'u/l',
      'cel',
      'MIN',
      'K',
      'M',
      'units',
      'furlongs',
      '',
      ' ',
      'mg/dL ',
      'g/g/g/g',
      '((',
      '{',
      '10*',
    ]) {
      expect([unit, conceptFor(unit)]).toEqual([unit, undefined]);
    }
  });

  it('says that the system is known and the unit is not', () => {
    expect(vocabulary.unit('furlongs')).toEqual({ source: undefined, targets: [], systemKnown: true });
  });

  it('prefers what the release itself says a code means: a retired K/uL maps on', async () => {
    const { source, targets } = (await loaded(tiny)).unit('K/uL');
    expect([source?.concept_code, source?.invalid_reason, targets[0]?.concept.concept_code]).toEqual(['K/uL', 'U', '10*3/uL']);
  });
});

describe('the form of a unit', () => {
  const units = UcumLhcUtils.getInstance();
  /** The same unit by other ways of reckoning differs in the last digits. */
  const canonical = (code: string): { readonly dimension: string; readonly magnitude: number } | undefined => {
    const unit = units.getSpecifiedUnit(code, 'validate').unit;
    return unit === null ? undefined : { dimension: unit.dim_?.toString() ?? '', magnitude: Number(unit.magnitude_) };
  };
  const agrees = (a: ReturnType<typeof canonical>, b: ReturnType<typeof canonical>): boolean =>
    a !== undefined && b !== undefined && a.dimension === b.dimension && Math.abs(a.magnitude / b.magnitude - 1) < 1e-7;
  const atom = fc.constantFrom(
    'g',
    'mg',
    'ug',
    'L',
    'l',
    'dL',
    'mL',
    'mol',
    'mmol',
    'umol',
    'eq',
    'meq',
    'U',
    'kU',
    'm',
    'cm',
    'mm3',
    's',
    'min',
    'h',
    'd',
    'kg',
    'm2',
    'Pa',
    'kPa',
    'm[Hg]',
    'mm[Hg]',
    'cd',
    'Gy',
    'cP',
    '10*3',
    '10*-6',
    '[HPF]',
    'osm',
    'mosm',
    'fL',
    'pg',
    '%',
    '1',
  );
  const unit = fc
    .tuple(atom, fc.array(fc.tuple(fc.constantFrom('.', '/'), atom), { maxLength: 2 }))
    .map(([first, rest]) => first + rest.map(([operator, each]) => operator + each).join(''));

  it('is equal only for units that the UCUM library finds equal', () => {
    const byForm = new Map<string, string>();
    fc.assert(
      fc.property(unit, (code) => {
        const form = unitForm(code);
        const value = canonical(code);
        expect(form).toBeDefined();
        expect(value).toBeDefined();
        if (form === undefined || value === undefined) return;
        const other = byForm.get(form);
        if (other !== undefined) expect([code, other, agrees(canonical(other), value)]).toEqual([code, other, true]);
        byForm.set(form, code);
      }),
      { numRuns: 4000 },
    );
  });

  it('never fails on any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9*^./(){}[\]%-]{0,12}$/)), (text) => {
        unitForm(text);
        unitForm(text, true);
        ucumOf(text);
        vocabulary.unit(text);
      }),
      { numRuns: 3000 },
    );
  });
});
