/** What an answer, or taking one back, would change: told before it is done. */
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import type { Preview } from './answers.ts';

type Sample = Preview['changes']['samples'][number];

const KIND_WORDS: Readonly<Record<Sample['kind'], string>> = {
  lost: 'loses its concept',
  moved: 'moves to another table',
  changed: 'another concept',
  'newly-mapped': 'gets a concept',
};
/** What is taken away stands first. */
const ORDER: readonly Sample['kind'][] = ['lost', 'moved', 'changed', 'newly-mapped'];

const SAMPLES: readonly Column<Sample>[] = [
  { title: 'What', of: ({ kind }) => <span class={kind === 'lost' ? 'change lost' : 'change'}>{KIND_WORDS[kind]}</span> },
  { title: 'Now', of: ({ from }) => <code>{from}</code> },
  { title: 'Then', of: ({ to }) => <code>{to}</code> },
  { title: 'Code', isExtra: true, of: ({ code }) => (code === '' ? <span class="none">text</span> : <Text value={code} most={60} />) },
  { title: 'Rows', isNumber: true, of: ({ rows }) => countText(rows) },
];

/** Counts first, then what happens to which rows. */
export function PreviewShown({ carried, changes, lookedAt }: Preview) {
  const { added, changed, gone } = changes.rows;
  const isPart = lookedAt < carried.resources;
  const samples = ORDER.flatMap((kind) => changes.samples.filter((each) => each.kind === kind));
  const shown = samples.reduce((sum, { rows }) => sum + rows, 0);
  const all = ORDER.reduce((sum, kind) => sum + changes.kinds[kind].rows, 0);
  return (
    <section class="previewed" aria-label="What would change">
      <dl class="totals small">
        <Count name="Rows added" n={added} />
        <Count name="Rows changed" n={changed} />
        <Count name="Rows gone" n={gone} />
        <Count name="Resources" n={carried.resources} />
        <Count name="Persons" n={carried.persons} />
        <Count name="Messages" n={carried.messages} />
      </dl>
      <p class="note">
        {isPart && `Rows are counted in the first ${countText(lookedAt)} of ${countText(carried.resources)} resources. `}
        {all === 0 ? 'No row would change.' : 'Only rows that carry the code are made again.'}
      </p>
      {samples.length > 0 && (
        <Table
          caption="Changes"
          isCaptionHidden
          columns={SAMPLES}
          rows={samples}
          keyOf={(each) => `${each.kind} ${each.code} ${each.from} ${each.to}`}
        />
      )}
      {shown < all && (
        <p class="note">
          {countText(shown)} of {countText(all)} rows are told apart here.
        </p>
      )}
    </section>
  );
}

function Count({ name, n }: { readonly name: string; readonly n: number }) {
  return (
    <div class={n === 0 ? 'none' : undefined}>
      <dt>{name}</dt>
      <dd>{countText(n)}</dd>
    </div>
  );
}
