/** The maps of a folder with one file as it stands in an editor, and what the checker says of that file. */
import type { Diagnostic } from '../diagnostics.ts';
import { type SpecFile, specFiles } from '../files.ts';
import { type LoadedMaps, mapsOf } from '../maps.ts';
import { readSpec } from '../read.ts';

export interface Workspace {
  readonly maps: LoadedMaps;
  readonly diagnostics: readonly Diagnostic[];
}

/** Keeps the files of a folder, so that each key stroke reads only what changed. */
export class WorkspaceFiles {
  readonly #root: string;
  #files: readonly SpecFile[] | undefined;
  readonly #open = new Map<string, string>();
  /** Maps of the last texts that could be read: completion works while the line is unfinished. */
  #last: LoadedMaps | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Takes the text of an open file; undefined: it is as on disk again. */
  set(file: string, text: string | undefined): void {
    if (text === undefined) this.#open.delete(file);
    else this.#open.set(file, text);
    this.#files = undefined;
  }

  textOf(file: string): string {
    return this.#open.get(file) ?? '';
  }

  /** The maps for completion: those of the last readable text of this file. */
  mapsFor(file: string): LoadedMaps {
    const maps = this.#last ?? mapsOf(this.#all());
    this.#last ??= maps;
    return readSpec(this.textOf(file), file).root === undefined ? maps : this.check(file).maps;
  }

  /** Returns the faults of one file. */
  check(file: string): Workspace {
    const maps = mapsOf(this.#all());
    if (readSpec(this.textOf(file), file).root !== undefined) this.#last = maps;
    return { maps, diagnostics: faultsOf(maps, file) };
  }

  #all(): readonly SpecFile[] {
    if (this.#files !== undefined) return this.#files;
    const files = specFiles(this.#root).map((each) => {
      const text = this.#open.get(each.file);
      return text === undefined ? each : { ...each, read: readSpec(text, each.file) };
    });
    this.#files = files;
    return files;
  }
}

const reaches = (map: LoadedMaps['messageMaps'][number], file: string): boolean =>
  map.spec.file === file || map.uses.some((each) => each.file === file);

/** The newest version of each structure: the rest is for check. */
function oneOfEach<T extends { readonly version: string; readonly structure: string }>(all: readonly T[]): readonly T[] {
  return [...new Map(all.map((each) => [each.structure, each])).values()];
}

/** Returns the faults of one file among maps: of the file itself, and of the maps that use it, in the newest version of each structure. */
export function faultsOf(maps: LoadedMaps, file: string): readonly Diagnostic[] {
  const all = [
    ...maps.diagnostics,
    ...maps.messageMaps
      .filter((map) => reaches(map, file))
      .flatMap((map) => oneOfEach(map.structures()).flatMap(({ version, structure }) => map.module(version, structure).diagnostics)),
  ];
  const seen = new Set<string>();
  return all.filter((each) => {
    const key = `${each.line}:${each.column}:${each.code}`;
    return each.file === file && !seen.has(key) && seen.add(key) !== undefined;
  });
}
