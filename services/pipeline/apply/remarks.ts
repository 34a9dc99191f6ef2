/** What is found out about messages while they are applied; kept with what became of them. */
import type { MessageOutcome } from '../../database/journal/take.ts';
import { type Problem, problem } from '../../errors.ts';
import type { Remarked } from './apply.ts';

export class Remarks {
  readonly #older = new Map<number, Set<string>>();
  readonly #outranked = new Map<number, Set<string>>();
  readonly #landed = new Set<number>();

  /** A change says something that is not taken, or of a record that is another's by now. */
  readonly heard: Remarked = ({ messageId, resource }, why) => {
    if (messageId === undefined) return;
    if (why === 'landed') {
      this.#landed.add(messageId);
      return;
    }
    const kept = why === 'older' ? this.#older : this.#outranked;
    kept.set(messageId, (kept.get(messageId) ?? new Set()).add(resource.resourceType));
  };

  /** Returns the outcome with what was found out about its message. */
  added(outcome: MessageOutcome): MessageOutcome {
    const types = (kept: ReadonlyMap<number, ReadonlySet<string>>): string => [...(kept.get(outcome.id) ?? [])].join(', ');
    const problems: Problem[] = [];
    if (this.#older.has(outcome.id)) problems.push(problem('event-older-than-stored', { types: types(this.#older) }));
    if (this.#outranked.has(outcome.id)) problems.push(problem('event-outranked', { types: types(this.#outranked) }));
    if (this.#landed.has(outcome.id)) problems.push(problem('merge-landed'));
    return problems.length === 0 ? outcome : { ...outcome, problems: [...outcome.problems, ...problems] };
  }
}
