import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type OutgoingRules, readOutgoingRules } from './config/outgoing.ts';
import { readTerminologyLimits, type TerminologyLimits } from './config/terminology.ts';
import { failure, type Problem, problem, type Result, success } from './errors.ts';

/**
 * Settings come from the environment (POLYSEME_*). A setting that names a secret may be given as …_FILE: the file's text is read and
 * its trailing newline removed. Unknown POLYSEME_ names are refused: a typo must not silently mean the default.
 */
const port = z.coerce.number('must be a port number from 0 to 65535').int('must be a port number from 0 to 65535').min(0).max(65_535);
const timezone = z.string().refine(isTimezone, 'is not an IANA time zone such as Europe/Lisbon');

const SETTINGS = z.object({
  POLYSEME_DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .optional(),
  POLYSEME_DATA_DIR: z.string().min(1).default('.polyseme'),
  POLYSEME_POSTGRES_BIN: z.string().min(1).optional(),
  POLYSEME_POSTGRES_ACCOUNT: z.string().min(1).optional(),
  POLYSEME_MAPPINGS_DIR: z.string().min(1).optional(),
  POLYSEME_HTTP_HOST: z.string().min(1).default('127.0.0.1'),
  POLYSEME_HTTP_PORT: port.default(8080),
  POLYSEME_MLLP_HOST: z.string().min(1).default('127.0.0.1'),
  POLYSEME_MLLP_PORT: port.default(2575),
  POLYSEME_TLS_CERT: z.string().min(1).optional(),
  POLYSEME_TLS_KEY: z.string().min(1).optional(),
  POLYSEME_TLS_CLIENT_CA: z.string().min(1).optional(),
  POLYSEME_CDM_TIMEZONE: timezone.default('UTC'),
  POLYSEME_SOURCE_TIMEZONE: timezone.default('UTC'),
  POLYSEME_SOURCE_AUTHORITY: z.string().min(1).optional(),
  POLYSEME_SOURCES: z.string().min(1).optional(),
  POLYSEME_OMOP: z.string().min(1).optional(),
  POLYSEME_PULL_DATE: z.iso.date().optional(),
  POLYSEME_BACKGROUND_PERCENT: z.coerce.number().int().min(1).max(80).default(15),
  POLYSEME_RETENTION_MONTHS: z.coerce.number().int().min(1).max(1200).optional(),
  POLYSEME_MAX_MESSAGE_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .default(32 * 1024 * 1024),
  POLYSEME_MAX_BODY_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .default(64 * 1024 * 1024),
  POLYSEME_TERMINOLOGY_LIMITS: z.string().min(1).optional(),
  POLYSEME_FOUR_EYES: z
    .string()
    .regex(/^(codes|publication)(\s*,\s*(codes|publication))*$/, 'must be codes, publication or both with a comma between')
    .optional(),
  POLYSEME_MODE: z.enum(['trial', 'production']).default('trial'),
  POLYSEME_MASTER_KEY: z.string().min(1).optional(),
  POLYSEME_OUTGOING_ALLOW: z.string().min(1).optional(),
  POLYSEME_OUTGOING_PRIVATE: z.string().min(1).optional(),
  POLYSEME_RECEIVERS: z.string().min(1).optional(),
  POLYSEME_OUTGOING_CA: z.string().min(1).optional(),
  POLYSEME_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  POLYSEME_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
});

export interface Config {
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  readonly postgresBin: string | undefined;
  /** As root: the account that the embedded PostgreSQL runs under. */
  readonly postgresAccount: string | undefined;
  readonly mappingsDir: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly mllp: { readonly host: string; readonly port: number };
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | undefined } | undefined;
  /** IANA zone of all CDM datetimes (omop-rules 68), and of local times in messages that carry no offset. */
  readonly cdmTimezone: string;
  readonly sourceTimezone: string;
  /** Namespace of the ids made from messages; each message's own MSH-4 or MSH-3 when undefined. */
  readonly sourceAuthority: string | undefined;
  /** The YAML file that says who sends and how each is treated; undefined: everybody, by the settings here. */
  readonly sourcesFile?: string | undefined;
  /** The YAML file that says what is chosen where sources of OMOP's conventions disagree; undefined: the defaults. */
  readonly omopFile?: string | undefined;
  /** Date of extraction for open periods (YYYY-MM-DD); today when undefined. */
  readonly pullDate: string | undefined;
  /** Of the time, what plans and replays take while messages wait to be applied (0 to 1). */
  readonly backgroundShare?: number | undefined;
  /** Months that the journal keeps beside the present one; for ever when undefined. */
  readonly retentionMonths?: number | undefined;
  readonly maxMessageBytes: number;
  readonly maxBodyBytes: number;
  /** How much terminology operations do for one caller, where it is not the usual. */
  readonly terminology?: TerminologyLimits | undefined;
  /** What the keys of the journal's contents are wrapped with: lines of NAME:BASE64, the current one first; never in the database. */
  readonly masterKeys?: string | undefined;
  /** Where subscriptions may send to: nowhere when undefined. */
  readonly outgoing?: OutgoingRules | undefined;
  /** The YAML file that says who is sent what is written, beside those that subscribe. */
  readonly receiversFile?: string | undefined;
  /** PEM file of the authorities that receivers' certificates are checked with. */
  readonly outgoingCa?: string | undefined;
  /** The FHIR base URL as others reach it, without a slash at the end; the door's own address when undefined. */
  readonly publicUrl?: string | undefined;
  /** Acts that need a second person, whatever who asks for them says: answers to codes, publication of maps. */
  readonly fourEyes?: FourEyes | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent';
}

/** True: it needs two persons. */
export interface FourEyes {
  readonly codes: boolean;
  readonly publication: boolean;
}

/** Every setting's name, for --help, doctor and the README's table. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS.shape);

/** Reads the settings of `environment`; a wrong or unknown one is a problem that names it, its value's fault and the cure. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Result<Config> {
  const { values, problems } = settingValues(environment);
  const parsed = SETTINGS.safeParse(values);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((each) => problem('setting-invalid', { name: each.path.join('.'), reason: each.message }));
    return failure(...problems, ...faults);
  }
  const of = parsed.data;
  if ((of.POLYSEME_TLS_CERT === undefined) !== (of.POLYSEME_TLS_KEY === undefined)) {
    problems.push(problem('setting-invalid', { name: 'POLYSEME_TLS_CERT', reason: 'the certificate and POLYSEME_TLS_KEY go together' }));
  }
  if (of.POLYSEME_MODE === 'production' && of.POLYSEME_MASTER_KEY === undefined) {
    const reason =
      'in production the journal is encrypted: put a line such as k1:BASE64 of 32 random bytes into a file and name it in POLYSEME_MASTER_KEY_FILE';
    problems.push(problem('setting-invalid', { name: 'POLYSEME_MASTER_KEY', reason }));
  }
  const outgoing = readOutgoingRules(of.POLYSEME_OUTGOING_ALLOW, of.POLYSEME_OUTGOING_PRIVATE);
  problems.push(...outgoing.problems);
  const terminology = readTerminologyLimits(of.POLYSEME_TERMINOLOGY_LIMITS ?? '');
  if (typeof terminology === 'string')
    problems.push(problem('setting-invalid', { name: 'POLYSEME_TERMINOLOGY_LIMITS', reason: terminology }));
  if (problems.length > 0) return failure(...problems);
  const tls =
    of.POLYSEME_TLS_CERT !== undefined && of.POLYSEME_TLS_KEY !== undefined
      ? { cert: of.POLYSEME_TLS_CERT, key: of.POLYSEME_TLS_KEY, clientCa: of.POLYSEME_TLS_CLIENT_CA }
      : undefined;
  return success({
    databaseUrl: of.POLYSEME_DATABASE_URL,
    dataDir: resolve(of.POLYSEME_DATA_DIR),
    postgresBin: of.POLYSEME_POSTGRES_BIN,
    postgresAccount: of.POLYSEME_POSTGRES_ACCOUNT,
    mappingsDir: of.POLYSEME_MAPPINGS_DIR ?? join(import.meta.dirname, '..', 'mappings'),
    http: { host: of.POLYSEME_HTTP_HOST, port: of.POLYSEME_HTTP_PORT },
    mllp: { host: of.POLYSEME_MLLP_HOST, port: of.POLYSEME_MLLP_PORT },
    tls,
    cdmTimezone: of.POLYSEME_CDM_TIMEZONE,
    sourceTimezone: of.POLYSEME_SOURCE_TIMEZONE,
    sourceAuthority: of.POLYSEME_SOURCE_AUTHORITY,
    sourcesFile: of.POLYSEME_SOURCES === undefined ? undefined : resolve(of.POLYSEME_SOURCES),
    omopFile: of.POLYSEME_OMOP === undefined ? undefined : resolve(of.POLYSEME_OMOP),
    pullDate: of.POLYSEME_PULL_DATE,
    backgroundShare: of.POLYSEME_BACKGROUND_PERCENT / 100,
    retentionMonths: of.POLYSEME_RETENTION_MONTHS,
    maxMessageBytes: of.POLYSEME_MAX_MESSAGE_BYTES,
    maxBodyBytes: of.POLYSEME_MAX_BODY_BYTES,
    terminology: typeof terminology === 'string' ? undefined : terminology,
    masterKeys: of.POLYSEME_MASTER_KEY,
    outgoing: outgoing.ok ? outgoing.value : undefined,
    receiversFile: of.POLYSEME_RECEIVERS === undefined ? undefined : resolve(of.POLYSEME_RECEIVERS),
    outgoingCa: of.POLYSEME_OUTGOING_CA === undefined ? undefined : resolve(of.POLYSEME_OUTGOING_CA),
    publicUrl: of.POLYSEME_PUBLIC_URL?.replace(/\/+$/, ''),
    fourEyes: {
      codes: of.POLYSEME_FOUR_EYES?.includes('codes') ?? false,
      publication: of.POLYSEME_FOUR_EYES?.includes('publication') ?? false,
    },
    logLevel: of.POLYSEME_LOG_LEVEL,
  });
}

/** True for addresses that only this machine can reach. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

function settingValues(environment: Readonly<Record<string, string | undefined>>) {
  const values: Record<string, string> = {};
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('POLYSEME_') || name.startsWith('POLYSEME_TEST_') || value === undefined || value === '') continue;
    const plain = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : name;
    if (!SETTING_NAMES.includes(plain)) problems.push(problem('setting-unknown', { name }));
    else if (plain === name) values[plain] = value;
    else {
      const text = fileText(value);
      if (text === undefined) problems.push(problem('setting-invalid', { name, reason: 'the file cannot be read' }));
      else values[plain] = text.replace(/\r?\n$/, '');
    }
  }
  return { values, problems };
}

function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
