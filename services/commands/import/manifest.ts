/** Manifests of bulk data (http://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status): lists of NDJSON files that lie beside them. */
import { basename, dirname, join } from 'node:path';
import { type Problem, problem } from '../../errors.ts';
import { isArray, isObject, readJson } from '../../fhir/format/json.ts';
import type { JsonObject, JsonValue } from '../../fhir/resource.ts';

export interface ManifestFile {
  readonly path: string;
  /** What every line has to be; undefined where the manifest does not say. */
  readonly type: string | undefined;
  readonly count: number | undefined;
}

export interface Manifest {
  readonly files: readonly ManifestFile[];
  readonly problems: readonly Problem[];
}

/**
 * Returns the files of a manifest of an export (`output`) or import (`input`), by the last part of each address in the folder of the manifest:
 * nothing is fetched, nothing outside the folder is read. Lists of deletions and errors are told as problems. undefined: it is no manifest.
 */
export function readManifest(file: string, bytes: Uint8Array): Manifest | undefined {
  if (bytes.length > 16_000_000 || !/^\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 16)))) return undefined;
  const read = readJson(bytes);
  if (!read.ok || read.value['resourceType'] !== undefined) return undefined;
  const { output, input, deleted, error } = read.value;
  const listed = output ?? input;
  if (!isArray(listed) || !listed.every((each) => isObject(each) && typeof each['url'] === 'string')) return undefined;
  const problems: Problem[] = [];
  const files = listed.filter(isObject).flatMap((each, index) => {
    const name = basename(new URL(String(each['url']), 'file:///').pathname);
    if (/^[\w.-]+\.ndjson$/.test(name)) return [fileOf(join(dirname(file), name), each)];
    problems.push(
      problem('import-manifest', { reason: 'the address does not end in the name of an .ndjson file' }, `${file}: file ${index + 1}`),
    );
    return [];
  });
  if (lengthOf(deleted) > 0) problems.push(problem('import-manifest', { reason: 'its deletions are not applied' }, file));
  if (lengthOf(error) > 0) problems.push(problem('import-manifest', { reason: 'it says that the export had errors' }, file));
  return { files, problems };
}

const lengthOf = (value: JsonValue | undefined): number => (isArray(value) ? value.length : 0);

const fileOf = (path: string, { type, count }: JsonObject): ManifestFile => ({
  path,
  type: typeof type === 'string' ? type : undefined,
  count: typeof count === 'number' ? count : undefined,
});

/** Returns what is wrong with what was found in a file: a line of another type, or fewer or more lines than the manifest says. */
export function manifestProblem(
  { path, type, count }: ManifestFile,
  found: { readonly lines: number; readonly others: number },
): Problem | undefined {
  const wrong = (reason: string): Problem => problem('import-manifest', { reason }, path);
  if (found.others > 0) return wrong(`${found.others} lines are no ${type}`);
  return count === undefined || count === found.lines ? undefined : wrong(`it should have ${count} resources and has ${found.lines}`);
}
