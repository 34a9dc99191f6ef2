/** `as`: conversions between types, compiled. The list is closed; what has no row is refused. */
import type { Compiling } from './compiling.ts';
import type { Compiled } from './scope.ts';
import { asText, choiceProperty, isNumeric, originOf, system } from './typed.ts';

export const CONVERSIONS = ['decimal', 'integer', 'date', 'dateTime', 'time', 'instant', 'code', 'string', 'boolean'] as const;

const FHIR_TEMPORAL = new Set(['date', 'dateTime', 'instant']);

/** Returns `operand` converted to `type`: one to one, many to many. Failures at run time set `X.error` and give undefined. */
export function convertTo(operand: Compiled, type: string, at: Compiling, offset: number): Compiled {
  if (operand.type.kind === 'any') return operand;
  if (!CONVERSIONS.some((each) => each === type)) return at.fault('unknown-type', offset, { name: type });
  if (operand.type.kind === 'choice') return convertChoice(operand, type, at, offset);
  if (operand.type.many) return convertEach(operand, type, at, offset);
  const iso = at.scope.format === 'fhir' && at.scope.texts === 'iso';
  const js = conversion(operand, type, at.scope.format, iso);
  if (js === undefined) {
    return at.fault('expression-type', offset, { reason: `${operand.type.name} cannot become ${type}`, hint: 'Choose a part that can.' });
  }
  return { js, type: system(type === 'code' ? 'string' : type), ...originOf(operand) };
}

function convertEach(operand: Compiled, type: string, at: Compiling, offset: number): Compiled {
  const name = at.fresh();
  const texts = operand.text;
  const one = (js: string): Compiled => ({ js, type: { ...operand.type, many: false }, ...(texts === undefined ? {} : { text: js }) });
  const item = convertTo(one(name), type, at, offset);
  if (item.type.kind === 'any') return item;
  const list = texts ?? operand.js;
  return {
    js: `(${list}).map((${name}) => ${item.js}).filter((x) => x !== undefined)`,
    type: system(type === 'code' ? 'string' : type, true),
    mapped: { list, one: (js) => convertTo(one(js), type, at, offset).js },
    ...originOf(operand),
  };
}

function conversion(operand: Compiled, type: string, format: 'hl7v2' | 'fhir', iso: boolean): string | undefined {
  const from = operand.type.kind === 'system' ? operand.type.name : '';
  if (from === type) return operand.js;
  if (operand.type.kind === 'fhir' && operand.type.name === 'Period' && FHIR_TEMPORAL.has(type)) {
    return type === 'date' ? `R.dateOf(R.get(${operand.js}, "start"))` : `R.get(${operand.js}, "start")`;
  }
  const text = asText(operand);
  if (text === undefined) return undefined;
  if (iso && from === 'string' && Object.hasOwn(ISO, type)) return `${ISO[type]}(${text}, X)`;
  const v2 = format === 'hl7v2' && !FHIR_TEMPORAL.has(from) && from !== 'time';
  switch (type) {
    case 'string':
      return text;
    case 'code':
      return `R.code(${text}, X)`;
    case 'decimal':
      return isNumeric(operand) ? operand.js : `R.number(${text}, X)`;
    case 'integer':
      return `R.integer(${text}, X)`;
    case 'boolean':
      return `R.boolean(${text}, X)`;
    case 'date':
      return v2 ? `R.v2date(${text}, X)` : FHIR_TEMPORAL.has(from) || from === 'string' ? `R.dateOf(${text})` : undefined;
    case 'dateTime':
      return v2 ? `R.v2dateTime(${text}, X)` : text;
    case 'instant':
      return v2 ? `R.v2instant(${text}, X)` : text;
    default:
      return v2 ? `R.v2time(${text}, X)` : undefined;
  }
}

/** Texts of records to times, by target type. */
export const ISO: Readonly<Record<string, string>> = { date: 'R.isoDate', dateTime: 'R.isoDateTime', instant: 'R.isoInstant' };

/** A choice element read as one of the simple types: the first of its types that can be. */
function convertChoice(operand: Compiled, type: string, at: Compiling, offset: number): Compiled {
  const preferred: Readonly<Record<string, readonly string[]>> = {
    date: ['dateTime', 'date', 'instant', 'Period'],
    dateTime: ['dateTime', 'date', 'instant', 'Period'],
    instant: ['instant', 'dateTime'],
    decimal: ['decimal', 'integer', 'positiveInt', 'unsignedInt'],
    integer: ['integer', 'positiveInt', 'unsignedInt'],
    string: ['string', 'markdown', 'code', 'uri'],
    code: ['code'],
    boolean: ['boolean'],
    time: ['time'],
  };
  const js = (preferred[type] ?? [])
    .filter((each) => operand.choices?.includes(each) === true)
    .map((each) => {
      const held = `R.get(${operand.js}, ${JSON.stringify(choiceProperty(operand.element ?? '', each))})`;
      const start = each === 'Period' ? `R.get(${held}, "start")` : held;
      return type === 'date' && each !== 'date' ? `R.dateOf(${start})` : start;
    });
  if (js.length === 0) {
    const reason = `${operand.element ?? 'The choice'} has no type that can become ${type}`;
    return at.fault('expression-type', offset, { reason, hint: `Its types are ${(operand.choices ?? []).join(', ')}.` });
  }
  return { js: `(${js.join(' ?? ')})`, type: system(type === 'code' ? 'string' : type) };
}
