import { type WrittenConcept, writtenVocabulary } from '../../services/mapping/to-rows/vocabulary.ts';
import { systemOfVocabulary } from '../../terminology/systems.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';

const ROW = /^INSERT INTO vocab\.(concept|concept_relationship) VALUES \((.*)\);$/gm;

/** Returns the values of one VALUES list: quoted texts with quotes doubled, or NULL. */
const values = (list: string): string[] =>
  [...list.matchAll(/'((?:[^']|'')*)'|NULL/g)].map((each) => (each[1] ?? '').replaceAll("''", "'"));

/** Returns the vocabulary of a seed file of INSERT statements into concept and concept_relationship. */
export function vocabularyOfSeed(sql: string): Vocabulary {
  const maps = new Map<number, number[]>();
  const concepts: WrittenConcept[] = [];
  const rows = [...sql.matchAll(ROW)].map((match) => ({ table: match[1], row: values(match[2] ?? '') }));
  for (const { table, row } of rows) {
    const [from, to, relationship, , , invalid] = row;
    if (table !== 'concept_relationship' || relationship !== 'Maps to' || invalid !== '') continue;
    maps.set(Number(from), [...(maps.get(Number(from)) ?? []), Number(to)]);
  }
  for (const { table, row } of rows) {
    if (table !== 'concept') continue;
    const [id, name = '', domain = '', vocabulary = '', klass = '', standard, code = '', , , invalid] = row;
    concepts.push({
      system: systemOfVocabulary(vocabulary),
      concept_id: Number(id),
      concept_name: name,
      domain_id: domain,
      vocabulary_id: vocabulary,
      concept_class_id: klass,
      standard_concept: standard === 'S' || standard === 'C' ? standard : '',
      concept_code: code,
      invalid_reason: invalid === 'D' || invalid === 'U' ? invalid : '',
      to: (maps.get(Number(id)) ?? []).map((concept_id) => ({ concept_id, value: undefined })),
    });
  }
  return writtenVocabulary(concepts);
}
