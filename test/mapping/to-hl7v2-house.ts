import { join } from 'node:path';
import { readJson } from '../../services/fhir/format/json.ts';
import type { Resource } from '../../services/fhir/resource.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { type LoadedMaps, loadMaps } from '../../services/mapping/maps.ts';
import type { OutHeader, ToldChange } from '../../services/mapping/to-hl7v2/maps.ts';

const loaded = loadMaps(join(import.meta.dirname, '../../mappings'));
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));

/** The project's own maps. */
export const MAPS: LoadedMaps = loaded.value;

export const HEADER: OutHeader = {
  sendingApplication: 'POLYSEME',
  sendingFacility: 'HUB',
  receivingApplication: 'EHR',
  receivingFacility: 'STMARYS',
  controlId: 'C1',
  charset: 'UNICODE UTF-8',
  processingId: 'P',
};

/** As the store holds it: numbers keep their digits. */
export function resource(value: object): Resource {
  const read = readJson(JSON.stringify(value));
  const type = read.ok ? read.value['resourceType'] : undefined;
  if (!read.ok || typeof type !== 'string') throw new Error('no resource');
  return { ...read.value, resourceType: type };
}

export const PATIENT = resource({
  resourceType: 'Patient',
  id: 'p1',
  identifier: [
    {
      system: 'urn:polyseme:TESTHOSP:TESTHOSP',
      value: 'P1',
      type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] },
    },
  ],
  name: [{ family: 'Doe', given: ['Ann'] }],
  gender: 'female',
  birthDate: '1980-02-03',
});

/** Builds a message of `told` with `linked` in the store. */
export async function built(
  told: Partial<ToldChange> & Pick<ToldChange, 'resource'>,
  linked: readonly Resource[] = [PATIENT],
  header: Partial<OutHeader> = {},
) {
  const store = new Map(linked.map((each) => [`${each.resourceType}/${each.id}`, each]));
  return MAPS.outMaps.build(
    { before: undefined, change: 'create', changed: '2026-03-02T08:00:00.000Z', ...told },
    { ...HEADER, ...header },
    async (references) => new Map(references.flatMap((each) => ((found) => (found ? [[each, found] as const] : []))(store.get(each)))),
  );
}

/** The lines of a built message; throws with the problems when there is none. */
export async function lines(...asked: Parameters<typeof built>): Promise<readonly string[]> {
  const made = await built(...asked);
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  return Buffer.from(made.value).toString('utf8').split('\r');
}

/** What the project's own maps read of a built message: its resources of `type`. */
export async function readBack(type: string, ...asked: Parameters<typeof built>): Promise<readonly Resource[]> {
  const made = await built(...asked);
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  const parsed = parseMessage(made.value);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { drafts, rung, problems } = MAPS.convert(parsed.value, { timezone: 'UTC' });
  if (/park|refuse/.test(rung)) throw new Error(JSON.stringify(problems));
  return drafts.map((each) => each.resource).filter(({ resourceType }) => resourceType === type);
}
