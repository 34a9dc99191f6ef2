/** Cases of concept maps: `given: { table: ID }` and, under `expect`, the codes that must become each target. */
import type { Diagnostic, DiagnosticCode, Position } from './diagnostics.ts';
import { entryOf, type SpecNode, texts } from './read.ts';
import type { SpecFamily } from './spec.ts';
import type { RowMaps } from './to-rows/maps.ts';

/** What tables are looked up in. */
export interface CaseTables {
  readonly families: ReadonlyMap<string, SpecFamily>;
  readonly rowMaps: Pick<RowMaps, 'tables'>;
}

type Fault = (code: DiagnosticCode, at: Position, reason: string) => readonly Diagnostic[];
/** What a table makes of a code, in the forms a case may name it; undefined: the code has no row. */
type Lookup = (code: string) => readonly string[] | undefined;

/** Returns what fails of a case that names a table. Targets: a code, system|code, a concept id, or none. */
export function tableCaseFaults(table: string, node: SpecNode, tables: CaseTables, fault: Fault): readonly Diagnostic[] {
  const lookup = lookupOf(table, tables);
  if (lookup === undefined) return fault('case-shape', node.at, `there is no table ${table}`);
  const expected = entryOf(node, 'expect')?.value;
  if (expected?.kind !== 'map') return fault('case-shape', node.at, 'expect says which codes become each target: { final: [F, U] }');
  return expected.entries.flatMap(({ key, value }) =>
    texts(value).flatMap(({ value: code, at }) => {
      const made = lookup(code);
      if (made === undefined ? key === 'none' : made.includes(key)) return [];
      return fault('case-fails', at, `${code} becomes ${made?.[0] ?? 'nothing'}, expected ${key}`);
    }),
  );
}

function lookupOf(id: string, { families, rowMaps }: CaseTables): Lookup | undefined {
  const concepts = rowMaps.tables.get(id);
  if (concepts !== undefined) {
    return (code) => {
      const row = concepts.rows.get(code);
      return row === undefined ? undefined : [String(row.concept_id)];
    };
  }
  const table = [...families.values()].flatMap((each) => [...each.tables.values()]).find((each) => each.id === id);
  if (table === undefined) return undefined;
  return (code) => {
    const row = table.codes.get(code);
    return row === undefined ? undefined : [row.code, `${row.system ?? table.targetSystem ?? ''}|${row.code}`];
  };
}
