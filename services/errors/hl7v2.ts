import { row } from './row.ts';

/** Errors of hl7v2: bytes and messages. */
export const HL7V2 = {
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
  'hl7v2-version-newer': row(200, 'AA', 'warning', 'not-supported', 'HL7v2 {version} is newer than the definitions that are here; the message was read as {used}.', "Nothing, unless it has segments or fields that 2.8.2 does not know: those are listed as unread and can be named in a site's map."),
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
};
