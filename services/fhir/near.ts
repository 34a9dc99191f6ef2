/** The parameter `near` of Location (http://hl7.org/fhir/R4/location.html#search): places within a distance of a point. */
import type { AskedPlace } from './search/query.ts';
import { splitEscaped, unescaped } from './search/read.ts';
import { canonicalUnit } from './search/units.ts';

/** Degrees of a box that holds everything within the distance; the ranges of longitude are two where it crosses the 180th meridian. */
export interface Box {
  readonly latitude: readonly [from: number, to: number];
  readonly longitudes: readonly (readonly [from: number, to: number])[];
}

/** Where no distance is asked for, the server chooses one. */
const DEFAULT_METRES = 20_000;
/** Mean radius of the earth (IUGG). */
const EARTH_METRES = 6_371_008.8;
/** Doubles are not exact: the box must not leave out what lies on its edge. */
const SLACK_DEGREES = 1e-9;
const NUMBER = /^[-+]?\d{1,3}(?:\.\d{1,20})?$/;
const DISTANCE = /^\+?\d{1,9}(?:\.\d{1,20})?$/;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;
const degrees = (found: number): number => (found * 180) / Math.PI;

/** Reads latitude|longitude|distance|unit; the unit is a UCUM code of a length, km without one. undefined: it is not of that form. */
export function readNear(text: string): AskedPlace | undefined {
  const [lat = '', lon = '', distance = '', unit = '', ...more] = splitEscaped(text, '|').map(unescaped);
  const [latitude, longitude] = [Number(lat), Number(lon)];
  if (!NUMBER.test(lat) || !NUMBER.test(lon) || Math.abs(latitude) > 90 || Math.abs(longitude) > 180 || more.length > 0) return undefined;
  const length = canonicalUnit(unit === '' ? 'km' : unit);
  if (length?.unit !== 'm' || (distance !== '' && !DISTANCE.test(distance))) return undefined;
  return { latitude, longitude, metres: distance === '' ? DEFAULT_METRES : Number(distance) * length.factor };
}

/** Returns the metres between two points on a sphere (haversine). */
export function metresBetween(a: Omit<AskedPlace, 'metres'>, b: Omit<AskedPlace, 'metres'>): number {
  const [latA, latB] = [radians(a.latitude), radians(b.latitude)];
  const half = (angle: number): number => Math.sin(angle / 2) ** 2;
  const h = half(latB - latA) + Math.cos(latA) * Math.cos(latB) * half(radians(b.longitude - a.longitude));
  return 2 * EARTH_METRES * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Returns a box around everything within the distance; of all longitudes where a pole is. */
export function boxAround({ latitude, longitude, metres }: AskedPlace): Box {
  const angle = metres / EARTH_METRES;
  const [south, north] = [latitude - degrees(angle) - SLACK_DEGREES, latitude + degrees(angle) + SLACK_DEGREES];
  const all: Box['longitudes'] = [[-180, 180]];
  if (south <= -90 || north >= 90) return { latitude: [south, north], longitudes: all };
  // The circle reaches its greatest longitude where a meridian touches it.
  const width = degrees(Math.asin(Math.min(1, Math.sin(Math.min(angle, Math.PI / 2)) / Math.cos(radians(latitude))))) + SLACK_DEGREES;
  const [west, east] = [longitude - width, longitude + width];
  if (width >= 180) return { latitude: [south, north], longitudes: all };
  const longitudes: Box['longitudes'] =
    west < -180
      ? [
          [west + 360, 180],
          [-180, east],
        ]
      : east > 180
        ? [
            [west, 180],
            [-180, east - 360],
          ]
        : [[west, east]];
  return { latitude: [south, north], longitudes };
}
