import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AnsweredVocabulary } from '../../terminology/answered.ts';
import { builtInSystems } from '../../terminology/built-in/built-in.ts';
import { TerminologyError } from '../../terminology/failure.ts';
import type { IndexImage } from '../../terminology/index-files.ts';
import { MANIFEST } from '../../terminology/index-folder.ts';
import type { CodeSystemProvider, TerminologySources } from '../../terminology/provider.ts';
import { readIndexAside, readSystemAside } from '../../terminology/read-aside.ts';
import { vocabularyOf } from '../../terminology/reader.ts';
import { omopSources, systemProvider } from '../../terminology/sources.ts';
import { activeSystems } from '../../terminology/system/system-files.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import { answersInForce } from '../database/answers.ts';
import type { Queryable } from '../database/connect.ts';
import type { Log } from '../database/embedded/embedded.ts';
import { holdVocabulary, type ResolutionState, resolutionState } from '../database/vocabulary-state.ts';
import type { LiveVocabulary } from '../pipeline/rows.ts';
import { refusing } from './vocabulary-load.ts';

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
  readonly #held = new WeakSet<Queryable>();

  private constructor(home: string, image: IndexImage, id: string, log: Log) {
    this.#home = home;
    this.#log = log;
    this.#id = id;
    this.#base = vocabularyOf(image);
    this.#current = this.#base;
    this.#omop = omopSources(image);
    this.#join();
  }

  /** Opens index `id` below `home` and the code systems that are active there. Throws Refusal naming the damaged file. */
  static async open(home: string, id: string, log: Log): Promise<LiveTerminology> {
    return refusing(async () => {
      const live = new LiveTerminology(home, await readIndexAside(join(home, id)), id, log);
      await live.#follow();
      return live;
    });
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
    this.#looking ??= this.#follow()
      .catch((error: unknown) => {
        if (!(error instanceof TerminologyError)) throw error;
        this.#log.warn({ code: error.code, at: error.file }, `code systems stay as they were: ${error.text}`);
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async hold(tx: Queryable): Promise<void> {
    if (this.#held.has(tx)) return;
    await this.#follows(tx, await holdVocabulary(tx));
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
    const image = await readIndexAside(join(this.#home, id)).catch(() => undefined);
    if (image === undefined) return undefined;
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
        this.#other = { id: this.#id, vocabulary: this.#base };
        this.#id = id;
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

  async #follow(): Promise<void> {
    const seen = this.#stamp();
    this.#seen = seen;
    const next = new Map<string, CodeSystemProvider>();
    for (const id of activeSystems(this.#home))
      next.set(id, this.#systems.get(id) ?? systemProvider(await readSystemAside(join(this.#home, id))));
    this.#systems = next;
    this.#join();
  }

  #join(): void {
    this.#sources = {
      systems: [...this.#systems.values(), ...this.#omop.systems, ...builtInSystems()],
      maps: this.#omop.maps,
      suggester: this.#omop.suggester,
    };
  }

  /** Changes when the list does: it is replaced by another file. */
  #stamp(): string {
    const found = statSync(join(this.#home, 'systems.json'), { throwIfNoEntry: false, bigint: true });
    return found === undefined ? '' : `${found.ino} ${found.mtimeNs} ${found.size}`;
  }
}
