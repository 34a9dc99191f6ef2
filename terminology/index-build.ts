import type { AthenaSink } from './athena.ts';
import type { AthenaTable } from './athena-tables.ts';
import { type Codes, emptyCodeTable, insertCode } from './code-table.ts';
import { TerminologyError } from './failure.ts';
import { GrowingNumbers, GrowingTexts, Numbering, sortedOrder } from './growing.ts';
import { type Graph, INVALID_FLAGS, type IndexArrays, type IndexCounts, STANDARD_FLAGS } from './manifest.ts';
import { MapCollector, type TargetLists } from './maps.ts';
import { GraphCollector } from './omop/graph-build.ts';
import { WordCollector } from './omop/word-index.ts';

export interface BuiltIndex {
  readonly release: string;
  readonly vocabularies: readonly { vocabulary_id: string; name: string; version: string; concepts: number }[];
  readonly domains: readonly string[];
  readonly classes: readonly string[];
  readonly counts: IndexCounts;
  readonly graph: Graph;
  readonly arrays: IndexArrays;
}

/** A sink of readAthena that keeps what the pipeline resolves codes with, in typed arrays, and turns it into an index. */
export class IndexBuilder implements AthenaSink {
  readonly #ids = new GrowingNumbers();
  readonly #lines = new GrowingNumbers();
  readonly #vocabularies = new GrowingNumbers();
  readonly #domains = new GrowingNumbers();
  readonly #classes = new GrowingNumbers();
  readonly #flags = new GrowingNumbers();
  readonly #names = new GrowingTexts();
  readonly #codes = new GrowingTexts();
  readonly #vocabularyNumbers = new Numbering();
  readonly #domainNumbers = new Numbering();
  readonly #classNumbers = new Numbering();
  readonly #vocabularyRows = new Map<string, { name: string; version: string }>();
  /** Triples: concept_id_1, concept_id_2, 1 for 'Maps to value'. */
  readonly #relationships = new GrowingNumbers();
  readonly #words = new WordCollector();
  readonly #relationshipNames = new Map<string, string>();
  #retiredRelationships = 0;
  /** Begins when the concepts are read: it keeps rows, not ids. */
  #graph: GraphCollector | undefined;
  #placeOfRow: Uint32Array | undefined;
  #conceptFile = '';

  rows(table: AthenaTable, rows: readonly (readonly string[])[], place: { file: string; lines: readonly number[] }): void {
    if (table === 'concept') {
      this.#conceptFile = place.file;
      rows.forEach((row, i) => {
        this.#concept(row, place.lines[i] ?? 0);
      });
    } else if (table === 'concept_relationship') for (const row of rows) this.#relationship(row);
    else if (table === 'concept_synonym') for (const row of rows) this.#synonym(row);
    else if (table === 'concept_ancestor') this.#collected().ancestors(rows, place);
    else if (table === 'relationship') for (const [id = '', name = ''] of rows) this.#relationshipNames.set(id, name);
    else if (table === 'vocabulary') {
      for (const [vocabulary_id = '', name = '', , version = ''] of rows) this.#vocabularyRows.set(vocabulary_id, { name, version });
    }
  }

  #concept(row: readonly string[], line: number): void {
    const [id, name = '', domain = '', vocabulary = '', conceptClass = '', standard = '', code = '', , , invalid = ''] = row;
    const standardFlag = flagNumber(STANDARD_FLAGS, standard);
    const invalidFlag = flagNumber(INVALID_FLAGS, invalid);
    if (standardFlag < 0)
      throw new TerminologyError(
        'terminology-bad-value',
        this.#conceptFile,
        `standard_concept is "${standard}", not S, C or nothing`,
        line,
      );
    if (invalidFlag < 0)
      throw new TerminologyError('terminology-bad-value', this.#conceptFile, `invalid_reason is "${invalid}", not D, U or nothing`, line);
    this.#ids.push(Number(id));
    this.#lines.push(line);
    this.#vocabularies.push(this.#vocabularyNumbers.of(vocabulary));
    this.#domains.push(this.#domainNumbers.of(domain));
    this.#classes.push(this.#classNumbers.of(conceptClass));
    this.#flags.push(standardFlag + invalidFlag * 4);
    this.#names.push(name);
    this.#words.name(name);
    this.#codes.push(code);
  }

  /** Returns what takes the relations between concepts, once all concepts are there. */
  #collected(): GraphCollector {
    if (this.#graph === undefined) {
      const order = this.#order();
      const nameAt = (row: number): Uint8Array => this.#names.bytes(order[row] ?? 0);
      const ids = Uint32Array.from(order, (place) => this.#ids.at(place));
      this.#graph = new GraphCollector(ids, nameAt);
    }
    return this.#graph;
  }

  #synonym(row: readonly string[]): void {
    this.#words.synonym(row);
    this.#collected().synonym(row);
  }

  #relationship(row: readonly string[]): void {
    const kind = row[2];
    this.#collected().relationship(row);
    if (kind !== 'Maps to' && kind !== 'Maps to value') return;
    if (row[5] !== '') {
      this.#retiredRelationships += 1;
      return;
    }
    this.#relationships.push(Number(row[0]));
    this.#relationships.push(Number(row[1]));
    this.#relationships.push(kind === 'Maps to value' ? 1 : 0);
  }

  /** Returns the index of everything that was read. Throws TerminologyError when a concept_id occurs twice, AncestorCircle. */
  build(): BuiltIndex {
    const order = this.#order();
    const inOrder = (values: Uint32Array): Uint32Array => Uint32Array.from(order, (row) => values[row] ?? 0);
    const ids = inOrder(this.#ids.view());
    const flags = Uint8Array.from(inOrder(this.#flags.view()));
    const domains = Uint16Array.from(inOrder(this.#domains.view()));
    const vocabularies = Uint16Array.from(inOrder(this.#vocabularies.view()));
    const names = this.#names.inOrder(order);
    const codes = this.#codes.inOrder(order);
    const table = codeTable({ vocabularyOf: vocabularies, offsets: codes.offsets, text: codes.text }, flags);
    const maps = this.#maps(ids, flags, domains);
    const { lists } = maps;
    const words = this.#words.index(
      order,
      (id) => rowOfId(ids, id),
      (row) => lists.offsets[row] !== lists.offsets[row + 1],
    );
    const graph = this.#collected().build(this.#relationshipNames);
    const arrays: IndexArrays = {
      ...graph.arrays,
      'concept-id': ids,
      'concept-vocabulary': vocabularies,
      'concept-domain': domains,
      'concept-class': Uint16Array.from(inOrder(this.#classes.view())),
      'concept-flags': flags,
      'name-offset': names.offsets,
      'name-text': names.text,
      'code-offset': codes.offsets,
      'code-text': codes.text,
      'code-table': table.slots,
      'target-offset': lists.offsets,
      'target-concept': lists.concepts,
      'target-value': lists.values,
      'word-offset': words.wordOffsets,
      'word-text': words.wordText,
      'posting-offset': words.postingOffsets,
      'posting-row': words.postings,
    };
    return {
      release: this.#vocabularyRows.get('None')?.version ?? '',
      vocabularies: this.#vocabularyList(vocabularies),
      domains: this.#domainNumbers.names,
      classes: this.#classNumbers.names,
      counts: {
        concepts: ids.length,
        standard: flags.filter((flag) => (flag & 3) === 1).length,
        retired: flags.filter((flag) => flag >= 4).length,
        mapped: countMapped(lists),
        targets: lists.concepts.length,
        values: lists.values.filter((value) => value > 0).length,
        relationshipsUnknownConcept: maps.unknown,
        relationshipsTargetNotStandard: maps.notStandard,
        relationshipsRetired: this.#retiredRelationships,
        sharedCodes: table.shared,
        ambiguousValues: lists.ambiguous.length,
        orphanedValues: lists.orphaned.length,
      },
      graph: graph.told,
      arrays,
    };
  }

  /** Returns the place in which the concept of each row was read; rows are in the order of ids. */
  #order(): Uint32Array {
    if (this.#placeOfRow !== undefined) return this.#placeOfRow;
    const ids = this.#ids.view();
    const order = sortedOrder(ids);
    for (let i = 1; i < order.length; i += 1) {
      const [before = 0, here = 0] = [order[i - 1], order[i]];
      if (ids[before] === ids[here]) {
        const text = `concept_id ${ids[here]} occurs twice; first on line ${this.#lines.at(before)}`;
        throw new TerminologyError('terminology-duplicate-concept', this.#conceptFile, text, this.#lines.at(here));
      }
    }
    this.#placeOfRow = order;
    return order;
  }

  #maps(ids: Uint32Array, flags: Uint8Array, domains: Uint16Array): { lists: TargetLists; unknown: number; notStandard: number } {
    const collector = new MapCollector();
    const triples = this.#relationships.view();
    const isTarget = (row: number): boolean => flags[row] === 1;
    let unknown = 0;
    let notStandard = 0;
    for (let i = 0; i < triples.length; i += 3) {
      const from = rowOfId(ids, triples[i] ?? 0);
      const to = rowOfId(ids, triples[i + 1] ?? 0);
      if (from < 0 || to < 0) unknown += 1;
      else if (!isTarget(to)) notStandard += 1;
      else collector.add(from, to, triples[i + 2] === 1);
    }
    const valueDomains = ['Measurement', 'Observation'].map((name) => this.#domainNumbers.names.indexOf(name));
    const holdsValue = (row: number): boolean => valueDomains.includes(domains[row] ?? -1);
    return { lists: collector.lists({ count: ids.length, isTarget, holdsValue }), unknown, notStandard };
  }

  #vocabularyList(vocabularies: Uint16Array): BuiltIndex['vocabularies'] {
    const counts = new Array<number>(this.#vocabularyNumbers.names.length).fill(0);
    for (const vocabulary of vocabularies) counts[vocabulary] = (counts[vocabulary] ?? 0) + 1;
    return this.#vocabularyNumbers.names.map((vocabulary_id, i) => {
      const row = this.#vocabularyRows.get(vocabulary_id);
      return { vocabulary_id, name: row?.name ?? '', version: row?.version ?? '', concepts: counts[i] ?? 0 };
    });
  }
}

const flagNumber = (flags: readonly string[], flag: string): number => flags.indexOf(flag);

/** Returns the row of a concept id in the ascending `ids`; -1 when it is not there. */
export function rowOfId(ids: Uint32Array, id: number): number {
  let low = 0;
  let high = ids.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = ids[middle] ?? 0;
    if (found === id) return middle;
    if (found < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** OMOP gives many of its own concepts this code: it identifies nothing and is not looked up. */
const NO_CODE = new TextEncoder().encode('OMOP generated');

function codeTable(codes: Codes, flags: Uint8Array): { slots: Uint32Array; shared: number } {
  const slots = emptyCodeTable(flags.length);
  const rank = (row: number): number => ((flags[row] ?? 0) >= 4 ? 2 : flags[row] === 1 ? 0 : 1);
  const better = (row: number, other: number): boolean => rank(row) < rank(other);
  let shared = 0;
  for (let row = 0; row < flags.length; row += 1) {
    const start = codes.offsets[row] ?? 0;
    const code = codes.text.subarray(start, codes.offsets[row + 1] ?? start);
    if (code.length === NO_CODE.length && NO_CODE.every((byte, i) => code[i] === byte)) continue;
    if (insertCode(slots, codes, row, better) === 'shared') shared += 1;
  }
  return { slots, shared };
}

function countMapped(lists: TargetLists): number {
  let mapped = 0;
  for (let row = 0; row + 1 < lists.offsets.length; row += 1) if (lists.offsets[row] !== lists.offsets[row + 1]) mapped += 1;
  return mapped;
}
