/** Reads the file of sources (POLYSEME_SOURCES): what is wrong in it is told with file:line:column, and then nothing of it holds. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml';
import { nearest } from '../errors/nearest.ts';
import { failure, type Problem, problem, type Result, success } from '../errors.ts';
import { addressList } from './addresses.ts';
import type { SourceRules } from './rules.ts';
import { namesAt, type RuleEntries, SOURCE_FILE, type SourceEntry, type SourceFile } from './source-schema.ts';
import { type Listener, type Source, type Sources, STANDARD_BACKLOG, type TlsFiles } from './sources.ts';

const LONGEST = 1 << 20;
type Path = readonly PropertyKey[];
/** file:line:column of what stands at a path of the file; of its name where the name is at fault. */
type Where = (path: Path, ofKey?: boolean) => string;

/** What the file is read against. */
export interface SourceGround {
  /** Rules that hold where the file says nothing. */
  readonly rules: SourceRules;
  /** Where MLLP is listened to when a source names no host, and the common port. */
  readonly mllp: { readonly host: string; readonly port: number };
  /** The certificate of the process: of ports that name none. */
  readonly tls: TlsFiles | undefined;
}

/** Returns the sources that the file at `path` names, or every fault in it. Reads that one file; files of TLS are not opened. */
export function readSources(path: string, ground: SourceGround): Result<Sources> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return failure(problem('file-unreadable', { file: path, reason }));
  }
  return sourcesOf(text, path, ground);
}

/** As `readSources`, of text; `file` is its path, which places and relative paths of certificates are told from. */
export function sourcesOf(text: string, file: string, ground: SourceGround): Result<Sources> {
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  if (text.length > LONGEST)
    return failure(problem('source-file-syntax', { reason: `it is longer than ${LONGEST} characters` }, `${file}:1:1`));
  const document = documentOf(text, lines);
  if (document === undefined) return failure(problem('source-file-syntax', { reason: 'it nests too deep' }, `${file}:1:1`));
  const plain = plainOf(document);
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const reason = (message: string): string => (message.split('\n')[0] ?? '').replace(/ at line \d+.*$/, '');
    return failure(...faults.slice(0, 20).map((each) => problem('source-file-syntax', { reason: reason(each.message) }, at(each.pos[0]))));
  }
  if (plain === undefined)
    return failure(problem('source-file-syntax', { reason: 'aliases and anchors are not part of it' }, `${file}:1:1`));
  const where: Where = (path, ofKey = false) => at(offsetOf(document.contents, path, ofKey));
  const parsed = SOURCE_FILE.safeParse(plain);
  if (!parsed.success) return failure(...parsed.error.issues.flatMap((each) => faultsOf(each, where)));
  const sources = Object.entries(parsed.data.sources).map(([name, entry]) => sourceOf(name, entry, parsed.data, file, ground));
  const wrong = [...listening(sources, ground, where), ...certificates(sources, ground, where)];
  const unreached = wrong.length > 0 ? [] : shadowed(sources, where);
  if (wrong.length + unreached.length > 0) return failure(...wrong, ...unreached);
  const { unknown = 'refuse', defaults, backlog } = parsed.data;
  return success({
    list: sources,
    unknown,
    defaults: rulesOf(defaults ?? {}, ground.rules),
    backlog: { most: backlog?.most ?? STANDARD_BACKLOG.most, beyond: backlog?.beyond ?? STANDARD_BACKLOG.beyond },
  });
}

/** Undefined when the text nests deeper than the library's recursion goes. */
function documentOf(text: string, lineCounter: LineCounter) {
  try {
    return parseDocument(text, { schema: 'failsafe', lineCounter, merge: false, logLevel: 'silent' });
  } catch {
    return undefined;
  }
}

/** The values as plain text, lists and objects; undefined where an alias would have to be followed. */
function plainOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch {
    return undefined;
  }
}

type Issue = NonNullable<ReturnType<typeof SOURCE_FILE.safeParse>['error']>['issues'][number];

function faultsOf(issue: Issue, where: Where): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const names = namesAt(issue.path);
    return issue.keys.map((key) => {
      const found = nearest(key, names);
      const hint = found === undefined ? `there are: ${names.join(', ')}` : `the nearest is "${found}"`;
      return problem('source-setting-unknown', { name: key, hint }, where([...issue.path, key], true));
    });
  }
  const name = issue.path.map(String).join('.') || 'the file';
  const reason =
    issue.code === 'invalid_type'
      ? `${issue.input === undefined ? 'is missing or ' : ''}must be ${KINDS[issue.expected] ?? issue.expected}`
      : issue.message;
  return [
    problem(
      'source-setting-invalid',
      { name, reason: issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? reason) : reason },
      where(issue.path),
    ),
  ];
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'one value',
  object: 'a group of settings',
  record: 'a group of settings by name',
  array: 'a list',
};

/** Where the value at `path` stands, else the nearest that there is above it; of a key's own fault the key. */
function offsetOf(root: ParsedNode | null, path: Path, ofKey: boolean): number {
  let node: Node | null | undefined = root;
  let offset = node?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair: { readonly key: unknown; readonly value: unknown } | undefined = node.items.find(
        (each) => isScalar(each.key) && each.key.value === String(step),
      );
      if (pair === undefined) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = asNode(pair.value);
    } else {
      const items: readonly unknown[] =
        node !== null && node !== undefined && 'items' in node && Array.isArray(node.items) ? node.items : [];
      node = asNode(items[Number(step)]);
      offset = node?.range?.[0] ?? offset;
    }
  }
  return isScalar(node) && !ofKey ? (node.range?.[0] ?? offset) : offset;
}

const asNode = (value: unknown): Node | undefined => (isMap(value) || isScalar(value) || isItems(value) ? value : undefined);
const isItems = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'items' in value;

function rulesOf(entries: RuleEntries, base: SourceRules): SourceRules {
  const ms = (seconds: number | undefined, otherwise: number): number => (seconds === undefined ? otherwise : seconds * 1000);
  return {
    charset: entries.charset ?? base.charset,
    acknowledge: entries.acknowledge ?? base.acknowledge,
    mode: entries.mode ?? base.mode,
    processedWithinMs: ms(entries.processedWithinSeconds, base.processedWithinMs),
    orderBy: entries.orderBy ?? base.orderBy,
    site: entries.site ?? base.site,
    reusedControlId: entries.reusedControlId ?? base.reusedControlId,
    processingIds: entries.processingIds ?? base.processingIds,
    maxMessageBytes: entries.maxMessageBytes ?? base.maxMessageBytes,
    idleMs: ms(entries.idleSeconds, base.idleMs),
    messageMs: ms(entries.messageSeconds, base.messageMs),
    maxConnections: entries.maxConnections ?? base.maxConnections,
    authority: entries.authority ?? base.authority,
    timezone: entries.timezone ?? base.timezone,
    silence: entries.silence ?? base.silence,
  };
}

function sourceOf(name: string, entry: SourceEntry, { defaults }: SourceFile, file: string, ground: SourceGround): Source {
  const beside = (path: string): string => resolve(dirname(file), path);
  const { match, tls } = entry;
  const files = tls && {
    cert: beside(tls.cert),
    key: beside(tls.key),
    clientCa: tls.clientCa === undefined ? undefined : beside(tls.clientCa),
  };
  return {
    name,
    listeners: (entry.ports ?? []).map((port) => ({ host: entry.host ?? ground.mllp.host, port, tls: files ?? ground.tls })),
    http: entry.http ?? entry.ports === undefined,
    addresses: match?.addresses && addressList(match.addresses),
    certificate: match?.certificate,
    sendingApplication: match?.sendingApplication,
    sendingFacility: match?.sendingFacility,
    rules: rulesOf(entry, rulesOf(defaults ?? {}, ground.rules)),
  };
}

const sameListener = (a: Listener, b: Listener): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Sources may share a port only when it is listened to in one way; the common port belongs to the process. */
function listening(sources: readonly Source[], { mllp }: SourceGround, where: Where): readonly Problem[] {
  const found: Problem[] = [];
  const first = new Map<number, { readonly name: string; readonly listener: Listener }>();
  for (const { name, listeners } of sources) {
    for (const listener of listeners) {
      const { port, host } = listener;
      const say = (path: string, reason: string) =>
        found.push(problem('source-setting-invalid', { name: `sources.${name}.${path}`, reason }, where(['sources', name, path])));
      if (port !== 0 && port === mllp.port) say('ports', `${port} is the common MLLP port; leave "ports" out to share it`);
      if (isIP(host) === 0 && host !== 'localhost') say('host', `"${host}" is no IP address of this machine`);
      const before = first.get(port);
      if (before === undefined) first.set(port, { name, listener });
      else if (!sameListener(before.listener, listener))
        say('ports', `source ${before.name} listens on port ${port} with another host or certificate`);
    }
  }
  return found;
}

/** A certificate's name can only be known where certificates are asked for. */
const certificates = (sources: readonly Source[], { tls }: SourceGround, where: Where): readonly Problem[] =>
  sources
    .filter(
      ({ certificate, listeners }) =>
        certificate !== undefined &&
        (listeners.length === 0 ? [tls] : listeners.map((each) => each.tls)).some((each) => each?.clientCa === undefined),
    )
    .map(({ name }) => {
      const reason = 'no client certificates are asked for there: set tls.clientCa, or POLYSEME_TLS_CLIENT_CA';
      return problem(
        'source-setting-invalid',
        { name: `sources.${name}.match.certificate`, reason },
        where(['sources', name, 'match', 'certificate']),
      );
    });

/** The first source that fits is taken: one that asks for no less than an earlier one would never be reached. */
function shadowed(sources: readonly Source[], where: Where): readonly Problem[] {
  const same = (a: unknown, b: unknown): boolean => a === undefined || JSON.stringify(a) === JSON.stringify(b);
  return sources.flatMap((each, index) => {
    const before = sources
      .slice(0, index)
      .find(
        (other) =>
          same(other.sendingApplication, each.sendingApplication) &&
          same(other.sendingFacility, each.sendingFacility) &&
          same(other.certificate, each.certificate) &&
          same(other.addresses?.written, each.addresses?.written) &&
          each.listeners.length > 0 === other.listeners.length > 0 &&
          each.listeners.every((mine) => other.listeners.some(({ port }) => port === mine.port)) &&
          (other.http || !each.http),
      );
    if (before === undefined) return [];
    const reason = `never reached: every message of it belongs to ${before.name} already, which stands before it`;
    return [problem('source-setting-invalid', { name: `sources.${each.name}`, reason }, where(['sources', each.name]))];
  });
}
