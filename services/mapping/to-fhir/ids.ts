/** Deterministic ids: UUIDv5 (RFC 9562, 5.5) of authority, resource type and business key. */
import { hash } from 'node:crypto';

/** Polyseme's namespace for ids of resources made from messages. It never changes: ids that are stored depend on it. */
export const ID_NAMESPACE = '6f1d3c52-8a8e-5c1b-9d0e-4b7f2c9a6e31';

const SPACE = 16;
let bytes = Buffer.alloc(4096);
bytes.write(ID_NAMESPACE.replaceAll('-', ''), 'hex');

/** The beginnings of the buffer by their length: a view costs more than a short hash. */
const views: (Buffer | undefined)[] = [];
const LONGEST_VIEW = 1024;

function viewOf(length: number): Buffer {
  const known = views[length];
  if (known !== undefined) return known;
  const view = bytes.subarray(0, length);
  if (length <= LONGEST_VIEW) views[length] = view;
  return view;
}

/** Returns the UUIDv5 of the parts; parts keep their bounds: ('a', 'bc') and ('ab', 'c') differ. */
export function idOf(authority: string, type: string, parts: readonly string[]): string {
  let name = `${authority.length}:${authority}${type.length}:${type}`;
  for (const part of parts) name += `${part.length}:${part}`;
  // One buffer for all ids: making them is the larger half of a short message's work.
  if (SPACE + name.length * 3 > bytes.length) {
    bytes = Buffer.concat([bytes.subarray(0, SPACE), Buffer.alloc(name.length * 3)]);
    views.length = 0;
  }
  const length = SPACE + bytes.write(name, SPACE, 'utf8');
  const digest = hash('sha1', viewOf(length), 'hex');
  const variant = '89ab'.charAt(Number.parseInt(digest.charAt(16), 16) & 0x3);
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}

/** Returns the UUID under which resources of one type and one kin (`Draft.kin`) are found. */
export const kinId = (type: string, kin: string): string => idOf('', type, [kin]);
