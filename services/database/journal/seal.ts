/** Sealing of bytes: AES-256-GCM with a fresh nonce each time, and the keys that it takes. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { problem, Refusal } from '../../errors.ts';

export interface MasterKey {
  readonly name: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface KeyRing {
  /** The first one wraps new data keys; the others are read with. */
  readonly masters: readonly MasterKey[];
  /** Data keys by id and ids by holder: only such as are committed. */
  readonly keys: Map<number, Uint8Array>;
  readonly ids: Map<string, number>;
}

const NONCE = 12;
const TAG = 16;

/** Bytes that sealing adds. */
export const SEAL_BYTES = NONCE + TAG;

/** Returns an empty ring over `masters`. */
export const keyRing = (masters: readonly MasterKey[]): KeyRing => ({ masters, keys: new Map(), ids: new Map() });

/** Returns the master keys that lines of NAME:BASE64 (32 bytes each) hold, the current one first; undefined for anything else. */
export function readMasterKeys(text: string): readonly MasterKey[] | undefined {
  const lines = text
    .split(/[\r\n,]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const keys = lines.map((line): MasterKey | undefined => {
    const [, name, base64] = /^([A-Za-z0-9._-]{1,40}):([A-Za-z0-9+/_-]{43}=?)$/.exec(line) ?? [];
    return name === undefined || base64 === undefined ? undefined : { name, key: Buffer.from(base64, 'base64') };
  });
  const read = keys.filter((each) => each !== undefined);
  const isSound = read.length === lines.length && read.length > 0 && read.every(({ key }) => key.length === 32);
  return isSound && new Set(read.map(({ name }) => name)).size === read.length ? read : undefined;
}

/** Returns nonce, tag and text of `content` under a 32-byte key; `about` must be the same to read it. */
export function seal(key: Uint8Array, content: Uint8Array, about: Uint8Array | string): Uint8Array {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about));
  const text = Buffer.concat([cipher.update(content), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
}

/** Returns what was sealed. Throws Refusal journal-sealed when key, bytes or `about` are not those of the sealing. */
export function unseal(key: Uint8Array, sealed: Uint8Array, about: Uint8Array | string): Uint8Array {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE)).setAAD(Buffer.from(about));
    decipher.setAuthTag(sealed.subarray(NONCE, SEAL_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(SEAL_BYTES)), decipher.final()]);
  } catch {
    throw new Refusal([problem('journal-sealed')]);
  }
}

/** Returns whose key a message is sealed with: its first patient's, else its source's. */
export const holderOf = ({ source, patientKeys }: { readonly source: string; readonly patientKeys: readonly string[] }): string => {
  // A key without ^ only orders: it is of a source's wish, not of a patient.
  const patient = patientKeys.find((key) => key.includes('^'));
  return patient === undefined ? `source:${source}` : `patient:${patient}`;
};
