/** A house whose answers act at once: tokens, the starter vocabulary followed while it runs, and observations with codes of a laboratory of its own. */
import { join } from 'node:path';
import { pino } from 'pino';
import { type House, openHouse } from '../../services/commands/house.ts';
import { readConfig } from '../../services/config.ts';
import { createToken, verifyToken } from '../../services/database/tokens.ts';
import type { JsonObject } from '../../services/fhir/resource.ts';
import { startHttp } from '../../services/http/server.ts';
import { remakeAll } from '../../services/pipeline/unmapped/answer.ts';
import { write } from '../../services/pipeline.ts';
import { folder } from '../commands/command-line.ts';
import { freshDatabase } from '../fresh-database.ts';

export const LAB = 'http://stmarys.example/tests';

export interface CodesHouse extends AsyncDisposable {
  readonly house: House;
  /** Where tokens are asked for. */
  readonly guarded: string;
  /** Where none is: whoever comes is 'local'. */
  readonly open: string;
  /** By name: Ann, Bob. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Makes the rows again that wait for it, as the worker of a server does. */
  remade(): Promise<void>;
  /** Writes one result of a patient. */
  result(patient: string, code: JsonObject, value?: JsonObject): Promise<void>;
}

const quantity = (unit: string): JsonObject => ({ valueQuantity: { value: 13.2, unit, system: 'http://unitsofmeasure.org', code: unit } });

/** Opens it. */
export async function codesHouse(): Promise<CodesHouse> {
  const fresh = await freshDatabase();
  const dir = folder();
  const config = readConfig({ POLYSEME_DATABASE_URL: fresh.url, POLYSEME_DATA_DIR: join(dir.path, 'data') });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const house = await openHouse(config.value);
  const settings = { host: '127.0.0.1', port: 0, tls: undefined, maxBodyBytes: 2_000_000, maxMessageBytes: 1_000_000, version: 'test' };
  const silent = pino({ level: 'silent' });
  const guarded = await startHttp({ ...settings, verifyToken: (token) => verifyToken(house.database, token) }, house.parts, silent);
  const open = await startHttp({ ...settings, verifyToken: undefined }, house.parts, silent);
  const tokens: Record<string, string> = {};
  for (const name of ['Ann', 'Bob']) tokens[name] = (await createToken(house.database, name, ['author', 'approver'])).token;
  let written = 0;
  return {
    house,
    guarded: guarded.url,
    open: open.url,
    tokens,
    remade: async () => {
      await remakeAll(house.parts);
    },
    result: async (patient, code, value = quantity('g/dL')) => {
      const person = { resourceType: 'Patient', id: patient, gender: 'female', birthDate: '1970-01-01' };
      const subject = { reference: `Patient/${patient}` };
      const observation = {
        resourceType: 'Observation',
        id: `o${written++}`,
        status: 'final',
        code,
        subject,
        effectiveDateTime: '2024-05-01',
        ...value,
      };
      const change = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
      const content = Buffer.from(JSON.stringify(observation));
      const entry = { source: 'St. Mary', channel: 'fhir', content, controlId: '', messageType: 'FHIR', patientKeys: [patient] } as const;
      await write(house.parts, entry, async () => [person, observation].map((resource) => ({ ...change, resource })));
    },
    [Symbol.asyncDispose]: async () => {
      await guarded.close();
      await open.close();
      await house[Symbol.asyncDispose]();
      await fresh.drop();
      dir[Symbol.dispose]();
    },
  };
}
