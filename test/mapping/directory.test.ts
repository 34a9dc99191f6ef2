import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../services/hl7v2/parse.ts';
import { withDirectory } from '../../services/mapping/directory.ts';
import { loadMaps } from '../../services/mapping/maps.ts';

const maps = loadMaps(join(import.meta.dirname, '../../mappings'));
const entriesOf = (...segments: readonly string[]) => {
  if (!maps.ok) throw new Error(JSON.stringify(maps.problems));
  const text = ['MSH|^~\\&|ADT|EAST|P|H|20260401120000+0000||ADT^A01^ADT_A01|T1|P|2.5.1', 'EVN||20260401120000+0000', ...segments].join(
    '\r',
  );
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { drafts } = maps.value.convert(parsed.value, { timezone: 'UTC' });
  const made = withDirectory(drafts, 'EAST', parsed.value);
  return made.directory.map(({ resource }) => resource);
};
const PID = 'PID|1||77^^^EAST^MR||Lund^Ida||19500203|F';
const pv1 = (place: string, doctor = ''): string => `PV1|1|I|${place}||||${doctor}||||||||||||V1`;
const place = (...segments: readonly string[]) =>
  entriesOf(...segments)
    .filter(({ resourceType }) => resourceType === 'Location')
    .map(({ name, physicalType, partOf, id }) => ({ name, kind: JSON.stringify(physicalType)?.match(/"code":"(\w+)"/)?.[1], partOf, id }));

describe('what messages say of who and where', () => {
  it('gives a person the parts of the name beside the text', () => {
    const [doctor] = entriesOf(PID, pv1('', '77^Curie&de^Adele^Maria^III^Dr^MD')).filter(
      ({ resourceType }) => resourceType === 'Practitioner',
    );
    expect(doctor?.['name']).toEqual([
      { text: 'Dr Adele Maria Curie III', family: 'Curie', given: ['Adele', 'Maria'], prefix: ['Dr'], suffix: ['III'] },
    ]);
  });

  it('gives no parts where a name has none, and none of somebody else with the same number', () => {
    const names = entriesOf('PID|1||78^Lund^Ida^^EAST^MR||Lund^Ida', pv1('', '78^^^^^Dr')).map((each) => each['name']);
    expect(names).toEqual([[{ text: 'Dr', prefix: ['Dr'] }]]);
    expect(entriesOf(PID, pv1('', '79')).map((each) => each['name'])).toEqual([undefined]);
  });

  it('reads a name whose parts stand in one component (NDL)', () => {
    const [doctor] = entriesOf(PID, pv1(''), 'DG1|1||J18^Pneumonia^I10|||F||||||||||301&Ray&Rob&J').filter(
      ({ resourceType }) => resourceType === 'Practitioner',
    );
    expect([doctor].map((each) => each?.['name'])).toEqual([undefined]);
  });

  it('puts a bed into its room, ward, building and site', () => {
    const [site, building, ward, room, bed, ...others] = place(PID, pv1('W3^12^B^EAST MERE^^^N1'));
    expect(others).toEqual([]);
    expect(site).toMatchObject({ name: 'EAST MERE', kind: 'si', partOf: undefined });
    expect(building).toMatchObject({ name: 'EAST MERE N1', kind: 'bu', partOf: { reference: `Location/${site?.id}` } });
    expect(ward).toMatchObject({ name: 'EAST MERE N1 W3', kind: undefined, partOf: { reference: `Location/${building?.id}` } });
    expect(room).toMatchObject({ name: 'EAST MERE N1 W3 12', kind: 'ro', partOf: { reference: `Location/${ward?.id}` } });
    expect(bed).toMatchObject({ name: 'EAST MERE N1 W3 12 B', kind: 'bd', partOf: { reference: `Location/${room?.id}` } });
  });

  it('makes one ward of two beds, and of the ward itself', () => {
    const ward = place(PID, pv1('W3^^^EAST')).at(-1);
    for (const bed of ['W3^1^^EAST', 'W3^2^A^EAST']) expect(place(PID, pv1(bed))).toContainEqual(ward);
  });

  it('keeps the name that a place was given, beside those it is part of', () => {
    expect(place(PID, pv1('W3^^^EAST^^^^^Third ward')).map(({ name }) => name)).toEqual(['EAST', 'Third ward']);
  });

  it('leaves a place alone whose field it cannot read again', () => {
    expect(place(PID, pv1('W\\T\\3'))).toEqual([expect.objectContaining({ name: 'W&3', partOf: undefined })]);
  });
});
