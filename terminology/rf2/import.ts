import { TerminologyError } from '../failure.ts';
import { GrowingNumbers } from '../growing.ts';
import { FLAG, REF, refOf } from '../system/arrays.ts';
import { Numbering, SystemContent } from '../system/content.ts';
import { IdTable } from './ids.ts';
import { halvesOf, SCT } from './ids-known.ts';
import type { Row } from './table.ts';

/** State and time of components by number, whatever they are: which row of several counts. */
export class Versions {
  readonly #times = new GrowingNumbers();
  readonly #files = new GrowingNumbers();

  /**
   * Decides about a row of component `index`: 'new', 'newer' (replaces what is there) or 'older'. Throws terminology-duplicate-concept when one
   * file says the same component twice for one time.
   */
  decide(index: number, isNew: boolean, time: number, file: number, row: Row, isFull: boolean): 'new' | 'newer' | 'older' {
    if (isNew) {
      this.#times.push(time);
      this.#files.push(file);
      return 'new';
    }
    const known = this.#times.at(index);
    if (this.#files.at(index) === file && (!isFull || known === time)) {
      const text = `id ${row.text(0)} occurs twice${isFull ? ` for ${time}` : ''}`;
      throw new TerminologyError('terminology-duplicate-concept', row.file, text, row.line);
    }
    if (known >= time) return 'older';
    this.#times.set(index, time);
    this.#files.set(index, file);
    return 'newer';
  }
}

/** Tells one of the few identifiers that a column repeats from row to row by a number. */
export class FewIds {
  readonly #table = new IdTable();
  readonly names: string[] = [];
  of(row: Row, field: number): number {
    row.id(field);
    return this.add(row.high, row.low);
  }
  add(high: number, low: number): number {
    const index = this.#table.add(high, low);
    if (index === this.names.length) this.names.push(this.#table.text(index));
    return index;
  }
  addText(id: string): number {
    return this.add(...halvesOf(id));
  }
}

/** Takes the rows of the core files of a release (concepts, descriptions, relationships) and keeps the state that counts. */
export class CoreImport {
  readonly content = new SystemContent();
  readonly concepts = new IdTable();
  readonly descriptions = new IdTable();
  readonly modules = new FewIds();
  readonly uses = new FewIds();
  readonly kinds = new FewIds();
  readonly languages = new Numbering();
  /** Relationships that are not inferred, inactive ones: by file, not kept. */
  readonly notKept = new Map<string, number>();
  readonly #conceptVersions = new Versions();
  readonly #descriptionVersions = new Versions();
  readonly #relationships = new IdTable();
  readonly #relationshipVersions = new Versions();
  readonly #status = new FewIds();
  readonly #characteristic = new FewIds();
  readonly #source = new GrowingNumbers();
  readonly #target = new GrowingNumbers();
  readonly #kind = new GrowingNumbers();
  readonly #group = new GrowingNumbers();
  readonly #active = new GrowingNumbers();
  readonly #line = new GrowingNumbers();
  readonly #file = new GrowingNumbers();
  readonly #files: string[] = [];
  readonly #isFull: boolean;

  constructor(isFull: boolean) {
    this.#isFull = isFull;
    this.#status.addText(SCT.primitive);
    this.#status.addText(SCT.defined);
    this.#characteristic.addText(SCT.inferred);
    for (const use of [SCT.synonym, SCT.fullySpecifiedName, SCT.definition]) this.uses.addText(use);
    this.kinds.addText(SCT.isA);
  }

  /** Returns the number of a file for the calls below. */
  file(place: string): number {
    return this.#files.push(place) - 1;
  }

  concept(row: Row, file: number): void {
    const { content } = this;
    row.id(0);
    const before = this.concepts.size;
    const index = this.concepts.add(row.high, row.low);
    const time = row.date(1);
    const state = this.#conceptVersions.decide(index, this.concepts.size > before, time, file, row, this.#isFull);
    if (state === 'older') return;
    const flags = (row.flag(2) ? FLAG.active : 0) | (this.#status.of(row, 4) === 1 ? FLAG.defined : 0);
    const module = this.modules.of(row, 3);
    if (state === 'new') {
      content.codes.pushBytes(row.buffer, row.from(0), row.to(0));
      content.flags.push(flags);
      content.times.push(time);
      content.modules.push(module);
    } else {
      content.flags.set(index, flags);
      content.times.set(index, time);
      content.modules.set(index, module);
    }
  }

  description(row: Row, file: number): void {
    const { content } = this;
    row.id(0);
    const { high, low } = row;
    const before = this.descriptions.size;
    const index = this.descriptions.add(high, low);
    const time = row.date(1);
    const state = this.#descriptionVersions.decide(index, this.descriptions.size > before, time, file, row, this.#isFull);
    if (state === 'older') return;
    const flags = row.flag(2) ? FLAG.active : 0;
    const module = this.modules.of(row, 3);
    const concept = this.#concept(row, 4);
    const language = this.languages.of(row.text(5));
    const use = this.uses.of(row, 6);
    if (row.to(7) === row.from(7)) throw row.wrong(7, 'a term');
    const put =
      state === 'new'
        ? (list: GrowingNumbers, value: number) => list.push(value)
        : (list: GrowingNumbers, value: number) => list.set(index, value);
    if (state === 'new') {
      content.terms.pushBytes(row.buffer, row.from(7), row.to(7));
      content.termHigh.push(high);
      content.termLow.push(low);
    } else content.terms.replaceBytes(index, row.buffer, row.from(7), row.to(7));
    put(content.termConcept, concept);
    put(content.termLanguage, language);
    put(content.termUse, use);
    put(content.termFlags, flags);
    put(content.termTime, time);
    put(content.termModule, module);
  }

  relationship(row: Row, file: number, isConcrete: boolean): void {
    row.id(0);
    const before = this.#relationships.size;
    const index = this.#relationships.add(row.high, row.low);
    const isNew = this.#relationships.size > before;
    const state = this.#relationshipVersions.decide(index, isNew, row.date(1), file, row, this.#isFull);
    if (state === 'older') return;
    const isActive = row.flag(2);
    const isInferred = this.#characteristic.of(row, 8) === 0;
    if (!isActive || !isInferred) this.notKept.set(row.file, (this.notKept.get(row.file) ?? 0) + 1);
    const source = this.#concept(row, 4);
    const target = isConcrete ? this.#value(row, 5) : this.#concept(row, 5);
    const put = isNew
      ? (list: GrowingNumbers, value: number) => list.push(value)
      : (list: GrowingNumbers, value: number) => list.set(index, value);
    put(this.#source, source);
    put(this.#target, target);
    put(this.#kind, this.kinds.of(row, 7));
    put(this.#group, row.integer(6));
    put(this.#active, isActive && isInferred ? 1 : 0);
    put(this.#line, row.line);
    put(this.#file, file);
  }

  /** Hands the active relationships over to the content: is-a as hierarchy, all others as edges of kind number - 1. */
  finishRelationships(): void {
    for (let index = 0; index < this.#relationships.size; index += 1) {
      if (this.#active.at(index) === 0) continue;
      const source = this.#source.at(index);
      const kind = this.#kind.at(index);
      if (kind === 0) this.content.isa(source, this.#target.at(index));
      else this.content.edge(source, kind - 1, this.#target.at(index), this.#group.at(index));
    }
  }

  /** Returns the error for a circle of concepts, at the line of one of its relationships. */
  circle(circle: readonly number[]): TerminologyError {
    const names = circle.map((concept) => this.concepts.text(concept)).join(' > ');
    const [parent = -1, child = -1] = circle;
    for (let index = 0; index < this.#relationships.size; index += 1) {
      if (
        this.#active.at(index) === 1 &&
        this.#kind.at(index) === 0 &&
        this.#source.at(index) === child &&
        this.#target.at(index) === parent
      ) {
        return new TerminologyError('terminology-circle', this.#files[this.#file.at(index)] ?? '', names, this.#line.at(index));
      }
    }
    return new TerminologyError('terminology-circle', '', names);
  }

  /** Returns what an identifier in a reference set names; other components (relationships) stay texts. */
  reference(row: Row, field: number): number {
    if (!row.hasId(field)) return this.content.value(row.text(field));
    const concept = this.concepts.find(row.high, row.low);
    if (concept >= 0) return refOf(REF.row, concept);
    const description = this.descriptions.find(row.high, row.low);
    return description >= 0 ? refOf(REF.designation, description) : this.content.value(row.text(field));
  }

  #concept(row: Row, field: number): number {
    row.id(field);
    const concept = this.concepts.find(row.high, row.low);
    if (concept < 0) throw row.wrong(field, 'a concept of this release; an extension is loaded together with the edition it extends');
    return concept;
  }

  /** "#25", "\"text\"" or true: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification (concrete values). */
  #value(row: Row, field: number): number {
    const text = row.text(field);
    if (/^#[-+]?\d+(\.\d+)?$/.test(text)) return this.content.value(text.slice(1), Number(text.slice(1)));
    if (/^".*"$/s.test(text)) return this.content.value(text.slice(1, -1));
    if (/^(true|false)$/i.test(text)) return this.content.value(text.toLowerCase());
    throw row.wrong(field, 'a number after #, a text in quotes, true or false');
  }
}
