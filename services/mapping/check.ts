/** The checker: everything wrong with specs, with place, code and cure, and what their cases came to. */
import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type CaseReport, type CaseTold, type FindBytes, runCases } from './cases.ts';
import { type Diagnostic, diagnostic } from './diagnostics.ts';
import { givenBytes, LOCK_FILE, lockFileText, type SpecFile, specFiles } from './files.ts';
import { type LoadedMaps, mapsOf } from './maps.ts';
import { publicationFaults, readLock } from './publication.ts';
import { entryOf, textOf } from './read.ts';
import type { SpecFamily } from './spec.ts';
import { Build, type NamedPlace } from './to-fhir/build.ts';
import { writeTypeMap } from './to-fhir/fields.ts';
import { isOutMap } from './to-hl7v2/read.ts';
import { runRowCases } from './to-rows/cases.ts';

export interface CheckReport {
  readonly ok: boolean;
  /** Sorted by file and place, each once. */
  readonly diagnostics: readonly Diagnostic[];
  readonly files: number;
  readonly cases: { readonly passed: number; readonly failed: number };
}

/**
 * Returns the report on every spec below `paths` (folders or files); maps they use are read from the folder of maps they stand in. `runsCases`
 * false: what they say is read and compiled, and no case is run (cases are most of the time that a check takes).
 */
export function checkSpecs(
  paths: string | readonly string[],
  { runsCases = true, told }: Pick<CheckScope, 'runsCases' | 'told'> = {},
): CheckReport {
  const asked = typeof paths === 'string' ? [paths] : paths;
  const roots = [...new Set(asked.map(rootOf))];
  const files = roots.flatMap((root) => specFiles(root));
  const inScope = (file: string): boolean =>
    asked.some((path) => file === path || !relative(resolve(path), resolve(file)).startsWith('..'));
  const maps = mapsOf(files);
  const report = checkFiles(files, maps, { inScope, find: (file, from) => fileNear(file, from.file), runsCases, told });
  const missing =
    files.length === 0
      ? asked.map((file) => diagnostic('file-unreadable', { file, line: 1, column: 1 }, { reason: 'no .yaml file is there' }))
      : [];
  const published = roots.flatMap((root) => lockFaults(root, maps));
  const others = sortedOnce([...report.diagnostics, ...published]);
  const diagnostics = [...missing, ...others];
  return { ...report, ok: diagnostics.every((each) => each.severity === 'warning'), diagnostics };
}

/** One case that was run. */
export interface CaseRun {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly name: string;
  /** What failed, each with its place; empty: it passes. */
  readonly faults: readonly Diagnostic[];
}

export interface CheckScope {
  /** Whether what is said of a file is reported, and its cases are run. */
  readonly inScope: (file: string) => boolean;
  /** Finds the message that a case names. */
  readonly find: FindBytes;
  /** False: no case is run. True when undefined. */
  readonly runsCases?: boolean;
  /** Hears of each case that was run. */
  readonly told?: ((run: CaseRun) => void) | undefined;
}

/** Returns the report on files whose maps are `maps`. */
export function checkFiles(
  files: readonly SpecFile[],
  maps: LoadedMaps,
  { inScope, find, runsCases = true, told }: CheckScope,
): CheckReport {
  const cases = runsCases ? caseReports(files, maps, { inScope, find, told }) : [];
  const all = [...maps.diagnostics, ...compileDiagnostics(maps), ...cases.flatMap((each) => each.diagnostics), ...caseFileFaults(files)];
  const diagnostics = sortedOnce(all.filter((each) => inScope(each.file)));
  const sum = (pick: (report: CaseReport) => number): number => cases.reduce((total, each) => total + pick(each), 0);
  return {
    ok: diagnostics.every((each) => each.severity === 'warning'),
    diagnostics,
    files: files.filter((each) => inScope(each.file)).length,
    cases: { passed: sum((each) => each.passed), failed: sum((each) => each.failed) },
  };
}

/** What the lock file of a folder says was published must still be so. */
function lockFaults(root: string, maps: LoadedMaps): readonly Diagnostic[] {
  const text = lockFileText(root);
  if (text === undefined) return [];
  const published = readLock(text);
  if (published === undefined) return [diagnostic('lock-unreadable', { file: join(root, LOCK_FILE), line: 1, column: 1 })];
  return publicationFaults(maps, published);
}

/** The folder of maps a path stands in: the nearest named mappings, else the folder that holds v2-to-fhir, else the path itself. */
export function rootOf(path: string): string {
  for (let here = resolve(path), last = ''; here !== last; last = here, here = dirname(here)) {
    if (/[\\/]mappings$/.test(here) || existsSync(join(here, 'v2-to-fhir'))) return here;
  }
  return path;
}

/** Compiles every message map for every version and structure it is for, and every datatype map by itself. */
function compileDiagnostics(maps: LoadedMaps): readonly Diagnostic[] {
  const messages = maps.messageMaps.flatMap((map) =>
    map.structures().flatMap(({ version, structure }) => map.module(version, structure).diagnostics),
  );
  const families = [...maps.families.values()];
  const unreached = unreachedPlaces(maps);
  const types = families.flatMap(typeDiagnostics);
  return [...messages, ...unreached, ...types, ...families.flatMap((family) => unusedMaps(family, maps))];
}

/** What rules name and reach in no structure of any map that uses them: nobody would notice at run time. */
function unreachedPlaces(maps: LoadedMaps): readonly Diagnostic[] {
  const all = maps.messageMaps.flatMap((map) =>
    map.structures().flatMap(({ version, structure }) => map.module(version, structure).places),
  );
  const keyOf = ({ at }: NamedPlace): string => `${at.file}:${at.line}:${at.column}`;
  const reached = new Set(all.filter(({ isReached }) => isReached).map(keyOf));
  return all
    .filter((each) => !reached.has(keyOf(each)))
    .map(({ at, name, isLoop }) => diagnostic(isLoop ? 'each-unreached' : 'segment-unreached', at, { name }));
}

function typeDiagnostics(family: SpecFamily): readonly Diagnostic[] {
  const build = new Build('2.8.2', family);
  for (const spec of new Set(family.types.values())) for (const source of spec.sourceTypes) writeTypeMap(spec, source, build);
  return build.diagnostics;
}

/** A resource map that no message map uses is never compiled: its faults would stay hidden. */
function unusedMaps(family: SpecFamily, maps: LoadedMaps): readonly Diagnostic[] {
  const used = new Set(maps.messageMaps.flatMap((map) => map.used));
  return [...family.resources.values()]
    .filter((each) => !used.has(each))
    .map((each) => diagnostic('unused-map', each.at, { name: each.id }));
}

function caseReports(files: readonly SpecFile[], maps: LoadedMaps, { inScope, find, told }: CheckScope): readonly CaseReport[] {
  const hears: CaseTold = (node, faults) => {
    const { file, line } = node.at;
    if (inScope(file)) told?.({ file, line, name: textOf(node, 'name') ?? '(no name)', faults });
  };
  const lists = files
    .filter(
      (each) =>
        inScope(each.file) &&
        (each.isCases || isOutMap(each.read.root) || [...maps.messageMaps, ...maps.recordMaps].some((map) => map.spec.file === each.file)),
    )
    .map((each) => entryOf(each.read.root, 'cases')?.value)
    .filter((each) => each?.kind === 'list');
  return [...lists.map((list) => runCases(list, maps, find, hears)), runRowCases(maps.rowMaps, hears)];
}

/** A case names its file from the project's folder: the nearest folder above the spec that has it. */
function fileNear(file: string, spec: string): Uint8Array | undefined {
  for (let here = dirname(resolve(spec)), steps = 0; steps < 8; here = dirname(here), steps++) {
    const path = join(here, file);
    if (existsSync(path)) return givenBytes(path);
  }
  return undefined;
}

function caseFileFaults(files: readonly SpecFile[]): readonly Diagnostic[] {
  return files.filter((each) => each.isCases).flatMap((each) => each.read.diagnostics);
}

function sortedOnce(all: readonly Diagnostic[]): readonly Diagnostic[] {
  const found = new Map<string, Diagnostic>();
  // One fault of a shared map is told once, not for every version it was compiled for.
  for (const each of all) {
    const key = `${each.file}:${each.line}:${each.column}:${each.code}`;
    if (!found.has(key)) found.set(key, each);
  }
  return [...found.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
}

/** Returns the report as text: one line per diagnostic with its cure below, then the sums. */
export function reportText(report: CheckReport): string {
  const lines = report.diagnostics.flatMap((each) => [
    `${each.file}:${each.line}:${each.column} ${each.severity} ${each.code} ${each.text}`,
    `    ${each.cure}`,
  ]);
  const errors = report.diagnostics.filter((each) => each.severity === 'error').length;
  const { passed, failed } = report.cases;
  return [
    ...lines,
    `${report.files} files, ${errors} errors, ${report.diagnostics.length - errors} warnings; cases: ${passed} passed, ${failed} failed`,
  ].join('\n');
}

/** Returns the report as JSON text, for machines. */
export const reportJson = (report: CheckReport): string => JSON.stringify(report, undefined, 2);

const CASE_FILE = /^(?!.*\.\.)[A-Za-z0-9][\w. /-]*\.(hl7|txt|csv|json|ndjson|xml)$/;

/** Returns what finds the files that cases name, for specs that stand in no folder: below `dir`, or beside it as the project's folder has them. */
export const caseFilesOf =
  (dir: string): FindBytes =>
  (file, from) => {
    if (!CASE_FILE.test(file)) return undefined;
    const places = [dirname(join(dir, from.file)), dir, dirname(resolve(dir))];
    const found = places.map((place) => join(place, file)).find((path) => existsSync(path));
    return found === undefined ? undefined : givenBytes(found);
  };
