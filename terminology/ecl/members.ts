import { SCT } from '../rf2/ids-known.ts';
import { FLAG, REF, refIndex, refKind } from '../system/arrays.ts';
import { RowSet } from '../system/rows.ts';
import { type Context, inOrder, timeFits } from './context.ts';
import { stateTest } from './filters.ts';
import { type Comparison, EclError, type History, type MemberFilter, type SubExpression } from './syntax.ts';
import { termTest } from './terms.ts';

type Test = (member: number) => boolean;

/**
 * Returns the concepts that members of the reference sets in `set` name: the components themselves, or what stands in the columns asked for.
 * Active members count, unless a filter asks for `active`.
 */
export function memberRows(
  context: Context,
  set: RowSet,
  columns: NonNullable<SubExpression['memberOf']>,
  filters: readonly (readonly MemberFilter[])[],
  at: number,
): RowSet {
  const { system } = context;
  const found = new RowSet(system.total);
  const refsets = refsetsIn(context, set);
  checkColumns(context, refsets, columns, filters, at);
  const offsets = system.arrays['member-offset'];
  for (const refset of refsets) {
    const [from = 0, to = 0] = [offsets[refset], offsets[refset + 1]];
    const tests = filters.map((conditions) => memberTest(context, refset, conditions));
    const isActive: Test = (member) => ((system.arrays['member-flags'][member] ?? 0) & FLAG.active) !== 0;
    const asksActive = filters.some((conditions) => conditions.some((condition) => condition.kind === 'active'));
    context.spend((to - from) * (1 + tests.length * 4));
    const readers = columnsOf(context, refset, columns).map((column) => valueReader(context, refset, column));
    for (let member = from; member < to; member += 1) {
      if ((!asksActive && !isActive(member)) || !tests.every((test) => test(member))) continue;
      for (const read of readers) {
        const ref = read(member);
        if (refKind(ref) === REF.row) found.add(refIndex(ref));
      }
    }
  }
  return found;
}

function refsetsIn({ system }: Context, set: RowSet): readonly number[] {
  return system.manifest.refsets.flatMap(({ code }, refset) => (set.hasRow(system.row(code)) ? [refset] : []));
}

const COMPONENT = -1;

function columnsOf({ system }: Context, refset: number, wanted: NonNullable<SubExpression['memberOf']>): readonly number[] {
  const { columns = [] } = system.manifest.refsets[refset] ?? {};
  if (wanted === 'concept') return [COMPONENT];
  if (wanted === '*') return [COMPONENT, ...columns.flatMap(({ kind }, column) => (kind === 'component' ? [column] : []))];
  return wanted.flatMap((name) => {
    if (sameName(name, 'referencedComponentId')) return [COMPONENT];
    const column = columns.findIndex((each) => sameName(each.name, name));
    return column < 0 ? [] : [column];
  });
}

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** A column that none of the reference sets has, or that holds no concepts, is a mistake, not an empty answer. */
function checkColumns(
  { system }: Context,
  refsets: readonly number[],
  columns: NonNullable<SubExpression['memberOf']>,
  filters: readonly (readonly MemberFilter[])[],
  at: number,
): void {
  if (refsets.length === 0) return;
  const known = refsets.flatMap((refset) => system.manifest.refsets[refset]?.columns ?? []);
  const kindOf = (name: string): string | undefined =>
    sameName(name, 'referencedComponentId') ? 'component' : known.find((column) => sameName(column.name, name))?.kind;
  for (const name of Array.isArray(columns) ? columns : []) {
    const kind = kindOf(name);
    if (kind !== 'component') {
      const reason = kind === undefined ? `none of the reference sets has a column ${name}` : `column ${name} holds no concepts`;
      throw new EclError('invalid', at, reason);
    }
  }
  for (const condition of filters.flat()) {
    if (condition.kind === 'field' && kindOf(condition.field) === undefined)
      throw new EclError('invalid', condition.at, `none of the reference sets has a column ${condition.field}`);
  }
}

/** Returns what reads a column of a member as a reference. */
function valueReader({ system }: Context, refset: number, column: number): (member: number) => number {
  const { arrays, manifest } = system;
  if (column === COMPONENT) return (member) => arrays['member-component'][member] ?? 0;
  const width = manifest.refsets[refset]?.columns.length ?? 0;
  const start = (arrays['field-offset'][refset] ?? 0) + column - (arrays['member-offset'][refset] ?? 0) * width;
  return (member) => arrays['field-value'][start + member * width] ?? 0;
}

function memberTest(context: Context, refset: number, conditions: readonly MemberFilter[]): Test {
  const { arrays } = context.system;
  const states = { flags: arrays['member-flags'], times: arrays['member-time'], modules: arrays['member-module'] };
  const tests = conditions.map((condition): Test => {
    if (condition.kind !== 'field') return stateTest(context, condition, states);
    const [column] = columnsOf(context, refset, [condition.field]);
    if (column === undefined) return () => false;
    const read = valueReader(context, refset, column);
    const fits = valueTest(context, condition.comparison);
    return (member) => fits(read(member));
  });
  return (member) => tests.every((test) => test(member));
}

/** Returns the test whether a reference fits what it is compared with. */
export function valueTest(context: Context, comparison: Comparison): (ref: number) => boolean {
  const { system } = context;
  switch (comparison.kind) {
    case 'expression': {
      const set = context.evaluate(comparison.value);
      const isAny =
        comparison.value.kind === 'sub' &&
        comparison.value.focus.kind === 'any' &&
        comparison.value.operator === undefined &&
        comparison.value.filters.length === 0;
      return (ref) => {
        if (refKind(ref) !== REF.row) return isAny && !comparison.isNot;
        return set.hasRow(refIndex(ref)) !== comparison.isNot;
      };
    }
    case 'number':
      return (ref) => {
        const value = system.refNumber(ref);
        return !Number.isNaN(value) && inOrder(value, comparison.order, comparison.value);
      };
    case 'text': {
      const fits = termTest(comparison.terms);
      return (ref) => refKind(ref) === REF.value && fits(system.refText(ref)) !== comparison.isNot;
    }
    case 'boolean':
      return (ref) => {
        const text = refKind(ref) === REF.value ? system.refText(ref) : '';
        const value = text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : undefined;
        return value !== undefined && (value === comparison.value) !== comparison.isNot;
      };
    case 'time':
      return (ref) => /^\d{8}$/.test(system.refText(ref)) && timeFits(Number(system.refText(ref)), comparison.order, comparison.values);
  }
}

const PROFILES = {
  min: [SCT.sameAs],
  mod: [SCT.sameAs, SCT.replacedBy, SCT.wasA, SCT.partiallyEquivalentTo],
} as const;

/** Returns the historical association reference sets that a supplement names. */
export function historyRefsets(context: Context, history: History): RowSet {
  if ('refsets' in history) return context.evaluate(history.refsets);
  if (history.profile !== 'max') return context.ids(PROFILES[history.profile]);
  const all = new RowSet(context.system.total);
  const root = context.system.row(SCT.historicalAssociations);
  if (root >= 0) context.system.addDescendants(root, all);
  return all;
}

/** Returns the retired concepts that an active member of `refsets` associates with a concept of `set`. */
export function historySources(context: Context, set: RowSet, refsets: RowSet): RowSet {
  const { system } = context;
  const { arrays } = system;
  const found = new RowSet(system.total);
  for (const refset of refsetsIn(context, refsets)) {
    const [column] = columnsOf(context, refset, ['targetComponentId']);
    if (column === undefined) continue;
    const read = valueReader(context, refset, column);
    const [from = 0, to = 0] = [arrays['member-offset'][refset], arrays['member-offset'][refset + 1]];
    context.spend(to - from);
    for (let member = from; member < to; member += 1) {
      const target = read(member);
      const source = arrays['member-component'][member] ?? 0;
      const isActive = ((arrays['member-flags'][member] ?? 0) & FLAG.active) !== 0;
      if (isActive && refKind(source) === REF.row && refKind(target) === REF.row && set.hasRow(refIndex(target)))
        found.add(refIndex(source));
    }
  }
  return found;
}
