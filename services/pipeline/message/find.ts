/** Messages found by what stands in them: any text, in whatever character set it came. */
import { type SearchOptions, type SearchPage, searchMessages } from '../../database/journal/search.ts';
import { type Matches, searchContents } from '../../database/journal/search-text.ts';
import type { JournalFilter } from '../../database/journal/view.ts';
import { decode } from '../../hl7v2/charset.ts';
import { type Parts, parsedBy, rulesFor } from '../parts.ts';

export interface FoundBy extends JournalFilter {
  /** Stands in the message, capital letters or small; as it is written there, or with the escapes of HL7v2 (\T\ for &) undone. */
  readonly text?: string | undefined;
}

/** Returns the newest messages that every filter finds, as far as the budget allows to look. */
export function findMessages(parts: Parts, { text, ...filter }: FoundBy, options: SearchOptions): Promise<SearchPage> {
  if (text === undefined) return searchMessages(parts.database, filter, options);
  return searchContents(parts.database, filter, holding(parts, text), options);
}

function holding(parts: Parts, text: string): Matches {
  const wanted = folded(text);
  // Of ASCII the bytes are the same in every character set that HL7v2 names but UTF-16 and UTF-32.
  const isAscii = /^[\x20-\x7e]*$/.test(wanted);
  return ({ source, channel, content }) => {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    if (isAscii && !bytes.subarray(0, 64).includes(0) && !holds(bytes.toString('latin1').toLowerCase(), wanted)) return false;
    return holds(folded(channel === 'fhir' ? bytes.toString('utf8') : textOf(parts, source, bytes)), wanted);
  };
}

const folded = (text: string): string => text.normalize('NFC').toLowerCase();

const holds = (all: string, wanted: string): boolean => all.includes(wanted) || (all.includes('\\') && unescaped(all).includes(wanted));

const SIGNS: Readonly<Record<string, string>> = { f: '|', s: '^', t: '&', r: '~', e: '\\' };

const unescaped = (all: string): string => all.replace(/\\([fstre])\\/g, (_whole, name: string) => SIGNS[name] ?? '');

/** The text of a message; of one that cannot be read both ways to read it, so that nothing is passed over. */
function textOf(parts: Parts, source: string, bytes: Buffer): string {
  const parsed = parsedBy(rulesFor(parts, source), bytes);
  const decoded = parsed.ok ? decode(bytes, parsed.value.charset) : undefined;
  return decoded !== undefined && 'text' in decoded ? decoded.text : `${bytes.toString('utf8')}\n${bytes.toString('latin1')}`;
}
