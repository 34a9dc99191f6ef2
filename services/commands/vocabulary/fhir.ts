import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFailure, TerminologyError } from '../../../terminology/failure.ts';
import { circleIn } from '../../../terminology/fhir/circle.ts';
import { referencesOf } from '../../../terminology/fhir/leads-back.ts';
import { TERMINOLOGY_TYPES } from '../../../terminology/fhir/library.ts';
import { kindOfFile, type PackageFile, packageFiles } from '../../../terminology/fhir/package.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { isArray, isObject, readJson } from '../../fhir/format/json.ts';
import type { JsonObject } from '../../fhir/resource.ts';
import { terminologyStore } from '../../http/terminology/store.ts';
import { standingOf } from '../../http/terminology/use.ts';
import { FhirImport } from '../../pipeline/import/import.ts';
import type { Parts } from '../../pipeline.ts';
import { refusalOf } from './load.ts';

/** What loading FHIR terminology did. */
export interface FhirLoadReport {
  readonly kind: 'fhir';
  /** Code systems, value sets and concept maps. */
  readonly read: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  /** Resources of other types in the same package or bundle, which are left out. */
  readonly others: number;
  readonly refused: readonly { readonly from: string; readonly problems: readonly Problem[] }[];
  /** What is to be said of what was stored: value sets and maps that lead back to themselves. */
  readonly warned: readonly { readonly from: string; readonly problems: readonly Problem[] }[];
}

/** Returns true for a file that holds FHIR resources: a package (.tgz), a bundle or one resource as JSON. Recognised by its content. */
export const isFhirFile = async (path: string): Promise<boolean> => (await kindOfFile(path)) !== undefined;

/**
 * Returns true for a folder of FHIR resources, one a file, as a package is when it is unpacked. Releases of code systems may have a JSON file that
 * describes them: they are to be recognised before.
 */
export async function isFhirFolder(path: string): Promise<boolean> {
  for (const file of (await jsonFilesIn(path)).slice(0, MOST_LOOKED_AT)) {
    const read = readJson(await readFile(file));
    if (read.ok && typeof read.value['resourceType'] === 'string') return true;
  }
  return false;
}

/** The resources' files of a folder, or of its folder `package`; none where it is no folder, or holds an Athena download. */
async function jsonFilesIn(path: string): Promise<readonly string[]> {
  const named = (folder: string): Promise<readonly string[]> =>
    readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTDIR' || error.code === 'ENOENT') return [];
      const failure = fileFailure(error, folder);
      throw failure instanceof TerminologyError ? refusalOf(failure) : failure;
    });
  const names = await named(path);
  if (names.some((name) => name.toLowerCase() === 'concept.csv')) return [];
  const [folder, all] = names.includes('package') ? [join(path, 'package'), await named(join(path, 'package'))] : [path, names];
  return all
    .filter((name) => name.endsWith('.json') && name !== 'package.json' && !name.startsWith('.'))
    .toSorted()
    .map((name) => join(folder, name));
}

/**
 * Stores the code systems, value sets and concept maps of a FHIR package, packed or not, a bundle or a single file; the terminology operations use them at
 * once. Loading the same again changes nothing. Throws Refusal for a file that cannot be read; single resources that are refused are reported.
 */
export async function loadFhirTerminology(parts: Parts, path: string, stopped: () => boolean = () => false): Promise<FhirLoadReport> {
  const into = new FhirImport(parts);
  const refused: { readonly from: string; readonly problems: readonly Problem[] }[] = [];
  const stored: { readonly from: string; readonly resource: JsonObject }[] = [];
  let others = 0;
  try {
    for await (const file of filesOf(path)) {
      const { taken, left, problems } = terminologyIn(file);
      others += left;
      if (problems.length > 0) refused.push({ from: file.place, problems });
      for (const resource of taken) {
        const circle = resource['resourceType'] === 'CodeSystem' ? circleIn(resource) : undefined;
        const faults = circle === undefined ? await into.add(file.place, resource) : [circleProblem(circle, file.place)];
        if (faults.length > 0) refused.push({ from: file.place, problems: faults });
        else if (mayLeadBack(resource)) stored.push({ from: file.place, resource });
      }
    }
  } catch (error) {
    throw error instanceof TerminologyError ? refusalOf(error) : error;
  }
  refused.push(...(await into.finish(stopped)));
  return { kind: 'fhir', ...into.tally, others, refused, warned: await warnedOf(parts, stored) };
}

/** Whether a resource refers to others of its type; the others are not kept until all are stored. */
const mayLeadBack = (resource: JsonObject): boolean => resource['resourceType'] !== 'CodeSystem' && referencesOf(resource).length > 0;

async function warnedOf(
  parts: Parts,
  stored: readonly { readonly from: string; readonly resource: JsonObject }[],
): Promise<FhirLoadReport['warned']> {
  if (stored.length === 0) return [];
  const store = terminologyStore(parts.database, parts.terminologies);
  try {
    const library = await store.library();
    return stored.flatMap(({ from, resource }) => {
      const problems = standingOf(library, resource);
      return problems.length === 0 ? [] : [{ from, problems }];
    });
  } finally {
    await store.close();
  }
}

const MOST_NAMED = 10;
const MOST_LOOKED_AT = 20;

function circleProblem(circle: readonly string[], place: string): Problem {
  const named = circle.slice(0, MOST_NAMED).map((code) => code.slice(0, 60));
  return problem('terminology-circle', { reason: `${[...named, named[0]].join(' > ')} (${circle.length} codes)` }, place);
}

async function* filesOf(path: string): AsyncGenerator<PackageFile> {
  const files = await jsonFilesIn(path);
  if (files.length > 0) for (const place of files) yield { place, bytes: await readFile(place) };
  else if ((await kindOfFile(path)) === 'archive') {
    for await (const file of packageFiles(path)) {
      if (/\/package\/(?!package\.json$|\.index\.json$)[^/]+\.json$/.test(file.place)) yield file;
    }
  } else yield { place: path, bytes: await readFile(path) };
}

interface Found {
  readonly taken: readonly JsonObject[];
  readonly left: number;
  readonly problems: readonly Problem[];
}

/** The terminology of one file: of a Bundle the resources of its entries. */
function terminologyIn({ bytes }: PackageFile): Found {
  const read = readJson(bytes);
  if (!read.ok) return { taken: [], left: 0, problems: read.problems };
  const isBundle = read.value['resourceType'] === 'Bundle';
  const entries = isBundle && isArray(read.value['entry']) ? read.value['entry'] : [];
  const all = isBundle ? entries.flatMap((each) => (isObject(each) && isObject(each['resource']) ? [each['resource']] : [])) : [read.value];
  const taken = all.filter(({ resourceType }) => TERMINOLOGY_TYPES.some((each) => each === resourceType));
  return { taken, left: all.length - taken.length, problems: [] };
}

/** Refuses a load in which nothing could be stored. */
export function assertStored(report: FhirLoadReport): void {
  if (report.created + report.updated + report.unchanged === 0 && report.refused.length > 0)
    throw new Refusal(report.refused.flatMap(({ problems }) => problems).slice(0, 20));
}
