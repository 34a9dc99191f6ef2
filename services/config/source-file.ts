/** Reads the file of sources (POLYSEME_SOURCES): what is wrong in it is told with file:line:column, and then nothing of it holds. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { failure, type Problem, problem, type Result, success } from '../errors.ts';
import { addressList } from './addresses.ts';
import type { SourceRules } from './rules.ts';
import { readSettings, type Where } from './settings-file.ts';
import { namesAt, type RuleEntries, SOURCE_FILE, type SourceEntry, type SourceFile } from './source-schema.ts';
import { type Listener, type Source, type Sources, STANDARD_BACKLOG, type TlsFiles } from './sources.ts';

const SOURCE_WORDS = {
  syntax: 'source-file-syntax',
  unknown: 'source-setting-unknown',
  invalid: 'source-setting-invalid',
  namesAt,
} as const;

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
  const read = readSettings(text, file, SOURCE_FILE, SOURCE_WORDS);
  if (!read.ok) return read;
  const { data, where } = read.value;
  const sources = Object.entries(data.sources).map(([name, entry]) => sourceOf(name, entry, data, file, ground));
  const wrong = [...listening(sources, ground, where), ...certificates(sources, ground, where)];
  const unreached = wrong.length > 0 ? [] : shadowed(sources, where);
  if (wrong.length + unreached.length > 0) return failure(...wrong, ...unreached);
  const { unknown = 'refuse', defaults, backlog } = data;
  return success({
    list: sources,
    unknown,
    defaults: rulesOf(defaults ?? {}, ground.rules),
    backlog: { most: backlog?.most ?? STANDARD_BACKLOG.most, beyond: backlog?.beyond ?? STANDARD_BACKLOG.beyond },
  });
}

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
    queries: entries.queries ?? base.queries,
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
