import { cvxFile, readCvx } from './cvx.ts';
import { TerminologyError } from './failure.ts';
import { icd10cmFile, readIcd10cm } from './icd10cm.ts';
import { isLoinc, readLoinc } from './loinc.ts';
import { openRelease } from './release-files.ts';
import { isRf2, type View } from './rf2/files.ts';
import { readRf2 } from './rf2/load.ts';
import type { SystemManifest } from './system/manifest.ts';
import type { ReadSystem } from './system/plain.ts';
import { activateSystem, writeSystem } from './system/system-files.ts';

export interface SystemLoadOptions {
  /** RF2: which view is read; snapshot where there is one. */
  readonly view?: View;
  /** RF2: module of the edition, where the module dependencies do not tell it. */
  readonly edition?: string;
  /** LOINC: the version, where it is not the newest one named in the table. */
  readonly version?: string;
  readonly onProgress?: (file: string, rows: number) => void;
}

/** What a load did. */
export interface SystemLoadReport {
  readonly id: string;
  readonly folder: string;
  readonly url: string;
  readonly version: string;
  readonly title: string;
  readonly counts: SystemManifest['counts'];
  readonly leftOut: SystemManifest['leftOut'];
  readonly licences: readonly string[];
  readonly elapsedMs: number;
}

export const KNOWN_SYSTEMS: readonly string[] = [
  'a SNOMED CT release in RF2 (folder or zip; an extension together with the edition it extends)',
  'a LOINC release (folder or zip with Loinc.csv)',
  'the order file of ICD-10-CM (icd10cm_order_YYYY.txt)',
  'the CDC list of CVX (cvx.txt)',
];

/**
 * Loads a release of a code system into an immutable folder below `home` and makes it answer, beside what is there. On any error nothing
 * changes. Throws TerminologyError naming file and line.
 */
export async function loadCodeSystem(paths: readonly string[], home: string, options: SystemLoadOptions = {}): Promise<SystemLoadReport> {
  const start = performance.now();
  const { manifest, arrays } = await readCodeSystem(paths, options);
  const folder = await writeSystem(home, manifest, arrays);
  await activateSystem(home, manifest.id);
  const { id, url, version, title, counts, leftOut, licences } = manifest;
  return { id, folder, url, version, title, counts, leftOut, licences, elapsedMs: Math.round(performance.now() - start) };
}

/** Returns the code system of a release, recognised by its files, without writing anything. */
export async function readCodeSystem(paths: readonly string[], options: SystemLoadOptions = {}): Promise<ReadSystem> {
  const releases = [];
  try {
    for (const path of paths) releases.push(await openRelease(path));
    const files = releases.flatMap((release) => release.files);
    if (isRf2(files)) return await readRf2(paths, options);
    if (isLoinc(files)) return await readLoinc(files, options.version);
    const [icd, cvx] = [icd10cmFile(files), cvxFile(files)];
    if (icd !== undefined) return await readIcd10cm(icd);
    if (cvx !== undefined) return await readCvx(cvx);
  } finally {
    for (const release of releases) release.close();
  }
  throw new TerminologyError(
    'terminology-unknown-release',
    paths.join(', '),
    `holds no code system that is known here: ${KNOWN_SYSTEMS.join('; ')}`,
  );
}

/** Whether `path` holds a release that `loadCodeSystem` reads; false for an Athena download and for what is no release. */
export async function isCodeSystemRelease(path: string): Promise<boolean> {
  const { files, close } = await openRelease(path);
  close();
  return isRf2(files) || isLoinc(files) || icd10cmFile(files) !== undefined || cvxFile(files) !== undefined;
}
