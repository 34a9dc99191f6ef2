import { createHash } from 'node:crypto';
import { TerminologyError, withoutRows } from './failure.ts';
import { licenceNotices } from './licences.ts';
import type { ReleaseFile } from './release-files.ts';
import { FLAG } from './system/arrays.ts';
import { PlainContent, type ReadSystem } from './system/plain.ts';
import { linesOf } from './text-lines.ts';

const NAME = /^icd10cm[-_]order[-_](\d{4}).*\.txt$/i;

/** The order file among the files: icd10cm_order_2026.txt. */
export const icd10cmFile = (files: readonly ReleaseFile[]): ReleaseFile | undefined => files.find(({ name }) => NAME.test(name));

/**
 * Reads the order file of ICD-10-CM as the CDC publishes it (https://www.cdc.gov/nchs/icd/icd-10-cm/files.html): order number, code without
 * its dot in columns 7 to 13, 0 for a heading or 1 for a billable code in column 15, short name in 17 to 76, long name from 78 on. A code
 * stands below the longest other code that it begins with; headings cannot be selected. Chapters and blocks are not in this file.
 */
export async function readIcd10cm(file: ReleaseFile): Promise<ReadSystem> {
  const version = NAME.exec(file.name)?.[1] ?? '';
  const plain = new PlainContent();
  const hash = createHash('sha256');
  const parts: Uint8Array[] = [];
  for await (const chunk of file.bytes()) {
    hash.update(chunk);
    parts.push(chunk);
  }
  const bytes = Buffer.concat(parts);
  let rows = 0;
  for (const [i, raw] of linesOf(bytes, file.place).entries()) {
    const text = raw.replace(/\r$/, '');
    if (text.trim() === '') continue;
    rows += 1;
    const match = /^\d{5} (?=.{7} [01] )([A-Z0-9]{3,7}) +([01]) (.{60}) (\S.*)$/.exec(text);
    if (match === null)
      throw new TerminologyError('terminology-truncated-line', file.place, 'no order number, code, 0 or 1 and two names', i + 1);
    const [, bare = '', billable = '', short = '', long = ''] = match;
    const concept = plain.add(dotted(bare), FLAG.active | (billable === '0' ? FLAG.abstract : 0), file.place, i + 1);
    plain.content.designation(concept, long.trim(), { use: 0 });
    if (short.trim() !== long.trim()) plain.content.designation(concept, short.trim(), { use: 1 });
    plain.content.edge(concept, 0, plain.content.value(billable === '1' ? 'true' : 'false'));
    for (let length = bare.length - 1; length >= 3; length -= 1) {
      const parent = plain.find(dotted(bare.slice(0, length)));
      if (parent < 0) continue;
      plain.content.isa(concept, parent);
      break;
    }
  }
  if (rows === 0) throw withoutRows(file.place);
  const naming = {
    kind: 'icd-10-cm' as const,
    url: 'http://hl7.org/fhir/sid/icd-10-cm',
    version,
    name: 'ICD10CM',
    title: `ICD-10-CM ${version}`,
    language: 'en',
    caseSensitive: false,
    uses: [
      ['long', 'Long name'],
      ['short', 'Short name'],
    ] as const,
    languages: ['en'],
    properties: [{ code: 'billable', uri: '', description: 'Valid for submission on a claim', type: 'boolean' as const }],
    licences: licenceNotices(['ICD10CM']).slice(0, 1),
  };
  return plain.finish(naming, [{ table: 'order', file: file.name, rows, bytes: bytes.length, sha256: hash.digest('hex') }]);
}

const dotted = (bare: string): string => (bare.length > 3 ? `${bare.slice(0, 3)}.${bare.slice(3)}` : bare);
