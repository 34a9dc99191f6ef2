/**
 * The specs that run in this process: those of the active release, or those of the folder of maps before anything was published. Followed while
 * the process runs; a transaction that began with one release ends with it.
 */
import type { Database, Queryable } from '../../database/connect.ts';
import { activeReleaseId, filesDigest, holdSpecs, releaseById, textHashOf, textsOf } from '../../database/specs/releases.ts';
import { problem, Refusal } from '../../errors.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { Message } from '../../hl7v2/message.ts';
import type { Conversion, ConvertContext, RowContext } from '../../mapping/conversion.ts';
import { specTexts } from '../../mapping/files.ts';
import { type LoadedMaps, mapsOf } from '../../mapping/maps.ts';
import { isSpecPath, type SpecTexts, specFilesOf } from '../../mapping/texts.ts';
import type { ResourceRows } from '../../omop/row.ts';

export interface SpecSet {
  /** The release; undefined: the folder of maps. */
  readonly releaseId: number | undefined;
  readonly texts: SpecTexts;
  readonly hashes: ReadonlyMap<string, string>;
  /** sha256 over paths and texts. */
  readonly digest: string;
}

/** Returns texts as a set of specs. */
export function specSetOf(texts: SpecTexts, releaseId?: number): SpecSet {
  const hashes = new Map([...texts].map(([path, text]) => [path, textHashOf(text)]));
  return { releaseId, texts, hashes, digest: filesDigest(hashes) };
}

/** Returns the specs of the folder. Throws Refusal for files that cannot be read or have a name that none may have. */
export function folderSpecs(dir: string): SpecSet {
  const { texts, unread } = specTexts(dir);
  const odd = [...texts.keys()].filter((path) => !isSpecPath(path));
  const faults = [
    ...unread.map((file) => problem('file-unreadable', { file, reason: 'it is too large or closed to this account' })),
    ...odd.map((path) => problem('spec-path-invalid', { path: path.slice(0, 200) })),
  ];
  if (faults.length > 0) throw new Refusal(faults);
  return specSetOf(texts);
}

/** Returns the texts of a release. Throws Refusal spec-release-unknown. */
export async function releaseSpecs(queryable: Queryable, id: number): Promise<SpecSet> {
  const release = await releaseById(queryable, id);
  if (release === undefined) throw new Refusal([problem('spec-release-unknown', { id })]);
  const texts = await textsOf(queryable, release.files.values());
  return {
    releaseId: id,
    texts: new Map([...release.files].map(([path, hash]) => [path, texts.get(hash) ?? ''])),
    hashes: release.files,
    digest: release.digest,
  };
}

/** Returns the maps of a set of specs. Throws Refusal spec-release-broken when this version cannot compile them. */
export function compiledSpecs(set: SpecSet): LoadedMaps {
  const maps = mapsOf(specFilesOf(set.texts));
  const fault = maps.diagnostics.find(({ severity }) => severity === 'error');
  if (fault !== undefined)
    throw new Refusal([
      problem('spec-release-broken', { id: set.releaseId ?? 'of the folder', reason: `${fault.file}:${fault.line} ${fault.code}` }),
    ]);
  return maps;
}

export class LiveSpecs implements LoadedMaps {
  /** Folder of maps: what runs before anything was published, and what drift is shown against. */
  readonly dir: string;
  readonly #log: (releaseId: number) => void;
  #maps: LoadedMaps;
  #set: SpecSet | undefined;
  #opening: { readonly id: number; readonly done: Promise<void> } | undefined;
  readonly #held = new WeakSet<Queryable>();

  /** `folder`: the maps of `dir`, compiled. */
  constructor(dir: string, folder: LoadedMaps, log: (releaseId: number) => void = () => {}) {
    this.dir = dir;
    this.#maps = folder;
    this.#log = log;
  }

  get current(): LoadedMaps {
    return this.#maps;
  }

  /** The release that runs; undefined: the folder as it was when this process began. */
  get releaseId(): number | undefined {
    return this.#set?.releaseId;
  }

  /** Paths of the files of the release that runs; undefined: those of the folder run. */
  get paths(): Iterable<string> | undefined {
    return this.#set?.texts.keys();
  }

  get messageMaps(): LoadedMaps['messageMaps'] {
    return this.#maps.messageMaps;
  }

  get families(): LoadedMaps['families'] {
    return this.#maps.families;
  }

  get rowMaps(): LoadedMaps['rowMaps'] {
    return this.#maps.rowMaps;
  }

  get outMaps(): LoadedMaps['outMaps'] {
    return this.#maps.outMaps;
  }

  get recordMaps(): LoadedMaps['recordMaps'] {
    return this.#maps.recordMaps;
  }

  get diagnostics(): LoadedMaps['diagnostics'] {
    return this.#maps.diagnostics;
  }

  trace(message: Message, context: ConvertContext): ReturnType<LoadedMaps['trace']> {
    return this.#maps.trace(message, context);
  }

  convert(message: Message, context: ConvertContext): Conversion {
    return this.#maps.convert(message, context);
  }

  accepts(message: Message, context: ConvertContext): boolean {
    return this.#maps.accepts(message, context);
  }

  rows(resource: Resource, context: RowContext): ResourceRows {
    return this.#maps.rows(resource, context);
  }

  /** Keeps the active release what it is until the transaction ends; reads it first, if it is another than this process has. */
  async hold(tx: Queryable): Promise<void> {
    if (this.#held.has(tx)) return;
    const active = await holdSpecs(tx);
    if (active !== undefined && active !== this.releaseId) await this.#become(tx, active);
    this.#held.add(tx);
  }

  /** Reads the active release, if it is another: at the start, and after somebody said that it changed. */
  async catchUp(database: Database): Promise<void> {
    const active = await activeReleaseId(database);
    if (active !== undefined && active !== this.releaseId) await this.#become(database, active);
  }

  async #become(queryable: Queryable, id: number): Promise<void> {
    if (this.#opening?.id !== id) {
      const done = (async () => {
        const set = await releaseSpecs(queryable, id);
        this.#maps = compiledSpecs(set);
        this.#set = set;
        this.#log(id);
      })().finally(() => {
        this.#opening = undefined;
      });
      this.#opening = { id, done };
    }
    await this.#opening.done;
  }
}

/** Returns the specs that run: of the active release, else of the folder as it is now. */
export async function activeSpecs(queryable: Queryable, dir: string): Promise<SpecSet> {
  const id = await activeReleaseId(queryable);
  return id === undefined ? folderSpecs(dir) : releaseSpecs(queryable, id);
}
