/** A house whose maps are published over HTTP, with three messages applied: what the tests of these doors stand on. */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { verifyToken } from '../../../services/database/tokens.ts';
import { type HttpDoor, startHttp } from '../../../services/http/server.ts';
import { type Parts, receive } from '../../../services/pipeline.ts';
import { fixture } from '../../parts.ts';
import { type SpecsHouse, specsHouse } from '../../specs-house.ts';
import { at, listAt } from '../door.ts';

export const PATIENT = 'v2-to-fhir/resources/pid-to-patient.yaml';
const LIMITS = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };

/** One request below /admin of a door, with its answer read. A text is sent as YAML. */
export async function called(base: string, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'application/yaml' : 'application/json';
  const answer = await fetch(`${base}/admin${path}`, {
    method,
    headers: { ...(text === undefined ? {} : { 'content-type': type }), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
  const read = await answer.text();
  return { status: answer.status, etag: answer.headers.get('etag') ?? '', body: read === '' ? {} : (JSON.parse(read) as unknown) };
}

export interface MapsHouse extends SpecsHouse {
  readonly door: HttpDoor;
  /** One request below /admin of the door that asks for no token. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): ReturnType<typeof called>;
  /** The text of the patient's map, and with another version and a line less. */
  original(): string;
  edited(): string;
}

/** Opens the house and its door, and applies an admission and two reports. */
export async function mapsHouse(): Promise<MapsHouse> {
  const house = await specsHouse();
  const door = await startHttp({ ...LIMITS, verifyToken: undefined }, house.parts, pino({ level: 'silent' }));
  for (const name of ['us-adt-a01-admit', 'us-oru-r01-cbc', 'us-oru-r01-chemistry'])
    await receive(house.parts, readFileSync(fixture('hl7v2', `${name}.hl7`)), 'mllp');
  await house.drain();
  const original = (): string => house.text(PATIENT);
  return {
    ...house,
    door,
    call: (...asked) => called(door.url, ...asked),
    original,
    edited: () =>
      original()
        .replace(/^version: .*$/m, 'version: 1.0.1 # raised')
        .replace(/^ {2}maritalStatus: .*$/m, ''),
    [Symbol.asyncDispose]: async () => {
      await door.close();
      await house[Symbol.asyncDispose]();
    },
  };
}

/** A second door of the same house that asks for tokens. */
export const guardedDoor = (house: SpecsHouse, parts: Parts = house.parts): Promise<HttpDoor> =>
  startHttp({ ...LIMITS, verifyToken: (token) => verifyToken(house.database, token) }, parts, pino({ level: 'silent' }));

/** The codes of an answer's issues. */
export const codes = (body: unknown): readonly unknown[] => listAt(body, 'issue').map((each) => at(each, 'details', 'coding', 0, 'code'));
