/** What a check found, in the forms that other programs show: SARIF 2.1.0 for annotations of code, JUnit for lists of tests. */
import { isAbsolute, relative } from 'node:path';
import type { CaseRun, CheckReport } from './check.ts';
import { DIAGNOSTICS, type Diagnostic } from './diagnostics.ts';

/** A path as seen from the folder that the command runs in, as far as it lies in it. */
function fileOf(file: string): string {
  const near = isAbsolute(file) ? relative(process.cwd(), file) : file;
  return (near.startsWith('..') ? file : near).replaceAll('\\', '/');
}

const uriOf = (file: string): string => fileOf(file).split('/').map(encodeURIComponent).join('/');

/**
 * Returns the report as SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html): each diagnostic a result at its place,
 * with its cure; files relative to the folder that the command runs in.
 */
export function reportSarif({ diagnostics }: CheckReport, version: string): string {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const rules = codes.map((id) => ({
    id,
    shortDescription: { text: DIAGNOSTICS[id].text },
    help: { text: DIAGNOSTICS[id].cure },
    defaultConfiguration: { level: DIAGNOSTICS[id].severity },
  }));
  const results = diagnostics.map(({ code, severity, text, cure, file, line, column }) => ({
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: severity,
    message: { text: `${text} ${cure}`.trim() },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file) },
          region: { startLine: Math.max(1, line), startColumn: Math.max(1, column) },
        },
      },
    ],
  }));
  const driver = { name: 'polyseme check', version, rules };
  const log = { $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [{ tool: { driver }, results }] };
  return JSON.stringify(log, undefined, 2);
}

/** XML 1.0 has no place for most control characters, not even escaped (https://www.w3.org/TR/xml/#charsets). */
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: to find them is the purpose
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const SIGNS: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
  '\r': '&#13;',
};

const escaped = (text: string): string => text.replace(UNPRINTABLE, '\ufffd').replace(/[&<>"\n\t\r]/g, (sign) => SIGNS[sign] ?? sign);

const failureOf = (faults: readonly Diagnostic[]): string =>
  faults
    .map(
      ({ code, text, cure, file, line, column }) =>
        `      <failure type="${code}" message="${escaped(text)}">${escaped(`${fileOf(file)}:${line}:${column} ${text} ${cure}`)}</failure>\n`,
    )
    .join('');

const testCase = (classname: string, name: string, faults: readonly Diagnostic[]): string => {
  const open = `    <testcase classname="${escaped(classname)}" name="${escaped(name)}" time="0"`;
  return faults.length === 0 ? `${open}/>\n` : `${open}>\n${failureOf(faults)}    </testcase>\n`;
};

interface Tested {
  readonly of: string;
  readonly name: string;
  readonly faults: readonly Diagnostic[];
}

const suite = (name: string, tests: readonly Tested[]): string =>
  `  <testsuite name="${name}" tests="${tests.length}" failures="${tests.filter(({ faults }) => faults.length > 0).length}" errors="0" skipped="0" time="0">\n${tests
    .map((each) => testCase(each.of, each.name, each.faults))
    .join('')}  </testsuite>\n`;

/**
 * Returns the report as JUnit's XML: every case that was run is a test of its file, and every file with something else wrong in it is a test that
 * fails. Warnings are no failures and stand in `system-out`.
 */
export function reportJunit({ diagnostics, files }: CheckReport, runs: readonly CaseRun[]): string {
  const ofCases = new Set(runs.flatMap(({ faults }) => faults.map(keyOf)));
  const errors = diagnostics.filter((each) => each.severity === 'error' && !ofCases.has(keyOf(each)));
  const byFile = Map.groupBy(errors, ({ file }) => file);
  const wrong = [...byFile].map(([file, faults]): Tested => ({ of: 'specs', name: fileOf(file), faults }));
  const sound: Tested = { of: 'specs', name: `${files - byFile.size} files without an error`, faults: [] };
  const specs = files > byFile.size ? [...wrong, sound] : wrong;
  const cases = runs.map(({ file, line, name, faults }): Tested => ({ of: fileOf(file), name: `${name} (line ${line})`, faults }));
  const warnings = diagnostics.filter(({ severity }) => severity === 'warning');
  const told = warnings.map(({ file, line, column, code, text, cure }) => `${fileOf(file)}:${line}:${column} ${code} ${text} ${cure}`);
  const failures = [...specs, ...cases].filter(({ faults }) => faults.length > 0).length;
  const head = `<testsuites name="polyseme check" tests="${specs.length + cases.length}" failures="${failures}" errors="0" time="0">`;
  const said = told.length === 0 ? '' : `  <system-out>${escaped(told.join('\n'))}</system-out>\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}\n${suite('specs', specs)}${suite('cases', cases)}${said}</testsuites>`;
}

const keyOf = ({ file, line, column, code }: Diagnostic): string => `${file}:${line}:${column}:${code}`;
