import { on } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Parser, ReadEntry } from 'tar';
import { fileFailure, TerminologyError } from '../failure.ts';

/** A file of a FHIR package. */
export interface PackageFile {
  /** For messages: archive.tgz/package/CodeSystem-x.json. */
  readonly place: string;
  readonly bytes: Uint8Array;
}

/** What an archive may hold before it is refused. */
export interface PackageLimits {
  readonly largestFileBytes: number;
  readonly mostBytes: number;
  readonly mostFiles: number;
}

/** HL7's own packages are below 500 MB altogether. */
const USUAL_LIMITS: PackageLimits = { largestFileBytes: 256 * 1024 * 1024, mostBytes: 4 * 1024 * 1024 * 1024, mostFiles: 200_000 };

/** Returns what a file is by its first bytes: a gzip archive, JSON text, or neither. */
export async function kindOfFile(path: string): Promise<'archive' | 'json' | undefined> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
      if (buffer[0] === 0x1f && buffer[1] === 0x8b) return 'archive';
      return buffer
        .toString('utf8', 0, bytesRead)
        .replace(/^\uFEFF/, '')
        .trimStart()
        .startsWith('{')
        ? 'json'
        : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EISDIR') return undefined;
    throw fileFailure(error, path);
  }
}

/**
 * Reads the JSON files of a FHIR package (https://confluence.hl7.org/display/FHIR/NPM+Package+Specification), one after the other, without
 * unpacking to disk. Throws TerminologyError for an archive that is damaged, or that no package is: names that lead out of it, links, devices,
 * more than it may hold.
 */
export async function* packageFiles(path: string, limits: PackageLimits = USUAL_LIMITS): AsyncGenerator<PackageFile> {
  const parser = new Parser({ strict: true });
  const source = createReadStream(path);
  const entries = on(parser, 'entry', { close: ['end'] });
  // A damaged archive ends neither its entries nor the one that is being read: whoever waits for them hears of it here.
  const failed = pipeline(source, parser).then(() => NEVER);
  failed.catch(() => undefined);
  let files = 0;
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([entries.next(), failed]);
      if (done) break;
      const entry: unknown = value[0];
      if (!(entry instanceof ReadEntry)) continue;
      const fault = faultOf(entry, ++files, limits);
      if (fault !== undefined) throw hostile(path, fault);
      const chunks: Buffer[] = [];
      const room = limits.mostBytes - total;
      total += await Promise.race([readInto(chunks, entry, room), failed]);
      if (total > limits.mostBytes) throw hostile(path, `it unpacks to more than ${limits.mostBytes} bytes`);
      const bytes = Buffer.concat(chunks);
      if (bytes.length < entry.size) throw hostile(path, `the archive ends within ${entry.path}`);
      if (entry.type !== 'Directory' && entry.path.endsWith('.json')) yield { place: `${path}/${entry.path}`, bytes };
    }
    if (files === 0) throw hostile(path, 'it cannot be read as a gzipped tar archive');
  } catch (error) {
    if (error instanceof TerminologyError) throw error;
    // What the file system answers names the call that was made of it; the rest is said of the archive.
    if (error instanceof Error && 'syscall' in error) throw fileFailure(error, path);
    throw hostile(path, 'it cannot be read as a gzipped tar archive');
  } finally {
    source.destroy();
  }
}

const NEVER = new Promise<never>(() => undefined);

/** Returns how many bytes were read; stops past `room`. */
async function readInto(chunks: Buffer[], entry: ReadEntry, room: number): Promise<number> {
  let bytes = 0;
  for await (const chunk of entry) {
    bytes += chunk.length;
    if (bytes > room) break;
    chunks.push(chunk);
  }
  return bytes;
}

const hostile = (path: string, reason: string): TerminologyError => new TerminologyError('terminology-hostile-archive', path, reason);

function faultOf({ path, type, size }: ReadEntry, count: number, { largestFileBytes, mostFiles }: PackageLimits): string | undefined {
  if (type !== 'File' && type !== 'OldFile' && type !== 'Directory') return 'it holds something that is neither a file nor a folder';
  if (/^[\\/]|^[A-Za-z]:|(^|[\\/])\.\.([\\/]|$)|\0/.test(path)) return 'a path leads out of it';
  if (size > largestFileBytes) return `a file is larger than ${largestFileBytes} bytes`;
  return count > mostFiles ? `it has more than ${mostFiles} files` : undefined;
}
