/** Differences of a plan without what may tell who they are about (security.md, point 5), until somebody reveals the plan for a reason. */
import type { PlanChange } from '../../database/spec-plans.ts';
import { isColumnPlain, isElementPlain, masked } from '../message-mask.ts';

/** Returns a difference whose values are masked where nobody knows them to be harmless; its whole texts are left out. */
export function maskedChange<T extends PlanChange>({ before: _before, after: _after, ...change }: T) {
  const { what, kind } = change;
  if (what === 'message') return change;
  const hidden = (path: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((each, i) => hidden(`${path}[${i}]`, each));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hidden(`${path}.${name}`, each)]));
    if (value === undefined || value === null) return value;
    const text = String(value);
    const isPlain = what === 'row' ? isColumnPlain(kind, path.slice(kind.length + 1).split('.')[0] ?? '') : isElementPlain(path, text);
    return isPlain ? value : masked(text);
  };
  return {
    ...change,
    fields: change.fields.map(({ path, before, after }) => ({
      path,
      ...(before === undefined ? {} : { before: hidden(`${kind}.${path}`, before) }),
      ...(after === undefined ? {} : { after: hidden(`${kind}.${path}`, after) }),
    })),
  };
}
