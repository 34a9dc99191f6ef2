import { pino } from 'pino';
import { Refusal } from '../../errors.ts';
import { type CommandDefinition, configOfProcess, withExamples } from '../command.ts';
import { openHouse } from '../house.ts';
import { openDoors, readTls, refusalsToBind } from './doors.ts';
import { reloading } from './reload.ts';
import { retaining } from './retention.ts';

const EXAMPLES = `
  $ npx polyseme serve                                                 HTTP on 127.0.0.1:8080, MLLP on 127.0.0.1:2575
  $ POLYSEME_DATABASE_URL=postgres://… npx polyseme serve              on a PostgreSQL of yours
  $ POLYSEME_HTTP_HOST=0.0.0.0 POLYSEME_TLS_CERT=tls.crt POLYSEME_TLS_KEY=tls.key npx polyseme serve

Settings (environment; a secret may be given as NAME_FILE):
  POLYSEME_DATABASE_URL       PostgreSQL 15 or newer; without it an embedded one in POLYSEME_DATA_DIR
  POLYSEME_DATA_DIR           .polyseme
  POLYSEME_HTTP_HOST, _PORT   127.0.0.1, 8080; any other host needs TLS and an access token
  POLYSEME_MLLP_HOST, _PORT   127.0.0.1, 2575; any other host needs TLS
  POLYSEME_TLS_CERT, _KEY     PEM files; POLYSEME_TLS_CLIENT_CA asks clients for certificates of this authority
  POLYSEME_CDM_TIMEZONE       UTC: the zone of all CDM datetimes
  POLYSEME_SOURCE_TIMEZONE    UTC: the zone of local times in messages that carry no offset
  POLYSEME_SOURCE_AUTHORITY   MSH-4 or MSH-3 of each message: the namespace of the ids made from it
  POLYSEME_SOURCES            YAML: who sends, from where, and the rules for each; fixtures/sources.yaml shows all of it. It and the
                              certificates are read again when they change, and at SIGHUP; a file with a fault changes nothing
  POLYSEME_MAPPINGS_DIR       the specs that came with Polyseme
  POLYSEME_FOUR_EYES          none: codes, publication: answers to codes, and drafts of maps, are put in force by somebody who did not write them
  POLYSEME_PULL_DATE          today: where open observation periods end
  POLYSEME_RETENTION_MONTHS   for ever: months that the journal keeps beside the present one; months with waiting or parked messages stay
  POLYSEME_BACKGROUND_PERCENT 15: of the time, what plans and replays of maps take while messages wait to be applied (1 to 80)
  POLYSEME_OUTGOING_ALLOW     nowhere: where Subscriptions may send to, with commas between, such as https://host/path, mllp://10.1.2.3:2575
  POLYSEME_OUTGOING_PRIVATE   none: networks such as 10.0.0.0/8 that names on that list may resolve into
  POLYSEME_OUTGOING_CA        PEM file of the authorities that receivers' certificates are checked with
  POLYSEME_PUBLIC_URL         the FHIR base URL as receivers of notifications reach it
  POLYSEME_MODE               trial; production wants POLYSEME_MASTER_KEY
  POLYSEME_MASTER_KEY         lines of NAME:BASE64 (32 bytes), the current one first: the journal's contents are encrypted then
  POLYSEME_TERMINOLOGY_LIMITS expansion=1000, page=10000, walk=200000, batch=10000, caches=20, cache-minutes=30, cache-megabytes=256,
                              closures=100, closure-concepts=5000: codes of an expansion and a page, members walked through for a total,
                              validations of a batch, and what clients may leave with the server ($cache-control, $closure)
  POLYSEME_MAX_MESSAGE_BYTES, POLYSEME_MAX_BODY_BYTES, POLYSEME_POSTGRES_BIN, POLYSEME_POSTGRES_ACCOUNT, POLYSEME_LOG_LEVEL
`;

/** serve: opens the doors and works until it is told to stop (Ctrl-C, SIGTERM); then answers what is open and ends. */
export const serveCommand: CommandDefinition = (program, terminal, exit) => {
  const command = program
    .command('serve')
    .description('take HL7v2 by MLLP and HTTP, FHIR by HTTP; keep, transform, answer')
    .option('--insecure-bind', 'listen beyond this machine without TLS (something in front does it)');
  withExamples(command, EXAMPLES, ['0  stopped as asked', '1  a setting, the database or an address did not allow it']);
  command.action(async (options: { readonly insecureBind?: boolean }) => {
    const config = configOfProcess();
    const refusals = refusalsToBind(config, options.insecureBind === true);
    if (refusals.length > 0) throw new Refusal(refusals);
    // A line is written before the work goes on, so that none is lost however the process ends. Measured: 5 to 7 µs of CPU a line to a file or a pipe,
    // and 4 to 6 µs written later by pieces, beside a request of 300 µs and more (a message by MLLP writes no line at all).
    const log = pino({ level: config.logLevel, base: null }, pino.destination({ fd: 2, sync: true }));
    readTls(config);
    const stopped = untilStopped();
    await using house = await openHouse(config, log);
    const exposed = refusalsToBind(config, options.insecureBind === true, house.book.current);
    if (exposed.length > 0) throw new Refusal(exposed);
    await using doors = await openDoors(config, house, log, options.insecureBind === true);
    using _watched = reloading(doors.files, doors.reload, log);
    const { retentionMonths: months } = config;
    using _kept = months === undefined ? undefined : retaining(house.database, { months, clock: house.parts.clock, log });
    terminal.say(`Console ${doors.http.url}/`);
    terminal.say(`FHIR    ${doors.http.url}/fhir/R4/metadata`);
    const mllp = doors.mllp.doors.map(({ host, port, isSecure }) => `MLLP ${host}:${port}${isSecure ? ' (TLS)' : ''}`);
    terminal.say(`HL7v2   ${[`${doors.http.url}/hl7v2 (POST)`, ...mllp].join(', ')}`);
    terminal.say(`SQL     ${house.embedded ? 'npx polyseme psql' : 'POLYSEME_DATABASE_URL'} (schema cdm)`);
    if (doors.isClosedToAll) terminal.say('Token   every token is revoked: make one with "npx polyseme token create NAME"');
    if (doors.newToken) terminal.say(`Token   ${doors.newToken}\n        shown only now; send it as "Authorization: Bearer TOKEN"`);
    terminal.say(`Stop    Ctrl-C`);
    const died = await Promise.race([
      stopped.then(() => false),
      house.embedded?.exited.then(({ expected }) => !expected) ?? new Promise<never>(() => {}),
    ]);
    terminal.say(
      died ? 'PostgreSQL ended and could not be started again.' : 'Stopping: answering what is open, finishing what is under way.',
    );
    exit(died ? 1 : 0);
  });
};

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once, which the journal survives. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.on(signal, () => {
        if (asked) process.exit(code);
        asked = true;
        resolve();
      });
    }
  });
}
