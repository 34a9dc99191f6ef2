import type { GrowingNumbers } from '../growing.ts';
import { FLAG, NONE, REF, refIndex, refKind, refOf, type SystemArrays } from './arrays.ts';
import { codeTable } from './codes.ts';
import type { RefsetContent, SystemContent } from './content.ts';
import { closureOf, type Lists, listsOf, preOrder } from './hierarchy.ts';
import type { SystemManifest } from './manifest.ts';
import { textIndexOf } from './text-build.ts';

export interface BuiltSystem {
  readonly arrays: SystemArrays;
  readonly closure: SystemManifest['closure'];
  readonly refsets: SystemManifest['refsets'];
  readonly counts: Readonly<Record<string, number>>;
}

/** How the display is chosen: dialects in order of preference (0 first), and the uses a display may have, best first. */
export interface DisplayChoice {
  readonly dialects: number;
  readonly displayUses: readonly number[];
}

/**
 * Returns the arrays of a code system whose content is complete: concepts in pre-order, everything that points at them renumbered. Throws
 * CircleFound with the numbers of the concepts when one is above itself.
 */
export function builtSystem(content: SystemContent, choice: DisplayChoice): BuiltSystem {
  const count = content.concepts;
  const parents = listsOf(count, content.isaChild.view(), content.isaParent.view());
  const children = listsOf(count, content.isaParent.view(), content.isaChild.view());
  const order = preOrder(count, parents, children);
  const rowOf = new Uint32Array(count);
  order.forEach((concept, row) => {
    rowOf[concept] = row;
  });
  return new Ordering(content, order, rowOf).build(choice);
}

class Ordering {
  readonly #content: SystemContent;
  readonly #order: Uint32Array;
  readonly #rowOf: Uint32Array;
  #termOrder: Uint32Array = new Uint32Array();
  #termPlace: Uint32Array = new Uint32Array();

  constructor(content: SystemContent, order: Uint32Array, rowOf: Uint32Array) {
    this.#content = content;
    this.#order = order;
    this.#rowOf = rowOf;
  }

  build(choice: DisplayChoice): BuiltSystem {
    const content = this.#content;
    const count = content.concepts;
    const rows = (numbers: GrowingNumbers): Uint32Array => numbers.view().map((concept) => this.#rowOf[concept] ?? 0);
    const parents = listsOf(count, rows(content.isaChild), rows(content.isaParent));
    const children = listsOf(count, rows(content.isaParent), rows(content.isaChild));
    const closure = closureOf(count, children);
    const codes = content.codes.inOrder(this.#order);
    const terms = this.#terms(rows(content.termConcept), choice.dialects);
    const display = displayOf(terms, choice);
    const hierarchy = {
      'parent-offset': parents.offsets,
      'parent-row': parents.values,
      'child-offset': children.offsets,
      'child-row': children.values,
      'interval-offset': closure.offsets,
      'interval-bound': closure.bounds,
    };
    const intervals = closure.bounds.length / 2;
    const refsets = this.#refsets();
    const arrays: SystemArrays = {
      'code-offset': codes.offsets,
      'code-text': codes.text,
      'code-table': codeTable({ offsets: codes.offsets, text: codes.text }, () => undefined),
      'concept-flags': Uint8Array.from(this.#sorted(content.flags)),
      'concept-time': this.#sorted(content.times),
      'concept-module': Uint16Array.from(this.#sorted(content.modules)),
      'concept-display': display,
      ...hierarchy,
      ...terms,
      ...this.#edges(rows(content.edgeSource)),
      ...this.#values(),
      ...refsets.arrays,
      'alternate-scheme': Uint16Array.from(content.alternates, ({ scheme }) => scheme),
      'alternate-component': Uint32Array.from(content.alternates, ({ component }) => this.#moved(component)),
      'alternate-value': Uint32Array.from(content.alternates, ({ value }) => value),
      ...textOf(terms, display),
    };
    return {
      arrays,
      closure: { kind: 'intervals', intervals, bytes: closure.bounds.byteLength + closure.offsets.byteLength, pairs: closure.pairs },
      refsets: refsets.list,
      counts: {
        concepts: count,
        active: arrays['concept-flags'].reduce((sum, flags) => sum + (flags & FLAG.active), 0),
        designations: content.terms.length,
        parents: parents.values.length,
        edges: arrays['edge-target'].length,
        members: arrays['member-component'].length,
      },
    };
  }

  #sorted(numbers: GrowingNumbers): Uint32Array {
    return this.#order.map((concept) => numbers.at(concept));
  }

  #moved(ref: number): number {
    if (refKind(ref) === REF.row) return this.#rowOf[refIndex(ref)] ?? 0;
    return refKind(ref) === REF.designation ? refOf(REF.designation, this.#termPlace[refIndex(ref)] ?? 0) : ref;
  }

  #terms(conceptRows: Uint32Array, dialects: number) {
    const content = this.#content;
    const total = content.terms.length;
    const lists: Lists = listsOf(
      content.concepts,
      conceptRows,
      Uint32Array.from({ length: total }, (_, i) => i),
    );
    this.#termOrder = lists.values;
    this.#termPlace = new Uint32Array(total);
    lists.values.forEach((designation, place) => {
      this.#termPlace[designation] = place;
    });
    const sorted = (numbers: GrowingNumbers): Uint32Array => this.#termOrder.map((designation) => numbers.at(designation));
    const text = content.terms.inOrder(this.#termOrder);
    const acceptability = new Uint8Array(dialects * total);
    for (let dialect = 0; dialect < dialects; dialect += 1) {
      const levels = content.acceptability[dialect];
      if (levels !== undefined) {
        for (let place = 0; place < total; place += 1) acceptability[dialect * total + place] = levels.at(this.#termOrder[place] ?? 0);
      }
    }
    return {
      'designation-offset': lists.offsets,
      'designation-row': this.#termOrder.map((designation) => conceptRows[designation] ?? 0),
      'term-offset': text.offsets,
      'term-text': text.text,
      'designation-language': Uint8Array.from(sorted(content.termLanguage)),
      'designation-use': Uint8Array.from(sorted(content.termUse)),
      'designation-flags': Uint8Array.from(sorted(content.termFlags)),
      'designation-time': sorted(content.termTime),
      'designation-module': Uint16Array.from(sorted(content.termModule)),
      'designation-high': content.termHigh.length === 0 ? new Uint32Array() : sorted(content.termHigh),
      'designation-low': content.termLow.length === 0 ? new Uint32Array() : sorted(content.termLow),
      acceptability,
    };
  }

  #edges(sources: Uint32Array) {
    const content = this.#content;
    const { offsets, values } = listsOf(
      content.concepts,
      sources,
      Uint32Array.from({ length: sources.length }, (_, i) => i),
    );
    return {
      'edge-offset': offsets,
      'edge-kind': Uint16Array.from(values, (edge) => content.edgeKind.at(edge)),
      'edge-group': Uint16Array.from(values, (edge) => content.edgeGroup.at(edge)),
      'edge-target': values.map((edge) => this.#moved(content.edgeTarget.at(edge))),
    };
  }

  #values() {
    const { names } = this.#content.values;
    const offsets = new Uint32Array(names.length + 1);
    names.forEach((name, i) => {
      offsets[i + 1] = (offsets[i] ?? 0) + Buffer.byteLength(name);
    });
    const numbers = Float64Array.from(names, (_, i) => this.#content.numbers.get(i) ?? Number.NaN);
    return { 'value-offset': offsets, 'value-text': new Uint8Array(Buffer.from(names.join(''), 'utf8')), 'value-number': numbers };
  }

  #refsets() {
    const codes = [...this.#content.refsets.keys()].sort();
    const all = codes.flatMap((code) => this.#content.refsets.get(code) ?? []);
    const joined = (pick: (refset: RefsetContent) => GrowingNumbers): Uint32Array => {
      const parts = all.map((refset) => pick(refset).view());
      const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    };
    const running = (pick: (refset: RefsetContent) => number): Uint32Array => {
      const offsets = new Uint32Array(all.length + 1);
      all.forEach((refset, i) => {
        offsets[i + 1] = (offsets[i] ?? 0) + pick(refset);
      });
      return offsets;
    };
    return {
      list: codes.map((code) => ({ code, columns: [...(this.#content.refsets.get(code)?.columns ?? [])] })),
      arrays: {
        'member-offset': running((refset) => refset.components.length),
        'member-component': joined((refset) => refset.components).map((ref) => this.#moved(ref)),
        'member-flags': Uint8Array.from(joined((refset) => refset.flags)),
        'member-time': joined((refset) => refset.times),
        'member-module': Uint16Array.from(joined((refset) => refset.modules)),
        'field-offset': running((refset) => refset.fields.length),
        'field-value': joined((refset) => refset.fields).map((ref) => this.#moved(ref)),
      },
    };
  }
}

type Terms = Pick<
  SystemArrays,
  'designation-offset' | 'designation-flags' | 'designation-use' | 'acceptability' | 'term-offset' | 'term-text' | 'designation-row'
>;

/** Returns per row the designation to show: the preferred one of the first dialect that has one, else the first of a display use. */
function displayOf(terms: Terms, { dialects, displayUses }: DisplayChoice): Uint32Array {
  const offsets = terms['designation-offset'];
  const total = terms['designation-flags'].length;
  const rank = (designation: number): number => {
    const use = displayUses.indexOf(terms['designation-use'][designation] ?? 0);
    const inactive = ((terms['designation-flags'][designation] ?? 0) & FLAG.active) === 0 ? 10_000 : 0;
    const byUse = inactive + (use < 0 ? displayUses.length : use) * 100;
    if (use !== 0) return byUse + dialects;
    for (let dialect = 0; dialect < dialects; dialect += 1)
      if (terms.acceptability[dialect * total + designation] === 2) return byUse + dialect;
    return byUse + dialects;
  };
  return Uint32Array.from({ length: offsets.length - 1 }, (_, row) => {
    let best = NONE;
    let bestRank = Number.POSITIVE_INFINITY;
    const end = offsets[row + 1] ?? 0;
    for (let designation = offsets[row] ?? 0; designation < end; designation += 1) {
      const found = rank(designation);
      if (found < bestRank) {
        best = designation;
        bestRank = found;
      }
    }
    return best;
  });
}

/** Active designations are searched; the displayed one comes first among terms of one length. */
function textOf(terms: Terms, display: Uint32Array) {
  const bytes = Buffer.from(terms['term-text'].buffer, terms['term-text'].byteOffset, terms['term-text'].byteLength);
  const offsets = terms['term-offset'];
  const isActive = (designation: number): boolean => ((terms['designation-flags'][designation] ?? 0) & FLAG.active) !== 0;
  const text = textIndexOf({
    count: terms['designation-flags'].length,
    term: (designation) => (isActive(designation) ? bytes.toString('utf8', offsets[designation], offsets[designation + 1]) : undefined),
    tier: (designation) => (display[terms['designation-row'][designation] ?? 0] === designation ? 0 : 1),
  });
  return {
    'word-offset': text.wordOffsets,
    'word-text': text.wordText,
    'posting-offset': text.postingOffsets,
    'posting-rank': text.postings,
    'rank-designation': text.rankDesignation,
  };
}
