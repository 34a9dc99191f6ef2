/** CSV as files have it: RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180), UTF-8, and the separators , ; tab and |. */
import { failure, problem, type Result, success } from '../../errors.ts';

export interface CsvRow {
  /** 1-based number of the line the row begins on. */
  readonly line: number;
  readonly cells: readonly string[];
}

export interface CsvFile {
  readonly header: readonly string[];
  readonly rows: readonly CsvRow[];
}

const SEPARATORS = [',', ';', '\t', '|'];

/** Returns the header and rows of a CSV file; fails when it is not UTF-8, has no header, names a column twice, or a quote is not closed. */
export function readCsv(bytes: Uint8Array, separator?: string): Result<CsvFile> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return failure(problem('mapping-csv-not-utf8'));
  }
  const first = text.split(/\r?\n/, 1)[0] ?? '';
  const chosen = separator ?? SEPARATORS.toSorted((a, b) => first.split(b).length - first.split(a).length)[0] ?? ',';
  const rows = rowsOf(text, chosen);
  if (rows === undefined) return failure(problem('mapping-csv-quote'));
  const [header, ...rest] = rows;
  const names = header?.cells.map((each) => each.trim()) ?? [];
  if (names.length === 0 || names.every((each) => each === '')) return failure(problem('mapping-csv-header'));
  const twice = names.find((each, i) => each !== '' && names.indexOf(each) !== i);
  if (twice !== undefined) return failure(problem('mapping-csv-header', {}, twice.slice(0, 60)));
  return success({ header: names, rows: rest.filter(({ cells }) => cells.length > 1 || cells[0] !== '') });
}

/** Undefined when a quoted cell does not end. */
function rowsOf(text: string, separator: string): readonly CsvRow[] | undefined {
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let line = 1;
  let begin = 1;
  let at = 0;
  while (at <= text.length) {
    let cell = '';
    if (text[at] === '"') {
      let from = at + 1;
      for (;;) {
        const end = text.indexOf('"', from);
        if (end < 0) return undefined;
        cell += text.slice(from, end);
        at = end + 1;
        if (text[at] !== '"') break;
        cell += '"';
        from = at + 1;
      }
      line += cell.split('\n').length - 1;
    }
    const end = endOf(text, at, separator);
    cell += text.slice(at, end);
    cells.push(cell);
    at = end;
    if (text.startsWith(separator, at)) at += separator.length;
    else {
      rows.push({ line: begin, cells });
      cells = [];
      if (at >= text.length) break;
      at += text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1;
      line += 1;
      begin = line;
      if (at >= text.length) break;
    }
  }
  return rows;
}

function endOf(text: string, from: number, separator: string): number {
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (c === '\n' || c === '\r' || text.startsWith(separator, at)) return at;
  }
  return text.length;
}
