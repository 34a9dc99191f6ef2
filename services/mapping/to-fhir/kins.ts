import { idOf } from './ids.ts';

/** A reference is a type's name, a slash and a UUID: what is shorter cannot be one and is not looked for. */
const SHORTEST_REFERENCE = 38;

export interface Identity {
  readonly id: string;
  /** 'Observation/…'. */
  readonly reference: string;
}

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

  /** Returns the identity of a resource; where equal keys are numbered, the second of a kind gets another one, so that neither overwrites the other. */
  identify(type: string, key: readonly string[], isNumbered: boolean): Identity {
    let id = idOf(this.#authority, type, key);
    let reference = `${type}/${id}`;
    let count = 1;
    if (isNumbered) {
      count = (this.#counts.get(reference) ?? 0) + 1;
      this.#counts.set(reference, count);
      if (count > 1) {
        id = idOf(this.#authority, type, [...key, `#${count}`]);
        reference = `${type}/${id}`;
      }
    }
    if (type === 'Patient') this.#known.set(reference, type);
    else {
      const kin = this.#kinOf(key, count);
      if (kin !== undefined) this.#known.set(reference, kin);
    }
    return { id, reference };
  }

  /** Undefined for what is no Patient's. */
  #kinOf(key: readonly string[], count: number): string | undefined {
    let kin = `${this.#authority.length}:${this.#authority}`;
    let isOfKnown = false;
    for (const part of key) {
      const known = part.length < SHORTEST_REFERENCE ? undefined : this.#known.get(part);
      if (known !== undefined) isOfKnown = true;
      const neutral = known ?? part;
      kin += `${neutral.length}:${neutral}`;
    }
    if (!isOfKnown) return undefined;
    return count === 1 ? kin : `${kin}#${count}`;
  }

  /** Returns the kin of a resource's reference, where it has one. */
  kin(type: string, reference: string): string | undefined {
    return type === 'Patient' ? undefined : this.#known.get(reference);
  }
}
