import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergedResource, replacingResource } from '../../services/fhir/merge.ts';
import type { JsonObject, Resource } from '../../services/fhir/resource.ts';

const V3 = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
/** A message: the class, and since when the patient is where he is; without a time it is an update. */
const says = (code: string, since?: string, more: object = {}): Resource =>
  JSON.parse(
    JSON.stringify({
      resourceType: 'Encounter',
      id: 'e',
      status: 'in-progress',
      class: { system: V3, code },
      location: [{ location: { display: `at ${since ?? ''}` }, status: 'active', ...(since && { period: { start: since } }) }],
      ...more,
    }),
  );
const over = (first: Resource, ...rest: readonly Resource[]): Resource =>
  rest.reduce<Resource>((stored, draft) => mergedResource(stored, draft, []), first);
/** 'EMER 1-2; IMP 2-3 > AMB': the classes before, and the present one. */
const told = (resource: JsonObject): string => {
  const { classHistory = [], class: now } = JSON.parse(JSON.stringify(resource));
  const before = classHistory.map((each: { class: { code: string }; period: { start?: string; end?: string } }) =>
    [each.class.code, ' ', each.period.start ?? '', '-', each.period.end ?? ''].join(''),
  );
  return `${before.join('; ')} > ${now.code}`;
};

const emergency = says('EMER', '1', { period: { start: '1' } });

describe('the classes of a stay over its messages', () => {
  it('are a history: an emergency that became a stay, and went back', () => {
    expect(told(emergency)).toBe(' > EMER');
    expect(told(over(emergency, says('IMP', '2')))).toBe('EMER 1-2 > IMP');
    expect(told(over(emergency, says('IMP', '2'), says('AMB', '5')))).toBe('EMER 1-2; IMP 2-5 > AMB');
    expect(told(over(emergency, says('IMP', '2'), says('IMP', '3'), says('IMP')))).toBe('EMER 1-2 > IMP');
  });

  it('are corrected by an update, which leaves no trace; one that is again what it was before was never another', () => {
    expect(told(over(emergency, says('IMP')))).toBe(' > IMP');
    expect(told(over(emergency, says('IMP', '2'), says('EMER')))).toBe(' > EMER');
    expect(told(over(emergency, says('IMP', '2'), says('OBSENC')))).toBe('EMER 1-2 > OBSENC');
  });

  it('stay after the discharge and when that is taken back; another stay under the number has none', () => {
    const left = says('IMP', undefined, { status: 'finished', location: [], period: { start: '1', end: '5' } });
    const gone = over(emergency, says('IMP', '2'), left);
    expect(told(gone)).toBe('EMER 1-2 > IMP');
    expect(told(over(gone, says('IMP')))).toBe('EMER 1-2 > IMP');
    expect(told(replacingResource(gone, says('IMP')))).toBe('EMER 1-2 > IMP');
    expect(told(over(gone, says('AMB', '8', { period: { start: '8' } })))).toBe(' > AMB');
  });

  it('say since when the present one is where a change of class names no place', () => {
    const since = (code: string, start: string): Resource =>
      says(code, undefined, { location: undefined, classHistory: [{ class: { system: V3, code }, period: { start } }] });
    expect(told(over(emergency, since('IMP', '2')))).toBe('EMER 1-2; IMP 2- > IMP');
    expect(told(over(emergency, since('IMP', '2'), since('IMP', '2'), says('IMP'), since('IMP', '3')))).toBe('EMER 1-2; IMP 2- > IMP');
    expect(told(over(emergency, since('IMP', '2'), says('AMB', '5')))).toBe('EMER 1-2; IMP 2-5 > AMB');
    expect(told(over(emergency, since('IMP', '2'), since('AMB', '5')))).toBe('EMER 1-2; IMP 2-5; AMB 5- > AMB');
    expect(told(over(since('IMP', '2'), since('AMB', '5')))).toBe('IMP 2-5; AMB 5- > AMB');
    // Corrected: the present class was another since then, or never another than the one before.
    expect(told(over(emergency, since('IMP', '2'), says('OBSENC')))).toBe('EMER 1-2; OBSENC 2- > OBSENC');
    expect(told(over(emergency, since('IMP', '2'), says('EMER')))).toBe(' > EMER');
    const left = says('IMP', undefined, { status: 'finished', location: [], period: { start: '1', end: '5' } });
    expect(told(over(emergency, since('IMP', '2'), left))).toBe('EMER 1-2; IMP 2- > IMP');
    expect(told(over(emergency, since('IMP', '2'), left, says('AMB', '8', { period: { start: '8' } })))).toBe(' > AMB');
    expect(told(over(emergency, since('IMP', '4'), since('AMB', '3')))).toBe('EMER 1-4; AMB 3- > AMB');
  });

  it('hold no class that nobody knew and no period that the times contradict', () => {
    expect(told(over(says('UNK', '1'), says('IMP', '2')))).toBe(' > IMP');
    expect(told(over(says('EMER', '3', { period: { start: '3' } }), says('IMP', '2')))).toBe('EMER -2 > IMP');
    expect(told(over(emergency, says('IMP', '4'), says('AMB', '3')))).toBe('EMER 1-4 > AMB');
  });

  it('property: each message told twice changes nothing; changes in order follow each other without a gap', () => {
    const codes = fc.array(fc.constantFrom('EMER', 'IMP', 'AMB', 'OBSENC'), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(codes, (each) => {
        const drafts = each.map((code, i) => says(code, String(i + 1), i === 0 ? { period: { start: '1' } } : {}));
        const placeless = each.map((code, i) => ({
          ...says(code, undefined, { ...(i === 0 && { period: { start: '1' } }), location: undefined }),
          classHistory: [{ class: { system: V3, code }, period: { start: String(i + 1) } }],
        }));
        const [first = emergency, ...rest] = drafts;
        const runs = each.flatMap((code, i) => (code === each[i - 1] ? [] : [{ code, from: i + 1 }]));
        const before = runs.slice(0, -1).map(({ code, from }, i) => `${code} ${from}-${runs[i + 1]?.from}`);
        expect(told(over(first, ...rest))).toBe(`${before.join('; ')} > ${each.at(-1)}`);
        expect(told(over(first, first, ...rest.flatMap((draft) => [draft, draft])))).toBe(told(over(first, ...rest)));
        const [one = emergency, ...more] = placeless;
        const open = `${each.at(-1)} ${runs.at(-1)?.from}-`;
        expect(told(over(one, ...more))).toBe(`${[...before, open].join('; ')} > ${each.at(-1)}`);
        expect(told(over(one, one, ...more.flatMap((draft) => [draft, draft])))).toBe(told(over(one, ...more)));
      }),
    );
  });
});
