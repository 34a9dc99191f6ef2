/** The runtime of traced modules: as mapRuntime, and the row of a concept map that is found is told. */
import { mapRuntime } from '../to-fhir/runtime.ts';
import { TracedRun } from './run.ts';

type Row = typeof mapRuntime.row;

const row: Row = (table, code, X, where, rung) => {
  const found = mapRuntime.row(table, code, X, where, rung);
  if (found !== undefined && X instanceof TracedRun) X.row(found.row);
  return found;
};

export const tracedRuntime = { ...mapRuntime, row };
