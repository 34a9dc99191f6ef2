/** What can go wrong in the terminology room. Doors report these codes through the table of services/errors.ts. */
export type TerminologyCode =
  | 'terminology-unknown-release'
  | 'terminology-missing-file'
  | 'terminology-missing-column'
  | 'terminology-truncated-line'
  | 'terminology-bad-value'
  | 'terminology-bad-text'
  | 'terminology-duplicate-concept'
  | 'terminology-circle'
  | 'terminology-no-index'
  | 'terminology-corrupt-index'
  | 'terminology-in-use'
  | 'terminology-hostile-archive'
  | 'terminology-unreadable';

const CURES: Readonly<Record<TerminologyCode, string>> = {
  'terminology-unknown-release':
    'Give one of these as its publisher ships it: the folder with the files that are named, or the file itself.',
  'terminology-missing-file': 'Unpack the Athena download again, completely; a release is loaded whole or not at all.',
  'terminology-missing-column': 'Keep the header line that Athena ships; export with all columns of the OMOP CDM 5.4 vocabulary table.',
  'terminology-truncated-line': 'The file was cut or edited: unpack or download it again.',
  'terminology-bad-value': 'Correct the value in the file, or download the release again.',
  'terminology-bad-text': 'Save the file as UTF-8, as Athena ships it.',
  'terminology-duplicate-concept': 'Remove one of the two rows; an identifier stands for one thing.',
  'terminology-circle': 'The release contradicts itself: take away one of the relationships that are named, or download it again.',
  'terminology-no-index': 'Run "npx polyseme vocabulary load DIR" first.',
  'terminology-corrupt-index': 'Run "npx polyseme vocabulary load DIR" again: the index is rebuilt from the release.',
  'terminology-in-use': 'Load the release that shall follow it first: the upgrade makes the new one active.',
  'terminology-hostile-archive': 'Download the package again from where it is published; what is no FHIR package is not loaded.',
  'terminology-unreadable': 'Check that the path exists and that this user may read and write it.',
};

/** The one error that this room throws: which file and line, what is wrong there, and what to do about it. */
export class TerminologyError extends Error {
  readonly code: TerminologyCode;
  readonly text: string;
  readonly cure: string;
  readonly file: string;
  /** 1 for the header; undefined where no single line is to blame. */
  readonly line: number | undefined;

  constructor(code: TerminologyCode, file: string, text: string, line?: number) {
    super(`${file}${line === undefined ? '' : `:${line}`}: ${text}`);
    this.name = 'TerminologyError';
    this.code = code;
    this.file = file;
    this.line = line;
    this.text = text;
    this.cure = CURES[code];
  }
}

/** The error for a file without rows where a release has some: without them everything it says would be taken for gone. */
export const withoutRows = (file: string): TerminologyError =>
  new TerminologyError('terminology-truncated-line', file, 'the file has no rows: it was cut', 1);

/** Returns the terminology error for a failed file operation, and any other error unchanged. */
export function fileFailure(error: unknown, file: string): unknown {
  if (error instanceof TerminologyError || !(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  return new TerminologyError('terminology-unreadable', file, `the file system answered ${error.code}`);
}
