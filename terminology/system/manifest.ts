import * as z from 'zod';

const count = z.int().nonnegative();
const coding = z.strictObject({ system: z.string(), code: z.string(), display: z.string() });

/** What a column of a refset holds: a component's id, a text, a whole number. */
const column = z.strictObject({ name: z.string(), kind: z.enum(['component', 'text', 'integer']) });

/** What the index folder of a code system says of itself. Numbers in the arrays point into the lists here. */
export const SystemManifest = z.strictObject({
  format: z.literal('polyseme-code-system'),
  formatVersion: z.literal(1),
  byteOrder: z.enum(['LE', 'BE']),
  /** From the hashes of the source files: the same release always makes the same index. */
  id: z.string(),
  kind: z.enum(['snomed', 'loinc', 'icd-10-cm', 'cvx', 'omop', 'other']),
  url: z.string(),
  version: z.string(),
  name: z.string(),
  title: z.string(),
  language: z.string(),
  caseSensitive: z.boolean(),
  hierarchical: z.boolean(),
  /** How descendants are kept: intervals of depth-first pre-order; measured at import, with what they cost. */
  closure: z.strictObject({ kind: z.literal('intervals'), intervals: count, bytes: count, pairs: count }),
  /** Codes: what designation-use, designation-language, concept-module and edge-kind count in. */
  uses: z.array(coding),
  languages: z.array(z.string()),
  modules: z.array(z.string()),
  dialects: z.array(z.strictObject({ code: z.string(), language: z.string() })),
  properties: z.array(
    z.strictObject({
      code: z.string(),
      uri: z.string(),
      description: z.string(),
      type: z.enum(['code', 'string', 'decimal', 'boolean', 'dateTime', 'integer']),
    }),
  ),
  refsets: z.array(z.strictObject({ code: z.string(), columns: z.array(column) })),
  /** Alternate identifier schemes by their alias. */
  schemes: z.array(z.strictObject({ code: z.string(), alias: z.string() })),
  counts: z.record(z.string(), count),
  /** What was read and is not kept, file by file, with the reason: nothing is left out in silence. */
  leftOut: z.array(z.strictObject({ file: z.string(), rows: count, reason: z.string() })),
  licences: z.array(z.string()),
  sources: z.array(z.strictObject({ table: z.string(), file: z.string(), rows: count, bytes: count, sha256: z.string() })),
  files: z.array(z.strictObject({ name: z.string(), bytes: count, crc32: count })),
});
export type SystemManifest = z.infer<typeof SystemManifest>;
export type SystemKind = SystemManifest['kind'];
export type PropertyOfSystem = SystemManifest['properties'][number];
export type RefsetColumn = z.infer<typeof column>;
export type Source = SystemManifest['sources'][number];
