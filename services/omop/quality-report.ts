/** The outcome of data-quality checks in the JSON that the viewer of OHDSI's DataQualityDashboard reads (same keys). */
import { maskedShare } from './privacy.ts';
import type { Check, Judged } from './quality.ts';

export interface ReportContext {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly seconds: number;
  /** What was asked, by check. */
  readonly texts: ReadonlyMap<string, string>;
  /** Columns of cdm_source by their names. */
  readonly source: Readonly<Record<string, string | number | null>>;
  /** This software and the version of the checks. */
  readonly version: string;
  /** Counts below are told as its negative (omop-rules 72); 0: none is. */
  readonly smallestCell?: number;
}

/** Returns the document; JSON.stringify writes it as the original tool does. */
export function dqdDocument(judged: readonly Judged[], context: ReportContext): Readonly<Record<string, unknown>> {
  const source = Object.entries(context.source).map(([name, value]) => [camel(name), value]);
  return {
    startTimestamp: context.startedAt,
    endTimestamp: context.endedAt,
    executionTime: `${Math.round(context.seconds)} secs`,
    CheckResults: judged.map((each) => resultOf(each, context)),
    Metadata: [{ ...Object.fromEntries(source), dqdVersion: context.version }],
    Overview: overviewOf(judged),
  };
}

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const upper = (text: string): string | undefined => (text === '' ? undefined : text.toUpperCase());
const given = (text: string): string | undefined => (text === '' ? undefined : text);

function resultOf({ check, outcome, violated, rows, percent, note }: Judged, { texts, seconds, smallestCell = 0 }: ReportContext) {
  const isCounted = outcome !== 'error';
  const told = maskedShare({ violated, rows, percent }, smallestCell);
  return {
    numViolatedRows: isCounted ? told.violated : undefined,
    pctViolatedRows: isCounted && told.percent !== null ? told.percent / 100 : undefined,
    numDenominatorRows: isCounted ? told.rows : undefined,
    executionTime: `${(seconds / Math.max(texts.size, 1)).toFixed(3)} secs`,
    queryText: texts.get(check.id) ?? '',
    checkName: check.name,
    checkLevel: check.type.level,
    checkDescription: descriptionOf(check),
    cdmTableName: upper(check.table),
    cdmFieldName: upper(check.field),
    conceptId: given(check.conceptId),
    unitConceptId: given(check.unitConceptId),
    sqlFile: 'polyseme',
    category: check.type.category,
    subcategory: check.type.subcategory,
    context: check.type.context,
    severity: check.type.severity,
    error: outcome === 'error' ? note : undefined,
    checkId: check.id,
    failed: outcome === 'failed' || outcome === 'error' ? 1 : 0,
    passed: outcome === 'passed' ? 1 : 0,
    isError: outcome === 'error' ? 1 : 0,
    notApplicable: outcome === 'not-applicable' ? 1 : 0,
    notApplicableReason: outcome === 'not-applicable' ? note : undefined,
    thresholdValue: check.threshold,
  };
}

/** Returns the description with the names of its place filled in. */
export function descriptionOf(check: Check): string {
  const values: Readonly<Record<string, string>> = {
    cdmTableName: check.table.toUpperCase(),
    cdmFieldName: check.field.toUpperCase(),
    conceptId: check.conceptId,
    conceptName: check.conceptName,
    fkTableName: check.parameters[0] ?? '',
    fkDomain: check.parameters[0] ?? '',
    fkClass: check.parameters[0] ?? '',
    plausibleTemporalAfterTableName: check.parameters[0] ?? '',
    plausibleTemporalAfterFieldName: check.parameters[1] ?? '',
    [check.name === 'plausibleStartBeforeEnd' ? 'plausibleStartBeforeEndFieldName' : check.name]: check.parameters[0] ?? '',
  };
  return check.type.description.replace(/@(\w+)/g, (whole, name: string) => values[name] ?? whole);
}

const percentOf = (part: number, whole: number): number => (whole === 0 ? 0 : Math.round((10_000 * part) / whole) / 100);

/** Returns the counts of the viewer's first page. */
export function overviewOf(judged: readonly Judged[]): Readonly<Record<string, number>> {
  const count = (outcomes: readonly Judged['outcome'][], category?: string): number =>
    judged.filter(({ outcome, check }) => outcomes.includes(outcome) && (category === undefined || check.type.category === category))
      .length;
  const failures = ['failed', 'error'] as const;
  const categories = ['Plausibility', 'Conformance', 'Completeness'] as const;
  const applicable = count(['passed', ...failures]);
  const byCategory = categories.flatMap((category) => [
    [`countTotal${category}`, count(['passed', 'failed', 'error', 'not-applicable'], category)],
    [`countFailed${category}`, count(failures, category)],
    [`countPassed${category}`, count(['passed'], category)],
  ]);
  return {
    countTotal: judged.length,
    countThresholdFailed: count(['failed']),
    countErrorFailed: count(['error']),
    countOverallFailed: count(failures),
    countPassed: count(['passed']),
    countNotApplicable: count(['not-applicable']),
    percentPassed: percentOf(count(['passed']), applicable),
    percentFailed: percentOf(count(failures), applicable),
    ...Object.fromEntries(byCategory),
  };
}
