/** What a change of the vocabulary does to the rows of stored resources. */
import type { Concept, Resolution, Vocabulary } from '../../../terminology/vocabulary.ts';
import type { CdmRow, ResourceRows } from '../../omop/row.ts';
import type { Kind, RowChange, UpgradeReport } from '../../omop/upgrade.ts';

/** Answers as before, and notices whether the answers would be others now. Made for one resource; `known` may be shared. */
export class ComparingVocabulary implements Vocabulary {
  readonly release: string;
  /** True once something was asked that has another answer now. */
  differs = false;
  readonly #old: Vocabulary;
  readonly #now: Vocabulary;
  readonly #known: Map<string, boolean>;

  constructor(old: Vocabulary, now: Vocabulary, known: Map<string, boolean>) {
    this.release = old.release;
    this.#old = old;
    this.#now = now;
    this.#known = known;
  }

  resolve(system: string, code: string): Resolution {
    return this.#compared(`c ${system} ${code}`, (from) => from.resolve(system, code), resolutionText);
  }

  unit(code: string): Resolution {
    return this.#compared(`u ${code}`, (from) => from.unit(code), resolutionText);
  }

  concept(concept_id: number): Concept | undefined {
    return this.#compared(`i ${concept_id}`, (from) => from.concept(concept_id), conceptText);
  }

  vocabularies(system: string): readonly string[] {
    return this.#compared(`v ${system}`, (from) => from.vocabularies(system), String);
  }

  systemsKnowing(code: string): readonly string[] {
    return this.#compared(`s ${code}`, (from) => from.systemsKnowing(code), String);
  }

  #compared<T>(key: string, ask: (from: Vocabulary) => T, text: (answer: T) => string): T {
    const answer = ask(this.#old);
    let isOther = this.#known.get(key);
    if (isOther === undefined) {
      isOther = text(answer) !== text(ask(this.#now));
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      this.#known.set(key, isOther);
    }
    if (isOther) this.differs = true;
    return answer;
  }
}

const MOST_KNOWN = 500_000;

/** All that rows depend on: not the name. */
const conceptText = (concept: Concept | undefined): string =>
  concept === undefined
    ? ''
    : `${concept.concept_id}|${concept.domain_id}|${concept.vocabulary_id}|${concept.concept_class_id}|${concept.standard_concept}|${concept.concept_code}|${concept.invalid_reason}`;

const resolutionText = ({ source, targets, systemKnown }: Resolution): string =>
  `${systemKnown} ${conceptText(source)} ${targets.map(({ concept, value }) => `${conceptText(concept)}=${conceptText(value)}`).join(' ')}`;

/** True when two makings of rows would be stored alike. */
export const sameRows = (old: ResourceRows, now: ResourceRows): boolean => JSON.stringify(old) === JSON.stringify(now);

/** Returns how the rows of one resource differ, by their source values. */
export function rowChanges(old: ResourceRows, now: ResourceRows): readonly RowChange[] {
  const [before, after] = [Map.groupBy(old.rows, codeOf), Map.groupBy(now.rows, codeOf)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((code) => {
    const [was, is] = [before.get(code) ?? [], after.get(code) ?? []];
    const plain = (rows: readonly CdmRow[]): string => JSON.stringify(rows.map(({ table, columns }) => ({ table, columns })));
    if (plain(was) === plain(is)) return [];
    const isMapped = (rows: readonly CdmRow[]): boolean => rows.some((row) => (conceptOf(row) ?? 0) !== 0);
    const tables = (rows: readonly CdmRow[]): string => String([...new Set(rows.map(({ table }) => table))].sort());
    const kind: Kind =
      !isMapped(was) && isMapped(is)
        ? 'newly-mapped'
        : isMapped(was) && !isMapped(is)
          ? 'lost'
          : tables(was) !== tables(is)
            ? 'moved'
            : 'changed';
    const isKnown = [...was, ...is].some((row) => (conceptOf(row) ?? 0) !== 0 || (sourceConceptOf(row) ?? 0) !== 0);
    const rows = Math.max(was.length, is.length);
    return [{ kind, code: isKnown ? code : '', from: textOf(was), to: textOf(is), rows, ...rowCounts(was, is) }];
  });
}

/** Rows of one code, table by table: what stays as it was does not count. */
function rowCounts(was: readonly CdmRow[], is: readonly CdmRow[]): Pick<RowChange, 'added' | 'changed' | 'gone'> {
  const counts = { added: 0, changed: 0, gone: 0 };
  for (const table of new Set([...was, ...is].map((row) => row.table))) {
    const texts = (rows: readonly CdmRow[]): string[] => rows.flatMap((row) => (row.table === table ? [JSON.stringify(row.columns)] : []));
    const [before, after] = [texts(was), texts(is)];
    for (const text of before.slice()) {
      const at = after.indexOf(text);
      if (at < 0) continue;
      after.splice(at, 1);
      before.splice(before.indexOf(text), 1);
    }
    const both = Math.min(before.length, after.length);
    counts.changed += both;
    counts.added += after.length - both;
    counts.gone += before.length - both;
  }
  return counts;
}

const PREFIXES: Readonly<Partial<Record<CdmRow['table'], string>>> = {
  visit_occurrence: 'visit',
  visit_detail: 'visit_detail',
  condition_occurrence: 'condition',
  drug_exposure: 'drug',
  procedure_occurrence: 'procedure',
  device_exposure: 'device',
  measurement: 'measurement',
  observation: 'observation',
  specimen: 'specimen',
};

const column = ({ table, columns }: CdmRow, ending: string): unknown => columns[`${PREFIXES[table] ?? table}_${ending}`];
const number = (value: unknown): number | undefined => (value === undefined || value === null ? undefined : Number(value));
const codeOf = (row: CdmRow): string => String(column(row, 'source_value') ?? '');
const conceptOf = (row: CdmRow): number | undefined => number(column(row, 'concept_id'));
const sourceConceptOf = (row: CdmRow): number | undefined => number(column(row, 'source_concept_id'));
const textOf = (rows: readonly CdmRow[]): string =>
  rows.map((row) => `${row.table} ${conceptOf(row) ?? ''}`.trim()).join(' + ') || 'no row';

const KINDS: readonly Kind[] = ['changed', 'moved', 'newly-mapped', 'lost'];
const MOST_CODES = 200_000;
const SAMPLES_PER_KIND = 20;

/** Sums up row changes, code by code. */
export class ChangeTally {
  resources = 0;
  touched = 0;
  #isCut = false;
  readonly #changes = new Map<string, RowChange>();

  add(changes: readonly RowChange[]): void {
    this.touched++;
    for (const change of changes) {
      const key = `${change.kind}\n${change.code}\n${change.from}\n${change.to}`;
      const isOver = this.#changes.size >= MOST_CODES && !this.#changes.has(key);
      if (isOver) this.#isCut = true;
      const place = isOver ? `${change.kind} others` : key;
      const entry = this.#changes.get(place) ?? { ...change, ...(isOver ? OTHERS : {}), rows: 0, added: 0, changed: 0, gone: 0 };
      const sum = (name: 'rows' | 'added' | 'changed' | 'gone'): number => entry[name] + change[name];
      this.#changes.set(place, { ...entry, rows: sum('rows'), added: sum('added'), changed: sum('changed'), gone: sum('gone') });
    }
  }

  report(): UpgradeReport {
    const all = [...this.#changes.values()].sort((a, b) => b.rows - a.rows || (a.code < b.code ? -1 : 1));
    const of = (kind: Kind) => all.filter((each) => each.kind === kind);
    const sum = (kind: Kind) => ({
      codes: new Set(of(kind).map(({ code }) => code)).size,
      rows: of(kind).reduce((rows, each) => rows + each.rows, 0),
    });
    const total = (name: 'added' | 'changed' | 'gone'): number => all.reduce((rows, each) => rows + each[name], 0);
    return {
      resources: this.resources,
      touched: this.touched,
      kinds: { changed: sum('changed'), moved: sum('moved'), 'newly-mapped': sum('newly-mapped'), lost: sum('lost') },
      rows: { added: total('added'), changed: total('changed'), gone: total('gone') },
      samples: KINDS.flatMap((kind) => of(kind).slice(0, SAMPLES_PER_KIND)),
      isCut: this.#isCut,
    };
  }
}

const OTHERS = { code: '', from: 'others', to: 'others' };
