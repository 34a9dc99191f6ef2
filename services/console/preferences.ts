/** What this person likes: theme and time zone; kept in the browser. */
import { useLayoutEffect, useState } from 'preact/hooks';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
/** source: that of the source that a message came from; where there is none, local time. */
export const ZONES = ['local', 'UTC', 'source'] as const;
export type Zone = (typeof ZONES)[number];

const CHANGED = 'polyseme:preference';

function preference<T extends string>(name: string, known: readonly T[], first: T) {
  const key = `polyseme.${name}`;
  const read = (): T => known.find((each) => each === localStorage.getItem(key)) ?? first;
  const write = (value: T): void => {
    localStorage.setItem(key, value);
    dispatchEvent(new Event(CHANGED));
  };
  const use = (): readonly [T, (value: T) => void] => {
    const [value, setValue] = useState(read);
    // Before the first paint: what is chosen until an effect listens would be missed.
    useLayoutEffect(() => {
      const changed = () => setValue(read());
      changed();
      addEventListener(CHANGED, changed);
      return () => removeEventListener(CHANGED, changed);
    }, []);
    return [value, write];
  };
  return { read, use };
}

const theme = preference<Theme>('theme', THEMES, 'system');
const zone = preference<Zone>('zone', ZONES, 'local');

export const useTheme = theme.use;
export const useZone = zone.use;

/** Makes the page follow the theme from now on. */
export function followTheme(): void {
  const show = () => {
    const chosen = theme.read();
    if (chosen === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = chosen;
  };
  show();
  addEventListener(CHANGED, show);
}
