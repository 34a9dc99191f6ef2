/** Runs the cases of maps from FHIR to HL7v2: given a change of a resource, exactly this message, or exactly these reasons why there is none. */
import type { Result } from '../../errors.ts';
import { isResource, readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { Diagnostic, DiagnosticCode, Position } from '../diagnostics.ts';
import { entryOf, type ScalarNode, type SpecNode, textOf, texts } from '../read.ts';
import type { OutHeader, OutMaps, ToldChange } from './maps.ts';

type Fault = (code: DiagnosticCode, at: Position, reason: string) => readonly Diagnostic[];

/** What stands in MSH beside the type is the receiver's setting, not the map's. */
const HEADER: OutHeader = {
  sendingApplication: 'A',
  sendingFacility: 'B',
  receivingApplication: 'C',
  receivingFacility: 'D',
  controlId: '1',
  charset: 'UNICODE UTF-8',
  processingId: 'P',
};

/** When the change was made, unless the case says it. */
const CHANGED = '2026-03-02T08:00:00.000Z';

/**
 * Returns what fails of a case whose `given` is a change: `resource`, `before` and the list `linked` (what is stored beside it) as JSON texts,
 * `change` (create; update where there is a before; delete), `changed`. Under `expect` either `message` (MSH-9) and `segments` (all after
 * MSH, letter by letter), or `refused`: every place where it cannot be told, with or without the reason after it.
 */
export function outCaseFaults(node: SpecNode, maps: Pick<OutMaps, 'buildFrom'>, fault: Fault): readonly Diagnostic[] {
  const expected = entryOf(node, 'expect')?.value;
  const given = outCaseGiven(node);
  if ('reason' in given) return fault('case-shape', entryOf(node, 'given')?.value.at ?? node.at, given.reason);
  const made = maps.buildFrom(given.told, HEADER, given.stored);
  const refused = entryOf(expected, 'refused')?.value;
  if (refused !== undefined) return refusalFaults(texts(refused), made, refused.at, fault);
  const type = textOf(expected, 'message');
  if (type === undefined) return fault('case-shape', expected?.at ?? node.at, 'expect says message and segments, or refused');
  return messageFaults(type, texts(entryOf(expected, 'segments')?.value), made, expected?.at ?? node.at, fault);
}

interface OutCaseGiven {
  readonly told: ToldChange;
  readonly stored: ReadonlyMap<string, Resource>;
}

function outCaseGiven(node: SpecNode): OutCaseGiven | { readonly reason: string } {
  const given = entryOf(node, 'given')?.value;
  const resource = resourceIn(textOf(given, 'resource'));
  const before = resourceIn(textOf(given, 'before'));
  const linked = texts(entryOf(given, 'linked')?.value).map(({ value }) => resourceIn(value));
  const stored = linked.filter((each) => each !== undefined);
  const isAllRead = stored.length === linked.length && (before !== undefined || textOf(given, 'before') === undefined);
  if (resource === undefined || !isAllRead) return { reason: 'resource, before and each of the list linked are resources as JSON' };
  const change = textOf(given, 'change') ?? (before === undefined ? 'create' : 'update');
  if (!isChange(change)) return { reason: 'change is create, update or delete' };
  return {
    told: { resource, before, change, changed: textOf(given, 'changed') ?? CHANGED },
    stored: new Map(stored.map((each) => [`${each.resourceType}/${String(each['id'])}`, each])),
  };
}

/** Returns the places of the rules, and of the rows of concept maps, that give a value in a case; none for a case of something else. */
export function triedByOutCase(node: SpecNode, maps: Pick<OutMaps, 'triedBy'>): ReadonlySet<Position> {
  if (textOf(entryOf(node, 'given')?.value, 'resource') === undefined) return new Set();
  const given = outCaseGiven(node);
  return 'reason' in given ? new Set() : maps.triedBy(given.told, HEADER, given.stored);
}

const isChange = (text: string): text is ToldChange['change'] => text === 'create' || text === 'update' || text === 'delete';

function resourceIn(text: string | undefined): Resource | undefined {
  const read = text === undefined ? undefined : readJson(text);
  return read?.ok === true && isResource(read.value) ? read.value : undefined;
}

function refusalFaults(expected: readonly ScalarNode[], made: Result<Uint8Array>, at: Position, fault: Fault): readonly Diagnostic[] {
  if (made.ok) return fault('case-fails', at, 'the message was made');
  const told = made.problems.map((each) => ({ place: each.at ?? '', text: each.text }));
  const missing = expected.filter(({ value }, i) => {
    const place = told[i]?.place ?? '';
    const isPlace = value === place || (value.startsWith(`${place} `) && told[i]?.text.includes(value.slice(place.length + 1)) === true);
    return told[i] === undefined || !isPlace;
  });
  const all = told.map(({ place, text }) => `${place} ${text}`).join(' | ');
  if (missing.length > 0) return missing.flatMap((each) => fault('case-fails', each.at, `not "${each.value}", but: ${all}`));
  return expected.length === told.length ? [] : fault('case-fails', at, `refused for ${told.length} reasons: ${all}`);
}

function messageFaults(
  type: string,
  expected: readonly ScalarNode[],
  made: Result<Uint8Array>,
  at: Position,
  fault: Fault,
): readonly Diagnostic[] {
  if (!made.ok) return fault('case-fails', at, `no message: ${made.problems.map((each) => `${each.at ?? ''} ${each.text}`).join(' | ')}`);
  const [header = '', ...segments] = Buffer.from(made.value).toString('utf8').split('\r').slice(0, -1);
  const wrongType = header.split('|')[8] === type ? [] : fault('case-fails', at, `the message is ${header.split('|')[8]}, not ${type}`);
  const differing = expected.filter(({ value }, i) => value !== segments[i]);
  const faults = differing.flatMap((each) =>
    fault('case-fails', each.at, `not "${each.value}", but "${segments[expected.indexOf(each)] ?? 'nothing'}"`),
  );
  const more = segments.slice(expected.length);
  return [
    ...wrongType,
    ...faults,
    ...(more.length === 0 ? [] : fault('case-fails', at, `further segments were made: ${more.join(' | ')}`)),
  ];
}
