import * as z from 'zod';

const count = z.int().nonnegative();

/** What an index folder says of itself: where it came from, what is in it, whose content it is, and how to know that it is whole. */
export const Manifest = z.strictObject({
  format: z.literal('polyseme-omop-index'),
  formatVersion: z.literal(1),
  byteOrder: z.enum(['LE', 'BE']),
  /** From the hashes of the source files: the same release always makes the same index. */
  id: z.string(),
  release: z.string(),
  vocabularies: z.array(z.strictObject({ vocabulary_id: z.string(), name: z.string(), version: z.string(), concepts: count })),
  domains: z.array(z.string()),
  classes: z.array(z.string()),
  counts: z.strictObject({
    concepts: count,
    standard: count,
    retired: count,
    /** Source concepts with at least one standard target, and their pairs of target and value. */
    mapped: count,
    targets: count,
    values: count,
    /** Valid 'Maps to' and 'Maps to value' rows that were left out, by reason. */
    relationshipsUnknownConcept: count,
    relationshipsTargetNotStandard: count,
    relationshipsRetired: count,
    /** Codes that several concepts of one vocabulary share; the valid, standard, lowest one answers. */
    sharedCodes: count,
    ambiguousValues: count,
    orphanedValues: count,
  }),
  licences: z.array(z.string()),
  sources: z.array(z.strictObject({ table: z.string(), file: z.string(), rows: count, bytes: count, sha256: z.string() })),
  files: z.array(z.strictObject({ name: z.string(), bytes: count, crc32: count })),
});
export type Manifest = z.infer<typeof Manifest>;
export type IndexCounts = Manifest['counts'];

/** The typed arrays of an index, one file each; the array type gives the width of an entry. */
export const ARRAYS = {
  'concept-id': Uint32Array,
  'concept-vocabulary': Uint16Array,
  'concept-domain': Uint16Array,
  'concept-class': Uint16Array,
  /** Bits 0-1: standard_concept '', S, C; bits 2-3: invalid_reason '', D, U. */
  'concept-flags': Uint8Array,
  'name-offset': Uint32Array,
  'name-text': Uint8Array,
  'code-offset': Uint32Array,
  'code-text': Uint8Array,
  'code-table': Uint32Array,
  'target-offset': Uint32Array,
  'target-concept': Uint32Array,
  'target-value': Uint32Array,
  /** Words of names and synonyms of the concepts that have a standard one to stand for them; sorted. */
  'word-offset': Uint32Array,
  'word-text': Uint8Array,
  'posting-offset': Uint32Array,
  /** Rows, ascending within a word. */
  'posting-row': Uint32Array,
} as const;

export type ArrayName = keyof typeof ARRAYS;
export const ARRAY_NAMES = Object.keys(ARRAYS).filter((name): name is ArrayName => name in ARRAYS);

export interface IndexArrays {
  readonly 'concept-id': Uint32Array;
  readonly 'concept-vocabulary': Uint16Array;
  readonly 'concept-domain': Uint16Array;
  readonly 'concept-class': Uint16Array;
  readonly 'concept-flags': Uint8Array;
  readonly 'name-offset': Uint32Array;
  readonly 'name-text': Uint8Array;
  readonly 'code-offset': Uint32Array;
  readonly 'code-text': Uint8Array;
  readonly 'code-table': Uint32Array;
  readonly 'target-offset': Uint32Array;
  readonly 'target-concept': Uint32Array;
  readonly 'target-value': Uint32Array;
  readonly 'word-offset': Uint32Array;
  readonly 'word-text': Uint8Array;
  readonly 'posting-offset': Uint32Array;
  readonly 'posting-row': Uint32Array;
}

export const STANDARD_FLAGS = ['', 'S', 'C'] as const;
export const INVALID_FLAGS = ['', 'D', 'U'] as const;
