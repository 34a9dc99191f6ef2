import { timeRange } from '../dates.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';
import { codesAt, has, hasChoice, type Invariant, objectAt, objectsAt, stringsIn, textAt } from './invariant.ts';

const any = (value: JsonObject, ...names: readonly string[]): boolean => names.some((each) => has(value, each));
const oneOf = (value: JsonObject, ...names: readonly string[]): boolean => names.filter((each) => has(value, each)).length === 1;

/** Codings as 'system|code', to compare two CodeableConcepts. */
const codings = (concept: JsonValue | undefined): ReadonlySet<string> => {
  const holder: JsonObject = concept === undefined ? {} : { concept };
  const coding = objectsAt(objectAt(holder, 'concept'), 'coding');
  return new Set(coding.map((each) => `${textAt(each, 'system')}|${textAt(each, 'code')}`));
};

/** obs-7: a component must not carry the observation's own code when the observation has a value. */
function componentCodesDiffer(observation: JsonObject): boolean {
  if (!hasChoice(observation, 'Observation', 'value[x]')) return true;
  const own = codings(observation['code']);
  return !objectsAt(observation, 'component').some((each) => [...codings(each['code'])].some((code) => own.has(code)));
}

const enteredInError = (value: JsonObject): boolean => codesAt(value, 'verificationStatus').includes('entered-in-error');

const CLINICAL: readonly (readonly [string, readonly Invariant[]])[] = [
  [
    'Observation',
    [
      {
        key: 'obs-6',
        rule: 'dataAbsentReason only without a value',
        holds: (it) => !has(it, 'dataAbsentReason') || !hasChoice(it, 'Observation', 'value[x]'),
      },
      { key: 'obs-7', rule: 'no component has the code of the observation beside a value', holds: componentCodesDiffer },
    ],
  ],
  [
    'Observation.referenceRange',
    [{ key: 'obs-3', rule: 'at least a low, a high or a text', holds: (it) => any(it, 'low', 'high', 'text') }],
  ],
  [
    'Condition',
    [
      {
        key: 'con-4',
        rule: 'a condition that has abated is inactive, resolved or in remission',
        holds: (it) =>
          !hasChoice(it, 'Condition', 'abatement[x]') ||
          codesAt(it, 'clinicalStatus').some((code) => ['inactive', 'resolved', 'remission'].includes(code)),
      },
      {
        key: 'con-5',
        rule: 'no clinicalStatus when verificationStatus is entered-in-error',
        holds: (it) => !enteredInError(it) || !has(it, 'clinicalStatus'),
      },
    ],
  ],
  ['Condition.stage', [{ key: 'con-1', rule: 'a summary or an assessment', holds: (it) => any(it, 'summary', 'assessment') }]],
  ['Condition.evidence', [{ key: 'con-2', rule: 'a code or a detail', holds: (it) => any(it, 'code', 'detail') }]],
  [
    'AllergyIntolerance',
    [
      {
        key: 'ait-1',
        rule: 'a clinicalStatus unless verificationStatus is entered-in-error',
        holds: (it) => enteredInError(it) || has(it, 'clinicalStatus'),
      },
      {
        key: 'ait-2',
        rule: 'no clinicalStatus when verificationStatus is entered-in-error',
        holds: (it) => !enteredInError(it) || !has(it, 'clinicalStatus'),
      },
    ],
  ],
  [
    'Immunization.education',
    [{ key: 'imm-1', rule: 'a documentType or a reference', holds: (it) => any(it, 'documentType', 'reference') }],
  ],
  [
    'RiskAssessment.prediction',
    [
      {
        key: 'ras-2',
        rule: 'a probability of at most 100',
        holds: ({ probabilityDecimal: it }) => !((typeof it === 'number' || it instanceof Decimal) && Number(it) > 100),
      },
    ],
  ],
  [
    'MedicationDispense',
    [
      {
        key: 'mdd-1',
        rule: 'whenHandedOver is not before whenPrepared',
        holds: (it) => {
          const [prepared, handed] = [timeRange(textAt(it, 'whenPrepared')), timeRange(textAt(it, 'whenHandedOver'))];
          return prepared === undefined || handed === undefined || prepared.lo < handed.hi;
        },
      },
    ],
  ],
  ['ServiceRequest', [{ key: 'prr-1', rule: 'orderDetail needs a code', holds: (it) => !has(it, 'orderDetail') || has(it, 'code') }]],
  [
    'FamilyMemberHistory',
    [
      {
        key: 'fhs-1',
        rule: 'age or born, not both',
        holds: (it) => !hasChoice(it, 'FamilyMemberHistory', 'age[x]') || !hasChoice(it, 'FamilyMemberHistory', 'born[x]'),
      },
      {
        key: 'fhs-2',
        rule: 'estimatedAge needs an age',
        holds: (it) => !has(it, 'estimatedAge') || hasChoice(it, 'FamilyMemberHistory', 'age[x]'),
      },
    ],
  ],
  [
    'CarePlan.activity',
    [{ key: 'cpl-3', rule: 'a reference or a detail, not both', holds: (it) => !has(it, 'detail') || !has(it, 'reference') }],
  ],
  [
    'Goal.target',
    [{ key: 'gol-1', rule: 'a detail needs a measure', holds: (it) => !hasChoice(it, 'Goal.target', 'detail[x]') || has(it, 'measure') }],
  ],
];

const ADMINISTRATIVE: readonly (readonly [string, readonly Invariant[]])[] = [
  [
    'Patient.contact',
    [
      {
        key: 'pat-1',
        rule: 'a name, telecom, address or organization',
        holds: (it) => any(it, 'name', 'telecom', 'address', 'organization'),
      },
    ],
  ],
  [
    'Organization',
    [
      { key: 'org-1', rule: 'a name or an identifier', holds: (it) => any(it, 'name', 'identifier') },
      {
        key: 'org-2',
        rule: 'no address is a home address',
        holds: (it) => objectsAt(it, 'address').every((each) => each['use'] !== 'home'),
      },
      {
        key: 'org-3',
        rule: 'no telecom is a home number',
        holds: (it) => objectsAt(it, 'telecom').every((each) => each['use'] !== 'home'),
      },
    ],
  ],
  [
    'Composition.section',
    [
      { key: 'cmp-1', rule: 'a text, entries or sections', holds: (it) => any(it, 'text', 'entry', 'section') },
      { key: 'cmp-2', rule: 'an emptyReason only without entries', holds: (it) => !has(it, 'emptyReason') || !has(it, 'entry') },
    ],
  ],
  [
    'List',
    [
      { key: 'lst-1', rule: 'an emptyReason only without entries', holds: (it) => !has(it, 'emptyReason') || !has(it, 'entry') },
      {
        key: 'lst-2',
        rule: 'deleted only when mode is changes',
        holds: (it) => it['mode'] === 'changes' || objectsAt(it, 'entry').every((each) => !has(each, 'deleted')),
      },
      {
        key: 'lst-3',
        rule: 'entry dates only when mode is working',
        holds: (it) => it['mode'] === 'working' || objectsAt(it, 'entry').every((each) => !has(each, 'date')),
      },
    ],
  ],
  ['Group', [{ key: 'grp-1', rule: 'members only when the group is actual', holds: (it) => !has(it, 'member') || it['actual'] === true }]],
  [
    'Parameters.parameter',
    [
      {
        key: 'inv-1',
        rule: 'one of a value, a resource or parts',
        holds: (it) => (hasChoice(it, 'Parameters.parameter', 'value[x]') ? !any(it, 'resource', 'part') : oneOf(it, 'resource', 'part')),
      },
    ],
  ],
  [
    'Appointment',
    [
      { key: 'app-2', rule: 'start and end, or neither', holds: (it) => has(it, 'start') === has(it, 'end') },
      {
        key: 'app-3',
        rule: 'a start and an end unless proposed, cancelled or on the waitlist',
        holds: (it) => (has(it, 'start') && has(it, 'end')) || ['proposed', 'cancelled', 'waitlist'].includes(textAt(it, 'status')),
      },
      {
        key: 'app-4',
        rule: 'a cancelationReason only when cancelled or noshow',
        holds: (it) => !has(it, 'cancelationReason') || ['noshow', 'cancelled'].includes(textAt(it, 'status')),
      },
    ],
  ],
  ['Appointment.participant', [{ key: 'app-1', rule: 'a type or an actor', holds: (it) => any(it, 'type', 'actor') }]],
];

/** Returns true when each contained resource is referred to from its container, or refers to it. */
function allReferredTo(container: JsonObject): boolean {
  const links = new Set(stringsIn(container).filter((each) => each.startsWith('#')));
  return objectsAt(container, 'contained').every((each) => links.has(`#${textAt(each, 'id')}`) || stringsIn(each).includes('#'));
}

/** Of resources that contain others (http://hl7.org/fhir/R4/domainresource.html#invs). */
export const CONTAINER_RULES: readonly Invariant[] = [
  {
    key: 'dom-2',
    rule: 'contained resources contain none',
    holds: (it) => objectsAt(it, 'contained').every((each) => !has(each, 'contained')),
  },
  {
    key: 'dom-3',
    rule: 'each contained resource is referred to, or refers to its container',
    holds: allReferredTo,
  },
  {
    key: 'dom-4',
    rule: 'contained resources have no versionId and no lastUpdated',
    holds: (it) => objectsAt(it, 'contained').every((each) => !any(objectAt(each, 'meta'), 'versionId', 'lastUpdated')),
  },
  {
    key: 'dom-5',
    rule: 'contained resources have no security labels',
    holds: (it) => objectsAt(it, 'contained').every((each) => !has(objectAt(each, 'meta'), 'security')),
  },
];

export const RESOURCE_INVARIANTS: readonly (readonly [string, readonly Invariant[]])[] = [...CLINICAL, ...ADMINISTRATIVE];
