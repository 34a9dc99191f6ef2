/** What the editor asks of the language doors: completion, hover and faults of a text that nobody saved; a later question ends the one before. */
import type { Completion as Option } from '@codemirror/autocomplete';
import { isolateHistory } from '@codemirror/commands';
import type { Action, Diagnostic as Fault } from '@codemirror/lint';
import { ask } from '../doors.ts';
import type { Completion, Diagnostic } from '../mappings/answers.ts';
import type { EditorDoors, TextPlace } from './code.ts';

const TYPES: Readonly<Record<Completion['kind'], string>> = {
  function: 'function',
  field: 'variable',
  element: 'property',
  key: 'keyword',
  code: 'constant',
  map: 'class',
};

/** Returns the doors of one file; `told` hears of its faults. */
export function languageDoors(
  draft: number | undefined,
  path: string,
  told: (faults: readonly Diagnostic[], text: string) => void,
): EditorDoors {
  const latest = new Map<string, AbortController>();
  const asked = async <T>(what: string, text: string, at: TextPlace): Promise<T | undefined> => {
    latest.get(what)?.abort();
    const ending = new AbortController();
    latest.set(what, ending);
    const body = { ...(draft === undefined ? {} : { draft }), path, text, ...at };
    return ask<T>('POST', `/admin/maps/editor/${what}`, body, ending.signal).catch(() => undefined);
  };
  return {
    complete: async (text, at) => {
      const found = await asked<{ readonly items: readonly Completion[] }>('completion', text, at);
      return (found?.items ?? []).map(({ label, detail, kind }): Option => ({ label, detail, type: TYPES[kind] }));
    },
    hover: async (text, at) => (await asked<{ readonly text: string | null }>('hover', text, at))?.text ?? undefined,
    faults: async (text) => {
      const found = await asked<{ readonly diagnostics: readonly Diagnostic[] }>('diagnostics', text, { line: 0, character: 0 });
      if (found === undefined) return [];
      told(found.diagnostics, text);
      const starts = startsOf(text);
      return found.diagnostics.map((each) => faultOf(each, text, starts));
    },
  };
}

function startsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function faultOf({ line, column, severity, text: said, cure, code }: Diagnostic, text: string, starts: readonly number[]): Fault {
  const start = starts[line - 1] ?? text.length;
  const end = (starts[line] ?? text.length + 1) - 1;
  const from = Math.min(start + column - 1, end);
  const word = /^[\w/@.[\]-]+/.exec(text.slice(from, end))?.[0].length ?? 0;
  const fix = fixOf({ text: said, cure }, text.slice(start, end));
  const actions: readonly Action[] =
    fix === undefined
      ? []
      : [
          {
            name: `Use "${fix.to}"`,
            apply: (view) => {
              const changes = { from: start + fix.at, to: start + fix.at + fix.from.length, insert: fix.to };
              view.dispatch({ changes, annotations: isolateHistory.of('full'), userEvent: 'input.replace' });
            },
          },
        ];
  return { from, to: Math.max(from, word > 0 ? from + word : end), severity, message: `${said} ${cure}`, source: code, actions };
}

export interface Fix {
  /** Where in the line, what stands there, what should. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
}

/** Returns the cure as a change of the line, when the fault names what is wrong and what is near. */
export function fixOf({ text, cure }: Pick<Diagnostic, 'text' | 'cure'>, line: string): Fix | undefined {
  const to = /Did you mean "([^"]+)"\?/.exec(cure)?.[1];
  if (to === undefined) return undefined;
  const named = [...text.matchAll(/"([^"]+)"/g)].map(([, name]) => name ?? '');
  const places = text.match(/\b[A-Z][A-Z0-9]{2}(?:-\d+)?\b/g) ?? [];
  for (const from of [...named, ...places]) {
    const at = line.search(new RegExp(`(?<![\\w-])${from.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`));
    if (at >= 0) return { at, from, to };
  }
  return undefined;
}
