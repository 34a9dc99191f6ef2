/**
 * CodeMirror in a shadow root: there its styles are constructed style sheets, which the Content-Security-Policy allows (a <style> element it does
 * not). It is loaded with the pages that edit.
 */
import { autocompletion, type Completion, type CompletionContext, type CompletionResult, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab, isolateHistory } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, linter, lintGutter, lintKeymap } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  GutterMarker,
  gutter,
  highlightActiveLine,
  highlightSpecialChars,
  hoverTooltip,
  keymap,
  lineNumbers,
  tooltips,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { EDITOR_THEME, HIGHLIGHTS } from './theme.ts';

export interface EditorDoors {
  complete(text: string, at: TextPlace): Promise<readonly Completion[]>;
  hover(text: string, at: TextPlace): Promise<string | undefined>;
  /** Faults of the text; places count characters from its beginning. */
  faults(text: string): Promise<readonly Diagnostic[]>;
}

/** 0-based, as editors count. */
export interface TextPlace {
  readonly line: number;
  readonly character: number;
}

export interface LineMark {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
  readonly title: string;
  readonly isIdle: boolean;
}

export interface CodeSettings {
  readonly text: string;
  readonly label: string;
  readonly isReadOnly: boolean;
  readonly doors?: EditorDoors | undefined;
  readonly changed?: ((text: string) => void) | undefined;
  /** The cursor came to a line by hand; 1-based. */
  readonly entered?: ((line: number) => void) | undefined;
  readonly save?: (() => void) | undefined;
}

const setLit = StateEffect.define<readonly number[]>();
const litLines = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(all, transaction) {
    let lit = all.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setLit)) continue;
      const { doc } = transaction.state;
      const lines = [...new Set(effect.value)].filter((n) => n >= 1 && n <= doc.lines).toSorted((a, b) => a - b);
      lit = Decoration.set(lines.map((n) => Decoration.line({ class: 'lit-line' }).range(doc.line(n).from)));
    }
    return lit;
  },
  provide: (field) => EditorView.decorations.from(field),
});

class Mark extends GutterMarker {
  readonly mark: LineMark;

  constructor(mark: LineMark) {
    super();
    this.mark = mark;
  }

  override eq(other: Mark): boolean {
    return other.mark.text === this.mark.text && other.mark.title === this.mark.title;
  }

  override toDOM(): Node {
    const element = document.createElement('span');
    element.className = this.mark.isIdle ? 'rule-mark idle' : 'rule-mark';
    element.textContent = this.mark.text;
    element.title = this.mark.title;
    return element;
  }
}

const setMarks = StateEffect.define<readonly LineMark[]>();
const marks = StateField.define<ReadonlyMap<number, Mark>>({
  create: () => new Map(),
  update(all, transaction) {
    for (const effect of transaction.effects)
      if (effect.is(setMarks)) return new Map(effect.value.map((each) => [each.line, new Mark(each)]));
    return all;
  },
});

/** One editor in a page. */
export class Code {
  readonly #view: EditorView;
  readonly #holder: HTMLElement;
  readonly #settings: { current: CodeSettings };

  constructor(host: HTMLElement, settings: CodeSettings) {
    this.#settings = { current: settings };
    const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
    this.#holder = document.createElement('div');
    this.#holder.className = 'holder';
    this.#holder.style.height = '100%';
    root.append(this.#holder);
    this.#view = new EditorView({
      state: EditorState.create({ doc: settings.text, extensions: this.#extensions(this.#holder) }),
      parent: this.#holder,
      root,
    });
  }

  /** What is called later may change; text, label and what may be written may not. */
  set settings(settings: CodeSettings) {
    this.#settings.current = settings;
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /**
   * Puts another text in its place, which undo takes back: it alone. Without the annotation the editor joins it with what was done in the half
   * second before, and one undo took both.
   */
  replace(text: string): void {
    if (text === this.text) return;
    const changes = { from: 0, to: this.#view.state.doc.length, insert: text };
    this.#view.dispatch({ changes, annotations: isolateHistory.of('full'), userEvent: 'input.replace' });
  }

  /** Lights lines (1-based) and, with `isShown`, brings the first into sight. */
  light(lines: readonly number[], isShown: boolean): void {
    const first = lines[0];
    const { doc } = this.#view.state;
    const isThere = isShown && first !== undefined && first >= 1 && first <= doc.lines;
    this.#view.dispatch({
      effects: [setLit.of(lines), ...(isThere ? [EditorView.scrollIntoView(doc.line(first).from, { y: 'center' })] : [])],
    });
  }

  mark(all: readonly LineMark[]): void {
    this.#view.dispatch({ effects: setMarks.of(all) });
  }

  /** Puts the cursor at the begin of a line (1-based). */
  go(line: number): void {
    const { doc } = this.#view.state;
    const at = doc.line(Math.min(Math.max(1, line), doc.lines)).from;
    this.#view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
    this.#holder.remove();
  }

  #saved(): boolean {
    this.#settings.current.save?.();
    return true;
  }

  #extensions(holder: HTMLElement): Extension {
    const { label, isReadOnly } = this.#settings.current;
    return [
      lineNumbers(),
      highlightActiveLine(),
      // What turns the direction of a line round, or has no width, could show a map that is not the one that runs.
      highlightSpecialChars({ addSpecialChars: /[\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u{e0000}-\u{e007f}]/gu }),
      history(),
      drawSelection(),
      bracketMatching(),
      indentUnit.of('  '),
      yaml(),
      syntaxHighlighting(HighlightStyle.define(HIGHLIGHTS.map(({ of, ...style }) => ({ tag: of(tags), ...style })))),
      search({ top: true }),
      highlightSelectionMatches(),
      litLines,
      marks,
      tooltips({ position: 'absolute', parent: holder }),
      EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
      EditorState.readOnly.of(isReadOnly),
      keymap.of([
        { key: 'Mod-s', preventDefault: true, run: () => this.#saved() },
        ...completionKeymap,
        ...lintKeymap,
        ...searchKeymap,
        ...historyKeymap,
        ...(isReadOnly ? [] : [indentWithTab]),
        ...defaultKeymap,
      ]),
      EDITOR_THEME,
      EditorView.lineWrapping,
      isReadOnly ? [] : this.#asking(),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) this.#settings.current.changed?.(update.state.doc.toString());
        const isByHand = update.transactions.some((each) => each.isUserEvent('select'));
        if (isByHand) this.#settings.current.entered?.(update.state.doc.lineAt(update.state.selection.main.head).number);
      }),
    ];
  }

  #asking(): Extension {
    const doors = () => this.#settings.current.doors;
    return [
      gutter({
        class: 'rule-gutter',
        lineMarker: (view, line) => view.state.field(marks).get(view.state.doc.lineAt(line.from).number) ?? null,
        lineMarkerChange: (update) => update.startState.field(marks) !== update.state.field(marks),
      }),
      lintGutter(),
      linter(async (view) => (await doors()?.faults(view.state.doc.toString())) ?? [], { delay: 300 }),
      autocompletion({ override: [(context) => completed(context, doors())], activateOnTypingDelay: 120, icons: false }),
      hoverTooltip(
        async (view, at) => {
          const line = view.state.doc.lineAt(at);
          const text = await doors()?.hover(view.state.doc.toString(), { line: line.number - 1, character: at - line.from });
          if (text === undefined) return null;
          return { pos: at, above: true, create: () => ({ dom: told(text) }) };
        },
        { hoverTime: 250 },
      ),
    ];
  }
}

function told(text: string): HTMLElement {
  const element = document.createElement('div');
  element.className = 'told';
  element.textContent = text;
  return element;
}

async function completed(context: CompletionContext, doors: EditorDoors | undefined): Promise<CompletionResult | null> {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const word = /(?:[A-Z][A-Z0-9]{2}-\d*|[\w/@[\]-]*)$/.exec(before)?.[0] ?? '';
  if (word === '' && !context.explicit && !/[.=-]$/.test(before)) return null;
  const ending = new AbortController();
  context.addEventListener('abort', () => ending.abort(), { onDocChange: true });
  const options = await doors?.complete(context.state.doc.toString(), { line: line.number - 1, character: before.length });
  if (options === undefined || ending.signal.aborted) return null;
  // What completes a number after "PID-5." stands alone.
  return { from: context.pos - word.length, options, validFor: /^[\w/@[\]-]*$/ };
}
