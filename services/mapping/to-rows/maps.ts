/** The row maps together: from the files of a folder to `rows(resource, context)`. */
import type { Resource } from '../../fhir/resource.ts';
import type { ResourceRows } from '../../omop/row.ts';
import type { RowContext } from '../conversion.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { ReadSpec } from '../read.ts';
import { type RowLineage, RowTrace } from '../trace/rows.ts';
import { type CompiledRowMap, compileRowMap } from './compile.ts';
import type { ConceptTable, RowMapSpec } from './model.ts';
import { isConceptTable, isRowMap, readConceptTable, readRowMap } from './read.ts';
import { rowsOf } from './run.ts';
import { specName } from './spec-name.ts';

export interface RowMaps {
  /** Returns the CDM rows of a resource; none, with spec '', for a type that no map takes. Never throws for data. */
  rows(resource: Resource, context: RowContext): ResourceRows;
  /** As rows, and where every column comes from. */
  trace(resource: Resource, context: RowContext): TracedRows;
  /** Digest of the map of a resource type with the concept tables it uses; '' when there is none. */
  digestOf(type: string): string;
  /** 'id@version#sha256:digest' of the map of a resource type, as stored with what it makes; '' when there is none. */
  labelOf(type: string): string;
  /** Compiled maps by resource type. */
  readonly maps: ReadonlyMap<string, CompiledRowMap>;
  readonly tables: ReadonlyMap<string, ConceptTable>;
  /** Everything wrong with the files; a map with an error is not among `maps`. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface TracedRows {
  readonly made: ResourceRows;
  readonly rows: readonly RowLineage[];
}

const NO_MAP: ResourceRows = { rows: [], exclusions: [], unmapped: [], adjustments: [], spec: '' };

/** Of the last files: most changes of a text are in maps of messages, and leave the row maps as they are. */
let last: { readonly files: readonly ReadSpec[]; readonly rowMaps: RowMaps } | undefined;

/** Returns the row maps among `files` compiled, with the concept tables among them; files of other kinds are left alone. */
export function compileRowMaps(files: readonly ReadSpec[]): RowMaps {
  const own = files.filter(({ root }) => isConceptTable(root) || isRowMap(root));
  if (last?.files.length === own.length && last.files.every((each, i) => each === own[i])) return last.rowMaps;
  last = { files: own, rowMaps: freshRowMaps(own) };
  return last.rowMaps;
}

function freshRowMaps(files: readonly ReadSpec[]): RowMaps {
  const diagnostics: Diagnostic[] = [];
  const tables = new Map<string, ConceptTable>();
  for (const file of files.filter((each) => isConceptTable(each.root))) {
    const read = readConceptTable(file);
    diagnostics.push(...read.diagnostics);
    if (read.table === undefined) continue;
    tables.set(read.table.id, read.table);
    tables.set(read.table.id.slice(read.table.id.lastIndexOf('/') + 1), read.table);
  }
  const maps = new Map<string, CompiledRowMap>();
  const names = new Map<string, string>();
  const runs = new Map<string, ReturnType<typeof rowsOf>>();
  for (const file of files.filter((each) => isRowMap(each.root))) {
    const read = readRowMap(file);
    diagnostics.push(...read.diagnostics);
    if (read.map === undefined) continue;
    const compiled = compileRowMap(read.map, tables);
    diagnostics.push(...compiled.diagnostics);
    const other = maps.get(read.map.type);
    if (other !== undefined) diagnostics.push(diagnostic('rows-duplicate-map', read.map.at, { type: read.map.type, other: other.spec.id }));
    if (!compiled.ok || other !== undefined) continue;
    const name = nameOf(read.map, tables, files);
    maps.set(read.map.type, compiled.map);
    names.set(read.map.type, name);
    runs.set(read.map.type, rowsOf(compiled.map, name));
  }
  return {
    maps,
    tables,
    diagnostics,
    rows: (resource, context) => runs.get(resource.resourceType)?.(resource, context) ?? NO_MAP,
    labelOf: (type) => names.get(type) ?? '',
    digestOf: (type) => names.get(type)?.split('#sha256:')[1] ?? '',
    trace: (resource, context) => {
      const trace = new RowTrace(resource);
      return { made: runs.get(resource.resourceType)?.(trace.resource, context, trace) ?? NO_MAP, rows: trace.rows };
    },
  };
}

/** The digest covers the map and the concept tables it uses: a corrected table is another version of what it made. */
function nameOf(map: RowMapSpec, tables: ReadonlyMap<string, ConceptTable>, files: readonly ReadSpec[]): string {
  const used = new Set<string>();
  for (const row of map.rows) {
    for (const { rule } of row.columns) {
      const name = rule.kind === 'concept' ? rule.map : rule.kind === 'from' ? (rule.options.get('map')?.value ?? '') : '';
      const file = tables.get(name)?.at.file;
      if (file !== undefined) used.add(file);
    }
  }
  const trees = files.flatMap((file) => (used.has(file.file) && file.root !== undefined ? [file.root] : []));
  return specName(map.id, map.version, [map.root, ...trees]);
}
