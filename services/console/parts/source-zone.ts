/** The time zone of each source, asked for once when somebody wants to see times in it. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../doors.ts';

interface Zones {
  readonly sources: readonly { readonly source: string; readonly zone: string }[];
}

let asked: Promise<ReadonlyMap<string, string>> | undefined;
/** A source that is new is asked for again, but not more often than this. */
const AGAIN_MS = 30_000;
let askedAt = Number.NEGATIVE_INFINITY;

function zones(): Promise<ReadonlyMap<string, string>> {
  asked ??= ask<Zones>('GET', '/admin/sources').then(
    ({ sources }) => new Map(sources.map(({ source, zone }) => [source, zone])),
    () => {
      asked = undefined;
      return new Map();
    },
  );
  return asked;
}

/** Returns the zone of a source (an IANA name); undefined until it is known, and without a source. */
export function useSourceZone(source: string | undefined): string | undefined {
  const [zone, setZone] = useState<string>();
  useEffect(() => {
    if (source === undefined) return setZone(undefined);
    let isLeft = false;
    const find = async () => {
      let found = (await zones()).get(source);
      if (found === undefined && performance.now() - askedAt > AGAIN_MS) {
        askedAt = performance.now();
        asked = undefined;
        found = (await zones()).get(source);
      }
      if (!isLeft) setZone(found);
    };
    void find();
    return () => {
      isLeft = true;
    };
  }, [source]);
  return zone;
}
