/** The text of a note (rule 57). */
import type { JsonObject } from '../../fhir/resource.ts';
import { columnOf } from '../../omop/tables.ts';
import { type Building, isObject, textAt, writeText } from './building.ts';

/**
 * Writes note_text from an Attachment (http://hl7.org/fhir/R4/datatypes.html#Attachment): its data where that is text, in the character
 * set that it states, UTF-8 when it states none. What is no text, stands elsewhere, or cannot be decoded makes no note.
 */
export function writeAttachment(row: Building, value: unknown): void {
  if (!isObject(value)) return;
  const { text, reason } = textOf(value);
  if (reason === undefined) writeText(row, columnOf('note', 'note_text'), text);
  else row.exclusion = { rule: 57, reason, at: row.at };
}

function textOf(attachment: JsonObject): { readonly text?: string; readonly reason?: string } {
  const data = textAt(attachment, 'data');
  const type = textAt(attachment, 'contentType') ?? '';
  if (data === undefined) return { reason: 'the text of the note is not here, only where it can be found' };
  if (!/^text\//i.test(type)) return { reason: 'the attachment is no text' };
  const text = decoded(data, /;\s*charset="?([^\s;"]+)/i.exec(type)?.[1] ?? 'utf-8');
  if (text === undefined) return { reason: 'the attachment cannot be read in its character set' };
  return text.trim() === '' ? { reason: 'the note is empty' } : { text };
}

function decoded(data: string, charset: string): string | undefined {
  try {
    const text = new TextDecoder(charset, { fatal: true }).decode(Buffer.from(data, 'base64'));
    // PostgreSQL stores no zero byte in a text.
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
