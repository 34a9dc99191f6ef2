import { Text } from './text.tsx';

export interface Change {
  /** 'Observation.status', 'value_as_number'. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What changed, and only that: path, before, after; said by words and signs, not by colour alone (WCAG 1.4.1). */
export function Diff({ caption, changes }: { readonly caption: string; readonly changes: readonly Change[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table class="diff">
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {changes.map(({ path, before, after }) => (
            <tr key={path}>
              <th scope="row">
                <Text value={path} />
              </th>
              <td class={before === undefined ? 'none' : 'removed'}>{before === undefined ? 'not there' : <Text value={before} />}</td>
              <td class={after === undefined ? 'none' : 'added'}>{after === undefined ? 'gone' : <Text value={after} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
