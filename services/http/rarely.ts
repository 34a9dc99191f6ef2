/** Readings that cost: shared, and never more than a small share of the time. */

/** Reading is given at most this share of the time. */
const SHARE_OF_TIME = 0.05;

/**
 * Returns what `read` found: read anew when the last reading is older than it took, twenty times over. Readers at the same moment share one;
 * a journal of many millions is therefore not scanned at every scrape.
 */
export function rarely<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  let staleAtMs = 0;
  return () => {
    if (reading !== undefined && performance.now() < staleAtMs) return reading;
    const startedMs = performance.now();
    staleAtMs = Number.POSITIVE_INFINITY;
    reading = read();
    reading.then(
      () => {
        const nowMs = performance.now();
        staleAtMs = nowMs + (nowMs - startedMs) * (1 / SHARE_OF_TIME - 1);
      },
      () => {
        staleAtMs = 0;
      },
    );
    return reading;
  };
}
