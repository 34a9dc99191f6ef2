/**
 * Data-quality checks over the CDM: the types, places and thresholds of OHDSI's DataQualityDashboard
 * (https://ohdsi.github.io/DataQualityDashboard/articles/CheckTypeDescriptions.html), and how their counts are judged.
 */
import { CHECK_ROWS, CHECK_TYPES } from './quality-checks.generated.ts';

export type CheckName = (typeof CHECK_TYPES)[number]['name'];
export type Severity = (typeof CHECK_TYPES)[number]['severity'];
type CheckType = (typeof CHECK_TYPES)[number];

export interface Check {
  /** As the original tool makes it: level_check_table_field_concept_unit. */
  readonly id: string;
  readonly type: CheckType;
  readonly name: CheckName;
  /** In lower case, as the columns are. */
  readonly table: string;
  readonly field: string;
  /** Of checks of concepts; may be a list with commas. */
  readonly conceptId: string;
  readonly conceptName: string;
  readonly unitConceptId: string;
  /** Percent that may be violated; undefined: none. */
  readonly threshold: number | undefined;
  /** What the check needs beside its place, in the order of the generator's PARAMETERS. */
  readonly parameters: readonly string[];
}

/** Replaced by others; the original tool still runs them by default. */
const DEPRECATED: readonly CheckName[] = ['plausibleDuringLife', 'plausibleTemporalAfter', 'plausibleGender'];
export const isDeprecated = ({ name }: Check): boolean => DEPRECATED.includes(name);

const typesByName = new Map<string, CheckType>(CHECK_TYPES.map((type) => [type.name, type]));
const CONCEPT_CELLS = 3;

/** Returns every check, in the order of the published files. */
export function allChecks(): readonly Check[] {
  return CHECK_ROWS.flatMap(([name = '', table = '', field = '', threshold = '', ...rest]) => {
    const type = typesByName.get(name);
    if (type === undefined) return [];
    const [conceptId = '', conceptName = '', unitConceptId = ''] = type.level === 'CONCEPT' ? rest : [];
    const id = [type.level, name, table, field, conceptId, unitConceptId].filter((each) => each !== '').join('_');
    return {
      id: id.toLowerCase().replaceAll(' ', ''),
      type,
      name: type.name,
      table: table.toLowerCase(),
      field: field.toLowerCase(),
      conceptId,
      conceptName,
      unitConceptId,
      threshold: threshold === '' ? undefined : Number(threshold),
      parameters: type.level === 'CONCEPT' ? rest.slice(CONCEPT_CELLS) : rest,
    };
  });
}

/** What was counted; `error`: it could not be. */
export type Counted = { readonly violated: number; readonly rows: number } | { readonly error: string };

export interface Judged {
  readonly check: Check;
  readonly outcome: 'passed' | 'failed' | 'not-applicable' | 'error';
  readonly violated: number;
  readonly rows: number;
  /** Violated rows of all, 0 to 100. */
  readonly percent: number;
  /** Why it is not applicable, or what went wrong. */
  readonly note: string | undefined;
}

interface Emptiness {
  readonly missingTables: ReadonlySet<string>;
  readonly missingFields: ReadonlySet<string>;
  readonly emptyTables: ReadonlySet<string>;
  readonly emptyFields: ReadonlySet<string>;
}

const fieldOf = ({ table, field }: Check): string => `${table}.${field}`;

/** Returns the outcome of every check. What was not counted (a table or column that is not there) has no entry in `counts`. */
export function judge(checks: readonly Check[], counts: ReadonlyMap<string, Counted>): readonly Judged[] {
  const found = emptinessOf(checks, counts);
  return checks.map((check) => {
    const counted = counts.get(check.id);
    const { violated, rows } = counted === undefined || 'error' in counted ? { violated: 0, rows: 0 } : counted;
    const percent = rows === 0 ? 0 : (100 * violated) / rows;
    const note = whyNotApplicable(check, found, counted, rows);
    if (note !== undefined) return { check, outcome: 'not-applicable', violated, rows, percent, note };
    if (counted === undefined) return { check, outcome: 'failed', violated: 1, rows: 1, percent: 100, note: 'it is not there' };
    if ('error' in counted) return { check, outcome: 'error', violated, rows, percent, note: counted.error };
    const isFailed = check.threshold === undefined || check.threshold === 0 ? violated > 0 : percent > check.threshold;
    return { check, outcome: isFailed ? 'failed' : 'passed', violated, rows, percent, note: undefined };
  });
}

function emptinessOf(checks: readonly Check[], counts: ReadonlyMap<string, Counted>): Emptiness {
  const of = (name: CheckName) => checks.filter((check) => check.name === name);
  const isMissing = (check: Check): boolean => {
    const counted = counts.get(check.id);
    return counted === undefined || 'error' in counted;
  };
  const missingTables = new Set(
    of('cdmTable')
      .filter(isMissing)
      .map(({ table }) => table),
  );
  const missingFields = new Set(of('cdmField').filter(isMissing).map(fieldOf));
  const emptyTables = new Set<string>();
  const emptyFields = new Set<string>();
  for (const check of of('measureValueCompleteness')) {
    const counted = counts.get(check.id);
    if (counted === undefined || 'error' in counted) continue;
    if (counted.rows === 0) emptyTables.add(check.table);
    if (counted.rows === counted.violated) emptyFields.add(fieldOf(check));
  }
  return { missingTables, missingFields, emptyTables, emptyFields };
}

/** The rules of the original tool (calculateNotApplicableStatus): a check says nothing about what is not there. */
function whyNotApplicable(check: Check, found: Emptiness, counted: Counted | undefined, rows: number): string | undefined {
  const { missingTables, missingFields, emptyTables, emptyFields } = found;
  if (check.name === 'cdmTable') return undefined;
  if (check.name === 'measureConditionEraCompleteness') {
    if (missingTables.has('condition_occurrence')) return 'the table condition_occurrence is not there';
    return emptyTables.has('condition_occurrence') ? 'the table condition_occurrence is empty' : undefined;
  }
  if (missingTables.has(check.table)) return `the table ${check.table} is not there`;
  if (check.name === 'cdmField' || check.name === 'measurePersonCompleteness') return undefined;
  if (missingFields.has(fieldOf(check))) return `the column ${fieldOf(check)} is not there`;
  if (counted !== undefined && 'error' in counted) return undefined;
  if (emptyTables.has(check.table)) return `the table ${check.table} is empty`;
  if (check.name === 'measureValueCompleteness') return undefined;
  if (emptyFields.has(fieldOf(check))) return `the column ${fieldOf(check)} is empty`;
  return check.type.level === 'CONCEPT' && rows === 0 ? `no row has concept ${check.conceptId}` : undefined;
}
