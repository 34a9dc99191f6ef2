import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { TlsFiles } from '../../config/sources.ts';
import { problem, Refusal } from '../../errors.ts';
import { faultOf as faultCode } from '../convert/inputs.ts';

/** PEM texts. */
export interface TlsTexts {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
}

/** Returns the texts of PEM files, undefined without files; what is no certificate or no key of it is refused under `name`. */
export function readTlsFiles(tls: TlsFiles | undefined, name: string): TlsTexts | undefined {
  if (tls === undefined) return undefined;
  const read = { cert: readPem(tls.cert), key: readPem(tls.key), ca: tls.clientCa === undefined ? undefined : readPem(tls.clientCa) };
  try {
    // An empty file is no fault to TLS itself, and no authority would mean that no client is asked for a certificate.
    for (const each of [read.cert, read.ca]) if (each !== undefined) new X509Certificate(each);
    createSecureContext({ ...read, minVersion: 'TLSv1.2' });
    return read;
  } catch (error) {
    throw new Refusal([problem('setting-invalid', { name, reason: faultCode(error) })]);
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Refusal([problem('file-unreadable', { file: path, reason: faultCode(error) })]);
  }
}
