/** Gives an array of the named file; how depends on where the bytes are. */
export interface ArraySource {
  u8(name: string): Uint8Array;
  u16(name: string): Uint16Array;
  u32(name: string): Uint32Array;
  f64(name: string): Float64Array;
}

/**
 * The typed arrays of a code system. Rows are concepts in depth-first pre-order (what has no hierarchy comes last). `x-offset` has one
 * entry more than there are x; entry i to entry i + 1 are the places of i. References (edge-target, member-component, field-value) say
 * by their upper bits what they point at: see REF.
 */
export function systemArrays(from: ArraySource) {
  return {
    'code-offset': from.u32('code-offset'),
    'code-text': from.u8('code-text'),
    /** Open addressing over the code's bytes: row + 1, 0 is empty. */
    'code-table': from.u32('code-table'),
    /** FLAG. */
    'concept-flags': from.u8('concept-flags'),
    /** YYYYMMDD as a number, 0 for none. */
    'concept-time': from.u32('concept-time'),
    'concept-module': from.u16('concept-module'),
    /** Designation that is shown first; NONE when there is none. */
    'concept-display': from.u32('concept-display'),
    'parent-offset': from.u32('parent-offset'),
    'parent-row': from.u32('parent-row'),
    'child-offset': from.u32('child-offset'),
    'child-row': from.u32('child-row'),
    /** Pairs from, to (not included) of descendants and self; a row without children has no entry: it is itself alone. */
    'interval-offset': from.u32('interval-offset'),
    'interval-bound': from.u32('interval-bound'),
    'designation-offset': from.u32('designation-offset'),
    'designation-row': from.u32('designation-row'),
    'term-offset': from.u32('term-offset'),
    'term-text': from.u8('term-text'),
    'designation-language': from.u8('designation-language'),
    'designation-use': from.u8('designation-use'),
    'designation-flags': from.u8('designation-flags'),
    'designation-time': from.u32('designation-time'),
    'designation-module': from.u16('designation-module'),
    /** Decimal halves of the identifier: high * 1e9 + low. Empty where designations have none. */
    'designation-high': from.u32('designation-high'),
    'designation-low': from.u32('designation-low'),
    /** Dialect by dialect, one entry per designation: 0 none, 1 acceptable, 2 preferred. */
    acceptability: from.u8('acceptability'),
    'edge-offset': from.u32('edge-offset'),
    'edge-kind': from.u16('edge-kind'),
    'edge-group': from.u16('edge-group'),
    'edge-target': from.u32('edge-target'),
    'value-offset': from.u32('value-offset'),
    'value-text': from.u8('value-text'),
    /** NaN for what is no number. */
    'value-number': from.f64('value-number'),
    'member-offset': from.u32('member-offset'),
    'member-component': from.u32('member-component'),
    'member-flags': from.u8('member-flags'),
    'member-time': from.u32('member-time'),
    'member-module': from.u16('member-module'),
    /** Where the columns of each refset's first member begin in field-value. */
    'field-offset': from.u32('field-offset'),
    'field-value': from.u32('field-value'),
    'alternate-scheme': from.u16('alternate-scheme'),
    'alternate-component': from.u32('alternate-component'),
    'alternate-value': from.u32('alternate-value'),
    'word-offset': from.u32('word-offset'),
    'word-text': from.u8('word-text'),
    'posting-offset': from.u32('posting-offset'),
    /** Ranks of designations, ascending within a word: the lower, the better. */
    'posting-rank': from.u32('posting-rank'),
    'rank-designation': from.u32('rank-designation'),
  };
}

export type SystemArrays = ReturnType<typeof systemArrays>;

export const NONE = 0xffffffff;

/** Upper two bits of a reference. */
export const REF = { row: 0, designation: 1, value: 2 } as const;
export const REF_INDEX = 0x3fffffff;
export const refOf = (kind: number, index: number): number => ((kind << 30) | index) >>> 0;
export const refKind = (ref: number): number => ref >>> 30;
export const refIndex = (ref: number): number => ref & REF_INDEX;

export const FLAG = { active: 1, defined: 2, abstract: 4 } as const;
