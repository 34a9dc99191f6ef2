const WORDS: Readonly<Record<string, string>> = { received: 'waiting' };
const SIGNS: Readonly<Record<string, string>> = { applied: '✓', parked: '‖', refused: '✕', received: '…', waiting: '…', duplicate: '=' };

/** The state of a message by sign, word and colour. */
export function State({ of: state }: { readonly of: string }) {
  return (
    <span class={`state ${state}`}>
      <span aria-hidden="true">{SIGNS[state] ?? '·'}</span> {WORDS[state] ?? state}
    </span>
  );
}
