/**
 * The peer of the maps: the same resources of the same laboratory reports, written by hand in JavaScript that knows nothing but these
 * messages: no escapes, no repetitions, no versions, no checks. What generality costs is measured against it.
 */
import { decimal, type Resource } from '../../services/fhir/resource.ts';
import { idOf } from '../../services/mapping/to-fhir/ids.ts';

const V2 = 'http://terminology.hl7.org/CodeSystem/v2-0203';
const AUTHORITY = 'CITYHOSP';

/** 20260301081500+0000 -> 2026-03-01T08:15:00+00:00 */
const instant = (text: string): string =>
  `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)}T${text.slice(8, 10)}:${text.slice(10, 12)}:${text.slice(12, 14)}${text.slice(14, 17)}:${text.slice(17, 19)}`;
const day = (text: string): string => `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)}`;
const part = (field: string | undefined, n: number): string => field?.split('^')[n - 1] ?? '';
const typed = (code: string) => ({ coding: [{ system: V2, code }] });
const numbered = (code: string, value: string) => ({
  type: typed(code),
  system: `urn:polyseme:CITYHOSP:${AUTHORITY}`,
  value,
  assigner: { display: AUTHORITY },
});

function patientOf(pid: readonly string[], id: string) {
  const [street = '', , city = '', state = '', postalCode = '', country = ''] = pid[11]?.split('^') ?? [];
  const phone = pid[13]?.split('^') ?? [];
  return {
    resourceType: 'Patient',
    id,
    identifier: [numbered('MR', part(pid[3], 1))],
    active: true,
    name: [{ family: part(pid[5], 1), given: [part(pid[5], 2), part(pid[5], 3)] }],
    telecom: [{ system: 'phone', value: `+${phone[4]} ${phone[5]} ${phone[6]}`, use: 'home' }],
    gender: pid[8] === 'F' ? 'female' : 'male',
    birthDate: day(pid[7] ?? ''),
    address: [{ line: [street], city, state, postalCode, country }],
  };
}

function encounterOf(pv1: readonly string[], id: string, subject: { readonly reference: string }) {
  const doctor = pv1[7]?.split('^') ?? [];
  const [ward = '', room = '', bed = '', site = ''] = pv1[3]?.split('^') ?? [];
  return {
    resourceType: 'Encounter',
    id,
    identifier: [numbered('VN', part(pv1[19], 1))],
    status: 'in-progress',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP', display: 'inpatient encounter' },
    subject,
    participant: [
      {
        type: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'ATND', display: 'attender' }] }],
        individual: {
          type: 'Practitioner',
          identifier: { value: doctor[0], system: 'urn:polyseme:CITYHOSP:practitioner' },
          display: `${doctor[2]} ${doctor[1]}`,
        },
      },
    ],
    period: { start: instant(pv1[44] ?? '') },
    location: [
      {
        location: {
          type: 'Location',
          identifier: { system: 'urn:polyseme:CITYHOSP:location', value: `${site}-${ward}-${room}-${bed}` },
          display: `${site} ${ward} ${room} ${bed}`,
        },
        status: 'active',
      },
    ],
  };
}

interface Context {
  readonly patient: string;
  readonly subject: { readonly reference: string };
  readonly encounter: { readonly reference: string };
  readonly request: { readonly reference: string };
  readonly obr: readonly string[];
  readonly effective: string;
  readonly issued: string;
}

function observationOf(obx: readonly string[], { patient, subject, encounter, request, obr, issued }: Context) {
  const [code = '', display = ''] = obx[3]?.split('^') ?? [];
  const unit = part(obx[6], 1);
  const [low = '', high = ''] = obx[7]?.split('-') ?? [];
  const measured = { unit, system: 'http://unitsofmeasure.org', code: unit };
  return {
    resourceType: 'Observation',
    id: idOf(AUTHORITY, 'Observation', [patient, part(obr[3], 1), code, obx[4] ?? '', obx[14] ?? '']),
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code, display }], text: display },
    subject,
    encounter,
    valueQuantity: { value: decimal(obx[5] ?? ''), ...measured },
    interpretation: [
      { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation', code: obx[8], display: 'Normal' }] },
    ],
    referenceRange: [{ low: { value: decimal(low), ...measured }, high: { value: decimal(high), ...measured }, text: obx[7] }],
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] }],
    basedOn: [request],
    effectiveDateTime: instant(obx[14] ?? ''),
    issued,
  };
}

const order = (code: string, field: string | undefined) => ({
  system: `urn:polyseme:CITYHOSP:${part(field, 2)}`,
  value: part(field, 1),
  type: typed(code),
});

function requestOf(obr: readonly string[], id: string, { subject, encounter }: Pick<Context, 'subject' | 'encounter'>) {
  const [code = '', display = ''] = obr[4]?.split('^') ?? [];
  return {
    resourceType: 'ServiceRequest',
    id,
    identifier: [order('PLAC', obr[2]), order('FILL', obr[3])],
    status: 'completed',
    intent: 'order',
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0074', code: 'LAB' }] }],
    code: { coding: [{ system: 'http://loinc.org', code, display }], text: display },
    subject,
    encounter,
  };
}

function provenanceOf(msh: readonly string[], made: readonly { readonly resourceType: string; readonly id: string }[]) {
  const [type = '', event = ''] = msh[8]?.split('^') ?? [];
  return {
    resourceType: 'Provenance',
    id: idOf(AUTHORITY, 'Provenance', [msh[9] ?? '', msh[6] ?? '', type, event]),
    target: made.map(({ resourceType, id }) => ({ reference: `${resourceType}/${id}` })),
    recorded: instant(msh[6] ?? ''),
    activity: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0003', code: event }], text: `${type} ${event}` },
    agent: [
      {
        type: {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'author', display: 'Author' }],
        },
        who: {
          type: 'Organization',
          identifier: { system: 'urn:polyseme:CITYHOSP:sender', value: AUTHORITY },
          display: `${msh[3]} ${msh[2]}`,
        },
      },
    ],
    entity: [
      {
        role: 'source',
        what: {
          identifier: { system: 'urn:polyseme:CITYHOSP:message', value: msh[9] },
          display: `${type} ${event} ${msh[11]}`,
        },
      },
    ],
  };
}

function reportOf(
  { patient, subject, encounter, request, obr, effective, issued }: Context,
  observations: readonly { readonly id: string }[],
) {
  const [code = '', display = ''] = obr[4]?.split('^') ?? [];
  return {
    resourceType: 'DiagnosticReport',
    id: idOf(AUTHORITY, 'DiagnosticReport', [patient, part(obr[3], 1), code, obr[7] ?? '']),
    identifier: [order('FILL', obr[3]), order('PLAC', obr[2])],
    status: 'final',
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0074', code: 'LAB' }] }],
    code: { coding: [{ system: 'http://loinc.org', code, display }], text: display },
    subject,
    encounter,
    effectiveDateTime: effective,
    issued,
    basedOn: [request],
    result: observations.map(({ id }) => ({ reference: `Observation/${id}` })),
  };
}

/** Returns the resources of a `laboratoryReport`, as the maps make them. */
export function resourcesByHand(bytes: Uint8Array): readonly (Resource & { readonly id: string })[] {
  const segments = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .split('\r')
    .map((line) => line.split('|'));
  const [msh = [], pid = [], pv1 = [], , obr = [], ...results] = segments;
  const id = idOf(AUTHORITY, 'Patient', [part(pid[3], 1), part(pid[3], 4)]);
  const patient = `Patient/${id}`;
  const stay = idOf(AUTHORITY, 'Encounter', [patient, part(pv1[19], 1), 'VN']);
  const request = idOf(AUTHORITY, 'ServiceRequest', [patient, part(obr[2], 1), part(obr[4], 1)]);
  const context: Context = {
    patient,
    subject: { reference: patient },
    encounter: { reference: `Encounter/${stay}` },
    request: { reference: `ServiceRequest/${request}` },
    obr,
    effective: instant(obr[7] ?? ''),
    issued: instant(obr[22] ?? ''),
  };
  const observations = results.filter(([name]) => name === 'OBX').map((obx) => observationOf(obx, context));
  const made = [
    patientOf(pid, id),
    encounterOf(pv1, stay, context.subject),
    requestOf(obr, request, context),
    ...observations,
    reportOf(context, observations),
  ];
  return [...made, provenanceOf(msh, made)];
}
