import type { Draft } from '../conversion.ts';
import { idOf } from './ids.ts';

/**
 * The ids of a message's resources, and their kin: their keys without saying whose they are, every reference to a Patient, or to what is a
 * Patient's, replaced by what says not which.
 */
export class Kins {
  readonly #authority: string;
  readonly #counts = new Map<string, number>();
  /** By reference: 'Patient' for every Patient, the kin of what is a Patient's. */
  readonly #known = new Map<string, string>();

  constructor(authority: string) {
    this.#authority = authority;
  }

  /** Returns the id of a resource; where equal keys are numbered, the second of a kind gets another one, so that neither overwrites the other. */
  idFor(type: string, key: readonly string[], isNumbered: boolean): string {
    const id = idOf(this.#authority, type, key);
    const count = isNumbered ? (this.#counts.get(id) ?? 0) + 1 : 1;
    if (isNumbered) this.#counts.set(id, count);
    const own = count === 1 ? id : idOf(this.#authority, type, [...key, `#${count}`]);
    if (type === 'Patient') this.#known.set(`Patient/${own}`, type);
    else if (key.some((part) => this.#known.has(part))) this.#known.set(`${type}/${own}`, this.#kinOf(key, count));
    return own;
  }

  #kinOf(key: readonly string[], count: number): string {
    let kin = `${this.#authority.length}:${this.#authority}`;
    for (const part of key) {
      const neutral = this.#known.get(part) ?? part;
      kin += `${neutral.length}:${neutral}`;
    }
    return count === 1 ? kin : `${kin}#${count}`;
  }

  /** Returns a draft with the kin of its reference, where it has one. */
  on(draft: Draft, reference: string): Draft {
    const kin = draft.resource.resourceType === 'Patient' ? undefined : this.#known.get(reference);
    return kin === undefined ? draft : { ...draft, kin };
  }
}
