import { row } from './row.ts';

/** What goes wrong when a query is answered (HL7 v2 chapter 5). Places are those of the query. */
export const QUERIES = {
  'query-not-allowed': row(403, 'AR', 'error', 'forbidden', 'This sender may not ask: answers to queries tell of patients.', 'Set "queries: allowed" for the source in the file that POLYSEME_SOURCES names, if it may see every patient; the file is read again when it changes. See fixtures/sources.yaml.'),
  'query-unknown': row(422, 'AR', 'error', 'not-supported', 'No map answers {query}.', 'Ask by QBP^Q21 (demographics), QBP^Q22 (candidates), QBP^Q23 (identifiers), QBP^Q11 named Z34 or Z44 (immunizations) or QRY^A19; or add a map to mappings/queries.'),
  'query-incomplete': row(422, 'AE', 'error', 'required', 'The query does not say {what}.', 'Fill the field that the place names.'),
  'query-parameter-unknown': row(422, 'AE', 'error', 'not-supported', 'Patients cannot be asked for by {name}.', 'Ask by fields of PID: 3, 5 (parts 1 to 5), 6.1, 7, 8, 11, 13, 14, 16, 18, 19, 24, 25, written @PID.5.1^VALUE. Leave the others out: an answer that does not look at them would be too wide.'),
  'query-value': row(422, 'AE', 'error', 'value', 'The value cannot be used: {reason}.', 'Correct the value. A * may stand at the end of a text, with at least two letters before it.'),
  'query-setting': row(422, 'AE', 'error', 'not-supported', '{what} is not supported.', 'Ask for an immediate answer in real time (RCP-1 I, RCP-3 R), counted in records (RCP-2 such as 20^RD).'),
  'query-setting-ignored': row(200, 'AA', 'warning', 'not-supported', '{what} was not looked at.', 'Nothing: the answer holds what is there. Leave the field out.'),
  'query-too-broad': row(422, 'AE', 'error', 'too-costly', 'More than {limit} patients answer this, or what it asks for narrows nothing down; none is told.', 'Ask with more: an identifier, both names, the birth date.'),
  'query-candidates': row(200, 'AA', 'warning', 'too-costly', 'More than {limit} candidates were found; none is told.', 'Ask with more: an identifier, both names, the birth date; or for more in RCP-2.'),
  'query-domain-unknown': row(404, 'AE', 'error', 'not-found', 'No number of this assigning authority is known.', 'Name the authority as messages do, best by its universal id (^^^NAME&1.2.840.1&ISO).'),
  'query-domain-ambiguous': row(409, 'AE', 'error', 'duplicate', 'Several senders use this name for authorities of their own, and the number exists in more than one.', 'Name the authority by its universal id, or give the sources one "authority" in the file of sources.'),
  'query-identifier-unknown': row(404, 'AE', 'error', 'not-found', 'No patient has this identifier.', 'Check the number and its assigning authority.'),
  'query-identifier-ambiguous': row(409, 'AE', 'error', 'duplicate', '{count} patients have this identifier; none is told.', 'Name the assigning authority too. Where it is named, two records are one person: merge them (ADT^A40).'),
  'query-continuation': row(422, 'AE', 'error', 'value', 'The continuation pointer is none that an answer to this query held.', 'Send the query again with the same QPD and the DSC-1 of the answer before; or begin anew without DSC.'),
  'query-part-untold': row(200, 'AA', 'warning', 'incomplete', 'The answer does not say {path} of somebody it tells, which is recorded.', 'Read the resource at the FHIR address where it matters, or give the maps a rule, or a table the code, for it.'),
  'query-record-untold': row(200, 'AA', 'warning', 'incomplete', '{count} recorded {type} cannot be told in HL7v2 and were left out: {reason}.', 'Read them at the FHIR address, by a search for the patient.'),
  'query-record-withheld': row(200, 'AA', 'warning', 'forbidden', '{count} recorded {type} are labelled as restricted and were left out.', 'Ask who answers for the labels (meta.security); "queries: all" of the source in the file that POLYSEME_SOURCES names tells them too.'),
  'query-patient-untold': row(422, 'AE', 'error', 'incomplete', 'The record of a patient who answers cannot be told in HL7v2: {reason}.', 'Correct the record, or add a rule or a code to the maps of mappings/fhir-to-v2.'),
  'query-inactive': row(200, 'AA', 'warning', 'incomplete', '{count} records that are not active answer too and were left out.', 'Read them at the FHIR address where they matter (GET /fhir/R4/Patient?active=false).'),
  'query-behind': row(200, 'AA', 'warning', 'incomplete', 'Messages about whom it asks for, or tells of, wait to be applied: what they say is not in the answer.', 'Ask again in a moment.'),
  'query-nothing-recorded': row(200, 'AA', 'warning', 'incomplete', 'The answer says nothing of {what}: none is recorded.', 'Ask whoever evaluates or forecasts; what is written as a FHIR resource is told.'),
};
