import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { verifyReleases } from '../../terminology/releases.ts';
import { configuredSources } from '../config/configured.ts';
import { type Config, isLoopback, readConfig } from '../config.ts';
import { openDatabase } from '../database/connect.ts';
import { type Check, databaseChecks } from '../database/embedded/checks.ts';
import { ERRORS, type Problem, Refusal } from '../errors.ts';
import { checkSpecs } from '../mapping/check.ts';
import { type CommandDefinition, withExamples } from './command.ts';
import { mapsDueCheck } from './maps-due.ts';
import { choicesCheck } from './omop/omop-options.ts';
import { receiversCheck } from './outgoing/receivers-check.ts';
import { rowsDueCheck } from './rows-due.ts';
import { readTls, refusalsToBind } from './serve/doors.ts';
import { placesOf } from './serve/mllp-doors.ts';
import { readTlsFiles } from './serve/tls-files.ts';

const EXAMPLES = `
  $ npx polyseme doctor              what is well, what is not, and the cure to copy
  $ npx polyseme doctor --json       the same for a machine
`;
const OLDEST_NODE = 24;

/** doctor: checks the machine and the settings; changes nothing. */
export const doctorCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('doctor')
    .description('check this machine and the settings; says how to mend what is wrong')
    .option('--json', 'print JSON');
  withExamples(command, EXAMPLES, ['0  everything is well', '1  something needs mending']);
  command.action(async (options: { readonly json?: boolean }) => {
    const checks = await checksOf(process.env);
    terminal.out(options.json ? JSON.stringify(checks, undefined, 2) : checks.map(lineOf).join('\n'));
    exit(checks.every((check) => check.ok) ? 0 : 1);
  });
};

/** Returns every check, settings first; later ones are left out when the settings themselves are wrong. */
export async function checksOf(environment: Readonly<Record<string, string | undefined>>): Promise<readonly Check[]> {
  const config = readConfig(environment);
  if (!config.ok) return [nodeCheck(), ...config.problems.map((each) => checkOf('settings', each))];
  const { value } = config;
  const database = value.databaseUrl === undefined ? await databaseChecks(embeddedOptions(value)) : [await urlCheck(value.databaseUrl)];
  const ports = [
    await portCheck('HTTP port', value.http, 'POLYSEME_HTTP_PORT=8081'),
    await portCheck('MLLP port', value.mllp, 'POLYSEME_MLLP_PORT=2576'),
  ];
  const settings = { name: 'settings', ok: true, detail: 'understood' };
  return [
    nodeCheck(),
    settings,
    ...sourceChecks(value),
    ...receiversCheck(value),
    ...choicesCheck(value),
    ...rowsDueCheck(value),
    ...mapsDueCheck(value),
    tlsCheck(value),
    bindCheck(value),
    mappingsCheck(value.mappingsDir),
    ...vocabularyChecks(value),
    ...database,
    ...ports,
  ];
}

const embeddedOptions = (config: Config) => ({ dataDir: config.dataDir, binDir: config.postgresBin, account: config.postgresAccount });

const lineOf = ({ name, ok, detail, cure }: Check): string =>
  `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}${cure === undefined ? '' : `\n      cure: ${cure}`}`;

const checkOf = (name: string, { code, text }: Problem): Check => ({ name, ok: false, detail: text, cure: ERRORS[code].cure });

/** Returns one check of all that is loaded: every file of it, and what says which is active; none where nothing was loaded. */
export function vocabularyChecks(config: Config): readonly Check[] {
  const folder = join(config.dataDir, 'vocabulary');
  if (!existsSync(folder)) return [];
  const faults = verifyReleases(folder);
  if (faults.length === 0) return [{ name: 'vocabularies', ok: true, detail: 'every file is whole' }];
  const { cure } = ERRORS['terminology-corrupt-index'];
  return faults.map(({ file, text }) => ({ name: 'vocabularies', ok: false, detail: `${file}: ${text}`, cure }));
}

function nodeCheck(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  const detail = `Node ${process.versions.node}`;
  return major >= OLDEST_NODE
    ? { name: 'node', ok: true, detail }
    : { name: 'node', ok: false, detail, cure: 'npm ci   # installs Node 24 for this project' };
}

/** Returns the checks of the file of sources: every fault with its place, then the certificates it names; none without a file. */
export function sourceChecks(config: Config): readonly Check[] {
  if (config.sourcesFile === undefined) return [];
  const sources = configuredSources(config);
  if (!sources.ok)
    return sources.problems.map((each) => checkOf('sources', { ...each, text: `${each.at ?? config.sourcesFile}: ${each.text}` }));
  const places = placesOf(config, sources.value);
  const wrong = [
    ...refusalsToBind(config, false, sources.value),
    ...places.flatMap(({ tls, port }) => faultsOf(() => readTlsFiles(tls, `the certificate of MLLP port ${port}`))),
  ];
  if (wrong.length > 0) return wrong.map((each) => checkOf('sources', each));
  const names = sources.value.list.map(({ name }) => name);
  return [{ name: 'sources', ok: true, detail: `${names.length} in ${config.sourcesFile}: ${names.join(', ')}` }];
}

function faultsOf(work: () => unknown): readonly Problem[] {
  try {
    work();
    return [];
  } catch (error) {
    if (error instanceof Refusal) return error.problems;
    throw error;
  }
}

function tlsCheck(config: Config): Check {
  try {
    return { name: 'TLS', ok: true, detail: readTls(config) ? 'certificate and key can be used' : 'none' };
  } catch (error) {
    const [first] = error instanceof Refusal ? error.problems : [];
    if (first) return checkOf('TLS', first);
    throw error;
  }
}

/** "serve --insecure-bind" is a decision of its own: without it, this is what serve would say. */
function bindCheck(config: Config): Check {
  const [first] = refusalsToBind(config, false);
  if (first) return checkOf('addresses', first);
  const open = [config.http.host, config.mllp.host].filter((host) => !isLoopback(host));
  return { name: 'addresses', ok: true, detail: open.length === 0 ? 'this machine only' : `${open.join(', ')} with TLS` };
}

/** The cases are left to "check": they take seconds of every core's time, and say nothing about this machine. */
function mappingsCheck(folder: string): Check {
  const { ok, files, diagnostics } = checkSpecs(folder, { runsCases: false });
  if (ok) return { name: 'mappings', ok, detail: `${files} specs in ${folder} compile; their cases are run by "npx polyseme check"` };
  if (files > 0)
    return { name: 'mappings', ok, detail: `${diagnostics.length} faults in ${folder}`, cure: `npx polyseme check '${folder}'` };
  return {
    name: 'mappings',
    ok,
    detail: `${folder} holds no spec that can be read`,
    cure: 'unset POLYSEME_MAPPINGS_DIR   # or set it to the folder of your specs',
  };
}

async function urlCheck(url: string): Promise<Check> {
  const db = openDatabase(url, { max: 1 });
  try {
    await db.assertDurable();
    return { name: 'database', ok: true, detail: 'POLYSEME_DATABASE_URL answers and keeps what it acknowledges' };
  } catch (error) {
    const first = error instanceof Refusal ? error.problems[0] : undefined;
    return first
      ? checkOf('database', first)
      : { name: 'database', ok: false, detail: 'cannot be asked', cure: 'check POLYSEME_DATABASE_URL' };
  } finally {
    await db.close();
  }
}

function portCheck(name: string, { host, port }: { readonly host: string; readonly port: number }, cure: string): Promise<Check> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolve({
        name,
        ok: false,
        detail: `${host}:${port} cannot be listened on (${error.code ?? error.name})`,
        cure: `export ${cure}   # or end what uses it (a running Polyseme, perhaps)`,
      }),
    );
    probe.listen({ host, port }, () => probe.close(() => resolve({ name, ok: true, detail: `${host}:${port} is free` })));
  });
}
