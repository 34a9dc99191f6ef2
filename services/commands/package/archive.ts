import { basename } from 'node:path';
import { TerminologyError } from '../../../terminology/failure.ts';
import { packageFiles } from '../../../terminology/fhir/package.ts';
import type { PackagedResource } from '../../database/resources/packages.ts';
import { problem, Refusal } from '../../errors.ts';
import { readJson, writeJson } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';

export interface PackageContent {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly resources: readonly PackagedResource[];
}

/** What validation uses; examples and the pages of a guide are left where they are. */
const KEPT = new Set(['StructureDefinition', 'ValueSet', 'CodeSystem', 'ConceptMap', 'SearchParameter', 'NamingSystem']);
const LIMITS = { largestFileBytes: 64 * 1024 * 1024, mostBytes: 1024 * 1024 * 1024, mostFiles: 50_000 };
const FILE = /^package\/[\w.+ -]+\.json$/;

/**
 * Returns what a FHIR package (.tgz, https://hl7.org/fhir/packages.html) holds. Nothing of it is written to disk. Throws Refusal
 * package-unreadable: no archive, links or devices in it, paths that lead out of it, more or larger files than a package has, no manifest.
 */
export async function readPackage(path: string): Promise<PackageContent> {
  const file = basename(path);
  const refusal = (reason: string): Refusal => new Refusal([problem('package-unreadable', { file, reason })]);
  const texts = new Map<string, Uint8Array>();
  try {
    for await (const { place, bytes } of packageFiles(path, LIMITS)) {
      const name = place.slice(path.length + 1);
      if (FILE.test(name)) texts.set(name.slice('package/'.length), bytes);
    }
  } catch (error) {
    throw error instanceof TerminologyError ? refusal(error.text) : error;
  }
  return contentOf(texts, refusal);
}

function contentOf(texts: ReadonlyMap<string, Uint8Array>, refusal: (reason: string) => Refusal): PackageContent {
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
