/** What another message says, written with the standard delimiters: for answers that repeat it. */
import { escapeText, unescapeText, withoutControls } from './escape.ts';
import type { Delimiters, Message } from './message.ts';

export const STANDARD: Delimiters = { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&', truncation: '' };

/** Returns text of a message (a segment, a field or a part) with the standard delimiters in place of the message's own. */
export function recoded(text: string, { delimiters, charset }: Pick<Message, 'delimiters' | 'charset'>): string {
  const { field, repetition, component, subcomponent, escape: mark } = delimiters;
  const levels: readonly (readonly [string, string])[] = [
    [field, STANDARD.field],
    [repetition, STANDARD.repetition],
    [component, STANDARD.component],
    [subcomponent, STANDARD.subcomponent],
  ];
  if (mark === STANDARD.escape && levels.every(([own, standard]) => own === standard)) return withoutControls(text, STANDARD);
  const written = (part: string, level: number): string => {
    const [own, standard] = levels[level] ?? ['', ''];
    if (level >= levels.length) return escapeText(unescapeText(part, delimiters, charset), STANDARD);
    return (own === '' ? [part] : part.split(own)).map((each) => written(each, level + 1)).join(standard);
  };
  return written(text, 0);
}
