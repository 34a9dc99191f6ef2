/** One tab stop for many values: arrow keys go from one to the next (https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/). */

const STEPS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Handles a key within a group of `button[data-item]`, of which one has tabIndex 0. */
export function moveByArrows(event: KeyboardEvent): void {
  const step = STEPS[event.key];
  const group = event.currentTarget;
  if (step === undefined || !(group instanceof HTMLElement) || !(event.target instanceof HTMLElement)) return;
  const items = [...group.querySelectorAll<HTMLElement>('button[data-item]')];
  const at = items.indexOf(event.target);
  const next = items[at + step];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  items[at]?.setAttribute('tabindex', '-1');
  next.setAttribute('tabindex', '0');
  next.focus();
}
