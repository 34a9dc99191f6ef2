import { ERRORS, type Problem, problem } from '../errors.ts';

/** Where a command writes: results to `out`, everything said about the work to `say`. Tests pass their own. */
export interface Terminal {
  /** Results, for a reader or the next program in a pipe. */
  readonly out: (text: string) => void;
  /** Progress, warnings and errors; never mixed with results. */
  readonly say: (text: string) => void;
  /** True when `say` reaches a person: then progress is drawn in place. */
  readonly interactive: boolean;
}

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  say: (text) => void process.stderr.write(`${text}\n`),
  interactive: process.stderr.isTTY === true,
};

/** Ends this process, as other programs end, when nobody reads its results any more: `polyseme convert … | head`. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? BROKEN_PIPE : 1));
}

/** 128 and the number of SIGPIPE. */
const BROKEN_PIPE = 141;

/** Ends this process at a fault that nothing caught, saying where it rose; Node would print its text, which may quote a patient's data. */
export function endOnFault({ say }: Terminal): void {
  process.on('uncaughtException', (error) => {
    say(problemText(problem('internal', { reason: faultOf(error) })));
    process.exit(1);
  });
}

/** The kind of an unforeseen fault and where it rose; never its text, which may quote a patient's data. */
export const faultOf = (error: unknown): string =>
  error instanceof Error
    ? [
        error.name,
        'code' in error ? String(error.code) : '',
        error.stack
          ?.split('\n')
          .find((line) => /^\s+at /.test(line))
          ?.trim() ?? '',
      ]
        .filter((each) => each !== '')
        .join(' ')
    : 'unknown';

/** Returns the lines a person reads: code, place, what is wrong, what to do. */
export function problemText({ code, text, at }: Problem): string {
  return `${ERRORS[code].severity}: ${text}${at === undefined ? '' : `\n  at:   ${at}`}\n  cure: ${ERRORS[code].cure}\n  code: ${code}`;
}

export const plural = (count: number, noun: string, many = `${noun}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? noun : many}`;

/** Returns rows as aligned columns; numbers to the right. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const texts = [headings, ...rows].map((cells) => cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)));
  const widths = headings.map((_, column) => Math.max(...texts.map((cells) => (cells[column] ?? '').length)));
  const isNumber = headings.map((_, column) => rows.length > 0 && rows.every((cells) => typeof cells[column] === 'number'));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return texts.map(line).join('\n');
}

/** A bar that redraws itself on a terminal, at most ten times a second, and says nothing elsewhere. */
export function progress(terminal: Terminal, label: string, total: number) {
  let drawnAtMs = 0;
  const draw = (done: number) => {
    const filled = total === 0 ? 20 : Math.round((20 * done) / total);
    process.stderr.write(
      `\r${label} [${'='.repeat(filled)}${' '.repeat(20 - filled)}] ${done.toLocaleString('en')}/${total.toLocaleString('en')} `,
    );
  };
  return {
    advance(done: number): void {
      const nowMs = performance.now();
      if (!terminal.interactive || (nowMs - drawnAtMs < 100 && done < total)) return;
      drawnAtMs = nowMs;
      draw(done);
    },
    end(): void {
      if (terminal.interactive) process.stderr.write('\r\x1b[K');
    },
  };
}
