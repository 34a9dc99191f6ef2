import * as z from 'zod';

const count = z.int().nonnegative();

/** What an index keeps of the relations between concepts. */
const Graph = z.strictObject({
  /** Kinds of CONCEPT_RELATIONSHIP, by the number that stands in edge-kind. */
  relationships: z.array(z.strictObject({ relationship_id: z.string(), name: z.string() })),
  /** Concepts of the languages of synonyms, by the number that stands in synonym-language. */
  languages: z.array(count),
  /** Rows of CONCEPT_ANCESTOR between two concepts, and pairs that follow from them but are not stated. */
  ancestors: count,
  ancestorsNotStated: count,
  edges: count,
  synonyms: count,
  /** Rows that were left out because they name a concept that the release does not have, or are no more valid. */
  unknownConcept: count,
  retired: count,
});
export type Graph = z.infer<typeof Graph>;

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
  /** Missing in an index that was written before relations were kept. */
  graph: Graph.optional(),
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
  /** CONCEPT_RELATIONSHIP, what is valid of it: of each row the kinds and the rows it leads to, ascending. */
  'edge-offset': Uint32Array,
  'edge-kind': Uint16Array,
  'edge-target': Uint32Array,
  /** CONCEPT_ANCESTOR as the pairs that follow from no others: what is above a row is what its parents, and theirs, lead to. */
  'parent-offset': Uint32Array,
  'parent-row': Uint32Array,
  'child-offset': Uint32Array,
  'child-row': Uint32Array,
  /** One bit a row: whether CONCEPT_ANCESTOR names it at all. */
  'ancestry-bits': Uint32Array,
  /** CONCEPT_SYNONYM: of each row its synonyms, of each synonym its text. */
  'synonym-offset': Uint32Array,
  'synonym-language': Uint16Array,
  'synonym-place': Uint32Array,
  'synonym-text': Uint8Array,
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
  readonly 'edge-offset': Uint32Array;
  readonly 'edge-kind': Uint16Array;
  readonly 'edge-target': Uint32Array;
  readonly 'parent-offset': Uint32Array;
  readonly 'parent-row': Uint32Array;
  readonly 'child-offset': Uint32Array;
  readonly 'child-row': Uint32Array;
  readonly 'ancestry-bits': Uint32Array;
  readonly 'synonym-offset': Uint32Array;
  readonly 'synonym-language': Uint16Array;
  readonly 'synonym-place': Uint32Array;
  readonly 'synonym-text': Uint8Array;
}

/** The arrays of the relations between concepts. */
export type GraphArrays = Pick<
  IndexArrays,
  | 'edge-offset'
  | 'edge-kind'
  | 'edge-target'
  | 'parent-offset'
  | 'parent-row'
  | 'child-offset'
  | 'child-row'
  | 'ancestry-bits'
  | 'synonym-offset'
  | 'synonym-language'
  | 'synonym-place'
  | 'synonym-text'
>;

export const STANDARD_FLAGS = ['', 'S', 'C'] as const;
export const INVALID_FLAGS = ['', 'D', 'U'] as const;
