import { timeRange } from '../dates.ts';
import { isArray, isObject } from '../format/json.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';
import { has, hasChoice, type Invariant, textAt } from './invariant.ts';
import { BUNDLE_INVARIANTS } from './invariants-bundle.ts';
import { CONTAINER_RULES, RESOURCE_INVARIANTS } from './invariants-resources.ts';
import { TERMINOLOGY_INVARIANTS } from './invariants-terminology.ts';

const number = (value: JsonValue | undefined): number | undefined =>
  typeof value === 'number' || value instanceof Decimal ? Number(value) : undefined;
const isNegative = (value: JsonValue | undefined): boolean => (number(value) ?? 0) < 0;
const UCUM = 'http://unitsofmeasure.org';

/** Period.start is not after its end, compared as far as both are precise (per-1). */
function periodInOrder({ start, end }: JsonObject): boolean {
  if (typeof start !== 'string' || typeof end !== 'string') return true;
  const [from, to] = [timeRange(start), timeRange(end)];
  return from === undefined || to === undefined || from.lo < to.hi;
}

function rangeInOrder({ low, high }: JsonObject): boolean {
  if (!isObject(low) || !isObject(high) || low['code'] !== high['code'] || low['unit'] !== high['unit']) return true;
  const [from, to] = [number(low['value']), number(high['value'])];
  return from === undefined || to === undefined || from <= to;
}

const QUANTITY: Invariant = { key: 'qty-3', rule: 'a code has a system', holds: (it) => !has(it, 'code') || has(it, 'system') };

/** Age, Distance and Count: a code when there is a value, and UCUM when there is a system. */
const measured = (key: string): Invariant => ({
  key,
  rule: 'a code beside the value, and the system UCUM',
  holds: (it) => (has(it, 'code') || !has(it, 'value')) && (!has(it, 'system') || it['system'] === UCUM),
});

const codes = (value: JsonObject, name: string): readonly string[] => {
  const found = value[name];
  return isArray(found) ? found.filter((each) => typeof each === 'string') : [];
};

const isCount = ({ value, code }: JsonObject): boolean => (code === undefined || code === '1') && Number.isInteger(number(value) ?? 0);

const TIMING: readonly Invariant[] = [
  { key: 'tim-1', rule: 'a duration has a durationUnit', holds: (it) => !has(it, 'duration') || has(it, 'durationUnit') },
  { key: 'tim-2', rule: 'a period has a periodUnit', holds: (it) => !has(it, 'period') || has(it, 'periodUnit') },
  { key: 'tim-4', rule: 'duration is not negative', holds: (it) => !isNegative(it['duration']) },
  { key: 'tim-5', rule: 'period is not negative', holds: (it) => !isNegative(it['period']) },
  { key: 'tim-6', rule: 'periodMax needs period', holds: (it) => !has(it, 'periodMax') || has(it, 'period') },
  { key: 'tim-7', rule: 'durationMax needs duration', holds: (it) => !has(it, 'durationMax') || has(it, 'duration') },
  { key: 'tim-8', rule: 'countMax needs count', holds: (it) => !has(it, 'countMax') || has(it, 'count') },
  {
    key: 'tim-9',
    rule: 'offset needs a when that is not a meal itself (C, CM, CD, CV)',
    holds: (it) => !has(it, 'offset') || (has(it, 'when') && !codes(it, 'when').some((each) => /^C[MDV]?$/.test(each))),
  },
  { key: 'tim-10', rule: 'timeOfDay or when, not both', holds: (it) => !has(it, 'timeOfDay') || !has(it, 'when') },
];

const DATATYPES: readonly (readonly [string, readonly Invariant[]])[] = [
  [
    'Extension',
    [
      {
        key: 'ext-1',
        rule: 'either a value or extensions, not both',
        holds: (it) => has(it, 'extension') !== hasChoice(it, 'Extension', 'value[x]'),
      },
    ],
  ],
  ['Period', [{ key: 'per-1', rule: 'the start is not after the end', holds: periodInOrder }]],
  ['Quantity', [QUANTITY]],
  ['Age', [QUANTITY, measured('age-1'), { key: 'age-1', rule: 'a value above zero', holds: (it) => (number(it['value']) ?? 1) > 0 }]],
  ['Distance', [QUANTITY, measured('dis-1')]],
  ['Count', [QUANTITY, measured('cnt-3'), { key: 'cnt-3', rule: 'a whole number of the unit 1', holds: isCount }]],
  [
    'Duration',
    [
      QUANTITY,
      {
        key: 'drt-1',
        rule: 'a code is of UCUM and stands beside a value',
        holds: (it) => !has(it, 'code') || (it['system'] === UCUM && has(it, 'value')),
      },
    ],
  ],
  ['Expression', [{ key: 'exp-1', rule: 'an expression or a reference', holds: (it) => has(it, 'expression') || has(it, 'reference') }]],
  [
    'DataRequirement.dateFilter',
    [{ key: 'drq-2', rule: 'path or searchParam, not both', holds: (it) => has(it, 'path') !== has(it, 'searchParam') }],
  ],
  ['Range', [{ key: 'rng-2', rule: 'low is not above high', holds: rangeInOrder }]],
  [
    'Ratio',
    [
      {
        key: 'rat-1',
        rule: 'numerator and denominator, or neither and an extension',
        holds: (it) => has(it, 'numerator') === has(it, 'denominator') && (has(it, 'numerator') || has(it, 'extension')),
      },
    ],
  ],
  ['Attachment', [{ key: 'att-1', rule: 'data has a contentType', holds: (it) => !has(it, 'data') || has(it, 'contentType') }]],
  ['ContactPoint', [{ key: 'cpt-2', rule: 'a value has a system', holds: (it) => !has(it, 'value') || has(it, 'system') }]],
  ['Timing.repeat', TIMING],
  [
    'DataRequirement.codeFilter',
    [{ key: 'drq-1', rule: 'path or searchParam, not both', holds: (it) => has(it, 'path') !== has(it, 'searchParam') }],
  ],
  [
    'Narrative',
    [
      {
        key: 'txt-2',
        rule: 'the narrative is not blank',
        holds: (it) => !has(it, 'div') || /[^\s]/.test(textAt(it, 'div').replace(/<(?!img)[^<>]*>/g, '')),
      },
    ],
  ],
];

const INVARIANTS = new Map<string, readonly Invariant[]>([
  ...DATATYPES,
  ...RESOURCE_INVARIANTS,
  ...BUNDLE_INVARIANTS,
  ...TERMINOLOGY_INVARIANTS,
]);
const NONE: readonly Invariant[] = [];
const NONE_BROKEN: readonly { readonly key: string; readonly rule: string }[] = [];

/**
 * Returns the invariants of R4 that an object of `type` breaks, each by the standard's key and our words. Compiled are those of
 * the datatypes, of contained resources and bundles, of the resource types that the maps read, and of terminology; the others
 * (Questionnaire, StructureDefinition and so on) are not looked at yet.
 */
export function brokenInvariants(type: string, value: JsonObject): readonly { readonly key: string; readonly rule: string }[] {
  const own = INVARIANTS.get(type) ?? NONE;
  const all = value['contained'] === undefined ? own : [...own, ...CONTAINER_RULES];
  if (all.every((each) => each.holds(value))) return NONE_BROKEN;
  return all.filter((each) => !each.holds(value)).map((each) => ({ key: each.key, rule: each.says?.(value) ?? each.rule }));
}
