import { createHash } from 'node:crypto';
import { TerminologyError, withoutRows } from './failure.ts';
import { licenceNotices } from './licences.ts';
import type { ReleaseFile } from './release-files.ts';
import { FLAG } from './system/arrays.ts';
import { PlainContent, type ReadSystem } from './system/plain.ts';
import { linesOf } from './text-lines.ts';

/** The CDC's list among the files: cvx.txt. */
export const cvxFile = (files: readonly ReleaseFile[]): ReleaseFile | undefined => files.find(({ name }) => /^cvx\w*\.txt$/i.test(name));

/**
 * Reads CVX as the CDC publishes it (https://www2.cdc.gov/vaccines/iis/iisstandards/vaccines.asp?rpt=cvx): code, short description, full name,
 * notes, status, whether it is no vaccine, date of the last change, between bars, without a header. The version is the newest date.
 */
export async function readCvx(file: ReleaseFile): Promise<ReadSystem> {
  const plain = new PlainContent();
  const hash = createHash('sha256');
  const parts: Uint8Array[] = [];
  for await (const chunk of file.bytes()) {
    hash.update(chunk);
    parts.push(chunk);
  }
  const bytes = Buffer.concat(parts);
  let rows = 0;
  let newest = '';
  for (const [i, raw] of linesOf(bytes, file.place).entries()) {
    const text = raw.replace(/\r$/, '').replace(/^\uFEFF/, '');
    if (text.trim() === '') continue;
    rows += 1;
    const fields = text.split('|').map((field) => field.trim());
    if (fields.length !== 7) throw new TerminologyError('terminology-truncated-line', file.place, `${fields.length} values, not 7`, i + 1);
    const [code = '', short = '', full = '', notes = '', status = '', nonVaccine = '', changed = ''] = fields;
    if (!/^\d{2,3}$/.test(code))
      throw new TerminologyError('terminology-bad-value', file.place, `the code is ${JSON.stringify(code.slice(0, 40))}`, i + 1);
    const date = dateOf(changed);
    if (date === undefined)
      throw new TerminologyError('terminology-bad-value', file.place, `the date is ${JSON.stringify(changed.slice(0, 40))}`, i + 1);
    if (date > newest) newest = date;
    const concept = plain.add(code, /^(inactive|never active)$/i.test(status) ? 0 : FLAG.active, file.place, i + 1);
    for (const [use, name] of [full || short, short, notes].entries()) {
      if (name !== '' && (use !== 1 || name !== full)) plain.content.designation(concept, name, { use });
    }
    for (const [kind, value] of [status, nonVaccine.toLowerCase(), date].entries())
      plain.content.edge(concept, kind, plain.content.value(value));
  }
  if (rows === 0) throw withoutRows(file.place);
  const properties = ['VaccineStatus', 'nonvaccine', 'LastUpdated'].map((code, i) => ({
    code,
    uri: '',
    description: code,
    type: (['string', 'boolean', 'dateTime'] as const)[i] ?? 'string',
  }));
  const naming = {
    kind: 'cvx' as const,
    url: 'http://hl7.org/fhir/sid/cvx',
    version: newest.replaceAll('-', ''),
    name: 'CVX',
    title: `CVX, vaccines administered, ${newest}`,
    language: 'en',
    caseSensitive: true,
    uses: [
      ['full', 'Full vaccine name'],
      ['short', 'Short description'],
      ['notes', 'Notes'],
    ] as const,
    languages: ['en'],
    properties,
    licences: licenceNotices(['CVX']).slice(0, 1),
  };
  return plain.finish(naming, [{ table: 'cvx', file: file.name, rows, bytes: bytes.length, sha256: hash.digest('hex') }]);
}

/** 2011/05/28, 5/28/2011 or 2011-05-28 as 2011-05-28. */
function dateOf(text: string): string | undefined {
  const year = /^(\d{4})[/-](\d{1,2})[/-](\d{1,2})/.exec(text);
  const [, y, m, d] = year ?? [];
  const month = /^(\d{1,2})\/(\d{1,2})\/(\d{4})/.exec(text);
  const [, m2, d2, y2] = month ?? [];
  const parts = year !== null ? [y, m, d] : month !== null ? [y2, m2, d2] : undefined;
  return parts?.map((part) => (part ?? '').padStart(2, '0')).join('-');
}
