/** What is known of a message beside its content: where it came from, when, how it ended, what was said of it. */
import { Detail } from '../parts/detail.tsx';
import { bytesText, countText } from '../parts/numbers.ts';
import { State } from '../parts/state.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import type { MessageAct, MessagePage, ShownProblem } from './answers.ts';

export const Facts = ({ page }: { readonly page: MessagePage }) => (
  <section class="panel" aria-label="Facts">
    <Detail
      rows={[
        ['State', <State key="state" of={page.status} />],
        ['Source', <Text key="source" value={page.source} most={120} />],
        ['Control id', page.controlId === undefined ? undefined : <Text key="control" value={page.controlId} most={80} />],
        ['Came by', page.channel],
        ['Size', bytesText(page.bytes)],
        ['Received', <Time key="received" at={page.receivedAt} source={page.source} />],
        ['Settled', page.settledAt === undefined ? undefined : <Time key="settled" at={page.settledAt} source={page.source} />],
        ['Tried', page.attempts === 0 ? undefined : `${countText(page.attempts)}×`],
        ['Sent again, the same', page.repeats === 0 ? undefined : `${countText(page.repeats)}×`],
        ['Map', page.spec === '' ? undefined : <code key="map">{page.spec.split('#')[0]}</code>],
      ]}
    />
  </section>
);

const COLUMNS: readonly Column<ShownProblem>[] = [
  { title: 'Code', of: ({ code, severity }) => <code class={`severity ${severity}`}>{code}</code> },
  { title: 'What', of: ({ text }) => <Text value={text} most={400} /> },
  { title: 'Where', of: ({ at }) => (at === undefined ? <span class="none">–</span> : <Text value={at} most={120} />) },
  { title: 'Cure', of: ({ cure }) => cure },
];

export const Problems = ({ problems }: { readonly problems: readonly ShownProblem[] }) =>
  problems.length === 0 ? null : (
    <Table
      caption={problems.length === 1 ? 'One thing was said of it' : `${countText(problems.length)} things were said of it`}
      columns={COLUMNS}
      rows={problems}
      keyOf={(row) => problems.indexOf(row)}
    />
  );

/** The answer that belongs to how it ended. */
export const Acknowledgement = ({ lines }: { readonly lines: readonly string[] }) =>
  lines.length === 0 ? null : (
    <section class="panel" aria-labelledby="acknowledgement">
      <h2 id="acknowledgement">Acknowledgement</h2>
      <div class="mono">
        {lines.map((line) => (
          <div key={line}>
            <Text value={line} most={500} />
          </div>
        ))}
      </div>
      <p class="note">As it is written for this outcome. Answers are not kept; a sender that is answered at the commit heard less.</p>
    </section>
  );

interface Step {
  readonly at: string;
  readonly what: string;
  readonly who: string;
  readonly why: string;
}

const STEPS: readonly Column<Step>[] = [
  { title: 'When', of: ({ at }) => <Time at={at} /> },
  { title: 'What', of: ({ what }) => what },
  { title: 'Who', of: ({ who }) => (who === '' ? <span class="none">–</span> : <Text value={who} most={60} />) },
  { title: 'Why', of: ({ why }) => (why === '' ? <span class="none">–</span> : <Text value={why} most={300} />) },
];

const ACTS: Readonly<Record<string, string>> = {
  'message.reveal': 'looked at unmasked',
  'message.retry': 'put back',
  'message.skip': 'skipped',
  'message.resend': 'sent again, changed',
};

const stepOf = ({ at, actor, action, reason }: MessageAct): Step => ({ at, what: ACTS[action] ?? action, who: actor, why: reason });

/** What happened to the message, in order. */
export function Timeline({ page }: { readonly page: MessagePage }) {
  const settled =
    page.settledAt === undefined ? [] : [{ at: page.settledAt, what: page.status, who: '', why: page.spec.split('#')[0] ?? '' }];
  const received = { at: page.receivedAt, what: `received by ${page.channel}`, who: page.source, why: '' };
  const steps = [received, ...settled, ...page.acts.map(stepOf)].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return (
    <>
      <Table caption="Timeline" columns={STEPS} rows={steps} keyOf={({ at, what }) => `${at} ${what}`} />
      {page.areActsCut && <p class="note">Of what people did with it, the newest {countText(page.acts.length)}; the audit log has all.</p>}
    </>
  );
}
