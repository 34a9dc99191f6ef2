import type { JsonObject } from '../resource.ts';
import { has, type Invariant, objectAt, objectsAt, textAt } from './invariant.ts';

const isType = (bundle: JsonObject, ...types: readonly string[]): boolean => types.includes(textAt(bundle, 'type'));
const entries = (bundle: JsonObject): readonly JsonObject[] => objectsAt(bundle, 'entry');
const firstType = (bundle: JsonObject): string => textAt(objectAt(entries(bundle)[0] ?? {}, 'resource'), 'resourceType');

/** bdl-7: outside a history a fullUrl comes once, or with another versionId. */
function fullUrlsDiffer(bundle: JsonObject): boolean {
  if (isType(bundle, 'history')) return true;
  const seen = new Set<string>();
  for (const entry of entries(bundle)) {
    const url = textAt(entry, 'fullUrl');
    if (url === '') continue;
    const key = `${url} ${textAt(objectAt(objectAt(entry, 'resource'), 'meta'), 'versionId')}`;
    if (seen.has(key)) return false;
    seen.add(key);
  }
  return true;
}

/** http://hl7.org/fhir/R4/bundle.html#invs */
export const BUNDLE_INVARIANTS: readonly (readonly [string, readonly Invariant[]])[] = [
  [
    'Bundle',
    [
      {
        key: 'bdl-1',
        rule: 'total only in a searchset or history',
        holds: (it) => !has(it, 'total') || isType(it, 'searchset', 'history'),
      },
      {
        key: 'bdl-2',
        rule: 'entry.search only in a searchset',
        holds: (it) => isType(it, 'searchset') || entries(it).every((each) => !has(each, 'search')),
      },
      {
        key: 'bdl-3',
        rule: 'entry.request in every entry of a batch, transaction or history, and nowhere else',
        holds: (it) => entries(it).every((each) => has(each, 'request') === isType(it, 'batch', 'transaction', 'history')),
      },
      {
        key: 'bdl-4',
        rule: 'entry.response in every entry of a batch-response, transaction-response or history, and nowhere else',
        holds: (it) =>
          entries(it).every((each) => has(each, 'response') === isType(it, 'batch-response', 'transaction-response', 'history')),
      },
      { key: 'bdl-7', rule: 'no fullUrl twice, unless versions differ', holds: fullUrlsDiffer },
      {
        key: 'bdl-9',
        rule: 'a document has an identifier with system and value',
        holds: (it) => !isType(it, 'document') || (has(objectAt(it, 'identifier'), 'system') && has(objectAt(it, 'identifier'), 'value')),
      },
      { key: 'bdl-10', rule: 'a document has a timestamp', holds: (it) => !isType(it, 'document') || has(it, 'timestamp') },
      {
        key: 'bdl-11',
        rule: 'a document starts with a Composition',
        holds: (it) => !isType(it, 'document') || firstType(it) === 'Composition',
      },
      {
        key: 'bdl-12',
        rule: 'a message starts with a MessageHeader',
        holds: (it) => !isType(it, 'message') || firstType(it) === 'MessageHeader',
      },
    ],
  ],
  [
    'Bundle.entry',
    [
      {
        key: 'bdl-5',
        rule: 'an entry has a resource, a request or a response',
        holds: (it) => has(it, 'resource') || has(it, 'request') || has(it, 'response'),
      },
      { key: 'bdl-8', rule: 'fullUrl names no version', holds: (it) => !textAt(it, 'fullUrl').includes('/_history/') },
    ],
  ],
];
