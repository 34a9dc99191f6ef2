/** What an operator chose where sources disagree, as it bears on one resource (omop-rules, tag [C]; services/omop/options.ts). */
import type { Resource } from '../../fhir/resource.ts';
import { chosenOf } from '../../omop/options.ts';
import type { CdmRow } from '../../omop/row.ts';
import { isObject, type RowRun, textAt } from './building.ts';
import { standardId } from './coding.ts';

const STILL_PATIENT = 32220;
/** Classes beyond those of the FHIR-to-OMOP guide. */
const BEYOND_GUIDE: ReadonlySet<string> = new Set(['ACUTE', 'NONAC', 'FLD', 'SS']);

/** http://terminology.hl7.org/CodeSystem/discharge-disposition, and the concept that the FHIR-to-OMOP guide gives them. */
const AT_HOME: ReadonlySet<string> = new Set(['home', 'alt-home']);
const HOME = 8536;

const BEGUN: ReadonlySet<string> = new Set(['arrived', 'triaged', 'onleave']);

/** Returns why a resource makes no row at all by what was chosen. */
export function choiceExcludes({ resource, context: { choices } }: RowRun): { rule: number; reason: string } | undefined {
  if (isProvisional(resource) && chosenOf(choices, 'provisional-conditions') === 'left-out')
    return { rule: 14, reason: 'provisional or differential, which is left out here' };
  if (
    resource.resourceType === 'MedicationRequest' &&
    resource['intent'] !== 'instance-order' &&
    chosenOf(choices, 'medication-intents') === 'instance-order'
  )
    return { rule: 17, reason: 'no instance order: only these make rows here' };
  if (
    resource.resourceType === 'Encounter' &&
    BEGUN.has(textAt(resource, 'status') ?? '') &&
    chosenOf(choices, 'encounter-statuses') === 'guide'
  )
    return { rule: 16, reason: 'neither in progress nor finished: only these make visits here' };
  return undefined;
}

function isProvisional(resource: Resource): boolean {
  const status = resource.resourceType === 'Condition' ? resource['verificationStatus'] : undefined;
  const codings: unknown = isObject(status) ? status['coding'] : undefined;
  return (
    Array.isArray(codings) &&
    codings.some((coding: unknown) => isObject(coding) && ['provisional', 'differential'].includes(textAt(coding, 'code') ?? ''))
  );
}

/** Returns the reason that a result is absent for, where such results are kept; undefined where it makes no row (omop-rules 19). */
export function absentReason(item: unknown, { context: { choices } }: RowRun): string | undefined {
  const reason = isObject(item) ? item['dataAbsentReason'] : undefined;
  if (!isObject(reason) || chosenOf(choices, 'absent-results') !== 'kept') return undefined;
  const codings: unknown = reason['coding'];
  const [first]: readonly unknown[] = Array.isArray(codings) ? codings : [];
  return (isObject(first) ? textAt(first, 'code') : undefined) ?? textAt(reason, 'text');
}

/** True when a condition goes to observation whatever its concept's domain. */
export const isObservedOnly = ({ resource, context: { choices } }: RowRun): boolean =>
  isProvisional(resource) && chosenOf(choices, 'provisional-conditions') === 'observation';

/** Returns the rows as they are by what was chosen; what is left out or unmapped for it is counted in `run`. */
export function chosenRows(rows: readonly CdmRow[], run: RowRun): readonly CdmRow[] {
  const { choices } = run.context;
  const isObserved = isObservedOnly(run);
  if (!isObserved && !rows.some(({ table }) => table === 'person' || table === 'visit_occurrence')) return rows;
  return rows.flatMap((row) => {
    if (row.table === 'person') return person(row, run);
    if (row.table === 'observation' && isObserved) return [{ ...row, columns: { ...row.columns, qualifier_source_value: 'provisional' } }];
    if (row.table !== 'visit_occurrence') return [row];
    const columns = { ...row.columns };
    if (AT_HOME.has(String(columns['discharged_to_source_value'])) && chosenOf(choices, 'discharged-home') === 'home')
      columns['discharged_to_concept_id'] = standardId(HOME, run.context.vocabulary);
    const code = columns['visit_source_value'];
    if (typeof code === 'string' && BEYOND_GUIDE.has(code) && chosenOf(choices, 'encounter-classes') === 'guide') {
      columns['visit_concept_id'] = 0;
      run.unmapped.push({ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code, why: 'no-row', at: 'Encounter.class' });
    }
    const goesOn = run.adjustments.some(({ rule, reason }) => rule === 33 && reason.endsWith('date of the data'));
    if (goesOn && chosenOf(choices, 'still-patient') === 'type') columns['visit_type_concept_id'] = STILL_PATIENT;
    return [{ ...row, columns }];
  });
}

function person(row: CdmRow, run: RowRun): readonly CdmRow[] {
  const { choices } = run.context;
  if (row.columns['gender_concept_id'] === 0 && chosenOf(choices, 'persons-without-gender') === 'left-out') {
    run.exclusions.push({ rule: 22, reason: 'no gender: left out here', at: 'Patient' });
    return [];
  }
  const source = chosenOf(choices, 'person-source-value');
  if (source === 'id') return [row];
  const { person_source_value: _, ...columns } = row.columns;
  const identifiers = run.resource['identifier'];
  const [first]: readonly unknown[] = Array.isArray(identifiers) ? identifiers : [];
  const value = source === 'identifier' && isObject(first) ? textAt(first, 'value')?.slice(0, 50) : undefined;
  return [{ ...row, columns: value === undefined ? columns : { ...columns, person_source_value: value } }];
}
