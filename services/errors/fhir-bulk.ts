import { row } from './row.ts';

/** Errors of views (SQL on FHIR) and of bulk export and import. */
export const FHIR_BULK = {
  'view-invalid': row(422, 'AE', 'error', 'invalid', 'The ViewDefinition cannot be used: {reason}.', 'Correct it as https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html says; the place says where.'),
  'view-path': row(422, 'AE', 'error', 'invalid', 'A FHIRPath of the view cannot be used, character {place}: {reason}.', 'Correct the expression; views have the part of FHIRPath that SQL on FHIR names, and some more.'),
  'view-element-unknown': row(200, 'AA', 'warning', 'not-found', 'FHIR R4 has no element {element} in {type}: the expression finds nothing.', 'Look at the spelling; where the element is of another version of FHIR, nothing is wrong.'),
  'view-value': row(422, 'AE', 'error', 'value', 'The view does not fit a resource: {reason}.', 'Change the expression, or leave such resources out with "where".'),
  'view-costly': row(422, 'AE', 'error', 'too-costly', 'The view takes more than {most} steps for one resource.', 'Write simpler expressions, or fewer products of selects.'),
  'view-table': row(422, 'AE', 'error', 'business-rule', 'The view cannot be kept as a table: {reason}.', 'Change the name in the ViewDefinition, or ask for its rows with $sql-run.'),
  'export-not-async': row(400, 'AE', 'error', 'invalid', 'An export is done asynchronously only.', 'Send "Prefer: respond-async" and ask the address in Content-Location.'),
  'export-format': row(400, 'AE', 'error', 'not-supported', 'Exports are not made in the format {format}.', 'Ask for application/fhir+ndjson or application/vnd.apache.parquet, or leave _outputFormat out.'),
  'export-erased': row(200, 'AA', 'information', 'not-found', '{count} resources of this export were erased since it was made; its files do not hold them any more.', 'Remove them from what was fetched before, or export again.'),
  'export-group': row(422, 'AE', 'error', 'not-supported', '{count} members of the group are no patients that are referred to by Patient/id.', 'Export a group whose members are patients of this server.'),
  'import-manifest': row(422, 'AE', 'error', 'incomplete', 'The manifest and its files do not agree: {reason}.', 'Fetch the files again beside the manifest, under the names that its addresses end in; apply deletions by FHIR requests.'),
  'import-not-async': row(400, 'AE', 'error', 'invalid', 'An import is done asynchronously only.', 'Send "Prefer: respond-async" and ask the address in Content-Location.'),
  'import-request': row(400, 'AE', 'error', 'invalid', 'The import cannot be begun: {reason}.', 'Send JSON {"inputFormat": "application/fhir+ndjson", "input": [{"type": "Patient", "url": "https://…"}]}, or Parameters with the same names.'),
  'import-file': row(422, 'AE', 'error', 'exception', 'A file of the import was not fetched to its end: {reason}.', 'Look whether the address answers the server with 200 and NDJSON, and send the import again: what is stored stays unchanged.'),
  'import-waits': row(422, 'AE', 'error', 'too-costly', 'More than {most} resources of the import refer to something that has not come yet.', 'Import the files that others refer to first (patients, organisations, encounters), and then these.'),
  'import-attempts': row(
    422,
    'AE',
    'error',
    'exception',
    'The import was begun {attempts} times and ended each time with the process that did it; it is not begun again.',
    'Look in the log and the memory of the server for why it ended; send the import again in smaller parts to find the file. What is stored stays unchanged.',
  ),
  'import-line-type': row(422, 'AE', 'error', 'structure', 'The line is no {type}, as the import says of its file.', 'Correct the type of the file in the import, or the file.'),
};
