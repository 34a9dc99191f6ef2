/** HL7v2 messages out of a file that somebody dropped or chose: read here, in the browser, nothing of it is sent by that. */

export interface DroppedMessages {
  /** One text for each message, its segments on lines. */
  readonly texts: readonly string[];
  /** How its bytes were read: 'UTF-8', or the character set that MSH-18 names where they are not that. */
  readonly charset: string;
}

/** Larger files are for `npx polyseme convert`. */
export const MOST_BYTES = 5_000_000;

/** Returns the messages of a file: MLLP frames, batch headers and what stands before the first MSH are left out. */
export function messagesOf(bytes: Uint8Array): DroppedMessages {
  const { text, charset } = textOf(bytes);
  const lines = text
    // Of MLLP: a frame begins with VT and ends with FS.
    .replaceAll('\u000b', '\r')
    .replaceAll('\u001c', '\r')
    .split(/\r\n|\r|\n/)
    .filter((line) => line.trim() !== '' && !/^(FHS|BHS|BTS|FTS)[^A-Za-z0-9]/.test(line));
  const texts: string[][] = [];
  for (const line of lines) {
    if (/^\ufeff?MSH[^A-Za-z0-9]/.test(line)) texts.push([line.replace(/^\ufeff/, '')]);
    else if (texts.length > 0) texts.at(-1)?.push(line);
  }
  return { texts: texts.map((each) => each.join('\n')), charset };
}

/** As UTF-8 where the bytes are that; else as MSH-18 says, else byte by byte. */
function textOf(bytes: Uint8Array): { readonly text: string; readonly charset: string } {
  const utf8 = decoded(bytes, 'utf-8');
  if (utf8 !== undefined) return { text: utf8, charset: 'UTF-8' };
  const plain = decoded(bytes, 'iso-8859-1') ?? '';
  const header = /MSH([^A-Za-z0-9])[^\r\n]*/.exec(plain);
  const named = header?.[0].split(header[1] ?? '|')[17]?.split(/[~^]/)[0] ?? '';
  const label = labelOf(named);
  const text = label === undefined ? undefined : decoded(bytes, label);
  return text === undefined ? { text: plain, charset: 'ISO 8859-1' } : { text, charset: named };
}

/** Table 0211 (https://terminology.hl7.org/CodeSystem-v2-0211.html): '8859/15' is iso-8859-15 to a browser. */
function labelOf(name: string): string | undefined {
  const iso = /^8859\/(\d{1,2})$/.exec(name)?.[1];
  if (iso !== undefined) return `iso-8859-${iso}`;
  return /^(windows-125\d|CP125\d)$/i.test(name) ? name.toLowerCase().replace('cp', 'windows-') : undefined;
}

function decoded(bytes: Uint8Array, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
