/** What is found out about messages while they are applied; kept with what became of them. */
import type { MessageOutcome } from '../database/journal-take.ts';
import { type Problem, problem } from '../errors.ts';
import type { Overruled } from './apply.ts';

export class Remarks {
  readonly #older = new Map<number, Set<string>>();
  readonly #outranked = new Map<number, Set<string>>();

  /** A change says something that is not taken: newer statements, or more settled results, stand. */
  readonly overruled: Overruled = ({ messageId, resource }, why) => {
    if (messageId === undefined) return;
    const kept = why === 'older' ? this.#older : this.#outranked;
    kept.set(messageId, (kept.get(messageId) ?? new Set()).add(resource.resourceType));
  };

  /** Returns the outcome with what was found out about its message. */
  added(outcome: MessageOutcome): MessageOutcome {
    const types = (kept: ReadonlyMap<number, ReadonlySet<string>>): string => [...(kept.get(outcome.id) ?? [])].join(', ');
    const problems: Problem[] = [];
    if (this.#older.has(outcome.id)) problems.push(problem('event-older-than-stored', { types: types(this.#older) }));
    if (this.#outranked.has(outcome.id)) problems.push(problem('event-outranked', { types: types(this.#outranked) }));
    return problems.length === 0 ? outcome : { ...outcome, problems: [...outcome.problems, ...problems] };
  }
}
