/** The published maps of a folder, compiled: what the pipeline calls. */

import { type Problem, problem, type Result } from '../errors.ts';
import type { Resource } from '../fhir/resource.ts';
import type { Message } from '../hl7v2/message.ts';
import type { ResourceRows } from '../omop/row.ts';
import { MessageMap } from './compiled.ts';
import type { Conversion, ConvertContext, Maps, RowContext } from './conversion.ts';
import type { Diagnostic } from './diagnostics.ts';
import { type Families, familiesOf } from './families.ts';
import { mapFiles, type SpecFile } from './files.ts';
import { RecordMap } from './records/maps.ts';
import { Runner } from './runner.ts';
import { ambiguities } from './sites/match.ts';
import type { SpecFamily } from './spec.ts';
import { compileOutMaps, type OutMaps } from './to-hl7v2/maps.ts';
import { compileRowMaps, type RowMaps } from './to-rows/maps.ts';
import { isConceptTable, isRowMap } from './to-rows/read.ts';
import type { TracedConversion } from './trace/lineage.ts';

export interface LoadedMaps extends Maps {
  readonly messageMaps: readonly MessageMap[];
  readonly families: ReadonlyMap<string, SpecFamily>;
  readonly rowMaps: RowMaps;
  /** Maps of resources to HL7v2 messages. */
  readonly outMaps: OutMaps;
  /** Maps of CSV and JSON records. */
  readonly recordMaps: readonly RecordMap[];
  readonly diagnostics: readonly Diagnostic[];
  /** As convert, with the lineage of every value and what became of every rule. */
  trace(message: Message, context: ConvertContext): TracedConversion;
}

/** The folder of the maps that make HL7v2. */
const OUT_FAMILY = 'fhir-to-v2';

/** Returns the maps below `dir`, compiled; fails with a problem per diagnostic when a spec has an error. */
export function loadMaps(dir: string): Result<LoadedMaps> {
  const files = mapFiles(dir);
  if (files.length === 0) return { ok: false, problems: [problem('mapping-folder-empty', { folder: dir }, dir)] };
  const maps = mapsOf(files);
  const errors = maps.diagnostics.filter((each) => each.severity === 'error');
  if (errors.length > 0) return { ok: false, problems: errors.map(problemOf) };
  return { ok: true, value: maps, problems: [] };
}

const problemOf = (each: Diagnostic): Problem =>
  problem('mapping-spec-invalid', { code: each.code, reason: each.text.replace(/\.$/, '') }, `${each.file}:${each.line}:${each.column}`);

/** Returns the row maps among spec files, compiled. */
export const rowMapsOf = (files: readonly SpecFile[]): RowMaps =>
  compileRowMaps(files.filter((each) => !each.isCases).map((each) => each.read));

/** True of a file that row maps are compiled of. */
export const isOfRows = ({ isCases, read }: SpecFile): boolean => !isCases && (isRowMap(read.root) || isConceptTable(read.root));

/** What somebody who only looks at one message needs of the maps. */
export type TracingMaps = Pick<LoadedMaps, 'trace' | 'rowMaps'>;

/** Returns the maps of messages among spec files, whatever is wrong with them: maps of records, and to HL7v2, are not compiled. */
export function tracingMapsOf(files: readonly SpecFile[], rowMaps: RowMaps): TracingMaps {
  const { families, sites } = familiesOf(files);
  const runner = new Runner(messageMapsOf(families, sites));
  return { rowMaps, trace: (message, context) => runner.trace(message, context) };
}

const messageMapsOf = (families: Families['families'], sites: Families['sites']): readonly MessageMap[] => [
  ...[...families.values()].flatMap((family) => family.messages.map((spec) => new MessageMap(spec, family))),
  ...sites.map(({ spec, family }) => new MessageMap(spec, family)),
];

/** Returns the maps of spec files whatever is wrong with them; `diagnostics` tells. `rowMaps`: those of the same files, where they are compiled already. */
export function mapsOf(files: readonly SpecFile[], rowMaps: RowMaps = rowMapsOf(files)): LoadedMaps {
  const { families, sites, diagnostics } = familiesOf(files);
  const messageMaps = messageMapsOf(families, sites);
  const recordMaps = [...families.values()].flatMap((family) =>
    family.records.map((spec) => new RecordMap(spec, withForeignTables(family, families))),
  );
  const outMaps = compileOutMaps(files, families.get(OUT_FAMILY)?.tables ?? new Map());
  const runner = new Runner(messageMaps);
  return {
    messageMaps,
    families,
    rowMaps,
    outMaps,
    recordMaps,
    diagnostics: [
      ...diagnostics,
      ...ambiguities(messageMaps.map((each) => each.spec)),
      ...messageMaps.flatMap((each) => each.resolveDiagnostics),
      ...rowMaps.diagnostics,
      ...outMaps.diagnostics,
      ...recordMaps.flatMap((each) => each.diagnostics),
    ],
    convert: (message: Message, context: ConvertContext): Conversion => runner.convert(message, context),
    accepts: (message: Message, context: ConvertContext): boolean => runner.accepts(message, context),
    trace: (message: Message, context: ConvertContext): TracedConversion => runner.trace(message, context),
    rows: (resource: Resource, context: RowContext): ResourceRows => rowMaps.rows(resource, context),
  };
}

/** Concept maps of other families by their whole path: one table of sexes is enough. */
function withForeignTables(family: SpecFamily, families: ReadonlyMap<string, SpecFamily>): SpecFamily {
  const foreign = [...families.values()].flatMap((other) =>
    [...other.tables].map(([path, table]) => [`${other.name}/${path}`, table] as const),
  );
  return { ...family, tables: new Map([...foreign, ...family.tables]) };
}
