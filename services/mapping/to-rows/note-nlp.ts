/** Rows of note_nlp: what an annotator finds in the text of the notes that a resource makes. */
import { type Annotation, type Annotator, DICTIONARY } from '../../omop/annotate.ts';
import { chosenOf } from '../../omop/options.ts';
import type { CdmRow } from '../../omop/row.ts';
import type { RowRun } from './building.ts';
import { resolveIdea } from './coding.ts';
import { SLOTS } from './slots.ts';

/** Notes name more than this rarely; what is over is counted. */
const MOST = 500;
const AROUND = 100;

const annotatorOf = ({ context: { choices, annotator } }: RowRun): Annotator | undefined =>
  chosenOf(choices, 'note-nlp') === 'off' ? undefined : (annotator ?? DICTIONARY);

/** Returns the rows with those of note_nlp behind them; they take the highest numbers of the resource that are free. */
export function withAnnotations(rows: readonly CdmRow[], run: RowRun): readonly CdmRow[] {
  const annotator = annotatorOf(run);
  if (annotator === undefined) return rows;
  const used = new Set(rows.map(({ n }) => n));
  const free = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i).filter((n) => !used.has(n));
  const found = rows.flatMap((note) => {
    const text = note.table === 'note' ? note.columns['note_text'] : undefined;
    return typeof text === 'string' ? annotator.annotate(text).map((annotation) => ({ note, text, annotation })) : [];
  });
  if (found.length > MOST)
    run.exclusions.push({ rule: 57, reason: `of ${found.length} terms in notes ${MOST} are stored`, at: 'note_nlp' });
  const made = found.slice(0, MOST).flatMap(({ note, text, annotation }, i): readonly CdmRow[] => {
    const n = free[i];
    return n === undefined ? [] : [{ table: 'note_nlp', n, columns: columnsOf(note, text, annotation, annotator.name, run) }];
  });
  return [...rows, ...made];
}

function columnsOf(
  note: CdmRow,
  text: string,
  { start, end, system, code, negated }: Annotation,
  name: string,
  run: RowRun,
): CdmRow['columns'] {
  const { resource } = run;
  const resolved = resolveIdea({ codings: [{ system, code }], text: undefined }, [], run, 'note_nlp');
  return {
    person_id: note.columns['person_id'] ?? null,
    note_id: { ref: `${resource.resourceType}/${resource.id ?? ''}`, n: note.n },
    snippet: [...text.slice(Math.max(0, start - AROUND), end + AROUND)].slice(0, 250).join(''),
    offset: String(start),
    lexical_variant: [...text.slice(start, end)].slice(0, 250).join(''),
    note_nlp_concept_id: resolved.targets[0]?.concept.concept_id ?? 0,
    note_nlp_source_concept_id: resolved.source?.concept_id ?? 0,
    nlp_system: name,
    nlp_date: run.context.asOf ?? note.columns['note_date'] ?? null,
    term_exists: negated ? 'N' : 'Y',
    ...(negated ? { term_modifiers: 'negation=true' } : {}),
  };
}
