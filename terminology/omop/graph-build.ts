import { TerminologyError } from '../failure.ts';
import { BlockNumbers, GrowingNumbers, GrowingTexts, Numbering } from '../growing.ts';
import type { Graph, GraphArrays } from '../manifest.ts';
import { AncestryCollector } from './ancestry-build.ts';
import { type KindLists, listsByKey, sortSlices } from './block-lists.ts';

/** Finds rows by concept id: the ids of one run of 256 stand side by side, so a look-up touches one place and then a few steps. */
class IdRows {
  readonly #ids: Uint32Array;
  readonly #runs: Uint32Array;

  constructor(ids: Uint32Array) {
    this.#ids = ids;
    this.#runs = new Uint32Array(((ids.at(-1) ?? 0) >>> 8) + 2);
    for (const id of ids) this.#runs[(id >>> 8) + 1] = (this.#runs[(id >>> 8) + 1] ?? 0) + 1;
    for (let i = 1; i < this.#runs.length; i += 1) this.#runs[i] = (this.#runs[i] ?? 0) + (this.#runs[i - 1] ?? 0);
  }

  /** Returns the row of a concept id; -1 for none. */
  of(id: number): number {
    let low = this.#runs[id >>> 8] ?? 0;
    let high = (this.#runs[(id >>> 8) + 1] ?? 0) - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#ids[middle] ?? 0;
      if (found === id) return middle;
      if (found < id) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

/** Gathers the relations between the concepts of a release while it is read: relationships, ancestors, synonyms. */
export class GraphCollector {
  readonly #ids: Uint32Array;
  readonly #rows: IdRows;
  readonly #nameAt: (row: number) => Uint8Array;
  readonly #kinds = new Numbering();
  readonly #from = new BlockNumbers();
  readonly #to = new BlockNumbers();
  readonly #kind = new BlockNumbers((length) => new Uint16Array(length));
  readonly #ancestry = new AncestryCollector();
  readonly #languages = new Numbering();
  readonly #synonymRows = new GrowingNumbers();
  readonly #synonymLanguages = new GrowingNumbers();
  readonly #synonyms = new GrowingTexts();
  #edges: KindLists | undefined;
  #unknown = 0;
  #retired = 0;
  #ancestorFile = '';

  /** `ids`: the concept ids, ascending; `nameAt`: the name of the concept of a row, as UTF-8. */
  constructor(ids: Uint32Array, nameAt: (row: number) => Uint8Array) {
    this.#ids = ids;
    this.#rows = new IdRows(ids);
    this.#nameAt = nameAt;
  }

  /** Adds a row of CONCEPT_RELATIONSHIP; all of them come before the other tables. */
  relationship([one = '', other = '', kind = '', , , invalid = '']: readonly string[]): void {
    if (invalid !== '') {
      this.#retired += 1;
      return;
    }
    const [from, to] = [this.#rows.of(Number(one)), this.#rows.of(Number(other))];
    if (from < 0 || to < 0) {
      this.#unknown += 1;
      return;
    }
    if (this.#edges !== undefined) throw new Error('a relationship came after other tables were begun');
    this.#from.push(from);
    this.#to.push(to);
    this.#kind.push(this.#kinds.of(kind));
  }

  /** Returns the relationships by concept. What they were gathered in is let go of before as much comes of the next table. */
  #settled(): KindLists {
    if (this.#edges === undefined) {
      this.#edges = listsByKey(this.#ids.length, this.#from, this.#to, this.#kind);
      for (const each of [this.#from, this.#to, this.#kind]) each.clear();
      sortSlices(this.#edges);
    }
    return this.#edges;
  }

  /** Adds rows of CONCEPT_ANCESTOR. Throws TerminologyError for a concept above itself. */
  ancestors(rows: readonly (readonly string[])[], place: { readonly file: string; readonly lines: readonly number[] }): void {
    this.#ancestorFile = place.file;
    this.#settled();
    for (const [i, [above = '', below = '', least]] of rows.entries()) {
      if (above === below && least !== '0')
        throw new TerminologyError('terminology-circle', place.file, `concept ${above} is above itself`, place.lines[i] ?? 0);
      const [one, other] = [this.#rows.of(Number(above)), this.#rows.of(Number(below))];
      if (one < 0 || other < 0) this.#unknown += 1;
      else this.#ancestry.add(one, other);
    }
  }

  /** Adds a row of CONCEPT_SYNONYM, unless it says what the concept is called anyway. */
  synonym([id = '', text = '', language = '']: readonly string[]): void {
    const row = this.#rows.of(Number(id));
    if (row < 0) this.#unknown += 1;
    if (row < 0 || text === '' || Buffer.from(text).equals(this.#nameAt(row))) return;
    this.#synonymRows.push(row);
    this.#synonymLanguages.push(this.#languages.of(language));
    this.#synonyms.push(text);
  }

  /** Returns what the index keeps of it all. `names`: what relationships are called. Throws AncestorCircle. */
  build(names: ReadonlyMap<string, string>): { readonly arrays: GraphArrays; readonly told: Graph } {
    const total = this.#ids.length;
    const synonyms = this.#synonymLists(total);
    const edges = this.#settled();
    const ancestry = this.#ancestry.build(total, this.#ancestorFile, (row) => this.#ids[row] ?? 0);
    return {
      arrays: {
        'edge-offset': edges.offsets,
        'edge-kind': edges.kinds,
        'edge-target': edges.values,
        'parent-offset': ancestry.parents.offsets,
        'parent-row': ancestry.parents.values,
        'child-offset': ancestry.children.offsets,
        'child-row': ancestry.children.values,
        'ancestry-bits': ancestry.bits,
        ...synonyms,
      },
      told: {
        relationships: this.#kinds.names.map((relationship_id) => ({ relationship_id, name: names.get(relationship_id) ?? '' })),
        languages: this.#languages.names.map(Number),
        ancestors: ancestry.stated,
        ancestorsNotStated: ancestry.notStated,
        edges: edges.values.length,
        synonyms: synonyms['synonym-language'].length,
        unknownConcept: this.#unknown,
        retired: this.#retired,
      },
    };
  }

  #synonymLists(total: number): Pick<GraphArrays, 'synonym-offset' | 'synonym-language' | 'synonym-place' | 'synonym-text'> {
    const rows = this.#synonymRows.view();
    const offsets = new Uint32Array(total + 1);
    for (const row of rows) offsets[row + 1] = (offsets[row + 1] ?? 0) + 1;
    for (let row = 0; row < total; row += 1) offsets[row + 1] = (offsets[row + 1] ?? 0) + (offsets[row] ?? 0);
    const next = offsets.slice();
    const order = new Uint32Array(rows.length);
    rows.forEach((row, i) => {
      const at = next[row] ?? 0;
      order[at] = i;
      next[row] = at + 1;
    });
    const { text, offsets: places } = this.#synonyms.inOrder(order);
    return {
      'synonym-offset': offsets,
      'synonym-language': Uint16Array.from(order, (i) => this.#synonymLanguages.at(i)),
      'synonym-place': places,
      'synonym-text': text,
    };
  }
}
