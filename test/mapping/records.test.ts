import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapsOf } from '../../services/mapping/maps.ts';
import { readSpec } from '../../services/mapping/read.ts';
import { readCsv } from '../../services/mapping/records/csv.ts';
import { dateForm, inForm } from '../../services/mapping/records/date-form.ts';
import { convertObject, convertTable } from '../../services/mapping/records/maps.ts';
import { reportOn } from './specs.ts';

const map = (source: string, fields = 'birthDate: =dob', more = ''): string => `map: files/people
version: 1.0.0
source: { format: csv, authority: test, ${source} }
target: { format: fhir, version: 4.0.1 }
resources:
  patient: { type: Patient, key: [=id], fields: { ${fields} } }
${more}`;
const COLUMNS = 'columns: { id: string, dob: { type: date, format: DD.MM.YYYY } }';

function mapsFrom(...specs: readonly string[]) {
  return mapsOf(specs.map((text, i) => ({ path: `files/m${i}`, file: `m${i}.yaml`, isCases: false, read: readSpec(text, `m${i}.yaml`) })));
}

function convert(csv: string, ...specs: readonly string[]) {
  const made = convertTable(mapsFrom(...specs).recordMaps, Buffer.from(csv), { timezone: 'Europe/Lisbon' });
  return made.ok ? [...made.value] : made.problems.map((each) => each.code);
}

const codes = (spec: string): readonly string[] => reportOn({ 'files/people.yaml': spec }).diagnostics.map((each) => each.code);

describe('a CSV source', () => {
  it('makes resources of rows, typed by what is declared', () => {
    expect(convert('id;dob\n7;05.03.1950\n', map(COLUMNS))).toMatchObject([
      { from: 'line 2', conversion: { rung: 'none', drafts: [{ resource: { resourceType: 'Patient', birthDate: '1950-03-05' } }] } },
    ]);
  });

  it('leaves out and reports what does not fit, with the column; what is not declared or not read is told', () => {
    const [made] = convert(
      'id,dob,shoe\n7,31.02.1950,44\n',
      map(COLUMNS.replace('id: string', 'id: string, name: { type: string, optional: "true" }')),
    );
    expect(made).toMatchObject({ conversion: { problems: [{ code: 'mapping-not-a-date', at: 'dob' }], unread: [{ path: 'shoe' }] } });
  });

  it('refuses files that no map, or several, take; rows with other cells; an id of nothing', () => {
    expect(convert('a,b\n1,2\n', map(COLUMNS))).toEqual(['mapping-no-record-map']);
    expect(convert('id,dob\n1,2\n', map(COLUMNS), map(COLUMNS).replace('files/people', 'files/others'))).toEqual(['mapping-ambiguous']);
    expect(convert('id,dob\n1\n2,05.03.1950\n', map(COLUMNS))).toMatchObject([
      { conversion: { rung: 'park-message', problems: [{ code: 'mapping-csv-cells' }] } },
      { conversion: { rung: 'none' } },
    ]);
    expect(convert('id,dob\n,05.03.1950\n', map(COLUMNS))).toMatchObject([
      { conversion: { rung: 'park-resource', problems: [{ code: 'mapping-key-empty' }] } },
    ]);
    expect(convert('id,dob\n1,05.03.1950\n', map(COLUMNS).replace('authority: test,', ''))).toMatchObject([
      { conversion: { problems: [{ code: 'mapping-record-authority' }] } },
    ]);
  });

  it('checks paths, types, forms and groups before the first row', () => {
    expect(codes(map(COLUMNS))).toEqual([]);
    expect(codes(map(COLUMNS, 'birthDate: =dobb'))).toEqual(['unknown-element']);
    expect(codes(map(COLUMNS, 'active: =dob'))).toEqual([]);
    expect(codes(map('columns: { id: text }', 'active: "true"'))).toContain('unknown-type');
    expect(codes(map('columns: { id: string, "a b": string }', 'active: "true"'))).toEqual(['record-name']);
    expect(codes(map('columns: { id: string, dob: { type: date, format: JJJJ } }'))).toEqual(['record-format']);
    expect(codes(map(`${COLUMNS}, group: [claim]`))).toContain('unknown-element');
    expect(codes(map('columns: [id]', 'active: "true"'))).toContain('record-shape');
    expect(codes(map(COLUMNS, 'birthDate: =ref(somebody)'))).toContain('unknown-handle');
  });

  it('runs nothing that a column or a map says', () => {
    for (const payload of ['__proto__', 'constructor', '"; globalThis.pwned = 1; "', "'); globalThis.pwned = 1; ('"]) {
      mapsFrom(map(`columns: { id: string, ${JSON.stringify(payload)}: string }`), map(COLUMNS, `language: ${JSON.stringify(payload)}`));
      convert(`id,dob,${payload.replaceAll('"', '')}\n1,${payload.replaceAll('"', '')},x\n`, map(COLUMNS));
      expect(Reflect.get(globalThis, 'pwned')).toBeUndefined();
    }
  });
});

describe('readCsv', () => {
  it('reads quotes, line ends and separators', () => {
    const read = readCsv(Buffer.from('\uFEFFa,b\r\n"x, ""y""\nz",2\n\n3,4'));
    expect(read.ok && read.value).toEqual({
      header: ['a', 'b'],
      rows: [
        { line: 2, cells: ['x, "y"\nz', '2'] },
        { line: 5, cells: ['3', '4'] },
      ],
    });
    expect(readCsv(Buffer.from('a;b\n1;2'))).toMatchObject({ value: { header: ['a', 'b'] } });
    expect(readCsv(Buffer.from([0x61, 0xff]))).toMatchObject({ problems: [{ code: 'mapping-csv-not-utf8' }] });
    expect(readCsv(Buffer.from('a,b\n"x'))).toMatchObject({ problems: [{ code: 'mapping-csv-quote' }] });
    expect(readCsv(Buffer.from('a,a\n'))).toMatchObject({ problems: [{ code: 'mapping-csv-header' }] });
  });

  it('gives back every table that is written as RFC 4180 says', () => {
    const cell = fc.string({ unit: fc.constantFrom(...'ab,"\n ;'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), (rows) => {
        const text = [['h1', 'h2'], ...rows].map((row) => row.map((each) => `"${each.replaceAll('"', '""')}"`).join(',')).join('\r\n');
        const read = readCsv(Buffer.from(text), ',');
        expect(read.ok && read.value.rows.map((each) => [...each.cells])).toEqual(rows);
      }),
    );
  });
});

describe('a JSON source', () => {
  const json = map(
    'fields: { id: string, at: [{ t: dateTime }] }',
    'active: "true"',
    '  visit: { type: Encounter, each: =at, key: [=t], fields: { status: finished, class: { when: =t, code: AMB, system: x }, subject: =ref(patient) } }\n',
  ).replace('csv', 'json');
  const of = (raw: object) => convertObject(mapsFrom(json).recordMaps, { ...raw }, { timezone: 'UTC' });

  it('makes resources of the object and of what it lists', () => {
    const made = of({ id: 'x', at: [{ t: '2026-01-01' }, { t: '2026-01-02' }, { t: 7 }] });
    expect(made.ok && made.value.conversion.drafts.map(({ resource }) => resource.resourceType)).toEqual([
      'Patient',
      'Encounter',
      'Encounter',
    ]);
    expect(made.ok && made.value.conversion.problems.map((each) => each.code)).toEqual(['mapping-record-type', 'mapping-key-empty']);
    expect(of({ other: 1 })).toMatchObject({ ok: false, problems: [{ code: 'mapping-no-record-map' }] });
  });

  it('takes any object without harm', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (raw) => typeof of({ ...raw, id: 'x' }).ok === 'boolean'));
  });
});

describe('forms of dates', () => {
  it('are letters for years, months, days and times, each once', () => {
    const form = dateForm('MM/DD/YYYY HH:mm');
    expect(form && inForm('3/5/2026 08:15', form)).toBe('202603050815');
    expect(form && inForm('2026-03-05', form)).toBeUndefined();
    expect(['MM/DD', 'YYYY YYYY', 'YYYYx', 'Q', `YYYY${'.'.repeat(50)}`].map(dateForm)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    const wild = dateForm('YYYY.*+?()');
    expect(wild && inForm('2026.*+?()', wild)).toBe('2026');
  });
});
