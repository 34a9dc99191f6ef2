import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AnsweredVocabulary } from '../../../terminology/answered.ts';
import { TerminologyError } from '../../../terminology/failure.ts';
import type { IndexImage } from '../../../terminology/index-files.ts';
import { MANIFEST } from '../../../terminology/index-folder.ts';
import type { CodeSystemProvider, TerminologyFault, TerminologySources } from '../../../terminology/provider.ts';
import { readIndexAside, readSystemAside } from '../../../terminology/read-aside.ts';
import { emptyVocabulary, vocabularyOf } from '../../../terminology/reader.ts';
import { joined, omopSources, systemProvider } from '../../../terminology/sources.ts';
import { activeSystems } from '../../../terminology/system/system-files.ts';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import type { Queryable } from '../../database/connect.ts';
import type { Log } from '../../database/embedded/embedded.ts';
import { answersInForce } from '../../database/vocabulary/answers.ts';
import { holdVocabulary, type ResolutionState, resolutionState } from '../../database/vocabulary/state.ts';
import type { LiveVocabulary } from '../../pipeline/apply/rows.ts';
import { refusalOf, refusing } from './load.ts';

/** How often, at most, the list of code systems is looked at while requests come. */
const LOOK_AGAIN_MS = 250;

/**
 * The vocabulary and the code systems that answer in this process, followed while it runs. Indexes are read in threads of their own; an answer or
 * a transaction that began with one state ends with it.
 */
export class LiveTerminology implements LiveVocabulary {
  readonly #home: string;
  readonly #log: Log;
  #id: string;
  #base: Vocabulary;
  #current: Vocabulary;
  /** Which state of the answers `current` has; -1 before they were read. */
  #answers = -1;
  #withAnswers: (base: Vocabulary) => Vocabulary = (base) => base;
  #omop: TerminologySources;
  #systems: ReadonlyMap<string, CodeSystemProvider> = new Map();
  #sources: TerminologySources = { systems: [], maps: [] };
  #opening: { readonly id: string; readonly done: Promise<void> } | undefined;
  #looking: Promise<void> | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #seen = '';
  /** Set while the index that is active cannot be read: why, and what its folder was then. */
  #damage: { readonly error: TerminologyError; readonly stamp: string } | undefined;
  #faults: readonly TerminologyFault[] = [];
  readonly #held = new WeakSet<Queryable>();

  private constructor(home: string, opened: IndexImage | TerminologyError, id: string, log: Log) {
    this.#home = home;
    this.#log = log;
    this.#id = id;
    const isWhole = !(opened instanceof TerminologyError);
    this.#base = isWhole ? vocabularyOf(opened) : emptyVocabulary;
    this.#current = this.#base;
    this.#omop = isWhole ? omopSources(opened) : { systems: [], maps: [] };
    if (!isWhole) this.#damage = { error: opened, stamp: this.#indexStamp() };
    this.#join();
  }

  /**
   * Opens index `id` below `home` and the code systems that are active there. What cannot be read is off and reported: the rest answers, and no
   * row is made before the index is mended, since it would be made without its concepts.
   */
  static async open(home: string, id: string, log: Log): Promise<LiveTerminology> {
    const opened = await readIndexAside(join(home, id)).catch(damageOf);
    const live = new LiveTerminology(home, opened, id, log);
    if (opened instanceof TerminologyError) {
      const { code, file, text } = opened;
      log.warn({ code, at: file }, `the OMOP vocabularies are off, what is received waits until they are loaded again: ${text}`);
    }
    await live.#follow();
    return live;
  }

  /** Why the index that is active cannot be read; undefined when it is whole. */
  get damage(): TerminologyError | undefined {
    return this.#damage?.error;
  }

  get current(): Vocabulary {
    return this.#current;
  }

  /** What the FHIR operations answer from. A change of the list on disk is followed soon after, without making anybody wait. */
  readonly sources = (): TerminologySources => {
    const now = performance.now();
    if (this.#looking === undefined && now - this.#lookedAtMs >= LOOK_AGAIN_MS) {
      this.#lookedAtMs = now;
      if (this.#stamp() !== this.#seen) void this.refresh();
    }
    return this.#sources;
  };

  /** Reads the list of code systems again and what is new in it; what cannot be read leaves everything as it was and is logged. */
  refresh(): Promise<void> {
    this.#looking ??= this.#follow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async hold(tx: Queryable): Promise<void> {
    if (this.#held.has(tx)) return;
    const state = await holdVocabulary(tx);
    if (state.active === this.#id) await this.#mend();
    await this.#follows(tx, state);
    this.#held.add(tx);
  }

  /** Returns another vocabulary with the answers that are in force here. */
  readonly withAnswers = (vocabulary: Vocabulary): Vocabulary => this.#withAnswers(vocabulary);

  /** A database without an index is a scratch one: it is filled by what holds in the store. */
  async #follows(queryable: Queryable, { active, answers }: ResolutionState): Promise<void> {
    if (active === '') return;
    if (active !== this.#id) await this.#become(active);
    if (answers <= this.#answers) return;
    const inForce = answers === 0 ? [] : await answersInForce(queryable);
    // Another transaction may have read a later state meanwhile, which this one cannot be of: it holds its own still.
    if (answers <= this.#answers) return;
    this.#withAnswers = inForce.length === 0 ? (base) => base : (base) => new AnsweredVocabulary(base, inForce);
    this.#current = this.#withAnswers(this.#base);
    this.#answers = answers;
  }

  /** Reads the vocabulary that is active in the database, if that is another: after somebody said that it changed. */
  async catchUp(database: Queryable): Promise<void> {
    await this.#follows(database, await resolutionState(database));
  }

  /** Opens an index by its id; undefined when it is not there any more. */
  readonly opened = async (id: string): Promise<Vocabulary | undefined> => {
    if (id === this.#id) return this.#current;
    if (this.#other?.id === id) return this.#withAnswers(this.#other.vocabulary);
    if (!existsSync(join(this.#home, id, MANIFEST))) return undefined;
    const image = await readIndexAside(join(this.#home, id)).catch(damageOf);
    if (image instanceof TerminologyError) {
      const { code, file, text } = image;
      this.#log.warn({ code, at: file }, `the release before cannot be compared with, so all rows are made again: ${text}`);
      return undefined;
    }
    const vocabulary = vocabularyOf(image);
    this.#other = { id, vocabulary };
    return this.#withAnswers(vocabulary);
  };
  #other: { readonly id: string; readonly vocabulary: Vocabulary } | undefined;

  /** Frees the vocabulary before, when nothing is compared with it any more. */
  readonly forgetOther = (): void => {
    this.#other = undefined;
  };

  async #become(id: string): Promise<void> {
    if (this.#opening?.id !== id) {
      const done = refusing(async () => {
        const image = await readIndexAside(join(this.#home, id));
        if (this.#damage === undefined) this.#other = { id: this.#id, vocabulary: this.#base };
        this.#id = id;
        this.#damage = undefined;
        this.#base = vocabularyOf(image);
        this.#current = this.#withAnswers(this.#base);
        this.#omop = omopSources(image);
        this.#join();
        this.#log.info({ index: id, release: this.#current.release }, 'codes are resolved with another vocabulary');
      }).finally(() => {
        this.#opening = undefined;
      });
      this.#opening = { id, done };
    }
    await this.#opening.done;
  }

  /** Opens the index that is active when its folder is another than the damaged one; throws Refusal while it is not. */
  async #mend(): Promise<void> {
    if (this.#damage === undefined) return;
    if (this.#indexStamp() === this.#damage.stamp) throw refusalOf(this.#damage.error);
    await this.#become(this.#id);
  }

  /** Reads what is new in the list of code systems. What cannot be read is off, and what it was to replace stays. */
  async #follow(): Promise<void> {
    this.#seen = this.#stamp();
    const next = new Map<string, CodeSystemProvider>();
    const faults: TerminologyFault[] = [];
    const listed = await Promise.resolve(this.#home).then(activeSystems).catch(damageOf);
    if (listed instanceof TerminologyError) faults.push(faultOf(listed));
    for (const id of listed instanceof TerminologyError ? [] : listed) {
      const known = this.#systems.get(id);
      const image = known === undefined ? await readSystemAside(join(this.#home, id)).catch(damageOf) : undefined;
      if (image instanceof TerminologyError) faults.push(faultOf(image));
      else if (image !== undefined) next.set(id, systemProvider(image));
      else if (known !== undefined) next.set(id, known);
    }
    if (faults.length > 0) for (const [id, known] of this.#systems) if (!next.has(id)) next.set(id, known);
    for (const { code, at, text } of faults) this.#log.warn({ code, at }, `a code system is off, or stays as it was: ${text}`);
    this.#faults = faults;
    this.#systems = next;
    this.#join();
  }

  #join(): void {
    this.#sources = {
      ...joined([...this.#systems.values()], this.#omop),
      faults: [...(this.#damage === undefined ? [] : [faultOf(this.#damage.error)]), ...this.#faults],
    };
  }

  #indexStamp(): string {
    return stampOf(join(this.#home, this.#id, MANIFEST));
  }

  /** Changes when the list does: it is replaced by another file. */
  #stamp(): string {
    return stampOf(join(this.#home, 'systems.json'));
  }
}

function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? '' : `${found.ino} ${found.mtimeNs} ${found.size}`;
}

/** Returns an error of the terminology room as a value; every other one is thrown on. */
function damageOf(error: unknown): TerminologyError {
  if (error instanceof TerminologyError) return error;
  throw error;
}

const faultOf = ({ code, file, text }: TerminologyError): TerminologyFault => ({ code, at: file, text });
