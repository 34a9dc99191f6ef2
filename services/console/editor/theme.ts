/** How the editor looks: the colours of style/base.css, which know light and dark. */
import { EditorView } from '@codemirror/view';
import type { Tag, tags } from '@lezer/highlight';

type Tags = typeof tags;

export const HIGHLIGHTS: readonly {
  readonly of: (all: Tags) => Tag | readonly Tag[];
  readonly color: string;
  readonly fontWeight?: string;
  readonly fontStyle?: string;
}[] = [
  { of: (all) => [all.definition(all.propertyName), all.propertyName], color: 'var(--accent)', fontWeight: '600' },
  { of: (all) => [all.string, all.content], color: 'var(--ink)' },
  { of: (all) => [all.comment, all.lineComment], color: 'var(--ink-soft)', fontStyle: 'italic' },
  { of: (all) => [all.separator, all.punctuation, all.squareBracket, all.brace], color: 'var(--ink-soft)' },
  { of: (all) => all.keyword, color: 'var(--warn)' },
];

const TOOLTIP = {
  border: '1px solid var(--line-strong)',
  borderRadius: 'var(--radius)',
  backgroundColor: 'var(--surface)',
  color: 'var(--ink)',
};

export const EDITOR_THEME = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--surface)', color: 'var(--ink)', fontSize: '0.93rem' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--ink-soft)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--raised) 60%, transparent)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--focus) 28%, transparent)',
  },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-wash)', outline: '1px solid var(--accent)' },
  '.lit-line': { backgroundColor: 'var(--accent-wash)', boxShadow: 'inset 3px 0 0 var(--accent)' },
  '.rule-gutter': { minWidth: '2.2rem' },
  '.rule-gutter .cm-gutterElement': { textAlign: 'right', padding: '0 0.3rem' },
  '.rule-mark': { fontSize: '0.78rem', color: 'var(--good)' },
  '.rule-mark.idle': { color: 'var(--ink-soft)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--bad)',
    textDecorationSkipInk: 'none',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--warn)', textUnderlineOffset: '3px' },
  '.cm-tooltip': TOOLTIP,
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '15em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '0.15rem 0.5rem' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--accent-ink)' },
  '.cm-completionDetail': { fontStyle: 'normal', opacity: '0.85', marginLeft: '0.8em', fontFamily: 'var(--font)' },
  '.cm-diagnostic': { padding: '0.35rem 0.6rem', maxWidth: '38rem', fontFamily: 'var(--font)', fontSize: '0.93rem' },
  '.cm-diagnostic-error': { borderLeft: '4px solid var(--bad)' },
  '.cm-diagnostic-warning': { borderLeft: '4px solid var(--warn)' },
  '.cm-diagnosticAction': { backgroundColor: 'var(--accent)', color: 'var(--accent-ink)', padding: '0.15rem 0.6rem', font: 'inherit' },
  '.told': { padding: '0.35rem 0.6rem', maxWidth: '36rem', whiteSpace: 'pre-wrap', fontFamily: 'var(--font)', fontSize: '0.93rem' },
  '.cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--ink)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-textfield': {
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius)',
  },
  '.cm-button': {
    backgroundImage: 'none',
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius)',
  },
  '.cm-panel.cm-search label': { fontSize: '0.88rem' },
  '.cm-panel.cm-panel-lint ul [aria-selected]': { backgroundColor: 'var(--accent-wash)' },
});
