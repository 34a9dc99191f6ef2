import type { ComponentChildren } from 'preact';

/** A page or panel with nothing in it: says why, and what fills it. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
