/** Small writes for the database tests: resources, rows and index rows made by hand. */
import { createHash } from 'node:crypto';
import type { Database, Transaction } from '../../services/database/connect.ts';
import { lockCurrent } from '../../services/database/resources/resources.ts';
import { type ResourceWrite, type WriteOutcome, writeResources } from '../../services/database/resources/write-resources.ts';
import { contentText, textHash } from '../../services/fhir/format/json.ts';
import type { JsonValue, Resource } from '../../services/fhir/resource.ts';
import type { IndexRows } from '../../services/fhir/search/query.ts';
import type { CdmRow, ResourceRows } from '../../services/omop/row.ts';

export type Stored = Resource & { readonly id: string };

export const NO_INDEX: IndexRows = { tokens: [], strings: [], dates: [], numbers: [], quantities: [], present: [], set: 0 };
export const rowsOnly = (rows: readonly CdmRow[]): ResourceRows => ({ rows, exclusions: [], adjustments: [], unmapped: [], spec: '' });

export const patient = (id: string, year: number | null = 1980, more: Record<string, JsonValue> = {}): Stored => ({
  resourceType: 'Patient',
  id,
  ...(year === null ? {} : { birthDate: `${year}` }),
  ...more,
});
export const encounter = (id: string, subject: string, start: string, end = start): Stored => ({
  resourceType: 'Encounter',
  id,
  subject: { reference: `Patient/${subject}` },
  period: { start, end },
});
export const observation = (id: string, subject: string, date: string, more: Record<string, JsonValue> = {}): Stored => ({
  resourceType: 'Observation',
  id,
  subject: { reference: `Patient/${subject}` },
  effectiveDateTime: date,
  ...more,
});

const at = (value: JsonValue | undefined, name: string): string => {
  const found = typeof value === 'object' && value !== null && !Array.isArray(value) ? Reflect.get(value, name) : undefined;
  return typeof found === 'string' ? found : '';
};

/** Row maps in miniature: a Patient with a birth year makes a person, an Encounter a visit, an Observation an event. */
export function rowsOf(resource: Resource): ResourceRows {
  const person = { ref: at(resource['subject'], 'reference') };
  if (resource.resourceType === 'Patient') {
    const year = Number(resource['birthDate']);
    if (!year) return { ...rowsOnly([]), exclusions: [{ rule: 22, reason: 'no year of birth' }] };
    const columns = { gender_concept_id: 0, year_of_birth: year, race_concept_id: 0, ethnicity_concept_id: 0 };
    const died = resource['deceasedDateTime'];
    return rowsOnly([
      { table: 'person', n: 0, columns },
      ...(typeof died === 'string'
        ? [{ table: 'death', n: 1, columns: { person_id: { ref: `Patient/${resource.id}` }, death_date: died } } as const]
        : []),
    ]);
  }
  if (resource.resourceType === 'Encounter') {
    const columns = {
      person_id: person,
      visit_concept_id: 9202,
      visit_start_date: at(resource['period'], 'start'),
      visit_end_date: at(resource['period'], 'end'),
      visit_type_concept_id: 32827,
    };
    return rowsOnly([{ table: 'visit_occurrence', n: 0, columns }]);
  }
  const visit = at(resource['encounter'], 'reference');
  const date = typeof resource['effectiveDateTime'] === 'string' ? resource['effectiveDateTime'] : null;
  const links = { person_id: person, visit_occurrence_id: visit === '' ? null : { ref: visit } };
  const table = resource['table'];
  if (table === 'condition_occurrence') {
    const columns = { ...links, condition_concept_id: 1, condition_start_date: date, condition_type_concept_id: 32817 };
    return rowsOnly([{ table, n: 0, columns }]);
  }
  const columns = {
    ...links,
    measurement_concept_id: 2,
    measurement_date: date,
    measurement_type_concept_id: 32817,
    value_as_number: '5.10',
  };
  return rowsOnly([{ table: 'measurement', n: 0, columns }]);
}

/** Tokens of a resource by hand: one per top-level string property. */
export function indexOf(resource: Resource): IndexRows {
  const tokens = Object.entries(resource)
    .filter(([name]) => name !== 'resourceType' && name !== 'id')
    .map(([name, value]) =>
      createHash('sha256')
        .update(`${name}=${JSON.stringify(value)}`)
        .digest()
        .readBigInt64BE(),
    );
  const date = resource['effectiveDateTime'];
  const lo = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return { ...NO_INDEX, tokens, dates: Number.isNaN(lo) ? [] : [{ p: 7, lo, hi: lo + 86_400_000 }] };
}

export const parse = (text: string): Resource => JSON.parse(text);

/** Locks and writes resources in one transaction, as the pipeline does. */
export async function writeIn(
  tx: Transaction,
  resources: readonly Stored[],
  over: Partial<ResourceWrite> = {},
): Promise<readonly WriteOutcome[]> {
  const current = await lockCurrent(
    tx,
    resources.map((each) => ({ type: each.resourceType, id: each.id })),
  );
  return writeResources(
    tx,
    resources.map((resource) => {
      const before = current.get(`${resource.resourceType}/${resource.id}`);
      return {
        resource,
        text: contentText(resource),
        hash: textHash(contentText(resource)),
        current: before,
        index: indexOf(resource),
        oldIndex: before === undefined || before.deleted ? undefined : indexOf(parse(before.body)),
        rows: rowsOf(resource),
        problems: [],
        messageId: undefined,
        spec: '',
        ...over,
      };
    }),
    async (_tx, made) => made.map(rowsOf),
  );
}

export const write = (db: Database, resources: readonly Stored[], over: Partial<ResourceWrite> = {}): Promise<readonly WriteOutcome[]> =>
  db.transaction((tx) => writeIn(tx, resources, over));
