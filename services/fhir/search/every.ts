/** Search parameters that are not in the table of a type: columns of the resource, its words, lists. */
import type { Result } from '../../errors.ts';
import { searchParameters } from '../parameters.ts';
import { normalise } from './index.ts';
import type { Clause } from './query.ts';
import { A_DATE, ID, modifierRefused, readAll, readDate, unescaped, wrap } from './read.ts';

const readId = (text: string): string | undefined => (ID.test(text) ? text : undefined);
const AN_ID = 'an id of at most 64 letters, digits, hyphens and dots';

/** Returns the clause of a parameter that every type has without a table; undefined: `name` is none. */
export function askedOfEvery(name: string, modifier: string, value: string): Result<Clause> | undefined {
  if (!['_id', '_lastUpdated', '_text', '_content', '_list'].includes(name)) return undefined;
  if (modifier !== '') return modifierRefused(name, modifier);
  switch (name) {
    case '_id':
      return wrap(readAll(name, value, AN_ID, readId), (any) => ({ kind: 'id', any }));
    case '_lastUpdated':
      return wrap(readAll(name, value, A_DATE, readDate), (any) => ({
        kind: 'updated',
        // The time of an update is the server's own, written in UTC.
        any: any.map((each) => ({ ...each, clock: 'instant' as const })),
      }));
    case '_list': {
      const parameter = searchParameters('List').get('item');
      if (parameter === undefined) return undefined;
      return wrap(readAll(name, value, 'the id of a List', readId), (any) => ({
        kind: 'has',
        type: 'List',
        parameter,
        clause: { kind: 'id', any },
      }));
    }
    default: {
      const read = (text: string): readonly string[] | undefined => {
        const words = normalise(unescaped(text))
          .split(' ')
          .filter((word) => word !== '');
        return words.length === 0 ? undefined : words;
      };
      return wrap(readAll(name, value, 'one or more words', read), (any) => ({
        kind: 'words',
        within: name === '_text' ? 'narrative' : 'content',
        any,
      }));
    }
  }
}
