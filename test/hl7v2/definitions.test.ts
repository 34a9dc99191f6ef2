import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { componentsOf, DEFINED_VERSIONS, fieldCountOf, fieldOf, isSegment, nearestVersion } from '../../services/hl7v2/definitions.ts';
import { messageStructure, structureOf } from '../../services/hl7v2/structures.ts';

describe('definitions', () => {
  it('say type, name, repetition, requirement and table of a field', () => {
    expect(fieldOf('2.5.1', 'PID', 5)).toEqual({ type: 'XPN', name: 'Patient Name', repeats: true, required: true });
    expect(fieldOf('2.5.1', 'PID', 8)).toEqual({ type: 'IS', name: 'Administrative Sex', repeats: false, required: false, table: '0001' });
    expect(fieldOf('2.1', 'PID', 5)?.type).toBe('PN');
    expect([fieldOf('2.3', 'OBX', 5)?.type, fieldOf('2.3', 'OBX', 5)?.repeats]).toEqual(['varies', true]);
    expect([fieldOf('2.4', 'ERR', 2), fieldOf('2.5', 'ERR', 2)?.type, fieldOf('2.5.1', 'ZZZ', 1), fieldOf('2.5.1', 'PID', 0)]).toEqual([
      undefined,
      'ERL',
      undefined,
      undefined,
    ]);
    expect([fieldCountOf('2.5.1', 'PID'), fieldCountOf('2.5.1', 'ZPI'), isSegment('PID'), isSegment('ZPI')]).toEqual([39, 0, true, false]);
  });

  it('keep the true number of a field where a version leaves withdrawn ones out', () => {
    for (const version of DEFINED_VERSIONS.filter((each) => each >= '2.3')) {
      expect(fieldOf(version, 'PID', 29)?.name).toBe('Patient Death Date and Time');
      expect(fieldOf(version, 'PID', 30)?.name).toBe('Patient Death Indicator');
    }
    expect(fieldOf('2.7', 'PID', 12)).toMatchObject({ type: 'IS', name: 'County Code', withdrawn: true });
    expect(fieldOf('2.8', 'OBR', 16)?.name).toBe('Ordering Provider');
  });

  it('say the components of a datatype', () => {
    expect(componentsOf('2.5.1', 'CX').map((each) => each.type)).toEqual(['ST', 'ST', 'ID', 'HD', 'ID', 'HD', 'DT', 'DT', 'CWE', 'CWE']);
    expect(componentsOf('2.3', 'CX').length).toBe(6);
    expect([componentsOf('2.5.1', 'ST'), componentsOf('2.5.1', 'NOPE')]).toEqual([[], []]);
    expect(componentsOf('2.5.1', 'XPN')[0]).toMatchObject({ type: 'FN', name: 'Family Name' });
  });

  it('choose the nearest version', () => {
    expect(['2.5.1', '2.7.1', '2.9', '2.9.1', '2.0', '2.5.2', '3.0', '', 'D.2', ' 2.4'].map(nearestVersion)).toEqual([
      '2.5.1',
      '2.7',
      '2.8.2',
      '2.8.2',
      '2.1',
      '2.5.1',
      '2.5.1',
      '2.5.1',
      '2.5.1',
      '2.4',
    ]);
  });

  it.each([
    ['ADT', 'A04', '2.5.1', 'ADT_A01'],
    ['ADT', 'A04', '2.1', 'ADT_A04'],
    ['ADT', 'A13', '2.4', 'ADT_A01'],
    ['ADT', 'A11', '2.5', 'ADT_A09'],
    ['ADT', 'A28', '2.5.1', 'ADT_A05'],
    ['ADT', 'A28', '2.3', 'ADT_A05'],
    ['ADT', 'A40', '2.4', 'ADT_A39'],
    ['ADT', 'A34', '2.7', 'ADT_A30'],
    ['ADT', 'A47', '2.5.1', 'ADT_A30'],
    ['SIU', 'S14', '2.5.1', 'SIU_S12'],
    ['MDM', 'T08', '2.6', 'MDM_T02'],
    ['ORM', 'O01', '2.8', 'ORM_O01'],
    ['ORU', '', '2.2', 'ORU_R01'],
    ['ACK', 'A01', '2.5', 'ACK'],
    ['QBP', 'Q22', '2.5.1', 'QBP_Q21'],
    ['XYZ', 'X01', '2.5.1', 'XYZ_X01'],
  ])('know the structure of %s^%s in %s', (type, event, version, expected) => {
    expect(messageStructure(type, event, version)).toBe(expected);
  });

  it('have a structure for every message that is to be mapped', () => {
    const events =
      'ADT A01,ADT A02,ADT A03,ADT A04,ADT A05,ADT A06,ADT A07,ADT A08,ADT A11,ADT A12,ADT A13,ADT A17,ADT A18,ADT A28,ADT A31,ADT A34,ADT A40,ADT A45,ADT A47,ORU R01,ORU R30,OUL R22,ORM O01,OML O21,OML O33,OMP O09,RDE O11,RDS O13,RAS O17,VXU V04,SIU S12,SIU S26,MDM T01,MDM T11,DFT P03,BAR P01,PPR PC1,QBP Q11,RSP K11,RSP K22,ACK A01';
    for (const version of ['2.3', '2.3.1', '2.4', '2.5', '2.5.1', '2.6', '2.7', '2.8.2']) {
      for (const [type = '', event = ''] of events.split(',').map((each) => each.split(' '))) {
        expect([type, event, version, structureOf(version, messageStructure(type, event, version)) !== undefined]).toEqual([
          type,
          event,
          version,
          true,
        ]);
      }
    }
  });

  it('are as the script generates them', () => {
    const run = spawnSync(process.execPath, [resolve(import.meta.dirname, '../../scripts/generate-hl7v2-definitions.ts'), '--check'], {
      encoding: 'utf8',
    });
    if (run.stdout.startsWith('Skipped')) console.log(run.stdout.trim());
    expect([run.status, run.stdout]).toEqual([0, expect.not.stringContaining('DIFFERS')]);
  });
});
