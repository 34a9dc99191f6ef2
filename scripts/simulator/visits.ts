/** Visits: from the appointment to the letter after discharge. */
import type { Chance } from './chance.ts';
import { ALLERGIES, DIAGNOSES, DOCTORS, VACCINES, VITAL_SIGNS, WARDS } from './codes.ts';
import { DAY, HOUR, type Rates, type SimulatedEvent } from './events.ts';
import { AUTHORITY, FACILITY } from './people.ts';
import { drawn, obx, orderEvents } from './results.ts';
import { segment, text } from './segments.ts';

export interface VisitContext {
  readonly chance: Chance;
  readonly rates: Rates;
  /** Unique over the hospital; order and document numbers are made of it. */
  readonly visitNumber: string;
  readonly record: SimulatedEvent['record'];
  readonly timestamp: (seconds: number) => string;
}

interface Visit extends VisitContext {
  readonly patientClass: 'I' | 'O' | 'E';
  readonly doctor: string;
  readonly admitted: number;
}

const bed = (chance: Chance): string => `${chance.pick(WARDS)}^${chance.between(1, 30)}^${chance.pick(['A', 'B'])}^${FACILITY}`;

/** PV1 where the patient lies now; `more`: fields that only some events fill. */
const pv1 = (visit: Visit, location: string, more: Readonly<Record<number, string>> = {}): string =>
  segment('PV1', {
    1: '1',
    2: visit.patientClass,
    3: location,
    7: visit.doctor,
    19: `${visit.visitNumber}^^^${AUTHORITY}^VN`,
    44: visit.timestamp(visit.admitted),
    ...more,
  });

const event = (
  visit: VisitContext,
  type: string,
  seconds: number,
  after: readonly string[],
  more: Partial<SimulatedEvent> = {},
): SimulatedEvent => ({
  type,
  atSeconds: seconds,
  sendSeconds: seconds,
  pid: type.startsWith('ADT') ? 'full' : 'short',
  record: visit.record,
  before: [],
  after,
  ...more,
});

const diagnosis = (visit: Visit, kind: 'A' | 'F'): string =>
  segment('DG1', { 1: '1', 3: visit.chance.pick(DIAGNOSES), 5: visit.timestamp(visit.admitted), 6: kind, 15: '1' });

/** Returns a visit to the clinic that begins `seconds` in: perhaps an appointment, vital signs, an order, a vaccine, a letter. */
export function clinicVisit(context: VisitContext, seconds: number): readonly SimulatedEvent[] {
  const { chance, rates } = context;
  const visit: Visit = { ...context, patientClass: 'O', doctor: chance.pick(DOCTORS), admitted: seconds + chance.between(1, 10) * DAY };
  const events: SimulatedEvent[] = [];
  if (chance.happens(0.6)) {
    events.push(appointment(visit, 'SIU^S12', seconds));
    if (chance.happens(rates.cancellations))
      return [...events, appointment(visit, 'SIU^S15', visit.admitted - chance.between(2, 20) * HOUR)];
  }
  const line = pv1(visit, `PCC^EX0${chance.between(1, 9)}^^${FACILITY}`);
  const vitals = VITAL_SIGNS.map((analyte, index) =>
    obx(index + 1, { analyte, number: drawn(analyte, chance) }, 'F', visit.timestamp(visit.admitted + 300)),
  );
  const allergy = chance.happens(0.2) ? [`AL1|1|${chance.pick(ALLERGIES)}|MO^Moderate^HL70128`] : [];
  events.push(event(visit, 'ADT^A04', visit.admitted, [line, ...vitals, ...allergy, diagnosis(visit, 'F')]));
  if (chance.happens(0.6)) events.push(...orders(visit, visit.admitted + 900, line, 1));
  if (chance.happens(0.3)) events.push(vaccination(visit, visit.admitted + 1800));
  if (chance.happens(0.4)) events.push(letter(visit, visit.admitted + 3 * HOUR, line, 'CN', 'Clinic note'));
  return events;
}

/** Returns a stay in hospital: admission (perhaps taken back), orders, moves, news about the patient, discharge (perhaps taken back), letter. */
export function stay(context: VisitContext, seconds: number): readonly SimulatedEvent[] {
  const { chance, rates } = context;
  const visit: Visit = { ...context, patientClass: chance.happens(0.3) ? 'E' : 'I', doctor: chance.pick(DOCTORS), admitted: seconds };
  let location = bed(chance);
  const events = [event(visit, 'ADT^A01', seconds, [pv1(visit, location), diagnosis(visit, 'A')])];
  if (chance.happens(rates.cancellations)) return [...events, event(visit, 'ADT^A11', seconds + HOUR, [pv1(visit, location)])];
  const days = chance.between(1, 6);
  for (let day = 0; day < days; day++) {
    const morning = seconds + day * DAY + 2 * HOUR;
    if (chance.happens(0.7)) events.push(...orders(visit, morning, pv1(visit, location), day + 1));
    if (chance.happens(0.25)) {
      const before = location;
      location = bed(chance);
      events.push(event(visit, 'ADT^A02', morning + 5 * HOUR, [pv1(visit, location, { 6: before })]));
    }
    if (chance.happens(0.2)) events.push(event(visit, 'ADT^A08', morning + 7 * HOUR, [pv1(visit, location)]));
  }
  let discharged = seconds + days * DAY + 4 * HOUR;
  const discharge = () =>
    event(visit, 'ADT^A03', discharged, [pv1(visit, location, { 36: '01', 45: visit.timestamp(discharged) }), diagnosis(visit, 'F')]);
  events.push(discharge());
  if (chance.happens(rates.cancellations)) {
    events.push(event(visit, 'ADT^A13', discharged + HOUR, [pv1(visit, location)]));
    discharged += DAY;
    events.push(discharge());
  }
  if (chance.happens(0.7)) events.push(letter(visit, discharged + 2 * HOUR, pv1(visit, location), 'DS', 'Discharge summary'));
  return events;
}

const orders = (visit: Visit, seconds: number, line: string, number: number): readonly SimulatedEvent[] =>
  orderEvents(seconds, { ...visit, orderNumber: `${visit.visitNumber}O${number}`, pv1: line });

function appointment(visit: Visit, type: 'SIU^S12' | 'SIU^S15', seconds: number): SimulatedEvent {
  const sch = segment('SCH', {
    1: `A${visit.visitNumber}^SIMSCH`,
    2: `A${visit.visitNumber}^SIMSCH`,
    6: 'ROUTINE^Routine appointment^L',
    7: 'CHECKUP^A routine check-up^HL70276',
    11: `^^30^${visit.timestamp(visit.admitted)}`,
    16: visit.doctor,
    20: visit.doctor,
    25: type === 'SIU^S12' ? 'Booked^Booked^HL70278' : 'Cancelled^Cancelled^HL70278',
  });
  const clinic = segment('AIL', { 1: '1', 3: `PCC^^^${FACILITY}`, 6: visit.timestamp(visit.admitted), 9: '30', 10: 'min' });
  const patient = segment('PV1', { 1: '1', 2: 'O', 7: visit.doctor });
  return event(visit, type, seconds, [patient, segment('RGS', { 1: '1', 2: 'A' }), clinic], { before: [sch] });
}

function vaccination(visit: Visit, seconds: number): SimulatedEvent {
  const given = visit.timestamp(seconds);
  const lot = `L${visit.chance.between(1000, 9999)}A`;
  return event(visit, 'VXU^V04', seconds, [
    segment('ORC', { 1: 'RE', 3: `IM${visit.visitNumber}^SIMIMM`, 12: visit.doctor }),
    segment('RXA', {
      1: '0',
      2: '1',
      3: given,
      4: given,
      5: visit.chance.pick(VACCINES),
      6: '0.5',
      7: 'mL^milliliter^UCUM',
      9: '00^New immunization record^NIP001',
      10: visit.doctor,
      15: lot,
      20: 'CP',
      21: 'A',
    }),
    segment('RXR', { 1: 'C28161^Intramuscular^NCIT', 2: 'LA^Left arm^HL70163' }),
  ]);
}

function letter(visit: Visit, seconds: number, line: string, kind: string, title: string): SimulatedEvent {
  const txa = segment('TXA', {
    1: '1',
    2: `${kind}^${title}^HL70270`,
    3: 'TX',
    4: visit.timestamp(seconds),
    9: visit.doctor,
    12: `D${visit.visitNumber}^SIMDOC`,
    17: 'AU',
    19: 'AV',
  });
  const body = segment('OBX', {
    1: '1',
    2: 'TX',
    3: `${kind}^${title}^L`,
    5: text('Seen & examined; see results. Home with advice.'),
    11: 'F',
  });
  return event(visit, 'MDM^T02', seconds, [line, txa, body]);
}
