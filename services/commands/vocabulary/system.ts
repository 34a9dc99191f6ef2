import { isCodeSystemRelease, loadCodeSystem, type SystemLoadReport } from '../../../terminology/load-system.ts';
import { plural, type Terminal } from '../terminal.ts';
import { refusing } from './load.ts';

/** Whether `path` is a release of SNOMED CT, LOINC, ICD-10-CM or CVX. Throws Refusal when it cannot be read. */
export const isSystemRelease = (path: string): Promise<boolean> => refusing(() => isCodeSystemRelease(path));

/** Loads such a release below `home` and prints what was done. Throws Refusal naming file and line; what answers stays as it was. */
export async function loadSystem(path: string, home: string, terminal: Terminal, asJson: boolean): Promise<void> {
  const onProgress = (file: string, rows: number): void => {
    if (terminal.interactive) process.stderr.write(`\r${file.split('/').at(-1)}: ${rows.toLocaleString('en')} rows `);
  };
  const report: SystemLoadReport = await refusing(() => loadCodeSystem([path], home, { onProgress }));
  if (terminal.interactive) process.stderr.write('\r\x1b[K');
  if (asJson) return terminal.out(JSON.stringify(report, undefined, 2));
  terminal.out(`${report.title} (${report.version}): loaded in ${(report.elapsedMs / 1000).toFixed(1)} s.`);
  terminal.out(`${plural(report.counts['concepts'] ?? 0, 'concept', 'concepts')}. A running server answers from them shortly.`);
  for (const { file, rows, reason } of report.leftOut) terminal.out(`left out: ${file}${rows > 0 ? `, ${rows} rows` : ''}: ${reason}`);
  for (const notice of report.licences) terminal.say(notice);
}
