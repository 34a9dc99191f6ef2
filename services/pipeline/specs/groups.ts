/** Messages by the patients that they speak of: what hangs on a patient is made from all messages of one part, and of no other. */
import type { Scanned } from './plan-desk.ts';

export class PatientGroups {
  /** Patient id -> the one that stands for all that messages named together. */
  readonly #parents = new Map<string, string>();
  readonly #messages: { readonly id: number; readonly patient: string }[] = [];
  readonly #touched = new Set<string>();

  /** Takes a message, in the order of numbers. One without a patient is a part of its own. */
  add({ id, patients, isTouched }: Scanned): void {
    const first = patients[0] ?? ` ${id}`;
    for (const other of patients.slice(1)) this.#join(first, other);
    if (isTouched) this.#touched.add(first);
    this.#messages.push({ id, patient: first });
  }

  /** Returns the patient that stands for all that were named together with this one. */
  rootOf(patient: string): string {
    let root = patient;
    for (let up = this.#parents.get(root); up !== undefined; up = this.#parents.get(root)) root = up;
    for (let here = patient; here !== root; ) {
      const up = this.#parents.get(here) ?? root;
      this.#parents.set(here, root);
      here = up;
    }
    return root;
  }

  #join(a: string, b: string): void {
    const [one, other] = [this.rootOf(a), this.rootOf(b)];
    if (one !== other) this.#parents.set(one < other ? other : one, one < other ? one : other);
  }

  /** Returns the messages of each part in which something is touched; so many parts together that they have about `size` messages. */
  *batches(size: number): Generator<readonly (readonly number[])[]> {
    const touched = new Set([...this.#touched].map((patient) => this.rootOf(patient)));
    const parts = new Map<string, number[]>();
    for (const { id, patient } of this.#messages) {
      const root = this.rootOf(patient);
      if (!touched.has(root)) continue;
      const known = parts.get(root);
      if (known === undefined) parts.set(root, [id]);
      else known.push(id);
    }
    let batch: (readonly number[])[] = [];
    let count = 0;
    for (const ids of parts.values()) {
      batch.push(ids);
      count += ids.length;
      if (count < size) continue;
      yield batch;
      batch = [];
      count = 0;
    }
    if (batch.length > 0) yield batch;
  }
}
