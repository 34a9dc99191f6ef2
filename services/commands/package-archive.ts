import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Parser, type ReadEntry } from 'tar';
import type { PackagedResource } from '../database/packages.ts';
import { problem, Refusal } from '../errors.ts';
import { readJson, writeJson } from '../fhir/json.ts';
import type { JsonObject } from '../fhir/resource.ts';

export interface PackageContent {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly resources: readonly PackagedResource[];
}

/** What validation uses; examples and the pages of a guide are left where they are. */
const KEPT = new Set(['StructureDefinition', 'ValueSet', 'CodeSystem', 'ConceptMap', 'SearchParameter', 'NamingSystem']);
const MOST_FILES = 50_000;
const LARGEST_FILE_BYTES = 64 * 1024 * 1024;
const MOST_BYTES = 1024 * 1024 * 1024;
const FILE = /^package\/[\w.+ -]+\.json$/;

/**
 * Returns what a FHIR package (.tgz, https://hl7.org/fhir/packages.html) holds. Nothing of it is written to disk. Throws Refusal
 * package-unreadable: no archive, links or devices in it, paths that lead out of it, more or larger files than a package has, no manifest.
 */
export async function readPackage(path: string): Promise<PackageContent> {
  const file = basename(path);
  const refusal = (reason: string): Refusal => new Refusal([problem('package-unreadable', { file, reason })]);
  const texts = new Map<string, Buffer>();
  let count = 0;
  let bytes = 0;
  const parser = new Parser({ strict: true });
  const take = (entry: ReadEntry): void => {
    const fault = faultOf(entry, ++count);
    if (fault !== undefined) {
      parser.abort(refusal(fault));
      entry.resume();
      return;
    }
    const isKept = FILE.test(entry.path);
    const chunks: Buffer[] = [];
    entry.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) parser.abort(refusal(`it unpacks to more than ${MOST_BYTES} bytes`));
      else if (isKept) chunks.push(chunk);
    });
    entry.on('end', () => isKept && texts.set(entry.path.slice('package/'.length), Buffer.concat(chunks)));
  };
  parser.on('entry', take);
  try {
    await pipeline(createReadStream(path), parser);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refusal('it cannot be read as a gzipped tar archive');
  }
  return contentOf(texts, refusal);
}

function faultOf({ path, type, size }: ReadEntry, count: number): string | undefined {
  if (type !== 'File' && type !== 'OldFile' && type !== 'Directory') return 'it holds something that is neither a file nor a folder';
  if (path.startsWith('/') || path.includes('\\') || path.includes('\0') || /^[A-Za-z]:/.test(path) || path.split('/').includes('..'))
    return 'a path leads out of it';
  if (size > LARGEST_FILE_BYTES) return `a file is larger than ${LARGEST_FILE_BYTES} bytes`;
  return count > MOST_FILES ? `it has more than ${MOST_FILES} files` : undefined;
}

function contentOf(texts: ReadonlyMap<string, Buffer>, refusal: (reason: string) => Refusal): PackageContent {
  const manifest = texts.get('package.json');
  const read = manifest === undefined ? undefined : readJson(manifest);
  if (read === undefined || !read.ok) throw refusal('it has no package/package.json');
  const { name, version, title, fhirVersions } = read.value;
  if (typeof name !== 'string' || typeof version !== 'string' || !/^[\w.#@/-]{1,200}$/.test(name) || !/^[\w.+-]{1,100}$/.test(version))
    throw refusal('its package.json names no package and version');
  const versions = Array.isArray(fhirVersions) ? fhirVersions.map(String) : [];
  if (versions.length > 0 && !versions.some((each) => each.startsWith('4.0'))) throw refusal('it is not for FHIR R4 (4.0.1)');
  const resources: PackagedResource[] = [];
  for (const [path, text] of texts) {
    if (path === 'package.json' || path === '.index.json') continue;
    const resource = readJson(text);
    if (!resource.ok) throw refusal(`package/${path} is not JSON`);
    const kept = packagedResource(resource.value);
    if (kept !== undefined) resources.push(kept);
  }
  return { name, version, title: typeof title === 'string' ? title : name, resources };
}

function packagedResource(resource: JsonObject): PackagedResource | undefined {
  const { resourceType: type, url, version } = resource;
  if (typeof type !== 'string' || typeof url !== 'string' || !KEPT.has(type)) return undefined;
  return { type, url, version: typeof version === 'string' ? version : '', body: writeJson(resource) };
}
