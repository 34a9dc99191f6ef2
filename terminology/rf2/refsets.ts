import { TerminologyError } from '../failure.ts';
import { GrowingNumbers } from '../growing.ts';
import { FLAG } from '../system/arrays.ts';
import { RefsetContent } from '../system/content.ts';
import type { RefsetColumn } from '../system/manifest.ts';
import { IdTable } from './ids.ts';
import { SCT } from './ids-known.ts';
import { type CoreImport, FewIds, Versions } from './import.ts';
import type { Row } from './table.ts';

const KINDS: Readonly<Record<string, RefsetColumn['kind']>> = { c: 'component', i: 'integer', s: 'text' };

/** Takes the rows of language and other reference sets. */
export class RefsetImport {
  readonly dialects = new FewIds();
  readonly dialectLanguages: string[] = [];
  /** Descriptions to which one language reference set gives two acceptabilities at once; the better one counts. */
  acceptabilityTwice = 0;
  /** Rows of language reference sets about descriptions that the release does not have. */
  languageUnknown = 0;
  readonly #core: CoreImport;
  readonly #isFull: boolean;
  readonly #levels = new FewIds();
  readonly #levelTimes: GrowingNumbers[] = [];
  readonly #members = new IdTable();
  readonly #versions = new Versions();
  readonly #places = new GrowingNumbers();

  constructor(core: CoreImport, isFull: boolean) {
    this.#core = core;
    this.#isFull = isFull;
    for (const dialect of [SCT.usEnglish, SCT.gbEnglish]) this.dialects.addText(dialect);
    for (const level of [SCT.acceptable, SCT.preferred]) this.#levels.addText(level);
  }

  language(row: Row): void {
    const time = row.date(1);
    const isActive = row.flag(2);
    const dialect = this.dialects.of(row, 4);
    row.id(5);
    const description = this.#core.descriptions.find(row.high, row.low);
    if (description < 0) {
      this.languageUnknown += 1;
      return;
    }
    const number = this.#levels.of(row, 6) + 1;
    if (number > 2) throw row.wrong(6, 'acceptable or preferred');
    const level = isActive ? number : 0;
    const times = this.#timesOf(dialect);
    while (times.length <= description) times.push(0);
    const known = times.at(description);
    if (known > time) return;
    const { content } = this.#core;
    const before = content.acceptability[dialect]?.at(description) ?? 0;
    if (known === time && before > 0 && level > 0 && before !== level) this.acceptabilityTwice += 1;
    times.set(description, time);
    content.prefer(dialect, description, known === time ? Math.max(level, before) : level);
    this.dialectLanguages[dialect] ??= this.#core.languages.names[content.termLanguage.at(description)] ?? '';
  }

  #timesOf(dialect: number): GrowingNumbers {
    this.#levelTimes[dialect] ??= new GrowingNumbers();
    return this.#levelTimes[dialect];
  }

  member(row: Row, file: number, columns: readonly RefsetColumn[]): void {
    const before = this.#members.size;
    const [high, low] = uuidHash(row);
    const index = this.#members.add(high, low);
    const isNew = this.#members.size > before;
    const time = row.date(1);
    const state = this.#versions.decide(index, isNew, time, file, row, this.#isFull);
    if (state === 'older') return;
    row.id(4);
    const code = row.text(4);
    const { content } = this.#core;
    let refset = content.refsets.get(code);
    if (refset === undefined) {
      refset = new RefsetContent(columns);
      content.refsets.set(code, refset);
    } else if (refset.columns.length !== columns.length) {
      const text = `reference set ${code} has ${columns.length} columns of its own here and ${refset.columns.length} in another file`;
      throw new TerminologyError('terminology-missing-column', row.file, text, row.line);
    }
    const member = { component: this.#core.reference(row, 5), active: row.flag(2), time, module: this.#core.modules.of(row, 3) };
    const fields = columns.map((column, i) => this.#field(row, 6 + i, column));
    if (isNew) {
      this.#places.push(refset.components.length);
      refset.add(member, fields);
      return;
    }
    const place = this.#places.at(index);
    refset.components.set(place, member.component);
    refset.flags.set(place, member.active ? FLAG.active : 0);
    refset.times.set(place, time);
    refset.modules.set(place, member.module);
    fields.forEach((field, i) => {
      refset.fields.set(place * columns.length + i, field);
    });
  }

  #field(row: Row, field: number, column: RefsetColumn): number {
    if (column.kind === 'component') return this.#core.reference(row, field);
    const text = row.text(field);
    return /^-?\d+(\.\d+)?$/.test(text) ? this.#core.content.value(text, Number(text)) : this.#core.content.value(text);
  }
}

/** Returns the columns after the six common ones. Throws terminology-missing-column when the file's name promises others. */
export function ownColumns(place: string, header: readonly string[], pattern: string): RefsetColumn[] {
  const own = header.slice(6);
  if (own.length !== pattern.length) {
    throw new TerminologyError(
      'terminology-missing-column',
      place,
      `${own.length} columns of its own, the name promises ${pattern.length}`,
      1,
    );
  }
  return own.map((name, i) => ({ name, kind: KINDS[pattern[i] ?? ''] ?? 'text' }));
}

/** Two numbers from the 36 bytes of a UUID, in whatever case it is written. Throws terminology-bad-value when it is none. */
function uuidHash(row: Row): readonly [number, number] {
  const from = row.from(0);
  if (row.to(0) - from !== 36) throw row.wrong(0, 'a UUID');
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  for (let i = from; i < from + 36; i += 1) {
    const byte = (row.buffer[i] ?? 0) | 0x20;
    first = Math.imul(first ^ byte, 0x01000193);
    second = Math.imul((second << 5) ^ (second >>> 27) ^ byte, 0x5bd1e995);
  }
  return [first >>> 0, second >>> 0];
}
