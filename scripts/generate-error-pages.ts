/** Writes services/ERRORS.md from the table in services/errors.ts; with --check it only compares and exits 1 on a difference. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../services/errors.ts';

const path = join(import.meta.dirname, '..', 'services', 'ERRORS.md');
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
const rows = Object.entries(ERRORS).map(
  ([code, { status, ack, severity, issue, message, cure }]) =>
    `| \`${code}\` | ${severity} | ${status} | ${ack} | ${issue} | ${cell(message)} | ${cell(cure)} |`,
);
const page = `# What Polyseme reports, and what to do about it

Generated from services/errors/ by scripts/generate-error-pages.ts. The code stands in \`OperationOutcome.issue.details\`, in ERR-5 of an
acknowledgement, and in what commands print.

| code | severity | HTTP | ACK | issue | message | cure |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;

if (!process.argv.includes('--check')) writeFileSync(path, page);
else if (readFileSync(path, 'utf8') !== page) {
  console.error('services/ERRORS.md is not what the table says. Run: node scripts/generate-error-pages.ts');
  process.exitCode = 1;
}
