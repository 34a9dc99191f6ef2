/** The parts of a map that answers queries, read out of its YAML tree. */
import { placeOf } from '../../hl7v2/path.ts';
import type { DiagnosticCode, Position } from '../diagnostics.ts';
import { didYouMean } from '../diagnostics.ts';
import { entryOf, type MapNode, type ScalarNode, type SpecNode, textOf, texts } from '../read.ts';
import type { OutIgnored, OutLinked, OutMessageSpec, OutProfiles, OutQuerySpec, OutRecordSpec, OutSegment } from './model.ts';

/** Keys of a map that answers queries, beside those of every map. */
export const QUERY_KEYS = ['query', 'find', 'unknown', 'others', 'asks', 'records'];
const RECORD_KEYS = ['type', 'by', 'sort', 'of', 'missing', 'when', 'refuse', 'linked', 'ignore', 'segments', 'because'];
const ASKED = ['parameters', 'domains', 'confidence', 'algorithm'];
const QUERY = /^[A-Z]{3}\^[A-Z]\w\d$/;
const ANSWER = /^[A-Z]{3}\^[A-Z]\w\d\^[A-Z]{3}(_[A-Z]\w\d)?$/;

/** How the reader of maps reads what all of them have. */
export interface QueryReading {
  readonly fault: (code: DiagnosticCode, at: Position, values?: Readonly<Record<string, string | number>>) => void;
  readonly keys: (node: MapNode, known: readonly string[]) => void;
  readonly list: (node: SpecNode | undefined) => readonly SpecNode[];
  readonly when: (node: MapNode) => ScalarNode | undefined;
  readonly refuse: (node: MapNode) => OutMessageSpec['refuse'];
  readonly linked: (node: MapNode) => readonly OutLinked[];
  readonly ignored: (node: MapNode) => readonly OutIgnored[];
  readonly segments: (node: MapNode) => readonly OutSegment[];
}

type QueryParts = Pick<OutQuerySpec, 'queries' | 'find' | 'unknown' | 'others' | 'asks' | 'refuse' | 'segments' | 'records'>;

/** Returns the parts; what does not belong is reported. */
export function queryParts(root: MapNode, reading: QueryReading): QueryParts {
  return {
    queries: reading.list(entryOf(root, 'query')?.value).flatMap((node) => queryOf(node, reading)),
    find: word(root, 'find', ['identifier', 'all', 'match'], reading) ?? 'all',
    unknown: word(root, 'unknown', ['none', 'error'], reading) ?? 'none',
    others: textOf(root, 'others') === 'true',
    asks: asksOf(root, reading),
    refuse: reading.refuse(root),
    segments: reading.segments(root),
    records: reading.list(entryOf(root, 'records')?.value).flatMap((node) => recordOf(node, reading)),
  };
}

function queryOf(node: SpecNode, { fault, keys }: QueryReading): QueryParts['queries'] {
  if (node.kind !== 'map') {
    fault('spec-shape', node.at);
    return [];
  }
  keys(node, ['message', 'name', 'answer', 'profiles', 'because']);
  const message = textOf(node, 'message') ?? '';
  const is = textOf(node, 'answer') ?? '';
  if (!QUERY.test(message)) fault('spec-message', node.at, { name: message });
  if (!ANSWER.test(is)) fault('spec-message', node.at, { name: is });
  return [{ message, name: textOf(node, 'name'), is, profiles: profilesOf(node, fault, keys), at: node.at }];
}

function profilesOf(node: MapNode, fault: QueryReading['fault'], keys: QueryReading['keys']): OutProfiles | undefined {
  const profiles = entryOf(node, 'profiles')?.value;
  if (profiles === undefined) return undefined;
  if (profiles.kind === 'map') keys(profiles, ['one', 'several', 'none']);
  const [one, several, none] = ['one', 'several', 'none'].map((each) => textOf(profiles, each));
  if (one !== undefined && several !== undefined && none !== undefined) return { one, several, none };
  fault('spec-header', profiles.at, { name: 'profiles: one, several and none' });
  return undefined;
}

function asksOf(root: MapNode, { fault }: QueryReading): QueryParts['asks'] {
  const asks = entryOf(root, 'asks')?.value;
  if (asks?.kind !== 'map') {
    fault('spec-header', asks?.at ?? root.at, { name: 'asks' });
    return [];
  }
  return asks.entries.flatMap(({ key, at, value }) => {
    const from = value.kind === 'scalar' ? value.value : '';
    const target = placeOf(key);
    const isTarget = ASKED.includes(key) || (target?.segment === 'PID' && target.field > 0);
    if (!isTarget) fault('unknown-key', at, { name: key, nearest: didYouMean(key, ASKED) });
    if ((placeOf(from)?.field ?? 0) === 0) fault('segment-field', value.at, { name: from });
    return isTarget && placeOf(from) !== undefined ? [{ to: key, from, at }] : [];
  });
}

function recordOf(node: SpecNode, reading: QueryReading): readonly OutRecordSpec[] {
  if (node.kind !== 'map') {
    reading.fault('spec-shape', node.at);
    return [];
  }
  reading.keys(node, RECORD_KEYS);
  const [type, by] = [textOf(node, 'type') ?? '', textOf(node, 'by') ?? ''];
  if (type === '' || by === '') reading.fault('spec-header', node.at, { name: 'records: type and by' });
  const of = entryOf(node, 'of')?.value;
  return [
    {
      at: node.at,
      type,
      by,
      sort: textOf(node, 'sort'),
      of: of === undefined ? [] : texts(of).map((each) => each.value),
      missing: textOf(node, 'missing'),
      when: reading.when(node),
      refuse: reading.refuse(node),
      linked: reading.linked(node),
      ignore: reading.ignored(node),
      segments: reading.segments(node),
    },
  ];
}

function word<T extends string>(root: MapNode, key: string, words: readonly T[], { fault }: QueryReading): T | undefined {
  const value = textOf(root, key);
  const found = words.find((each) => each === value);
  if (value !== undefined && found === undefined)
    fault('unknown-word', entryOf(root, key)?.value.at ?? root.at, {
      name: value,
      key,
      words: words.join(', '),
      nearest: didYouMean(value, words),
    });
  return found;
}
