import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupPaths, structureOf } from '../../services/hl7v2/structures.ts';
import { drawn, parsed, walked } from './samples.ts';

/** The tree of a message with these segments; `MSH` is added. */
function tree(names: string, type = 'ORU^R01', version = '2.5.1') {
  const text = names.split(' ').filter(Boolean);
  const message = parsed([`MSH|^~\\&|A|B|||1||${type}|1|P|${version}`, ...text.map((name) => `${name}|1`)].join('\r'));
  return { drawing: drawn(message.root), codes: message.structureProblems.map((each) => `${each.code.slice(6)} ${each.at}`), message };
}

describe('groups', () => {
  it('nest, repeat and may be left out', () => {
    expect(tree('PID PD1 PV1 ORC OBR NTE OBX NTE NTE OBX ORC OBR OBX SPM')).toMatchObject({
      drawing:
        'MSH PATIENT_RESULT(PATIENT(PID PD1 VISIT(PV1)) ORDER_OBSERVATION(ORC OBR NTE OBSERVATION(OBX NTE NTE) OBSERVATION(OBX)) ' +
        'ORDER_OBSERVATION(ORC OBR OBSERVATION(OBX) SPECIMEN(SPM)))',
      codes: [],
    });
    expect(tree('OBR OBX PID OBR OBX').drawing).toBe(
      'MSH PATIENT_RESULT(ORDER_OBSERVATION(OBR OBSERVATION(OBX))) PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR OBSERVATION(OBX)))',
    );
    expect(tree('EVN PID PV1 DG1 DG1 PR1 ROL PR1 GT1 IN1 IN2 IN1', 'ADT^A01').drawing).toBe(
      'MSH EVN PID PV1 DG1 DG1 PROCEDURE(PR1 ROL) PROCEDURE(PR1) GT1 INSURANCE(IN1 IN2) INSURANCE(IN1)',
    );
    expect(tree('EVN PID MRG PID MRG', 'ADT^A40').drawing).toBe('MSH EVN PATIENT(PID MRG) PATIENT(PID MRG)');
  });

  it('have paths, indexes and parents', () => {
    const { message } = tree('PID OBR OBX OBX');
    const order = message.root.groups('PATIENT_RESULT')[0]?.groups('ORDER_OBSERVATION')[0];
    const second = order?.groups('OBSERVATION')[1];
    expect([second?.path, second?.index, second?.parent, second?.segments('OBX').length, second?.segments('NTE')]).toEqual([
      'PATIENT_RESULT.ORDER_OBSERVATION.OBSERVATION',
      1,
      order,
      1,
      [],
    ]);
  });

  it.each([
    [
      'results without an order',
      'PID OBX NTE OBX',
      'PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBSERVATION(OBX NTE) OBSERVATION(OBX)))',
      ['segment-missing OBX[1]'],
    ],
    [
      'orders without ORC',
      'PID OBR OBR OBX',
      'PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR) ORDER_OBSERVATION(OBR OBSERVATION(OBX)))',
      [],
    ],
    [
      'a note between ORC and OBR',
      'ORC NTE OBR OBX',
      'PATIENT_RESULT(ORDER_OBSERVATION(ORC NTE OBR OBSERVATION(OBX)))',
      ['segment-missing NTE[1]'],
    ],
    [
      'a note after the visit',
      'PID PV1 NTE OBR',
      'PATIENT_RESULT(PATIENT(PID VISIT(PV1) NTE) ORDER_OBSERVATION(OBR))',
      ['segment-order NTE[1]'],
    ],
    [
      'a visit that comes too late',
      'PID OBR PV1 OBX',
      'PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR PV1 OBSERVATION(OBX)))',
      ['segment-unexpected PV1[1]'],
    ],
    [
      'timing after the results',
      'OBR OBX TQ1 OBX',
      'PATIENT_RESULT(ORDER_OBSERVATION(OBR OBSERVATION(OBX) TIMING_QTY(TQ1) OBSERVATION(OBX)))',
      ['segment-order TQ1[1]'],
    ],
    [
      'segments of nobody',
      'OBR ZLR OBX ZZZ QQQ',
      'PATIENT_RESULT(ORDER_OBSERVATION(OBR ZLR OBSERVATION(OBX ZZZ QQQ)))',
      ['segment-unexpected QQQ[1]'],
    ],
  ])('survive %s', (_, names, drawing, codes) => {
    expect(tree(names)).toMatchObject({ drawing: `MSH ${drawing}`, codes });
  });

  it('put a second order of an OML beside the first, not into its prior results', () => {
    expect(tree('PID ORC OBR OBX ORC OBR OBR', 'OML^O21').drawing).toBe(
      'MSH PATIENT(PID) ORDER(ORC OBSERVATION_REQUEST(OBR OBSERVATION(OBX))) ORDER(ORC OBSERVATION_REQUEST(OBR)) ORDER(OBSERVATION_REQUEST(OBR))',
    );
    expect(tree('PID ORC OBR PID ORC OBR OBX', 'OML^O21').drawing).toContain('PRIOR_RESULT(PATIENT_PRIOR(PID) ORDER_PRIOR(ORC OBR');
  });

  it('enter a document only where what it requires follows: in 2.8 a result after ORC is a result', () => {
    expect(tree('SPM OBR ORC OBX OBX NTE', 'OUL^R22', '2.8')).toMatchObject({
      drawing: 'MSH SPECIMEN(SPM ORDER(OBR COMMON_ORDER(ORC) RESULT(OBX) RESULT(OBX NTE)))',
      codes: [],
    });
    expect(tree('SPM OBR ORC OBX PRT TXA OBX', 'OUL^R22', '2.8').drawing).toBe(
      'MSH SPECIMEN(SPM ORDER(OBR COMMON_ORDER(ORC ORDER_DOCUMENT(OBX PRT TXA)) RESULT(OBX)))',
    );
  });

  it('say what they require and what does not come any more, at their end and at that of the message', () => {
    expect(tree('PID ORC PID ORC OBR').codes).toEqual(['segment-missing PID[2]']);
    expect(tree('PID ORC OBR', 'OML^O21').codes).toEqual([]);
    expect(tree('EVN PID', 'ADT^A01').codes).toEqual(['segment-missing PID[1]']);
    expect(tree('PID ORC RXE', 'RDE^O11', '2.5.1').message.structureProblems.map((each) => each.text)).toEqual([
      'RDE_O11 requires TIMING_ENCODED in ORDER before the end.',
      'RDE_O11 requires RXR in ORDER before the end.',
    ]);
  });

  it('take results after a patient without order as results also in 2.6, whose patients have OBX', () => {
    expect(tree('PID PV1 OBX', 'ORU^R01', '2.6').drawing).toContain('ORDER_OBSERVATION(OBSERVATION(OBX))');
  });

  it('have the names of newer versions where an old one differs', () => {
    for (const version of ['2.3', '2.3.1', '2.4', '2.5', '2.6', '2.7', '2.8.2', '2.9']) {
      expect(tree('PID ORC OBR OBX', 'ORU^R01', version).drawing).toBe(
        'MSH PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(ORC OBR OBSERVATION(OBX)))',
      );
    }
  });

  it('are not made for structures that nobody knows; all segments stay', () => {
    const { message, codes } = tree('PID OBX ZZZ', 'XYZ^Q99');
    expect([drawn(message.root), codes]).toEqual(['MSH PID OBX ZZZ', ['structure-unknown MSH-9']]);
  });

  it('follow MSH-9.3 only where its version has it', () => {
    expect(tree('PID', 'ADT^A08^ADT_A08', '2.5.1').message.structure).toBe('ADT_A01');
    expect(tree('PID', 'ADT^A08^ADT_A08', '2.2').message.structure).toBe('ADT_A08');
    expect(tree('PID', 'ADT^A08^garbage').message.structure).toBe('ADT_A01');
    expect(tree('PID', 'ZRU^Z01^ORU_R01').message.structure).toBe('ORU_R01');
  });

  it('hold every segment once, in order, whatever comes', () => {
    const structures = [
      'ORU^R01',
      'ADT^A01',
      'ORM^O01',
      'OML^O21',
      'VXU^V04',
      'SIU^S12',
      'MDM^T02',
      'RDE^O11',
      'DFT^P03',
      'PPR^PC1',
      'OUL^R22',
      'QBP^Q22',
    ];
    const names =
      'PID PD1 NTE PV1 PV2 ORC OBR OBX SPM TQ1 RXA RXR RXO RXE DG1 PR1 AL1 IN1 GT1 EVN NK1 MRG SCH RGS AIS TXA FT1 PRB GOL QPD RCP ZZZ QQQ DSC'.split(
        ' ',
      );
    fc.assert(
      fc.property(
        fc.constantFrom(...structures),
        fc.constantFrom('2.1', '2.3', '2.4', '2.5.1', '2.6', '2.8.2'),
        fc.array(fc.constantFrom(...names), { maxLength: 30 }),
        (type, version, segments) => {
          const { message } = tree(segments.join(' '), type, version);
          expect(walked(message.root)).toEqual([...message.segments]);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('structures', () => {
  it('are found in the nearest version that has them', () => {
    expect([structureOf('2.7', 'ORM_O01')?.version, structureOf('2.3', 'ADT_A05')?.version, structureOf('2.5.1', 'NO_SUCH')]).toEqual([
      '2.6',
      '2.4',
      undefined,
    ]);
  });

  it('tell their groups', () => {
    const paths = groupPaths('2.5.1', 'ORU_R01');
    expect(paths.map((each) => each.path)).toEqual([
      '',
      'PATIENT_RESULT',
      'PATIENT_RESULT.PATIENT',
      'PATIENT_RESULT.PATIENT.VISIT',
      'PATIENT_RESULT.ORDER_OBSERVATION',
      'PATIENT_RESULT.ORDER_OBSERVATION.TIMING_QTY',
      'PATIENT_RESULT.ORDER_OBSERVATION.OBSERVATION',
      'PATIENT_RESULT.ORDER_OBSERVATION.SPECIMEN',
    ]);
    expect(paths.at(-2)).toMatchObject({ repeats: true, optional: true, segments: ['OBX', 'NTE'] });
    expect(groupPaths('2.5.1', 'NO_SUCH')).toEqual([]);
  });
});
