/** FHIR bundles to measure with: Synthea's where the corpus is beside the checkout, else our fixtures under new ids. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isArray, isObject, isResource, readJson, writeJson } from '../../services/fhir/format/json.ts';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';

export const root = resolve(import.meta.dirname, '..', '..');
const SYNTHEA = resolve(root, '..', 'shared', 'corpus', 'fhir', 'synthea-2021-blaze.tar.xz');
const FIXTURES = join(root, 'fixtures', 'fhir');

export interface Samples {
  /** What refers to others comes after them: hospitals and practitioners first. */
  readonly bundles: readonly JsonObject[];
  readonly texts: readonly string[];
  readonly resources: readonly Resource[];
  readonly from: string;
}

/** Returns about `count` bundles and where they are from. */
export function sampleBundles(count: number): Samples {
  const texts = existsSync(SYNTHEA) ? syntheaTexts(count) : fixtureTexts(count);
  const bundles = texts.flatMap((text) => {
    const read = readJson(text);
    return read.ok ? [read.value] : [];
  });
  const resources = bundles.flatMap(resourcesOf);
  const from = existsSync(SYNTHEA)
    ? `${bundles.length} Synthea bundles`
    : `${bundles.length} copies of our fixtures; Synthea is not beside the checkout`;
  return { bundles, texts, resources, from };
}

/** The resources of a bundle as they are stored: a reference to another entry's fullUrl names its type and id. Rows need to know their patient. */
function resourcesOf(bundle: JsonObject): readonly Resource[] {
  const all = bundle['entry'];
  const entries = isArray(all) ? all.filter(isObject) : [];
  const stored = new Map<string, string>();
  for (const { fullUrl, resource } of entries)
    if (typeof fullUrl === 'string' && isResource(resource)) stored.set(fullUrl, `${resource.resourceType}/${resource.id ?? ''}`);
  return entries.flatMap(({ resource }) => {
    const text = writeJson(resource).replaceAll(/(?<="reference":")urn:uuid:[^"]+/g, (url) => stored.get(url) ?? url);
    const read = readJson(text);
    return read.ok && isResource(read.value) ? [read.value] : [];
  });
}

function syntheaTexts(count: number): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'polyseme-bench-synthea-'));
  try {
    execFileSync('tar', ['-xJf', SYNTHEA, '-C', folder]);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .toSorted();
    return files.slice(0, count).map((name) => readFileSync(join(folder, name), 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every id of a fixture gets a suffix, so that each copy is another patient. */
function fixtureTexts(count: number): readonly string[] {
  const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.json'));
  return Array.from({ length: count }, (_, i) => {
    const text = readFileSync(join(FIXTURES, files[i % files.length] ?? ''), 'utf8');
    return text.replace(
      /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}(?=[0-9a-f]{4})/g,
      (id) => `${id.slice(0, -8)}${String(i).padStart(8, '0')}`,
    );
  });
}
