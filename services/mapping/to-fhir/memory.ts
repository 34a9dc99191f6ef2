/**
 * What rules made of the same words before. A laboratory's codes, flags and ranges are few and come with every result; what a rule makes of
 * them alone is made once and shared from then on, frozen. Kept are only coded elements and reference ranges, never what names or numbers a person.
 */

/** Longer texts are sentences, which seldom come twice. */
const LONGEST_KEY = 200;
/** Of one rule. */
const MOST_ANSWERS = 500;
/** Of all rules together: some tens of megabytes. */
const MOST_OF_ALL = 20_000;
/** After so many questions a rule is judged by how many were answered. */
const TRIED = 1000;
const MOST_CONTEXTS = 500;

let kept = 0;
/** Grows when everything is forgotten. */
let generation = 0;

export interface Answer {
  readonly value: unknown;
}

/** The memory of one rule of a module. */
export class RuleMemory {
  readonly #answers = new Map<string, Answer>();
  #generation = generation;
  #asked = 0;
  #found = 0;
  #isOpen = true;

  /** False where the words hardly ever came twice: then asking costs more than it spares. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  recall(key: string): Answer | undefined {
    if (this.#generation !== generation) this.#forget();
    const answer = this.#answers.get(key);
    this.#asked += 1;
    if (answer !== undefined) this.#found += 1;
    else if (this.#asked >= TRIED) this.#judge();
    return answer;
  }

  remember(key: string, value: unknown): void {
    if (key.length > LONGEST_KEY || !this.#isOpen) return;
    if (kept >= MOST_OF_ALL) {
      generation += 1;
      kept = 0;
    }
    if (this.#generation !== generation) this.#forget();
    if (this.#answers.size >= MOST_ANSWERS) {
      kept -= this.#answers.size;
      this.#answers.clear();
    }
    // A part of a string keeps the whole of it in memory: what is kept is a copy.
    this.#answers.set(` ${key}`.slice(1), { value: frozen(value) });
    kept += 1;
  }

  #judge(): void {
    // Keeping an answer costs about as much as three spare.
    if (this.#found * 4 < this.#asked * 3) {
      this.#isOpen = false;
      kept -= this.#answers.size;
      this.#answers.clear();
    }
    this.#asked = 0;
    this.#found = 0;
  }

  #forget(): void {
    this.#answers.clear();
    this.#generation = generation;
  }
}

/** By the rules' numbers; empty where nothing is remembered. */
export type Remembering = (RuleMemory | undefined)[];

export const NO_MEMORY: Remembering = [];

/** The memories of a module's rules, for each context that decides beside the words: sender, delimiters, character set, time zone. */
export class Memories {
  readonly #rules: number;
  readonly #contexts = new Map<string, Remembering>();

  constructor(rules: number) {
    this.#rules = rules;
  }

  /** Returns the memories by rule, made when there is something to keep; none for senders beyond the first hundreds. */
  of(context: string): Remembering {
    let found = this.#contexts.get(context);
    if (found === undefined) {
      if (this.#contexts.size >= MOST_CONTEXTS) return NO_MEMORY;
      found = new Array<RuleMemory | undefined>(this.#rules).fill(undefined);
      this.#contexts.set(context, found);
    }
    return found;
  }
}

/** What a run tells of itself to whoever remembers. */
interface Telling {
  readonly memory: Remembering;
  readonly told: number;
  readonly error: unknown;
  readonly held: unknown;
}

/** Called by modules. */
export const memoryFunctions = {
  /** True where the answers of a rule are worth asking for. */
  recalls: (rule: number, { memory }: Telling): boolean => memory.length > 0 && memory[rule]?.isOpen !== false,
  recall: (rule: number, key: string, X: Telling): Answer | undefined => X.memory[rule]?.recall(key),
  /** Keeps what a rule made of `key`, unless nothing was made or something was told meanwhile (`told` was so much before). */
  remember: (rule: number, key: string, value: unknown, told: number, X: Telling): void => {
    if (value === undefined || X.told !== told || X.error !== undefined || X.held !== undefined) return;
    const memory = X.memory[rule] ?? new RuleMemory();
    X.memory[rule] = memory;
    memory.remember(key, value);
  },
};

/** Nobody may change what others hold too. Strings cut from a message would keep all of it: they are copied. */
function frozen(value: unknown): unknown {
  if (typeof value === 'string') return ` ${value}`.slice(1);
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozen));
  if (Object.getPrototypeOf(value) !== Object.prototype) return Object.freeze(value);
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, frozen(each)])));
}
