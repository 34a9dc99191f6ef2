/** The list of unmapped codes and their answers, as a person reads them on a terminal. */
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import type { StoredAnswer } from '../../database/vocabulary/answers.ts';
import type { Preview } from '../../pipeline/unmapped/answer.ts';
import type { UnmappedItem } from '../../pipeline/unmapped/list.ts';
import { plural, type Terminal, table } from '../terminal.ts';

const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);

export function sayItems(items: readonly UnmappedItem[], limit: number, terminal: Terminal): void {
  terminal.out(
    table(
      ['codings', 'persons', 'system|code', 'name', 'sources', 'values', 'why'],
      items.map((each) => [
        each.count,
        each.persons,
        cut(`${each.system}|${each.code}`, 60),
        cut(each.display ?? '', 30),
        cut(each.sources.join(', '), 30),
        cut(each.values.join(', '), 30),
        each.kind === 'table' ? 'a table lacks it' : each.why.join(', '),
      ]),
    ),
  );
  for (const { code, suggestions } of items)
    for (const { concept, score, reason } of suggestions)
      terminal.out(
        `${cut(code, 30)}: ${concept.concept_id} ${concept.concept_name} (${concept.domain_id}, ${concept.vocabulary_id}), ${score}: ${reason}`,
      );
  if (items.length === limit) terminal.say(`The first ${limit}; --limit shows more, export writes all.`);
}

export function sayAnswers(found: readonly StoredAnswer[], vocabulary: Vocabulary, terminal: Terminal): void {
  terminal.out(
    table(
      ['id', 'system|code', 'means', 'state', 'author', 'approved by', 'because'],
      found.map((each) => [
        String(each.id),
        cut(`${each.system}|${each.code}`, 50),
        each.targets
          .map(
            ({ conceptId, type }) =>
              `${type === 'MAPS_TO' ? '' : 'value '}${conceptId} ${vocabulary.concept(conceptId)?.concept_name ?? ''}`,
          )
          .join(' + ') || 'no concept',
        each.state,
        each.author,
        each.approvedBy ?? '',
        cut(each.endReason ?? each.reason ?? '', 40),
      ]),
    ),
  );
}

export function sayPreview({ carried, changes, lookedAt }: Preview, terminal: Terminal): void {
  terminal.say(
    `${plural(carried.rows, 'coding')} of ${plural(carried.persons, 'person')} in ${plural(carried.resources, 'resource')} from ${plural(carried.messages, 'message')}.`,
  );
  const kinds = Object.entries(changes.kinds).flatMap(([kind, { rows }]) => (rows > 0 ? [`${kind} ${rows}`] : []));
  const of = lookedAt < carried.resources ? ` in the first ${lookedAt} of ${carried.resources} resources` : '';
  terminal.say(`Rows${of}: ${kinds.join(', ') || 'none changes'}.`);
  for (const { kind, code, from, to, rows } of changes.samples) terminal.say(`  ${kind} ${code} ${from} -> ${to}: ${plural(rows, 'row')}`);
}
