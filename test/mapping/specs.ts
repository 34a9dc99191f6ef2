/** Small maps written out in tests, and what the checker says of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CheckReport, checkSpecs } from '../../services/mapping/check.ts';

/** A map with one patient; `fields` and `resources` are YAML, indented as written. */
export const messageMap = (fields: string, more = ''): string => `map: t/adt
version: 1.0.0
source: { format: hl7v2, message: ADT^A01, versions: ["2.5.1"] }
target: { format: fhir, version: 4.0.1 }
use: { sex: tables/sex }
resources:
  patient:
    type: Patient
    key: [=PID-3.first().1]
    fields:
${indented(fields, 6)}
${more}`;

export const SEX = `map: t/sex
version: 1.0.0
source: { system: http://example.org/sex }
codes: { M: male, F: female }
`;

export const NAME = `map: t/xpn
version: 1.0.0
source: { format: hl7v2, type: XPN }
target: { format: fhir, type: HumanName }
fields: { family: =.1.1, given: { all: [=.2, =.3] } }
`;

const indented = (text: string, by: number): string =>
  text
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');

/** Returns the report on files given by path below a folder of maps; the folder is gone afterwards. */
export function reportOn(files: Readonly<Record<string, string>>): CheckReport {
  const dir = mkdtempSync(join(tmpdir(), 'polyseme-maps-'));
  try {
    const root = join(dir, 'mappings');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const report = checkSpecs(root);
    return { ...report, diagnostics: report.diagnostics.map((each) => ({ ...each, file: each.file.slice(root.length + 1) })) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The report on one message map with these fields, beside a concept map and a name map. */
export const reportOnFields = (fields: string, more = ''): CheckReport =>
  reportOn({ 'v2/messages/adt.yaml': messageMap(fields, more), 'v2/tables/sex.yaml': SEX, 'v2/types/xpn.yaml': NAME });
