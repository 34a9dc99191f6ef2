import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Resource } from '../../services/fhir/resource.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { built, lines, MAPS, PATIENT, readBack, resource } from './to-hl7v2-house.ts';

const V2 = 'http://terminology.hl7.org/CodeSystem/v2-0203';
const observation = (more: object): Resource =>
  resource({
    resourceType: 'Observation',
    id: 'o1',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '2093-3', display: 'Cholesterol' }] },
    subject: { reference: 'Patient/p1' },
    effectiveDateTime: '2026-03-01T10:00:00+01:00',
    ...more,
  });
const stay = (more: object): Resource =>
  resource({
    resourceType: 'Encounter',
    id: 'e1',
    status: 'in-progress',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    subject: { reference: 'Patient/p1' },
    identifier: [{ system: 'urn:polyseme:T:visits', value: 'V1', type: { coding: [{ system: V2, code: 'VN' }] } }],
    period: { start: '2026-03-01T10:00:00+01:00' },
    ...more,
  });
const codes = async (...asked: Parameters<typeof built>): Promise<readonly string[]> =>
  (await built(...asked)).problems.map(({ code, at }) => `${code} ${at ?? ''}`.trim());

describe('a patient as a message', () => {
  it('is added by A28 and updated by A31, with everything in its place', async () => {
    const added = await lines({ resource: PATIENT });
    expect(added).toEqual([
      'MSH|^~\\&|POLYSEME|HUB|EHR|STMARYS|20260302080000+0000||ADT^A28^ADT_A05|C1|P|2.5.1||||||UNICODE UTF-8',
      'EVN||20260302080000+0000',
      'PID|1||P1^^^&urn:polyseme:TESTHOSP:TESTHOSP&URI^MR||Doe^Ann||19800203|F',
      'PV1|1|N',
      '',
    ]);
    expect((await lines({ resource: PATIENT, change: 'update' }))[0]).toContain('|ADT^A31^ADT_A05|');
  });

  it('tells as deleted what the version before said and this one does not, and nothing else', async () => {
    const before = resource({ ...PATIENT, address: [{ city: 'Lisbon' }], deceasedBoolean: false });
    const told = await lines({ resource: PATIENT, before, change: 'update' });
    expect(told[2]).toBe('PID|1||P1^^^&urn:polyseme:TESTHOSP:TESTHOSP&URI^MR||Doe^Ann||19800203|F|||""|||||||||||||||||||""');
    expect((await lines({ resource: before, before: PATIENT, change: 'update' })).join('\n')).not.toContain('""');
  });

  it('escapes what would end a value, a field or a segment, and never says "" that nobody deleted', async () => {
    const name = { family: 'O|Neil^&~\\\rMSH|^~\\&|X' };
    const told = await lines({ resource: resource({ ...PATIENT, name: [name] }) });
    expect(told.filter((each) => each.startsWith('MSH'))).toHaveLength(1);
    const [read] = await readBack('Patient', { resource: resource({ ...PATIENT, name: [name] }) });
    expect(read?.['name']).toEqual([name]);
    expect(await codes({ resource: resource({ ...PATIENT, name: [{ family: '""' }] }) })).toEqual(['outgoing-not-expressible PID-5.1.1']);
  });

  it.each([
    ['an element that no rule reads', { photo: [{ url: 'x' }] }, 'outgoing-not-expressible Patient.photo[0].url'],
    [
      'a modifier extension',
      { modifierExtension: [{ url: 'x', valueBoolean: true }] },
      'outgoing-not-expressible Patient.modifierExtension[0].url',
    ],
    [
      'a second language',
      { communication: [{ language: { coding: [{ code: 'en' }] } }, { language: { coding: [{ code: 'de' }] } }] },
      'outgoing-not-expressible Patient.communication[1].language.coding[0].code',
    ],
    ['a code without a row', { maritalStatus: { coding: [{ code: 'odd' }] } }, 'outgoing-not-expressible PID-16.1'],
    ['a record that is not active', { active: false }, 'outgoing-not-expressible Patient'],
    [
      'a third coding',
      {
        extension: [
          {
            url: 'http://hl7.org/fhir/StructureDefinition/patient-religion',
            valueCodeableConcept: { coding: [{ code: 'a' }, { code: 'b' }] },
          },
        ],
        link: [{ type: 'seealso' }],
      },
      'outgoing-not-expressible Patient.link[0].type',
    ],
    ['a messenger of no telephone', { telecom: [{ system: 'sms', value: '1' }] }, 'outgoing-not-expressible PID-13.3'],
  ])('is refused with its place for %s', async (_name, more, expected) => {
    expect(await codes({ resource: resource({ ...PATIENT, ...more }) })).toContain(expected);
  });

  it('that is deleted is refused, and so is a character that the receiver cannot read', async () => {
    expect(await codes({ resource: PATIENT, change: 'delete' })).toEqual(['outgoing-not-expressible Patient']);
    const japanese = resource({ ...PATIENT, name: [{ family: '田中' }] });
    expect(await codes({ resource: japanese }, [], { charset: '8859/1' })).toEqual(['hl7v2-value-unencodable']);
    expect((await built({ resource: japanese }, [], { charset: 'ISO IR87' })).ok).toBe(true);
  });
});

describe('a stay as a message', () => {
  it.each([
    ['create', {}, 'ADT^A01^ADT_A01', 'in-progress'],
    ['create', { class: { code: 'AMB' } }, 'ADT^A04^ADT_A01', 'in-progress'],
    ['update', {}, 'ADT^A08^ADT_A01', 'in-progress'],
    ['update', { status: 'finished', period: { start: '2026-03-01', end: '2026-03-04' } }, 'ADT^A03^ADT_A03', 'finished'],
    ['update', { status: 'cancelled' }, 'ADT^A11^ADT_A09', 'cancelled'],
    ['create', { status: 'planned' }, 'ADT^A05^ADT_A05', 'planned'],
  ] as const)('on %s with %j is %s, and read as %s', async (change, more, type, status) => {
    const told = { resource: stay(more), change } as const;
    expect((await lines(told))[0]?.split('|')[8]).toBe(type);
    expect(await readBack('Encounter', told)).toMatchObject([{ status, identifier: [{ system: 'urn:polyseme:T:visits', value: 'V1' }] }]);
  });

  it.each([['arrived'], ['onleave'], ['entered-in-error'], ['unknown'], ['finished']])(
    'with status %s is refused: no event says it',
    async (status) => {
      expect(await codes({ resource: stay({ status }) })).toEqual(['outgoing-not-expressible Encounter']);
    },
  );

  it('needs its patient', async () => {
    expect(await codes({ resource: stay({}) }, [])).toEqual(['outgoing-linked-missing Encounter']);
  });
});

describe('a result as a message', () => {
  it.each([
    ['NM', { valueQuantity: { value: 5.1, unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L' } }],
    ['NM', { valueQuantity: { value: 7, unit: 'Stück' } }],
    ['SN', { valueQuantity: { value: 0.01, comparator: '<', unit: 'ng/mL' } }],
    [
      'CWE',
      { valueCodeableConcept: { coding: [{ system: 'http://snomed.info/sct', code: '260373001', display: 'Detected' }], text: 'found' } },
    ],
    ['ST', { valueString: 'a|b^c\\d' }],
    ['TX', { valueString: 'two\nlines' }],
    ['SN', { valueRange: { low: { value: 3, unit: 'mm' }, high: { value: 5, unit: 'mm' } } }],
    ['SN', { valueRatio: { numerator: { value: 1 }, denominator: { value: 128 } } }],
    ['DR', { valuePeriod: { start: '2026-03-01', end: '2026-03-02' } }],
    ['TS', { valueDateTime: '2026-03-01T10:00:00+01:00' }],
    ['TM', { valueTime: '10:11:12' }],
  ])('has %s for %j, and is read as it was', async (type, value) => {
    const told = { resource: observation(value) };
    expect((await lines(told)).find((each) => each.startsWith('OBX'))?.split('|')[2]).toBe(type);
    expect(await readBack('Observation', told)).toMatchObject([value]);
  });

  it.each([
    ['final', 'F', 'final'],
    ['preliminary', 'P', 'preliminary'],
    ['corrected', 'C', 'corrected'],
    ['amended', 'C', 'corrected'],
    ['cancelled', 'X', 'cancelled'],
    ['registered', 'I', 'registered'],
    ['entered-in-error', 'W', 'entered-in-error'],
  ])('that is %s has %s and is read as %s; deleted it has D', async (status, code, read) => {
    const told = { resource: observation({ status, valueString: 'x' }) };
    expect((await lines(told)).find((each) => each.startsWith('OBX'))?.split('|')[11]).toBe(code);
    expect(await readBack('Observation', told)).toMatchObject([{ status: read }]);
    const deleted = await readBack('Observation', { ...told, change: 'delete' });
    expect(deleted).toMatchObject([{ status: 'entered-in-error' }]);
  });

  it('of several parts is an order with a result for each', async () => {
    const parts = [8480, 8462].map((n) => ({
      code: { coding: [{ system: 'http://loinc.org', code: `${n}-6` }] },
      valueQuantity: { value: n, unit: 'mmHg' },
    }));
    const read = await readBack('Observation', { resource: observation({ component: parts }) });
    expect(read).toMatchObject(parts.map((each) => ({ ...each, status: 'final', effectiveDateTime: '2026-03-01T10:00:00+01:00' })));
  });

  it('keeps notes, the reference range and what it means', async () => {
    const more = {
      note: [{ text: 'a\nb' }, { text: 'c|d' }],
      interpretation: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation', code: 'H' }] }],
      referenceRange: [{ low: { value: 3 }, high: { value: 5 } }],
      valueQuantity: { value: 6, unit: 'mg/dL' },
    };
    expect(await readBack('Observation', { resource: observation(more) })).toMatchObject([more]);
  });

  it.each([
    [
      'a sampled value',
      { valueSampledData: { origin: { value: 1 }, period: 1, dimensions: 1, data: '1 2' } },
      'Observation.valueSampledData.origin.value',
    ],
    ['a masked value', { dataAbsentReason: { coding: [{ code: 'masked' }] } }, 'Observation'],
    ['a status that is not known', { status: 'unknown', valueString: 'x' }, 'Observation'],
    ['a range of two units', { valueRange: { low: { value: 1, unit: 'g' }, high: { value: 2, unit: 'mg' } } }, 'Observation'],
    ['members', { valueString: 'x', hasMember: [{ reference: 'Observation/2' }] }, 'Observation.hasMember[0].reference'],
    ['who wrote a note', { valueString: 'x', note: [{ text: 'a', authorString: 'Dr. X' }] }, 'Observation.note[0].authorString'],
  ])('is refused for %s', async (_name, more, at) => {
    expect(await codes({ resource: observation(more) })).toContain(`outgoing-not-expressible ${at}`);
  });

  it('of a report stands below its order, whole: what a result says and nobody reads holds the report back', async () => {
    const report = resource({
      resourceType: 'DiagnosticReport',
      id: 'r1',
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '24331-1' }] },
      subject: { reference: 'Patient/p1' },
      effectiveDateTime: '2026-03-01',
      identifier: [{ value: 'F7', type: { coding: [{ system: V2, code: 'FILL' }] } }],
      result: [{ reference: 'Observation/o1' }],
    });
    const told = { resource: report };
    const value = { valueQuantity: { value: 5, unit: 'mmol/L' } };
    expect(await readBack('Observation', told, [PATIENT, observation(value)])).toMatchObject([value]);
    expect(await readBack('DiagnosticReport', told, [PATIENT, observation(value)])).toMatchObject([
      { status: 'final', identifier: [{ value: 'F7' }] },
    ]);
    const odd = observation({ ...value, hasMember: [{ reference: 'Observation/2' }] });
    expect(await codes(told, [PATIENT, odd])).toEqual(['outgoing-not-expressible Observation.hasMember[0].reference']);
    expect(await codes(told)).toEqual(['outgoing-linked-missing DiagnosticReport']);
  });
});

describe('other resources as messages', () => {
  it('a vaccination is VXU, with action and completion', async () => {
    const more = {
      status: 'completed',
      vaccineCode: { coding: [{ system: 'http://hl7.org/fhir/sid/cvx', code: '03' }] },
      occurrenceDateTime: '2026-03-01',
      lotNumber: 'L1',
      expirationDate: '2027-01-01',
      doseQuantity: { value: 0.5, unit: 'mL', system: 'http://unitsofmeasure.org', code: 'mL' },
      primarySource: true,
    };
    const vaccination = resource({ resourceType: 'Immunization', id: 'i1', patient: { reference: 'Patient/p1' }, ...more });
    expect((await lines({ resource: vaccination }))[0]).toContain('|VXU^V04^VXU_V04|');
    expect(await readBack('Immunization', { resource: vaccination })).toMatchObject([more]);
    expect(await readBack('Immunization', { resource: vaccination, change: 'delete' })).toMatchObject([{ status: 'entered-in-error' }]);
  });

  it('an allergy is A60 with its action, its note and how sure it is', async () => {
    const of = (name: string, code: string) => ({
      coding: [{ system: `http://terminology.hl7.org/CodeSystem/allergyintolerance-${name}`, code }],
    });
    const more = {
      clinicalStatus: of('clinical', 'active'),
      verificationStatus: of('verification', 'confirmed'),
      category: ['food'],
      criticality: 'high',
      code: { coding: [{ system: 'http://snomed.info/sct', code: '91935009' }] },
      onsetDateTime: '2020-01-02',
      note: [{ text: 'since school' }],
    };
    const allergy = resource({ resourceType: 'AllergyIntolerance', id: 'a1', patient: { reference: 'Patient/p1' }, ...more });
    expect(await readBack('AllergyIntolerance', { resource: allergy })).toMatchObject([more]);
    expect(await codes({ resource: resource({ ...allergy, clinicalStatus: of('clinical', 'resolved') }) })).toEqual([
      'outgoing-not-expressible AllergyIntolerance',
    ]);
  });

  it.each([
    ['booked', 'create', 'S12'],
    ['booked', 'update', 'S14'],
    ['cancelled', 'update', 'S15'],
    ['entered-in-error', 'update', 'S17'],
    ['noshow', 'update', 'S26'],
  ] as const)('an appointment that is %s, on %s, is %s', async (status, change, event) => {
    const appointment = resource({
      resourceType: 'Appointment',
      id: 'x1',
      status,
      start: '2026-03-01T10:00:00+00:00',
      end: '2026-03-01T10:30:00+00:00',
      participant: [{ actor: { reference: 'Patient/p1' }, status: 'accepted' }],
    });
    expect((await lines({ resource: appointment, change }))[0]).toContain(`|SIU^${event}^SIU_S12|`);
    expect(await readBack('Appointment', { resource: appointment, change })).toMatchObject([
      { status, start: '2026-03-01T10:00:00+00:00', end: '2026-03-01T10:30:00+00:00' },
    ]);
  });

  it('what no map takes is refused', async () => {
    expect(await codes({ resource: resource({ resourceType: 'Basic', id: 'b' }) })).toEqual(['outgoing-no-map']);
  });
});

describe('for any patient and result', () => {
  const text = fc.stringMatching(/^[A-Za-zÄöß|^&~\\#. '-]{0,10}[A-Za-zö]$/);
  const day = fc
    .date({ min: new Date('1900-01-01'), max: new Date('2026-01-01'), noInvalidDate: true })
    .map((each) => each.toISOString().slice(0, 10));
  const date = fc.oneof(
    day,
    day.map((each) => each.slice(0, 7)),
    day.map((each) => each.slice(0, 4)),
  );
  const optional = <T>(name: string, value: fc.Arbitrary<T>) =>
    fc.option(value, { nil: undefined }).map((each) => (each === undefined ? {} : { [name]: each }));
  const system = fc.constantFrom(
    'urn:oid:1.2.3',
    'urn:uuid:c757873d-ec9a-4326-a141-556f43239520',
    'http://example.org/ids',
    'urn:polyseme:A:b',
  );

  it('what is read of the message is what the patient was', async () => {
    const name = fc
      .tuple(
        optional('use', fc.constantFrom('official', 'usual', 'maiden', 'old')),
        optional('given', fc.tuple(text)),
        optional('suffix', fc.tuple(text)),
        text,
      )
      .map(([...parts]) => ({ family: parts[3], ...parts[0], ...parts[1], ...parts[2] }));
    const identifier = fc.record({ system, value: text });
    const person = fc
      .tuple(
        fc.array(identifier, { minLength: 1, maxLength: 3 }),
        fc.array(name, { minLength: 1, maxLength: 2 }),
        optional('birthDate', date),
        optional('gender', fc.constantFrom('male', 'female', 'other', 'unknown')),
      )
      .map(([ids, names, ...rest]) => ({ resourceType: 'Patient', id: 'p', identifier: ids, name: names, ...rest[0], ...rest[1] }));
    await fc.assert(
      fc.asyncProperty(person, async (each) => {
        const { id: _id, resourceType: _type, ...said } = each;
        const [read] = await readBack('Patient', { resource: resource(each) });
        expect(read).toMatchObject(said);
      }),
      { numRuns: 60 },
    );
  });

  it('what is read of the message is what the result was', async () => {
    const quantity = fc
      .tuple(
        fc.integer({ min: -99_999, max: 99_999 }),
        fc.integer({ min: 0, max: 4 }),
        optional('unit', text),
        optional('comparator', fc.constantFrom('<', '>', '<=', '>=')),
      )
      .map(([n, digits, unit, comparator]) => ({ valueQuantity: { value: n / 10 ** digits, ...unit, ...comparator } }));
    const coded = fc.record({
      system: fc.constantFrom('http://loinc.org', 'http://snomed.info/sct', 'urn:oid:1.2.3', 'http://x.example/y'),
      code: fc.stringMatching(/^[A-Z0-9^&|]{1,8}$/),
      display: text,
    });
    const value = fc.oneof(
      quantity,
      text.map((each) => ({ valueString: `${each}x` })),
      coded.map((each) => ({ valueCodeableConcept: { coding: [each] } })),
      date.map((each) => ({ valueDateTime: each })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(value, coded, date, fc.constantFrom('final', 'preliminary', 'corrected', 'entered-in-error')),
        async ([said, code, at, status]) => {
          const whole = { ...said, status, code: { coding: [code] }, effectiveDateTime: at };
          const [read] = await readBack('Observation', { resource: observation(whole) });
          expect(read).toMatchObject(whole);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('what the messages of the fixtures make', () => {
  const folder = join(import.meta.dirname, '../../fixtures/hl7v2');
  const TOLD = [
    'status',
    'code',
    'vaccineCode',
    'gender',
    'birthDate',
    'effectiveDateTime',
    'occurrenceDateTime',
    'lotNumber',
    'doseQuantity',
    'valueString',
    'valueQuantity',
    'valueCodeableConcept',
    'valueRange',
    'note',
    'class',
  ];

  it('is built again, and read as it was', async () => {
    const refused: string[] = [];
    let count = 0;
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.hl7'))) {
      const parsed = parseMessage(readFileSync(join(folder, file)));
      const drafts = parsed.ok ? MAPS.convert(parsed.value, { timezone: 'UTC' }).drafts.map((each) => each.resource) : [];
      for (const each of drafts.filter(({ resourceType }) => MAPS.outMaps.types.includes(resourceType))) {
        const made = await built({ resource: each }, drafts);
        if (!made.ok) refused.push(...made.problems.map(({ at }) => `${file} ${at?.replace(/\[\d+\]/g, '')}`));
        else {
          count += 1;
          const read = await readBack(each.resourceType, { resource: each }, drafts);
          const said = Object.fromEntries(TOLD.flatMap((name) => (each[name] === undefined ? [] : [[name, each[name]]])));
          expect(read, file).toContainEqual(expect.objectContaining(said));
        }
      }
    }
    expect(count).toBeGreaterThan(80);
    expect([...new Set(refused)].sort()).toEqual([
      'de-oru-r01-labor.hl7 DiagnosticReport',
      'de-oru-r01-labor.hl7 Observation',
      'pt-oru-r01-analises.hl7 DiagnosticReport',
      'pt-oru-r01-analises.hl7 Observation',
      'us-vxu-v04-immunization.hl7 Observation.partOf.reference',
    ]);
  });
});
