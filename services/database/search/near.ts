/** Places near a point: a box of latitudes and longitudes in the index; the distance itself is computed of the resource. */
import { boxAround } from '../../fhir/near.ts';
import type { SearchParameter } from '../../fhir/parameters.ts';
import type { AskedPlace } from '../../fhir/search/query.ts';

interface Binder {
  add(value: unknown, cast: string): string;
}

const between = (ranges: readonly (readonly [from: number, to: number])[], bindings: Binder): string =>
  ranges.map(([from, to]) => `(n.lo >= ${bindings.add(from, 'float8')} AND n.lo <= ${bindings.add(to, 'float8')})`).join(' OR ');

/** Returns the condition that a candidate `r` lies in the box around what was asked. */
export function nearSql({ uses: [latitude, longitude] }: SearchParameter, asked: AskedPlace, bindings: Binder): string {
  const box = boxAround(asked);
  const within = (p: number | undefined, ranges: readonly (readonly [number, number])[]): string =>
    `EXISTS (SELECT FROM fhir.num n WHERE n.rid = r.rid AND n.p = ${bindings.add(p, 'int')} AND (${between(ranges, bindings)}))`;
  return `(${within(latitude?.slot.p, [box.latitude])} AND ${within(longitude?.slot.p, box.longitudes)})`;
}

/** Returns the range of latitudes by which the index finds everything in the box. */
export function nearSeek({ uses: [latitude] }: SearchParameter, asked: AskedPlace, bindings: Binder): string {
  const p = bindings.add(latitude?.slot.p, 'int');
  return `SELECT n.rid FROM fhir.num n WHERE n.p = ${p} AND ${between([boxAround(asked).latitude], bindings)}`;
}
