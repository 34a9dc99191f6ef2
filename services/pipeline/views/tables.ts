/** How a stored ViewDefinition is read and run for the table that is made of it. */
import type { ReadView, ViewCell } from '../../database/view-builds.ts';
import { problem, Refusal } from '../../errors.ts';
import { readJson, writeJson } from '../../fhir/format/json.ts';
import type { JsonValue } from '../../fhir/resource.ts';
import { readView } from '../../fhir/views/view-read.ts';
import { viewRows } from '../../fhir/views/view-run.ts';

const kept = new Map<string, ReturnType<ReadView>>();
const MOST_KEPT = 50;

/** Returns a definition made ready to run; the same one again is not read again. */
export const readViewTable: ReadView = (definition) => {
  const before = kept.get(definition);
  if (before !== undefined) return before;
  const json = readJson(definition);
  const read = json.ok ? readView(json.value) : json;
  if (!read.ok) throw new Refusal(read.problems);
  const view = read.value;
  const collections = view.selection.out.map(({ collection }) => collection);
  const made: ReturnType<ReadView> = {
    view,
    rowsOf: (body) => {
      const resource = readJson(body);
      if (!resource.ok) throw new Refusal([problem('internal', { reason: 'a stored resource cannot be read' })]);
      const rows = viewRows(view, resource.value);
      if (!rows.ok) throw new Refusal(rows.problems);
      return rows.value.map((row) => collections.map((isCollection, i) => cellOf(row[i] ?? null, isCollection)));
    },
  };
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(definition, made);
  return made;
};

const cellOf = (value: JsonValue, isCollection: boolean): ViewCell => {
  if (value === null) return null;
  return typeof value === 'string' && !isCollection ? value : writeJson(value);
};
