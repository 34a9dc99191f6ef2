import { pino } from 'pino';
import { type HttpDoor, startHttp } from '../../services/http/server.ts';
import type { Parts } from '../../services/pipeline.ts';
import { type TestHouse, testHouse } from '../parts.ts';

export interface TestDoor extends TestHouse {
  readonly door: HttpDoor;
  /** One request below /fhir/R4, with its answer read. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** What stands at a path of an answer: at(body, 'entry', 0, 'response', 'status'); undefined when nothing does. */
export const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((each, name) => (typeof each === 'object' && each !== null ? Reflect.get(each, name) : undefined), value);

/** The list at a path, empty when there is none. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The HTTP door on a free port and a database of its own. */
export async function testDoor(verifyToken?: (token: string) => Promise<boolean>, more: Partial<Parts> = {}): Promise<TestDoor> {
  const found = await testHouse();
  const house = { ...found, parts: { ...found.parts, ...more } };
  const settings = {
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    maxBodyBytes: 2_000_000,
    maxMessageBytes: 1_000_000,
    verifyToken,
    version: 'test',
  };
  const door = await startHttp(settings, house.parts, pino({ level: 'silent' }));
  return {
    ...house,
    door,
    call: async (method, path, body, headers = {}) => {
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await fetch(`${door.url}/fhir/R4${path}`, {
        method,
        headers: { ...(text === undefined ? {} : { 'content-type': 'application/fhir+json' }), ...headers },
        ...(text === undefined ? {} : { body: text }),
      });
      const read = await answer.text();
      return { status: answer.status, headers: answer.headers, body: read === '' ? {} : JSON.parse(read) };
    },
    [Symbol.asyncDispose]: async () => {
      await door.close();
      await house[Symbol.asyncDispose]();
    },
  };
}
