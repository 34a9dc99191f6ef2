import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { fileFailure, TerminologyError } from '../failure.ts';

/** A file of a FHIR package. */
export interface PackageFile {
  /** For messages: archive.tgz/package/CodeSystem-x.json. */
  readonly place: string;
  readonly bytes: Uint8Array;
}

const BLOCK = 512;
/** The largest file of a package, and everything in it: HL7's own packages are below 500 MB altogether. */
const LARGEST_FILE = 256 * 1024 * 1024;
const LARGEST_PACKAGE = 4 * 1024 * 1024 * 1024;
const MOST_FILES = 200_000;

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
export async function* packageFiles(path: string): AsyncGenerator<PackageFile> {
  const blocks = new Blocks(path);
  try {
    for (let files = 0; ; files++) {
      const header = await blocks.take(BLOCK);
      if (header === undefined || header.every((byte) => byte === 0)) return;
      if (files >= MOST_FILES) throw hostile(path, `more than ${MOST_FILES} files`);
      const { name, size, type } = readHeader(path, header);
      const isFile = type === '0' || type === '\0' || type === '';
      if (!isFile && !'5xgL'.includes(type)) throw hostile(path, `${name} is a link or a device`);
      if (/^[\\/]|^[A-Za-z]:|(^|[\\/])\.\.([\\/]|$)/.test(name)) throw hostile(path, 'a name leads out of the archive');
      if (size > LARGEST_FILE) throw hostile(path, `${name} is larger than ${LARGEST_FILE} bytes`);
      const bytes = await blocks.take(size);
      if (bytes === undefined) throw truncated(path, name);
      await blocks.take((BLOCK - (size % BLOCK)) % BLOCK);
      if (isFile && name.endsWith('.json')) yield { place: `${path}/${name}`, bytes };
    }
  } finally {
    blocks.close();
  }
}

const hostile = (path: string, reason: string): TerminologyError => new TerminologyError('terminology-hostile-archive', path, reason);
const truncated = (path: string, name: string): TerminologyError =>
  new TerminologyError('terminology-hostile-archive', path, `the archive ends within ${name}`);

/** Reads a header of POSIX ustar; its sum of bytes must be right. */
function readHeader(path: string, header: Buffer): { readonly name: string; readonly size: number; readonly type: string } {
  const textAt = (from: number, to: number) => header.toString('utf8', from, to).split('\0')[0] ?? '';
  const octalAt = (from: number, to: number) => {
    const digits = textAt(from, to).trim();
    return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  };
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  const size = octalAt(124, 136);
  if (octalAt(148, 156) !== sum || Number.isNaN(size))
    throw new TerminologyError('terminology-hostile-archive', path, 'no tar archive, or a damaged one');
  const prefix = textAt(257, 262) === 'ustar' ? textAt(345, 500) : '';
  return { name: `${prefix === '' ? '' : `${prefix}/`}${textAt(0, 100)}`, size, type: textAt(156, 157) };
}

/** The unpacked bytes of a gzip file, taken in pieces. */
class Blocks {
  readonly #path: string;
  readonly #source: ReturnType<typeof createReadStream>;
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer[] = [];
  #length = 0;
  #total = 0;
  #failure: Error | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#source = createReadStream(path);
    const unzip = createGunzip();
    this.#source.on('error', (error) => unzip.destroy(error));
    this.#chunks = this.#source.pipe(unzip)[Symbol.asyncIterator]();
  }

  /** Returns the next `size` bytes; undefined when fewer are left. */
  async take(size: number): Promise<Buffer | undefined> {
    while (this.#length < size) {
      const next = await this.#chunks.next().catch((error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error('unknown');
        return { done: true, value: undefined } as const;
      });
      if (this.#failure !== undefined)
        throw new TerminologyError('terminology-hostile-archive', this.#path, 'not a gzip archive, or a damaged one');
      if (next.done === true || next.value === undefined) return undefined;
      this.#held.push(next.value);
      this.#length += next.value.length;
      this.#total += next.value.length;
      if (this.#total > LARGEST_PACKAGE) throw hostile(this.#path, `more than ${LARGEST_PACKAGE} bytes unpacked`);
    }
    const all = this.#held.length === 1 ? (this.#held[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#held);
    this.#held = [all.subarray(size)];
    this.#length = all.length - size;
    return all.subarray(0, size);
  }

  close(): void {
    this.#source.destroy();
  }
}
