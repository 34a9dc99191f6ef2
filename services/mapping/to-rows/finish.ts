/** What the CDM itself asks of a row once its columns are written, whatever the map said (rules 33, 42, 43, 56). */
import type { JsonObject } from '../../fhir/resource.ts';
import { dailyDose, drugEnd } from '../../omop/drug-dates.ts';
import type { CdmValue, RowTable } from '../../omop/row.ts';
import { visitEnd } from '../../omop/visits.ts';
import { adjusted, type Building, digitsOf, isObject, textAt } from './building.ts';

const dateIn = (value: CdmValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const numberIn = (value: CdmValue | undefined): number | undefined => (value === undefined || value === null ? undefined : Number(value));

export const FINISHERS: Readonly<Partial<Record<RowTable, (row: Building) => void>>> = {
  visit_occurrence: finishVisit,
  visit_detail: finishVisitDetail,
  payer_plan_period: finishPlan,
  drug_exposure: finishDrug,
  procedure_occurrence: finishQuantity,
  device_exposure: finishQuantity,
  condition_occurrence: finishCondition,
};

function finishVisit(row: Building): void {
  const { columns } = row;
  const start = dateIn(columns['visit_start_date']);
  if (start === undefined) return;
  const found = visitEnd({
    visit_concept_id: numberIn(columns['visit_concept_id']) ?? 0,
    start,
    end: dateIn(columns['visit_end_date']),
    asOf: row.run.context.asOf,
  });
  if (found.from === 'source') return;
  columns['visit_end_date'] = found.end;
  delete columns['visit_end_datetime'];
  adjusted(row, 33, `visit_end_date taken from the ${found.from}`);
}

/** A part of a stay ends as the stay does (rule 33). */
function finishVisitDetail(row: Building): void {
  const { columns } = row;
  const start = dateIn(columns['visit_detail_start_date']);
  if (start === undefined) return;
  const found = visitEnd({
    visit_concept_id: numberIn(columns['visit_detail_concept_id']) ?? 0,
    start,
    end: dateIn(columns['visit_detail_end_date']),
    asOf: row.run.context.asOf,
  });
  if (found.from === 'source') return;
  columns['visit_detail_end_date'] = found.end;
  delete columns['visit_detail_end_datetime'];
  adjusted(row, 33, `visit_detail_end_date taken from the ${found.from}`);
}

/** Rule 59: a plan without an end lasts until the date of the data. */
function finishPlan(row: Building): void {
  const { columns } = row;
  const start = dateIn(columns['payer_plan_period_start_date']);
  const end = dateIn(columns['payer_plan_period_end_date']);
  const { asOf } = row.run.context;
  if (start === undefined || (end !== undefined && end >= start)) return;
  if (end !== undefined) row.exclusion = { rule: 59, reason: 'the plan ends before it starts', at: row.at };
  else if (asOf === undefined || asOf < start) row.exclusion = { rule: 59, reason: 'a plan that has not begun', at: row.at };
  else {
    columns['payer_plan_period_end_date'] = asOf;
    adjusted(row, 59, 'payer_plan_period_end_date taken from the date of the data');
  }
}

function finishDrug(row: Building): void {
  const { columns } = row;
  const start = dateIn(columns['drug_exposure_start_date']);
  if (start === undefined) return;
  const end = dateIn(columns['drug_exposure_end_date']);
  const exposure = row.exposure ?? 'administration';
  const found = drugEnd({
    exposure,
    start,
    end,
    daysSupply: numberIn(columns['days_supply']),
    quantity: numberIn(columns['quantity']),
    dailyDose: row.dosage === undefined ? undefined : doseADay(row.dosage, row.quantityUnit),
  });
  if (end !== undefined) columns['verbatim_end_date'] = end;
  columns['drug_exposure_end_date'] = found.end;
  if (found.from === 'source') return;
  delete columns['drug_exposure_end_datetime'];
  // A single administration ends where it starts by definition; everything else was derived and is counted.
  if (found.from !== 'start') adjusted(row, 42, `drug_exposure_end_date taken from ${found.from}`);
}

/** Returns what a Dosage asks to be taken a day, when its dose is counted in the unit that the quantity is. */
function doseADay(dosage: JsonObject, quantityUnit: string | undefined): number | undefined {
  const timing = dosage['timing'];
  const repeat = isObject(timing) ? timing['repeat'] : undefined;
  const rates = dosage['doseAndRate'];
  const rate: unknown = Array.isArray(rates) ? rates[0] : undefined;
  const dose = isObject(rate) ? rate['doseQuantity'] : undefined;
  if (!isObject(repeat) || !isObject(dose)) return undefined;
  const unit = textAt(dose, 'code') ?? textAt(dose, 'unit');
  if (unit !== quantityUnit) return undefined;
  const numberOf = (name: string): number | undefined => {
    const digits = digitsOf(repeat[name]);
    return digits === undefined ? undefined : Number(digits);
  };
  const amount = digitsOf(dose['value']);
  return dailyDose(amount === undefined ? undefined : Number(amount), {
    frequency: numberOf('frequency'),
    period: numberOf('period'),
    periodUnit: textAt(repeat, 'periodUnit'),
  });
}

/** Rule 56: a quantity that is missing or 0 is 1. */
function finishQuantity(row: Building): void {
  if ((numberIn(row.columns['quantity']) ?? 0) === 0) row.columns['quantity'] = 1;
}

function finishCondition(row: Building): void {
  const { columns } = row;
  const start = dateIn(columns['condition_start_date']);
  const end = dateIn(columns['condition_end_date']);
  if (start === undefined || end === undefined || end >= start) return;
  delete columns['condition_end_date'];
  delete columns['condition_end_datetime'];
  adjusted(row, 38, 'condition_end_date lies before the start: left NULL');
}
