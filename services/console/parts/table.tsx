import type { ComponentChildren } from 'preact';
import { countText } from './numbers.ts';

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => ComponentChildren;
  /** Right-aligned, digits of one width. */
  readonly isNumber?: boolean;
  /** Left out on a narrow screen. */
  readonly isExtra?: boolean;
}

interface TableProps<Row> {
  /** Says what the table holds; read out, and seen unless `isCaptionHidden`. */
  readonly caption: string;
  readonly isCaptionHidden?: boolean;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  readonly classOf?: (row: Row) => string | undefined;
  /** True: there are more than these; nothing is cut without saying so. */
  readonly isCut?: boolean;
}

/** A table that scrolls sideways by itself where the screen is narrower than it. Links in the first column make rows reachable by keyboard. */
export function Table<Row>({ caption, isCaptionHidden = false, columns, rows, keyOf, classOf, isCut = false }: TableProps<Row>) {
  const sides = columns.map(({ isNumber, isExtra }) => [isNumber && 'number', isExtra && 'extra'].filter(Boolean).join(' ') || undefined);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class={isCaptionHidden ? 'unseen' : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title }, index) => (
              <th key={title} scope="col" class={sides[index]}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} class={classOf?.(row)}>
              {columns.map(({ title, of }, index) => (
                <td key={title} class={sides[index]}>
                  {of(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {isCut && <p class="note">These are the first {countText(rows.length)}; there are more.</p>}
    </section>
  );
}
