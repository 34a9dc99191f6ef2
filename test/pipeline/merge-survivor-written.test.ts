/** A client that writes the survivor of a merge without its links: that it is the survivor is the log's to say, and stays so. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readResource } from '../../services/database/resources/resources.ts';
import { mergeRequested } from '../../services/pipeline/fhir/merge.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { expectRebuildEqual, given, put } from '../database/omop-house.ts';
import { type TestHouse, testHouse } from '../parts.ts';

let house: TestHouse;
beforeEach(async () => {
  house = await testHouse();
});
afterEach(() => house[Symbol.asyncDispose]());

const stored = async (id: string): Promise<Record<string, unknown>> =>
  JSON.parse((await readResource(house.database, 'Patient', id))?.body ?? '{}');
const numbered = (value: string, more: object = {}) => ({ identifier: [{ system: 'urn:s', value }], ...more });
const merge = (survivor: string, loser: string) => mergeRequested(house.parts, Buffer.from(`${survivor} ${loser}`), { survivor, loser });

it('keeps the links and the old numbers of those merged into it, and drops them with the merge', async () => {
  await put(house, given('Patient', 'p1', numbered('1')), given('Patient', 'p2', numbered('2')), given('Patient', 'p3', numbered('3')));
  await merge('p1', 'p2');
  await merge('p3', 'p1');
  const [middle, survivor] = [await stored('p1'), await stored('p3')];
  expect(survivor['link']).toEqual([{ other: { reference: 'Patient/p1' }, type: 'replaces' }]);
  await put(house, given('Patient', 'p3', numbered('3', { gender: 'female' })));
  expect(await stored('p3')).toMatchObject({ gender: 'female', link: survivor['link'], identifier: survivor['identifier'] });
  expect(await stored('p1')).toEqual(middle);
  await expectRebuildEqual(house);
  await put(house, given('Patient', 'p1', numbered('1')));
  expect(await stored('p3')).toMatchObject(numbered('3', { gender: 'female' }));
  expect(await stored('p3')).not.toHaveProperty('link');
  // The one in the middle has its own again.
  expect(await stored('p1')).toMatchObject({ link: [{ other: { reference: 'Patient/p2' }, type: 'replaces' }] });
});

const message = (event: string, patient: string, minute: string, more: readonly string[] = []): string =>
  [
    `MSH|^~\\&|ADT|WRITTENHOSP|POLYSEME|HUB|2026030109${minute}+0000||${event}|W${minute}|P|2.5.1|||||USA|UNICODE UTF-8`,
    `EVN|${event.slice(4, 7)}|2026030109${minute}+0000`,
    `PID|1||${patient}^^^WRITTENHOSP^MR||Merged^Anna||19800101|F`,
    ...more,
    '',
  ].join('\r');
const stay = ['PV1', '1', 'I', 'W1^1^1', ...Array(15).fill(''), 'V1', ...Array(24).fill(''), '202603010900'].join('|');
const tell = async (...all: readonly string[]): Promise<void> => {
  for (const each of all) await receive(house.parts, Buffer.from(each), 'mllp');
  while ((await processNext(house.parts, 20)) > 0);
};

it('has a stay that began under the other record go on as one stay', async () => {
  await tell(
    message('ADT^A01^ADT_A01', 'B', '00', [stay]),
    message('ADT^A04^ADT_A01', 'A', '01'),
    message('ADT^A40^ADT_A39', 'A', '02', ['MRG|B^^^WRITTENHOSP^MR']),
  );
  const [survivor] = await house.database.query<{ id: string }>(`SELECT id FROM fhir.resource WHERE body LIKE '%"replaces"%'`);
  await put(house, given('Patient', survivor?.id ?? '', { name: [{ family: 'Written' }] }));
  await tell(message('ADT^A08^ADT_A01', 'A', '59', [stay]));
  const stays = await house.database.query(`SELECT id FROM fhir.resource WHERE body LIKE '{"resourceType":"Encounter"%'`);
  expect(stays).toHaveLength(1);
});

it('is written though the other record said the same in two ways, and gives it back with the merge', async () => {
  await tell(
    message('ADT^A08^ADT_A01', 'B', '00'),
    message('ADT^A08^ADT_A01', 'B', '01').replace('Merged^Anna', 'Merged^Berta'),
    message('ADT^A04^ADT_A01', 'A', '02').replace('Merged^Anna||19800101|F', 'Own^Name'),
    message('ADT^A40^ADT_A39', 'A', '03', ['MRG|B^^^WRITTENHOSP^MR']).replace('Merged^Anna||19800101|F', 'Own^Name'),
  );
  const find = async (link: string) =>
    (await house.database.query<{ id: string }>(`SELECT id FROM fhir.resource WHERE body LIKE '%"${link}"%'`))[0]?.id ?? '';
  const [survivor, loser] = [await find('replaces'), await find('replaced-by')];
  const { meta: _meta, ...read } = await stored(survivor);
  expect(read).toMatchObject({ birthDate: '1980-01-01', gender: 'female' });
  await put(house, given('Patient', survivor, { ...read, maritalStatus: { text: 'written' } }));
  expect(await stored(survivor)).toMatchObject({ birthDate: '1980-01-01', maritalStatus: { text: 'written' } });
  const { meta: _other, link: _link, ...own } = await stored(loser);
  await put(house, given('Patient', loser, own));
  expect(await stored(survivor)).not.toHaveProperty('birthDate');
  await expectRebuildEqual(house);
});
