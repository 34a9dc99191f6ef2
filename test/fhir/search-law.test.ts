import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answers, MOST_OFFSET_MS, type TimeRange, timeRange } from '../../services/fhir/dates.ts';
import { RESOURCE_TYPES } from '../../services/fhir/definitions.ts';
import { type SearchParameter, searchParameters } from '../../services/fhir/parameters.ts';
import type { Resource } from '../../services/fhir/resource.ts';
import { indexed, indexRows } from '../../services/fhir/search/index.ts';
import { matches } from '../../services/fhir/search/match.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import type { Clause, DateRange } from '../../services/fhir/search/query.ts';

const base = 'https://here.example/fhir';
const codes = fc.constantFrom('a', 'b', 'A', 'a|b', 'a,b', 'x\\y', '$', 'é');
const systems = fc.constantFrom('http://loinc.org', 'urn:s', 'urn:s|t', undefined);
const dates = fc.constantFrom(
  '2020',
  '2020-02',
  '2020-02-29',
  '2020-03-01',
  '2020-02-29T23:59:59Z',
  '2020-03-01T00:30:00+01:00',
  '2020-02-29T23:59:59.999-11:00',
  '2021-01-01T00:00:00Z',
);
const ids = fc.constantFrom('1', '2', 'p-1');
const references = fc.oneof(
  fc.tuple(fc.constantFrom('', `${base}/`, 'https://there.example/'), fc.constantFrom('Patient', 'Group'), ids).map((parts) => {
    const [where, type, id] = parts;
    return `${where}${type}/${id}`;
  }),
  fc.constantFrom('#1', 'urn:uuid:0b5f2f3c-0000-4000-8000-000000000000', 'Patient/1/_history/2'),
);
const coding = fc.record({ system: systems, code: fc.option(codes, { nil: undefined }) });
const concept = fc.record({ coding: fc.array(coding, { maxLength: 2 }) });
const period = fc.record({ start: fc.option(dates, { nil: undefined }), end: fc.option(dates, { nil: undefined }) });
const when = fc.oneof(
  dates.map((effectiveDateTime) => ({ effectiveDateTime })),
  period.map((effectivePeriod) => ({ effectivePeriod })),
  fc.array(dates, { maxLength: 2 }).map((event) => ({ effectiveTiming: { event } })),
);

const observations: fc.Arbitrary<Resource> = fc
  .tuple(
    fc.record({
      id: ids,
      meta: fc.record({ lastUpdated: fc.constantFrom('2020-02-29T23:59:59.500Z', '2021-01-01T00:00:00Z') }),
      status: fc.constantFrom('final', 'registered'),
      code: concept,
      category: fc.array(concept, { maxLength: 2 }),
      subject: fc.record({ reference: references }),
      identifier: fc.array(fc.record({ system: systems, value: codes }), { maxLength: 2 }),
    }),
    when,
  )
  .map(([rest, time]): Resource => ({ resourceType: 'Observation', ...rest, ...time }));

const names = fc.constantFrom('Müller', 'muller', 'Mull', 'Ørsted  Åse', 'x'.repeat(200), `${'x'.repeat(127)}😀`);
const patients: fc.Arbitrary<Resource> = fc
  .record({
    id: ids,
    gender: fc.constantFrom('male', 'female'),
    active: fc.boolean(),
    birthDate: fc.constantFrom('2020', '2020-02', '2020-02-29'),
    name: fc.array(fc.record({ family: names, given: fc.array(names, { maxLength: 2 }) }), { maxLength: 2 }),
  })
  .map((rest): Resource => ({ resourceType: 'Patient', ...rest }));

const escaped = (text: string) => text.replace(/[\\,|$]/g, '\\$&');
const tokens = fc.oneof(
  codes.map(escaped),
  fc.tuple(systems, fc.option(codes, { nil: '' })).map(([system, code]) => `${escaped(system ?? '')}|${escaped(code)}`),
);
const askedDates = fc
  .tuple(fc.constantFrom('', 'eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'), dates)
  .map(([prefix, date]) => prefix + date);
const lists = (values: fc.Arbitrary<string>) => fc.array(values, { minLength: 1, maxLength: 3 }).map((each) => each.join(','));
const parameter = (name: string, values: fc.Arbitrary<string>) => lists(values).map((value): [string, string] => [name, value]);

const observationQueries = fc.array(
  fc.oneof(
    parameter('_id', ids),
    parameter('_lastUpdated', askedDates),
    parameter('identifier', tokens),
    parameter('code', tokens),
    parameter('category', tokens),
    parameter('status', fc.constantFrom('final', '|final', 'http://hl7.org/fhir/observation-status|final', 'x|final')),
    parameter('patient', fc.oneof(ids, references.map(escaped))),
    parameter('subject', fc.oneof(ids, references.map(escaped))),
    parameter('subject:Group', ids),
    parameter('date', askedDates),
  ),
  { minLength: 1, maxLength: 3 },
);
const patientQueries = fc.array(
  fc.oneof(
    parameter('name', names.map(escaped)),
    parameter('family', names.map(escaped)),
    parameter('given', fc.constantFrom('m', 'ø', 'orsted a', 'x'.repeat(150))),
    parameter('gender', fc.constantFrom('male', '|female', 'http://hl7.org/fhir/administrative-gender|')),
    parameter('active', fc.constantFrom('true', 'false')),
    parameter('birthdate', askedDates),
  ),
  { minLength: 1, maxLength: 3 },
);

const hasSlot = ({ uses }: SearchParameter, p: number): boolean => uses.some(({ slot }) => slot.p === p);

/** A row of instants may answer by the clock on the wall when a time of any offset would. */
function mayAnswer(range: DateRange, { lo, hi }: TimeRange): boolean {
  const shifts = range.clock === 'instant' ? [0] : [-MOST_OFFSET_MS, MOST_OFFSET_MS];
  return shifts.some((a) => shifts.some((b) => answers(range, { lo: lo + a, hi: hi + b })));
}

/** What the database does with a clause, over the rows of one resource. */
function found(clause: Clause, resource: Resource): boolean {
  const rows = indexRows(resource, { base });
  switch (clause.kind) {
    case 'id':
      return clause.any.includes(resource.id ?? '');
    case 'token':
      return clause.hashes.length === 0 || clause.hashes.some((hash) => rows.tokens.includes(hash));
    case 'reference':
      return clause.hashes.some((hash) => rows.tokens.includes(hash));
    case 'string':
      return rows.strings.some(({ p, norm }) => hasSlot(clause.parameter, p) && clause.any.some((text) => norm.startsWith(indexed(text))));
    case 'date':
      return rows.dates.some((row) => hasSlot(clause.parameter, row.p) && clause.any.some((range) => mayAnswer(range, row)));
    case 'updated': {
      const meta = resource['meta'];
      const updated = typeof meta === 'object' && meta !== null && 'lastUpdated' in meta ? timeRange(String(meta.lastUpdated)) : undefined;
      return updated !== undefined && clause.any.some((range) => answers(range, updated));
    }
    default:
      throw new Error(clause.kind);
  }
}

function agree(resource: Resource, entries: readonly [string, string][]): void {
  const query = parseSearch(resource.resourceType, entries, { base });
  if (!query.ok) {
    // Only a lone bar and a foreign type behind :Group cannot be asked.
    expect(query.problems.every((each) => each.code === 'fhir-search-value')).toBe(true);
    return;
  }
  const exact = matches(query.value, resource, { base });
  const candidate = query.value.clauses.every((clause) => found(clause, resource));
  // The index may offer more than is asked (long strings are cut, `a|b` is also system a, code b), never less.
  if (exact) expect(candidate).toBe(true);
  const plain = !JSON.stringify([resource, entries]).match(/urn:uuid|there\.example|x\|final|a\|b|s\|t|\\\\\||x{100}/);
  const onWall = query.value.clauses.some((clause) => clause.kind === 'date' && clause.any.some(({ clock }) => clock === 'wall'));
  if (plain && !onWall) expect(candidate).toBe(exact);
}

it('index rows and clauses find what matches finds: Observation', () => {
  fc.assert(fc.property(observations, observationQueries, agree), { numRuns: 3000 });
});
it('index rows and clauses find what matches finds: Patient', () => {
  fc.assert(fc.property(patients, patientQueries, agree), { numRuns: 2000 });
});
it('every parameter can be asked', () => {
  const value = {
    date: '2020',
    number: '1',
    quantity: '1',
    token: 'x',
    reference: 'Patient/x',
    string: 'x',
    uri: 'x',
    phonetic: 'x',
    near: '1|2',
  } as const;
  for (const type of RESOURCE_TYPES.keys()) {
    for (const { name, kind, composite } of searchParameters(type).values()) {
      const parts = composite?.components.map(({ parameter: { kind: part } }) => (part === 'composite' ? '' : value[part])) ?? [];
      expect(parseSearch(type, [[name, kind === 'composite' ? parts.join('$') : value[kind]]]), `${type}?${name}`).toMatchObject({
        ok: true,
      });
    }
  }
});
