/** Rows of one thread and no database: messages to resources, resources to rows, terminology. */
import { isDeepStrictEqual } from 'node:util';
import { Hl7Message } from '@medplum/core';
import { STARTER_FOLDER } from '../../services/commands/vocabulary/folder.ts';
import { readJson } from '../../services/fhir/format/json.ts';
import type { Resource } from '../../services/fhir/resource.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import type { Conversion } from '../../services/mapping/conversion.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import { readRelease } from '../../terminology/load.ts';
import type { Resolution, Vocabulary } from '../../terminology/vocabulary.ts';
import { resourcesByHand } from './handwritten.ts';
import { conversionByHand } from './handwritten-whole.ts';
import { awaitedRate, type Contender, compare, cpuNote, type Figure, once, rateOf, type Spread } from './measure.ts';
import { admission, laboratoryReport } from './messages.ts';
import { root, sampleBundles } from './samples.ts';
import { byJsonata, byLiquid } from './template-peers.ts';

const TIMEZONE = { timezone: 'UTC' };
/** Of as many patients. */
const MESSAGES = 512;
/** So many of them are compared with what the peers make. */
const COMPARED = 32;
const GROWTH = 10_000;

export function mapsOfCheckout(): LoadedMaps {
  const maps = loadMaps(`${root}/mappings`);
  if (!maps.ok) throw new Error('the specs have errors; run npx polyseme check');
  return maps.value;
}

function converted(maps: LoadedMaps, bytes: Uint8Array): Conversion {
  const message = parseMessage(bytes);
  if (!message.ok) throw new Error('a message of the benchmark cannot be read');
  return maps.convert(message.value, TIMEZONE);
}

const serialised = (resources: readonly unknown[]): number => {
  let length = 0;
  for (const each of resources) length += JSON.stringify(each).length;
  return length;
};

/** Throws unless all peers make what the maps make; JSONata's numbers lose their digits, so numbers are compared as numbers. */
async function checkPeers(maps: LoadedMaps, bytes: Uint8Array): Promise<void> {
  const conversion = converted(maps, bytes);
  const ours = JSON.stringify(conversion.drafts.map(({ resource }) => resource));
  if (ours !== JSON.stringify(resourcesByHand(bytes))) throw new Error('the map written by hand makes something else');
  if (!isDeepStrictEqual(plain(conversionByHand(bytes, conversion.spec)), plain(conversion)))
    throw new Error('the conversion written by hand makes something else');
  for (const theirs of [await byJsonata(bytes), byLiquid(bytes)])
    if (!isDeepStrictEqual(JSON.parse(theirs), JSON.parse(ours))) throw new Error('the template makes something else');
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** How many times the one rate is the other. */
const overRate = (one: Spread | undefined, other: Spread): Spread => {
  const { median, low, high } = one ?? once(0);
  return { median: median / other.median, low: low / other.high, high: high / other.low };
};

/** Messages to FHIR, beside a map written by hand and another parser; growth with the number of results. */
export async function messageFigures(): Promise<readonly Figure[]> {
  const maps = mapsOfCheckout();
  const messages = Array.from({ length: MESSAGES }, (_, i) => Buffer.from(laboratoryReport(i, 12)));
  for (const bytes of messages.slice(0, COMPARED)) await checkPeers(maps, bytes);
  const { spec } = converted(maps, messages[0] ?? Buffer.alloc(0));
  const every =
    (work: (bytes: Buffer) => unknown, of: readonly Buffer[] = messages): Contender =>
    () => {
      for (const bytes of of) work(bytes);
      return of.length;
    };
  const written = (bytes: Buffer): number => serialised(converted(maps, bytes).drafts.map(({ resource }) => resource));
  const admissions = Array.from({ length: MESSAGES }, (_, i) => Buffer.from(admission(i)));
  const made = messages.map((bytes) => converted(maps, bytes).drafts.map(({ resource }) => resource));
  const contenders = {
    ours: every(written),
    hand: every((bytes) => serialised(resourcesByHand(bytes))),
    whole: every((bytes) => serialised(conversionByHand(bytes, spec).drafts.map(({ resource }) => resource))),
    convert: every((bytes) => converted(maps, bytes)),
    make: every((bytes) => resourcesByHand(bytes)),
    liquid: every((bytes) => byLiquid(bytes)),
    json: () => {
      for (const resources of made) serialised(resources);
      return made.length;
    },
    admissions: every(written, admissions),
    parse: every((bytes) => parseMessage(bytes)),
    medplum: every((bytes) => Hl7Message.parse(bytes.toString('utf8'))),
    long: every(written, [Buffer.from(laboratoryReport(1, GROWTH))]),
  };
  const all = compare(contenders, { warmMs: 3000 });
  const jsonata = await awaitedRate(() => byJsonata(messages[0] ?? Buffer.alloc(0)));
  const ours = rateOf(all, 'ours');
  const beside = all.cpuRatio('ours', 'hand');
  const growth = all.cpuRatio('long', 'ours');
  const perResult = { median: (growth.median * 12) / GROWTH, low: (growth.low * 12) / GROWTH, high: (growth.high * 12) / GROWTH };
  const row = 'a messages';
  return [
    {
      row,
      what: `parse + map + serialise, ORU with 12 OBX (${messages[0]?.length} B)`,
      value: ours,
      unit: 'messages/s',
      target: '≥ 25,000',
      met: ours.median >= 25_000,
      note: cpuNote(all, 'ours'),
    },
    {
      row,
      what: '  the same resources by hand-written JavaScript',
      value: rateOf(all, 'hand'),
      unit: 'messages/s',
      note: cpuNote(all, 'hand'),
    },
    { row, what: '  time against hand-written', value: beside, unit: 'x', target: '≤ 2', met: beside.median <= 2 },
    { row, what: '  the same by hand with kin, look-ups and unread fields', value: rateOf(all, 'whole'), unit: 'messages/s' },
    { row, what: '  time against that', value: all.cpuRatio('ours', 'whole'), unit: 'x' },
    { row, what: '  JSON.stringify of what is made, alone', value: rateOf(all, 'json'), unit: 'messages/s', note: cpuNote(all, 'json') },
    { row, what: '  without serialising', value: rateOf(all, 'convert'), unit: 'messages/s', note: cpuNote(all, 'convert') },
    { row, what: '  time against hand-written without serialising', value: all.cpuRatio('convert', 'make'), unit: 'x' },
    { row, what: '  ADT^A01, five resources', value: rateOf(all, 'admissions'), unit: 'messages/s', note: cpuNote(all, 'admissions') },
    { row, what: '  Liquid template of the same content', value: rateOf(all, 'liquid'), unit: 'messages/s', note: cpuNote(all, 'liquid') },
    { row, what: '  its time against ours', value: all.cpuRatio('liquid', 'ours'), unit: 'x' },
    { row, what: '  JSONata map of the same content', value: jsonata, unit: 'per CPU s' },
    { row, what: '  its time against ours', value: overRate(all.cpuRates.get('ours'), jsonata), unit: 'x' },
    { row, what: '  our parse alone (fields are split when read)', value: rateOf(all, 'parse'), unit: 'messages/s' },
    { row, what: '  @medplum/core Hl7Message.parse alone', value: rateOf(all, 'medplum'), unit: 'messages/s' },
    { row, what: '  time per OBX, 10,000 of them against 12', value: perResult, unit: 'x', target: '≤ 1.3', met: perResult.median <= 1.3 },
  ];
}

/** Messages and NDJSON to OMOP rows. */
export async function rowFigures(): Promise<readonly Figure[]> {
  const maps = mapsOfCheckout();
  const vocabulary = await readRelease(STARTER_FOLDER);
  const context = { vocabulary, timezone: 'UTC', asOf: '2026-06-01' };
  const messages = Array.from({ length: MESSAGES }, (_, i) => Buffer.from(laboratoryReport(i, 12)));
  const { resources, from } = sampleBundles(30);
  const lines = resources.map((each) => JSON.stringify(each));
  const bytes = Buffer.from(lines.join('\n'));
  const parsedRows = (line: string): number => {
    const read = readJson(line);
    if (!read.ok) return 0;
    const resource: Resource = { ...read.value, resourceType: String(read.value['resourceType']) };
    return maps.rows(resource, context).rows.length;
  };
  const made = lines.reduce((count, line) => count + parsedRows(line), 0);
  if (made < lines.length / 4) throw new Error(`of ${lines.length} resources only ${made} rows are made: what do they refer to?`);
  const all = compare({
    fhir: () => messages.reduce((count, each) => count + (converted(maps, each).drafts.length > 0 ? 1 : 0), 0),
    omop: () => {
      for (const each of messages) for (const { resource } of converted(maps, each).drafts) maps.rows(resource, context);
      return messages.length;
    },
    rows: () => {
      for (const line of bytes.toString('utf8').split('\n')) parsedRows(line);
      return lines.length;
    },
    json: () => {
      for (const line of bytes.toString('utf8').split('\n')) JSON.parse(line);
      return lines.length;
    },
  });
  const omop = rateOf(all, 'omop');
  const beside = all.cpuRatio('rows', 'json');
  const row = 'b rows';
  return [
    {
      row,
      what: 'v2 → FHIR → OMOP row objects, ORU with 12 OBX',
      value: omop,
      unit: 'messages/s',
      target: '≥ 10,000',
      met: omop.median >= 10_000,
      note: cpuNote(all, 'omop'),
    },
    { row, what: '  time against the same without OMOP', value: all.cpuRatio('omop', 'fhir'), unit: 'x' },
    {
      row,
      what: `FHIR NDJSON → OMOP row objects (${lines.length} resources, ${made} rows, ${from})`,
      value: rateOf(all, 'rows'),
      unit: 'resources/s',
      note: cpuNote(all, 'rows'),
    },
    { row, what: '  time against JSON.parse of the same bytes', value: beside, unit: 'x', target: '≤ 2.5', met: beside.median <= 2.5 },
  ];
}

/** Terminology in process, beside a JS Map. */
export async function terminologyFigures(): Promise<readonly Figure[]> {
  const vocabulary: Vocabulary = await readRelease(STARTER_FOLDER);
  const codes = ['2345-7', '2160-0', '2951-2', '2823-3', '718-7', '777-3', '8302-2', '29463-7'];
  const system = 'http://loinc.org';
  const map = new Map<string, Resolution>(codes.map((code) => [`${system}|${code}`, vocabulary.resolve(system, code)]));
  let found = 0;
  const all = compare({
    ours: () => {
      for (let i = 0; i < 10_000; i++) found += vocabulary.resolve(system, codes[i & 7] ?? '').targets.length;
      return 10_000;
    },
    map: () => {
      for (let i = 0; i < 10_000; i++) found += map.get(`${system}|${codes[i & 7]}`)?.targets.length ?? 0;
      return 10_000;
    },
  });
  if (found === 0) throw new Error('the starter vocabulary knows none of the codes');
  const rate = rateOf(all, 'ours');
  const microseconds = { median: 1e6 / rate.median, low: 1e6 / rate.high, high: 1e6 / rate.low };
  const row = 'f terminology';
  return [
    { row, what: 'resolve in process (starter vocabulary)', value: microseconds, unit: 'µs', target: '≤ 2', met: microseconds.median <= 2 },
    { row, what: '  time against a JS Map', value: all.ratio('ours', 'map'), unit: 'x' },
  ];
}
