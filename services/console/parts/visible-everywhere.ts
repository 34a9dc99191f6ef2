/**
 * No text reaches the page but with what does not print made visible, wherever a page forgets to: of elements, of options, of what is said on hover
 * and read out. `Text` shows the same better, with a mark of its own; this is what holds where nobody thought of it.
 */
import { options } from 'preact';
import { visibleText } from './visible.ts';

const SPOKEN = ['title', 'aria-label', 'aria-description', 'alt', 'placeholder', 'label'] as const;

/** Has every text and every spoken attribute that is rendered from now on made visible. */
export function makeVisibleEverywhere(): void {
  const before = options.vnode;
  options.vnode = (node) => {
    const { type, props }: { readonly type: unknown; readonly props: unknown } = node;
    if (typeof props === 'string') Reflect.set(node, 'props', visibleText(props));
    else if (typeof type === 'string' && typeof props === 'object' && props !== null) {
      for (const name of SPOKEN) {
        const said: unknown = Reflect.get(props, name);
        if (typeof said === 'string') Reflect.set(props, name, visibleText(said));
      }
    }
    before?.(node);
  };
}
