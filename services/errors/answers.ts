import { row } from './row.ts';

/** What goes wrong when unmapped codes are answered. The place is system|code, or a line of a file. */
export const ANSWERS = {
  'answer-no-concept': row(422, 'AR', 'error', 'code-invalid', 'The vocabulary {release} has no concept {concept}.', 'Name a concept of the loaded release; "npx polyseme expand omop --filter WORDS" finds one. Or load the release that has it.'),
  'answer-not-standard': row(422, 'AR', 'error', 'code-invalid', 'Concept {concept} is not standard and valid: {says}.', 'Name the standard concept: only such ones may stand in *_concept_id.'),
  'answer-empty': row(422, 'AR', 'error', 'required', 'The answer names no concept that the code maps to.', 'Name at least one with mapping type MAPS_TO; where there is none, say so with equivalence UNMATCHED and no concept.'),
  'answer-values': row(422, 'AR', 'error', 'invalid', 'The answer names more than one MAPS_TO_VALUE.', 'A row holds one value_as_concept_id: keep one.'),
  'answer-author': row(422, 'AR', 'error', 'required', 'The answer has no author.', 'Say who answers: --author NAME, or "author" in the request; of a Usagi file, statusSetBy or createdBy.'),
  'answer-twice': row(422, 'AR', 'error', 'duplicate', 'The code is answered twice at once.', 'Keep one answer; several concepts for one code are several rows with the same code, one after the other.'),
  'answer-table': row(422, 'AR', 'error', 'business-rule', 'A table of a map lacks this code: no concept answers it.', 'Add a row to the table in mappings/ that the place names, or to your site\'s own; "npx polyseme check" runs its cases.'),
  'answer-not-found': row(404, 'AR', 'error', 'not-found', 'There is no answer {id}.', 'Run "npx polyseme unmapped answers" to see those there are.'),
  'answer-not-proposed': row(409, 'AR', 'error', 'conflict', 'Answer {id} does not wait for approval: it is {state}.', 'Look at the list again; somebody may have been faster.'),
  'answer-same-person': row(403, 'AR', 'error', 'forbidden', 'An answer is approved by somebody other than its author.', 'Ask a second person.'),
  'answer-none': row(404, 'AR', 'error', 'not-found', 'No answer to this code is in force.', 'Run "npx polyseme unmapped answers" to see those there are; system and code must be written as there.'),
  'answer-code-long': row(200, 'AA', 'warning', 'too-long', 'The code is longer than {length} bytes: cdm.source_to_concept_map cannot hold it.', 'Nothing: the answer is in force all the same; only that table lacks it.'),
  'answer-preview-first': row(400, 'AR', 'error', 'required', 'It is not confirmed that the answer shall be put in force.', 'Look at what it would change (above), then run it again with --yes.'),
  'usagi-columns': row(400, 'AR', 'error', 'structure', 'This is no file of Usagi: it lacks {columns}.', 'Save it in Usagi with File, Save (not Export source_to_concept_map), or export it with "npx polyseme unmapped export".'),
  'usagi-value': row(400, 'AR', 'error', 'value', '{column} is "{value}": {reason}.', 'Correct the line, in Usagi or in the file.'),
  'usagi-system': row(400, 'AR', 'error', 'required', 'The line does not say which code system its code is of.', 'Keep the column ADD_INFO:system of the export, or name the system of all lines with --system; of free text it is empty and the column must be there.'),
  'usagi-large': row(422, 'AR', 'error', 'too-costly', 'There are more than {limit} codes: the file would not be whole, or is too much at once.', 'Name a code system or words to export a part; import a part after the other, or use "npx polyseme unmapped" on the machine itself.'),
  'unmapped-code-gone': row(404, 'AR', 'error', 'not-found', 'Nothing that is stored has this code unmapped.', 'It was answered, or its data went away: read the list again.'),
  'unmapped-code-what': row(400, 'AR', 'error', 'invalid', 'It is not said which code is meant.', 'Write system|code as "npx polyseme unmapped list" shows it, such as http://stmarys.example/tests|GLU; of free text |TEXT.'),
};
