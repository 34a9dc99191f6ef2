import { row } from './row.ts';

/** Errors of terminology. */
export const TERMINOLOGY = {
  'terminology-unknown-release': row(400, 'AE', 'error', 'not-supported', 'This is no release that can be loaded: {reason}.', 'Give one of these as its publisher ships it: the folder with the files that are named, or the file itself.'),
  'terminology-missing-file': row(400, 'AE', 'error', 'incomplete', 'A file of the release is missing: {reason}.', 'Unpack the Athena download again, completely; a release is loaded whole or not at all.'),
  'terminology-missing-column': row(400, 'AE', 'error', 'structure', 'A column is missing: {reason}.', 'Keep the header line that Athena ships; export with all columns of the OMOP CDM 5.4 vocabulary table.'),
  'terminology-truncated-line': row(400, 'AE', 'error', 'structure', 'A line is cut or too long: {reason}.', 'The file was cut or edited: unpack or download it again.'),
  'terminology-bad-value': row(400, 'AE', 'error', 'value', 'A value is wrong: {reason}.', 'Correct the value in the file, or download the release again.'),
  'terminology-bad-text': row(400, 'AE', 'error', 'structure', 'The text is not UTF-8: {reason}.', 'Save the file as UTF-8, as Athena ships it.'),
  'terminology-duplicate-concept': row(400, 'AE', 'error', 'duplicate', 'A concept stands twice: {reason}.', 'Remove one of the two rows; an identifier stands for one thing.'),
  'terminology-circle': row(400, 'AE', 'error', 'business-rule', 'A concept is above itself: {reason}.', 'The release contradicts itself: take away one of the relationships that are named, or download it again.'),
  'terminology-leads-back': row(200, 'AA', 'warning', 'business-rule', 'This leads back to itself: {way}.', 'It is stored. Take away one of the references on this way: what needs all of them is refused, or answered in part with a note, until then.'),
  'terminology-no-index': row(503, 'AE', 'fatal', 'not-found', 'No vocabulary is loaded: {reason}.', 'Run "npx polyseme vocabulary load DIR" first.'),
  'terminology-corrupt-index': row(503, 'AE', 'fatal', 'exception', 'The vocabulary index is damaged: {reason}.', 'Run "npx polyseme vocabulary load DIR" again: the index is rebuilt from the release.'),
  'terminology-in-use': row(409, 'AE', 'error', 'conflict', 'This vocabulary is in use: {reason}.', 'Load the release that shall follow it first: the upgrade makes the new one active.'),
  'vocabulary-not-comparable': row(400, 'AE', 'error', 'invalid', '{from} and {to} are not of one code system.', 'Name two releases of the same one: "npx polyseme vocabulary list" shows them.'),
  'vocabulary-tables-used': row(409, 'AE', 'error', 'conflict', 'Views were made on the vocabulary tables, and would go on to show the old release: {views}.', 'Drop them, load the release, and create them again.'),
  'terminology-refused': row(422, 'AE', 'error', 'processing', 'The terminology operation was refused: {reason}.', 'Check the code system, its version and the code; "npx polyseme vocabulary list" shows what is loaded.'),
  'terminology-hostile-archive': row(400, 'AE', 'error', 'security', 'This archive cannot be read as a FHIR package: {reason}.', 'Download the package again from where it is published; what is no FHIR package is not loaded.'),
  'terminology-unreadable': row(500, 'AE', 'fatal', 'exception', 'A file cannot be read or written: {reason}.', 'Check that the path exists and that this user may read and write it.'),
};
