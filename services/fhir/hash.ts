/**
 * Returns a signed 64-bit hash of a text, the same on every machine and release: stored in fhir.tok, so it never changes.
 * Two 32-bit lanes over the UTF-16 code units, mixed as in MurmurHash3's finaliser (public domain). Not for secrets; a hit is
 * only a candidate and the original strings are compared afterwards.
 */
export const hash64 = (text: string): bigint => hasherAfter('')(text);

// One bigint is made per hash, not four: it is the dearest part of a short text's hash.
const words = new DataView(new ArrayBuffer(8));

/** Returns what hashes `prefix` + a text, the prefix being read once. */
export function hasherAfter(prefix: string): (text: string) => bigint {
  let startHigh = 0xdeadbeef;
  let startLow = 0x41c6ce57;
  for (let i = 0; i < prefix.length; i++) {
    startHigh = Math.imul(startHigh ^ prefix.charCodeAt(i), 0x9e3779b1);
    startLow = Math.imul(startLow ^ prefix.charCodeAt(i), 0x5f356495);
  }
  return (text) => {
    let high = startHigh;
    let low = startLow;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      high = Math.imul(high ^ code, 0x9e3779b1);
      low = Math.imul(low ^ code, 0x5f356495);
    }
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
    low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
    words.setInt32(0, high);
    words.setInt32(4, low);
    return words.getBigInt64(0);
  };
}

/** Returns a positive 31-bit hash (FNV-1a) of a text: the number `p` of a search parameter. Never changes. */
export function hash31(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) & 0x7fffffff;
}
