import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { keepRun, outcomeChanges, runs } from '../../services/database/ohdsi/quality-history.ts';
import { countChecks } from '../../services/database/ohdsi/quality-run.ts';
import { allChecks, type Judged, judge } from '../../services/omop/quality.ts';
import { dqdDocument } from '../../services/omop/quality-report.ts';
import { type FreshDatabase, freshDatabase } from '../fresh-database.ts';

let fresh: FreshDatabase;
let database: Database;
let judged: ReadonlyMap<string, Judged>;

/** Every statement breaks something that one type of check looks for. */
const BROKEN = `
INSERT INTO cdm.concept (concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, standard_concept, concept_code, valid_start_date, valid_end_date, invalid_reason) VALUES
 (0, 'No matching concept', 'Metadata', 'None', 'Undefined', NULL, '0', '1970-01-01', '2099-12-31', NULL),
 (8507, 'MALE', 'Gender', 'Gender', 'Gender', 'S', 'M', '1970-01-01', '2099-12-31', NULL),
 (8532, 'FEMALE', 'Gender', 'Gender', 'Gender', 'S', 'F', '1970-01-01', '2099-12-31', NULL),
 (3000963, 'Hemoglobin', 'Measurement', 'LOINC', 'Lab Test', 'S', '718-7', '1970-01-01', '2099-12-31', NULL),
 (26662, 'Testicular hypofunction', 'Condition', 'SNOMED', 'Disorder', 'S', '1', '1970-01-01', '2099-12-31', NULL),
 (9999, 'Old', 'Condition', 'SNOMED', 'Disorder', NULL, '2', '1970-01-01', '2099-12-31', 'U'),
 (8840, 'mg/dL', 'Unit', 'UCUM', 'Unit', 'S', 'mg/dL', '1970-01-01', '2099-12-31', NULL),
 (8713, 'g/dL', 'Unit', 'UCUM', 'Unit', 'S', 'g/dL', '1970-01-01', '2099-12-31', NULL),
 (443343, 'Malignant tumor of testis', 'Condition', 'SNOMED', 'Disorder', 'S', '3', '1970-01-01', '2099-12-31', NULL);
INSERT INTO cdm.concept_ancestor VALUES (443343, 26662, 1, 1), (443343, 443343, 0, 0);
INSERT INTO cdm.person (person_id, gender_concept_id, year_of_birth, month_of_birth, day_of_birth, race_concept_id, ethnicity_concept_id) VALUES
 (1, 8532, 1980, 2, 31, 0, 0), (2, 8507, 1980, 1, 1, 0, 0), (3, 8507, 1700, 1, 1, 777, 0);
INSERT INTO cdm.observation_period VALUES (1, 1, '2000-01-01', '2010-01-01', 0), (2, 1, '2010-01-02', '2011-01-01', 0), (3, 2, '2000-01-01', '2010-01-01', 0);
INSERT INTO cdm.death (person_id, death_date) VALUES (2, '2005-01-01');
INSERT INTO cdm.visit_occurrence (visit_occurrence_id, person_id, visit_concept_id, visit_start_date, visit_end_date, visit_type_concept_id)
 VALUES (1, 1, 0, '2005-01-10', '2005-01-01', 0);
INSERT INTO cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_type_concept_id, condition_source_value, condition_end_date) VALUES
 (1, 1, 26662, '2005-01-01', 0, 'A', NULL), (2, 2, 26662, '2005-06-01', 0, 'A', NULL), (3, 2, 9999, '1970-01-01', 0, 'B', NULL), (4, 2, 8507, '2004-01-01', 0, 'C', NULL),
 (5, 99, 0, '2004-01-01', 0, 'D', NULL);
INSERT INTO cdm.measurement (measurement_id, person_id, measurement_concept_id, measurement_date, measurement_type_concept_id, unit_concept_id, visit_occurrence_id, value_as_number) VALUES
 (1, 1, 3000963, '2005-01-05', 0, 8840, 1, 13), (2, 1, 3000963, '2006-01-05', 0, 8713, 1, 13), (3, 1, 3000963, '2007-01-05', 0, 0, NULL, 13), (4, 1, 3000963, '2007-01-05', 0, NULL, NULL, 13);
INSERT INTO cdm.drug_exposure (drug_exposure_id, person_id, drug_concept_id, drug_exposure_start_date, drug_exposure_end_date, drug_type_concept_id, days_supply, route_source_value) VALUES
 (1, 1, 0, '2005-01-01', '2005-02-01', 0, 900, 'po'), (2, 1, 0, '2005-01-01', '2005-02-01', 0, NULL, NULL);
ALTER TABLE cdm.procedure_occurrence DROP COLUMN modifier_source_value;
ALTER TABLE cdm.observation ALTER COLUMN observation_concept_id TYPE text;
INSERT INTO cdm.observation (observation_id, person_id, observation_concept_id, observation_date, observation_type_concept_id) VALUES
 (1, 1, 'x', '2005-01-01', 0), (2, 1, '26662', '2005-01-01', 0);
DROP TABLE cdm.specimen;
ALTER TABLE cdm.note DROP CONSTRAINT note_pkey;
INSERT INTO cdm.note (note_id, person_id, note_date, note_type_concept_id, note_class_concept_id, note_text, encoding_concept_id, language_concept_id)
 SELECT 7, 1, '2005-01-01', 0, 0, 'x', 0, 0 FROM generate_series(1, 2);
`;

async function outcomes(): Promise<readonly Judged[]> {
  const checks = allChecks();
  const { counts } = await countChecks(database, checks);
  return judge(checks, counts);
}

beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase(fresh.url);
  for (const statement of BROKEN.split(';\n')) if (statement.trim() !== '') await database.query(statement);
  judged = new Map((await outcomes()).map((each) => [each.check.id, each]));
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const found = (id: string): readonly [string | undefined, number | undefined, number | undefined] => {
  const each = judged.get(id);
  return [each?.outcome, each?.violated, each?.rows];
};

describe('the checks of data quality', () => {
  it('are those of DataQualityDashboard 2.8.4, each once', () => {
    const checks = allChecks();
    expect([checks.length, new Set(checks.map(({ id }) => id)).size, new Set(checks.map(({ name }) => name)).size]).toEqual([
      2374, 2374, 27,
    ]);
  });

  it.each([
    ['table_cdmtable_person', 'passed', 0, 1],
    ['table_cdmtable_specimen', 'failed', 0, 0],
    ['field_isrequired_specimen_specimen_id', 'not-applicable', 0, 0],
    ['field_cdmfield_procedure_occurrence_modifier_source_value', 'failed', 0, 0],
    ['field_measurevaluecompleteness_procedure_occurrence_modifier_source_value', 'not-applicable', 0, 0],
    ['table_measurepersoncompleteness_observation_period', 'failed', 1, 3],
    ['table_measureobservationperiodoverlap_observation_period', 'failed', 1, 2],
    ['table_measureconditioneracompleteness_condition_era', 'failed', 2, 2],
    ['field_isrequired_condition_occurrence_condition_concept_id', 'passed', 0, 5],
    ['field_cdmdatatype_observation_observation_concept_id', 'failed', 1, 2],
    ['field_cdmdatatype_person_person_id', 'passed', 0, 3],
    ['field_isprimarykey_note_note_id', 'failed', 2, 2],
    ['field_isprimarykey_person_person_id', 'passed', 0, 3],
    ['field_isforeignkey_condition_occurrence_person_id', 'failed', 1, 5],
    ['field_isforeignkey_person_race_concept_id', 'failed', 1, 3],
    ['field_isforeignkey_observation_observation_concept_id', 'failed', 1, 2],
    ['field_fkdomain_condition_occurrence_condition_concept_id', 'failed', 1, 5],
    ['field_isstandardvalidconcept_condition_occurrence_condition_concept_id', 'failed', 1, 5],
    ['field_measurevaluecompleteness_condition_occurrence_condition_end_date', 'passed', 5, 5],
    ['field_standardconceptrecordcompleteness_drug_exposure_drug_concept_id', 'failed', 2, 2],
    ['field_standardconceptrecordcompleteness_drug_exposure_route_concept_id', 'not-applicable', 1, 2],
    ['field_sourcevaluecompleteness_condition_occurrence_condition_source_value', 'failed', 1, 4],
    ['field_plausiblevaluelow_person_year_of_birth', 'failed', 1, 3],
    ['field_plausiblevaluehigh_drug_exposure_days_supply', 'failed', 1, 1],
    ['field_plausiblestartbeforeend_visit_occurrence_visit_start_date', 'failed', 1, 1],
    ['field_plausibleafterbirth_condition_occurrence_condition_start_date', 'failed', 1, 5],
    ['field_plausiblebeforedeath_condition_occurrence_condition_start_date', 'failed', 1, 3],
    ['field_plausibleduringlife_condition_occurrence_condition_start_date', 'failed', 1, 3],
    ['field_plausibletemporalafter_visit_occurrence_visit_end_date', 'failed', 1, 1],
    ['field_withinvisitdates_measurement_measurement_date', 'failed', 1, 2],
    ['concept_plausiblegender_condition_occurrence_condition_concept_id_26662', 'failed', 1, 2],
    ['concept_plausibleunitconceptids_measurement_measurement_concept_id_3000963', 'failed', 1, 3],
  ])('%s: %s, %i of %i', (id, outcome, violated, rows) => {
    expect(found(id)).toEqual([outcome, violated, rows].map((each, i) => (outcome === 'failed' && rows === 0 && i > 0 ? 1 : each)));
  });

  it('counts descendants with their ancestors', () => {
    const each = [...judged.values()].find(
      ({ check }) =>
        check.name === 'plausibleGenderUseDescendants' && check.conceptId.includes('443343') && check.table === 'condition_occurrence',
    );
    expect([each?.violated, each?.rows, each?.outcome]).toEqual([1, 2, 'failed']);
  });

  it('that the database refuses are in error alone: the others of the table are counted', () => {
    expect(found('field_standardconceptrecordcompleteness_observation_observation_concept_id')[0]).toBe('error');
    expect(found('field_isforeignkey_observation_person_id')).toEqual(['passed', 0, 2]);
  });

  it('are written as the viewer reads them, and kept with what changed', async () => {
    const all = [...judged.values()];
    const context = { startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:00:09Z', seconds: 9, texts: new Map(), version: 'x' };
    const document = dqdDocument(all, { ...context, source: { cdm_source_name: 'Test', cdm_version: '5.4' } });
    expect(Object.keys(document)).toEqual(['startTimestamp', 'endTimestamp', 'executionTime', 'CheckResults', 'Metadata', 'Overview']);
    expect(document['Metadata']).toEqual([{ cdmSourceName: 'Test', cdmVersion: '5.4', dqdVersion: 'x' }]);
    const results: unknown = JSON.parse(JSON.stringify(document['CheckResults']));
    expect(
      Array.isArray(results) &&
        results.find((each) => each.checkId === 'concept_plausiblegender_condition_occurrence_condition_concept_id_26662'),
    ).toMatchObject({
      numViolatedRows: 1,
      pctViolatedRows: 0.5,
      numDenominatorRows: 2,
      checkName: 'plausibleGender',
      checkLevel: 'CONCEPT',
      cdmTableName: 'CONDITION_OCCURRENCE',
      conceptId: '26662',
      category: 'Plausibility',
      failed: 1,
      passed: 0,
      thresholdValue: 5,
    });
    const run = { startedAt: context.startedAt, seconds: 9, software: 'test' };
    await keepRun(database, all, run);
    await database.query('DELETE FROM cdm.death');
    const second = await keepRun(database, await outcomes(), run);
    expect((await runs(database, 10)).map(({ runId }) => runId)).toEqual([second, second - 1]);
    const changes = await outcomeChanges(database, second);
    expect(changes.find(({ checkId }) => checkId === 'field_plausiblebeforedeath_condition_occurrence_condition_start_date')).toMatchObject(
      {
        before: 'failed',
        after: 'passed',
      },
    );
  });
});
