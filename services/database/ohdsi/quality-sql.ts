/** How each check of data quality is counted: as a condition on the rows of its table, so that all of a table are counted in one reading. */
import type { Check } from '../../omop/quality.ts';

/** What is joined to a row `a` of the checked table; each finds one row at most. */
export type Join = 'person' | 'death' | 'visit' | { readonly table: string; readonly key: string; readonly field: string };

export type Plan =
  /** Answered from the catalog. */
  | { readonly kind: 'catalog'; readonly violated: 0; readonly rows: 1 }
  /** Conditions on rows `a`; `rows` undefined: all. */
  | { readonly kind: 'rows'; readonly violated: string; readonly rows: string | undefined; readonly joins: readonly Join[] }
  /** Decided by the concepts that stand in the field. */
  | { readonly kind: 'concepts' }
  /** Decided by pairs of the field's concept and the person's gender, or the row's unit. */
  | { readonly kind: 'genders' | 'units' }
  /** A statement of its own, which returns violated and rows. */
  | { readonly kind: 'alone'; readonly text: string };

/** What the database has. */
export interface Catalog {
  /** PostgreSQL's type names by 'table.column'; tables by 'table'. */
  readonly columns: ReadonlyMap<string, string>;
  readonly tables: ReadonlySet<string>;
  /** 'table.column' that alone is unique. */
  readonly unique: ReadonlySet<string>;
}

/** A day that does not exist (31 February) is counted on: make_date would end the whole statement. */
const birth = (person: string): string =>
  `coalesce(${person}.birth_datetime::date, (make_date(greatest(${person}.year_of_birth, 1), 1, 1)
    + make_interval(months => coalesce(${person}.month_of_birth, 1) - 1, days => coalesce(${person}.day_of_birth, 1) - 1))::date)`;
/** Days after a death in which records are still plausible. */
const AFTER_DEATH = 60;
/** Days around a visit in which its records are plausible. */
const AROUND_VISIT = 7;

/** The words before _concept_id or _source_concept_id that have a *_source_value of the same name, for fields that may be NULL. */
const OPTIONAL_CONCEPTS =
  /^(unit|admitted_from|discharged_to|condition_status|route|modifier|qualifier|cause|anatomic_site|disease_status|country|place_of_service|specialty|payer|plan|sponsor|stop_reason)(?:_source)?_concept_id$/;

/** Returns how a check is counted; undefined when its table or column is not there. */
export function planOf(check: Check, catalog: Catalog): Plan | undefined {
  const { name, table, field, parameters } = check;
  if (!catalog.tables.has(table) || (field !== '' && !catalog.columns.has(`${table}.${field}`))) return undefined;
  const rows = (violated: string, of?: string, ...joins: readonly Join[]): Plan => ({ kind: 'rows', violated, rows: of, joins });
  const f = `a.${field}`;
  const [first = '', second = ''] = parameters;
  switch (name) {
    case 'cdmTable':
    case 'cdmField':
      return { kind: 'catalog', violated: 0, rows: 1 };
    case 'isRequired':
    case 'measureValueCompleteness':
      return rows(`${f} IS NULL`);
    case 'cdmDatatype':
      return rows(
        /^(integer|bigint|smallint)$/.test(catalog.columns.get(`${table}.${field}`) ?? '') ? 'false' : `${f}::text !~ '^-?[0-9]+$'`,
      );
    case 'isPrimaryKey':
      return catalog.unique.has(`${table}.${field}`) ? rows('false') : { kind: 'alone', text: duplicates(table, field) };
    case 'isForeignKey':
      return foreignKey(check, catalog, first.toLowerCase(), second.toLowerCase());
    case 'fkDomain':
    case 'fkClass':
    case 'isStandardValidConcept':
      return { kind: 'concepts' };
    case 'standardConceptRecordCompleteness':
    case 'sourceConceptRecordCompleteness':
      return rows(unmappedText(check));
    case 'sourceValueCompleteness':
      return { kind: 'alone', text: sourceValues(table, field, first.toLowerCase()) };
    case 'plausibleValueLow':
    case 'plausibleValueHigh':
      return rows(limitText(f, name === 'plausibleValueLow' ? '<' : '>', first, second), `${f} IS NOT NULL`);
    case 'plausibleGender':
    case 'plausibleGenderUseDescendants':
      return { kind: 'genders' };
    case 'plausibleUnitConceptIds':
      return { kind: 'units' };
    default:
      return timePlan(check, rows) ?? tablePlan(check);
  }
}

function timePlan(
  { name, table, field, parameters }: Check,
  rows: (violated: string, of?: string, ...joins: readonly Join[]) => Plan,
): Plan | undefined {
  const f = `a.${field}`;
  const [first = '', second = ''] = parameters.map((each) => each.toLowerCase());
  const p = table === 'person' ? 'a' : 'person';
  const withPerson: readonly Join[] = table === 'person' ? [] : ['person'];
  switch (name) {
    case 'plausibleTemporalAfter':
      return first === 'person'
        ? rows(
            `coalesce(${p}.birth_datetime::date, make_date(greatest(${p}.year_of_birth, 1), 6, 1)) > ${f}::date`,
            undefined,
            ...withPerson,
          )
        : rows(`a.${second}::date > ${f}::date`);
    case 'plausibleDuringLife':
      return rows(`${f}::date > death.death_date + ${AFTER_DEATH}`, 'death.person_id IS NOT NULL', 'death');
    case 'plausibleBeforeDeath':
      return rows(`${f}::date > death.death_date + ${AFTER_DEATH}`, `death.person_id IS NOT NULL AND ${f} IS NOT NULL`, 'death');
    case 'plausibleAfterBirth':
      return rows(`${f}::date < ${birth(p)}`, `${f} IS NOT NULL`, ...withPerson);
    case 'withinVisitDates':
      return rows(
        `(${f} < visit.visit_start_date - ${AROUND_VISIT} OR ${f} > visit.visit_end_date + ${AROUND_VISIT})`,
        'visit.visit_occurrence_id IS NOT NULL',
        'visit',
      );
    case 'plausibleStartBeforeEnd':
      return rows(`${f}::date > a.${first}::date`, `${f} IS NOT NULL AND a.${first} IS NOT NULL`);
    default:
      return undefined;
  }
}

function tablePlan({ name, table }: Check): Plan | undefined {
  const from = `cdm.${table}`;
  if (name === 'measurePersonCompleteness')
    return {
      kind: 'alone',
      text: `SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM ${from} c WHERE c.person_id = p.person_id)) AS violated, count(*) AS rows FROM cdm.person p`,
    };
  if (name === 'measureConditionEraCompleteness')
    return {
      kind: 'alone',
      text: `SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM ${from} e WHERE e.person_id = c.person_id)) AS violated, count(*) AS rows
        FROM (SELECT DISTINCT person_id FROM cdm.condition_occurrence WHERE condition_concept_id <> 0) c`,
    };
  if (name !== 'measureObservationPeriodOverlap') return undefined;
  return {
    kind: 'alone',
    text: `SELECT (SELECT count(DISTINCT a.person_id) FROM cdm.observation_period a JOIN cdm.observation_period b ON b.person_id = a.person_id
        AND b.observation_period_id <> a.observation_period_id AND a.observation_period_start_date <= b.observation_period_end_date + 1
        AND a.observation_period_end_date + 1 >= b.observation_period_start_date) AS violated,
      (SELECT count(DISTINCT person_id) FROM cdm.observation_period) AS rows`,
  };
}

function foreignKey({ table, field }: Check, catalog: Catalog, target: string, key: string): Plan | undefined {
  if (target === 'concept') return { kind: 'concepts' };
  if (!catalog.tables.has(target)) return undefined;
  if (catalog.unique.has(`${target}.${key}`)) {
    const violated = `a.${field} IS NOT NULL AND ${joinName({ table: target, key, field })}.${key} IS NULL`;
    return { kind: 'rows', violated, rows: undefined, joins: [{ table: target, key, field }] };
  }
  const text = `SELECT count(*) FILTER (WHERE a.${field} IS NOT NULL AND NOT EXISTS (SELECT FROM cdm.${target} b WHERE b.${key} = a.${field})) AS violated,
    count(*) AS rows FROM cdm.${table} a`;
  return { kind: 'alone', text };
}

const duplicates = (table: string, field: string): string =>
  `SELECT coalesce(sum(n) FILTER (WHERE n > 1 AND v IS NOT NULL), 0)::bigint AS violated, coalesce(sum(n), 0)::bigint AS rows
   FROM (SELECT ${field} AS v, count(*) AS n FROM cdm.${table} GROUP BY ${field}) g`;

const sourceValues = (table: string, field: string, concept: string): string =>
  `SELECT count(*) FILTER (WHERE is_unmapped) AS violated, count(*) AS rows
   FROM (SELECT bool_or(${concept} = 0) AS is_unmapped FROM cdm.${table} GROUP BY ${field}) g`;

/** A field that may be NULL is unmapped when its source value is there. */
function unmappedText({ table, field }: Check): string {
  const isDose = table === 'dose_era' && field.startsWith('unit');
  const stem = isDose ? undefined : table === 'provider' && field.startsWith('gender') ? 'gender' : OPTIONAL_CONCEPTS.exec(field)?.[1];
  return stem === undefined ? `a.${field} = 0` : `(a.${field} = 0 OR (a.${field} IS NULL AND a.${stem}_source_value IS NOT NULL))`;
}

/** Limits are numbers, days as '19500101', or these words of SQL Server: the published files are written for it. */
function limitText(field: string, operator: '<' | '>', limit: string, type: string): string {
  const isDate = type === 'date' || type === 'datetime';
  const day = /^'(\d{8})'$/.exec(limit)?.[1];
  const later = /^DATEADD\(dd,(-?\d+),GETDATE\(\)\)$/.exec(limit)?.[1];
  const year = /^YEAR\(GETDATE\(\)\)\+(\d+)$/.exec(limit)?.[1];
  const known =
    day !== undefined
      ? `date '${day}'`
      : later !== undefined
        ? `current_date + ${later}`
        : year !== undefined
          ? `extract(year FROM current_date) + ${year}`
          : /^-?\d+(\.\d+)?$/.test(limit)
            ? limit
            : undefined;
  if (known === undefined) throw new Error(`no limit of this form is known: ${limit}`);
  return `${field}${isDate ? '::date' : ''} ${operator} ${known}`;
}

/** Returns the alias of a joined table. */
export const joinName = (join: Join): string => (typeof join === 'string' ? join : `of_${join.field}`);

const JOINS = {
  person: { table: 'person', key: 'person_id', field: 'person_id' },
  death: { table: 'death', key: 'person_id', field: 'person_id' },
  visit: { table: 'visit_occurrence', key: 'visit_occurrence_id', field: 'visit_occurrence_id' },
} as const;

/** Returns FROM with everything that plans need, each once. Where a key is not unique, one of its rows is taken: no row counts twice. */
export function fromText(table: string, plans: readonly Extract<Plan, { kind: 'rows' }>[], { unique }: Catalog): string {
  const joins = new Map(plans.flatMap((plan) => plan.joins.map((join) => [joinName(join), join])));
  const texts = [...joins].map(([alias, join]) => {
    const { table: target, key, field } = typeof join === 'string' ? JOINS[join] : join;
    const source = unique.has(`${target}.${key}`) ? `cdm.${target}` : `(SELECT DISTINCT ON (${key}) * FROM cdm.${target})`;
    return `LEFT JOIN ${source} ${alias} ON ${alias}.${key} = a.${field}`;
  });
  return [`FROM cdm.${table} a`, ...texts].join(' ');
}
