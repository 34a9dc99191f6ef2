/** SQL over the CDM: one statement, read only; its limits are said, its stop is one of the database; kept by a name. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SqlAnswer } from '../../database/sql/run.ts';
import type { QueryVersion, SavedQuery } from '../../database/sql/saved-queries.ts';
import type { SqlFacts, SqlForm } from '../../pipeline/sql-desk.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { go, type PageProps } from '../router.tsx';
import '../style/omop.css';
import { download } from './download.ts';
import { Saved } from './sql-saved.tsx';
import { Tabs } from './tabs.tsx';

const DRAFT = 'polyseme.sql';
const REASON = 'polyseme.sql.reason';

interface Queries {
  readonly queries: readonly SavedQuery[];
  readonly removed: readonly QueryVersion[];
}

export function page({ place }: PageProps) {
  const facts = useAsked('sql', (signal) => ask<SqlFacts>('GET', '/admin/sql', undefined, signal));
  const saved = useAsked('saved', (signal) => ask<Queries>('POST', '/admin/sql/saved/list', {}, signal));
  const name = place.query.get('query') ?? undefined;
  return (
    <>
      <h1>SQL</h1>
      <Tabs at="/omop/sql" />
      <Asked asked={facts}>
        {(known) => (
          <Asked asked={saved}>
            {({ queries, removed }) => (
              <Desk
                key={name}
                facts={known}
                queries={queries}
                removed={removed}
                opened={queries.find((each) => each.name === name)}
                again={saved.again}
              />
            )}
          </Asked>
        )}
      </Asked>
    </>
  );
}

interface DeskProps extends Queries {
  readonly facts: SqlFacts;
  readonly opened: SavedQuery | undefined;
  readonly again: () => void;
}

function Desk({ facts, queries, removed, opened, again }: DeskProps) {
  // What is typed stays with this tab: it may name somebody, so it stands in no address.
  const [text, setText] = useState(opened?.text ?? sessionStorage.getItem(DRAFT) ?? facts.example);
  const [reason, setReason] = useState(sessionStorage.getItem(REASON) ?? '');
  const runs = useRuns(reason);
  const isReady = text.trim() !== '' && reason.trim() !== '';
  const type = (next: string) => {
    setText(next);
    sessionStorage.setItem(DRAFT, next);
  };
  const keys = (event: KeyboardEvent) => isRunKey(event) && isReady && runs.table(text);
  return (
    <div class="desk">
      <section class="panel" aria-label="Statement">
        <label class="field">
          <span>
            One statement that reads <code>cdm</code> or <code>results</code>
          </span>
          <textarea
            class="mono"
            rows={9}
            spellcheck={false}
            autocapitalize="off"
            value={text}
            maxLength={100_000}
            onInput={(event) => type(event.currentTarget.value)}
            onKeyDown={keys}
          />
        </label>
        <Why reason={reason} set={setReason} />
        <div class="acts">
          {runs.busy === undefined ? (
            <button type="button" class="primary" title="Ctrl+Enter" disabled={!isReady} onClick={() => runs.table(text)}>
              Run
            </button>
          ) : (
            <button type="button" class="danger" onClick={runs.stop}>
              Stop
            </button>
          )}
          {(['csv', 'parquet'] as const).map((form) => (
            <button key={form} type="button" disabled={runs.busy !== undefined || !isReady} onClick={() => runs.file(text, form)}>
              Download all as {form === 'csv' ? 'CSV' : 'Parquet'}
            </button>
          ))}
        </div>
        <Limits facts={facts} />
      </section>
      <Saved
        queries={queries}
        removed={removed}
        opened={opened}
        text={text}
        again={again}
        bring={type}
        open={(query) => go(`/omop/sql?query=${encodeURIComponent(query)}`)}
      />
      <div class="found">
        <p class="looked" role="status">
          {runs.busy === undefined ? runs.said : runs.busy}
        </p>
        {runs.error !== undefined && <Failure error={runs.error} />}
        {runs.answer !== undefined && <Answer answer={runs.answer} />}
        <Elsewhere facts={facts} text={text} />
      </div>
    </div>
  );
}

/** Ctrl+Enter runs; it writes no line. */
function isRunKey(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return false;
  event.preventDefault();
  return true;
}

/** Asked once: it goes with every statement of this tab. */
const Why = ({ reason, set }: { readonly reason: string; readonly set: (reason: string) => void }) => (
  <label class="field">
    <span>Why (kept in the audit log with each run; no patient data)</span>
    <input
      type="text"
      name="reason"
      value={reason}
      maxLength={500}
      autocomplete="off"
      onInput={({ currentTarget: { value } }) => {
        set(value);
        sessionStorage.setItem(REASON, value);
      }}
    />
  </label>
);

const Limits = ({ facts }: Pick<DeskProps, 'facts'>) => (
  <p class="note limits">
    Read only. A table shows the first {countText(facts.rows)} rows and is ended by the database after {facts.seconds} s; a download has all
    rows, for at most {facts.csvSeconds / 60} min; decimal numbers of a Parquet file have about 16 digits, those of CSV all. What is read is
    not masked: that it was run, by whom and why, is written into the audit log first, not what it says or found.
  </p>
);

interface Runs {
  readonly answer: SqlAnswer | undefined;
  readonly error: unknown;
  /** What runs; undefined when nothing does. */
  readonly busy: string | undefined;
  readonly said: string;
}

const NOTHING: Runs = { answer: undefined, error: undefined, busy: undefined, said: '' };

/** Runs a statement at a time. Who leaves the page stops it. */
function useRuns(reason: string) {
  const [state, setState] = useState<Runs>(NOTHING);
  const running = useRef<{ readonly run: string; readonly ending: AbortController } | undefined>(undefined);
  const begin = (busy: string) => {
    running.current?.ending.abort();
    running.current = { run: crypto.randomUUID(), ending: new AbortController() };
    setState({ ...NOTHING, busy });
    return running.current;
  };
  const settle = (run: string, next: Partial<Runs>) => running.current?.run === run && setState({ ...NOTHING, ...next });
  useEffect(() => () => running.current?.ending.abort(), []);
  return {
    ...state,
    table: (text: string) => {
      const { run, ending } = begin('Runs…');
      ask<SqlAnswer>('POST', '/admin/sql/run', { run, text, reason }, ending.signal).then(
        (answer) => settle(run, { answer, said: extentText(answer) }),
        (error: unknown) => settle(run, { error }),
      );
    },
    file: (text: string, form: SqlForm) => {
      const { run, ending } = begin('Downloads…');
      download(`/admin/sql/${form}`, { run, text, reason }, `polyseme.${form}`, ending.signal).then(
        () => settle(run, { said: 'Downloaded, every row of it.' }),
        (error: unknown) => settle(run, { error }),
      );
    },
    stop: () => {
      const run = running.current?.run;
      setState((before) => ({ ...before, busy: 'Stops in the database…' }));
      ask('POST', '/admin/sql/stop', { run }).catch((error: unknown) => setState({ ...NOTHING, error }));
    },
  };
}

function extentText({ rows, total, isTotal, ms }: SqlAnswer): string {
  const time = `in ${ms < 10_000 ? `${countText(ms)} ms` : `${(ms / 1000).toFixed(1)} s`}`;
  if (isTotal && rows.length === total) return `${total === 1 ? '1 row' : `All ${countText(total)} rows`} ${time}.`;
  return `First ${countText(rows.length)} of ${isTotal ? '' : 'at least '}${countText(total)} rows ${time}.`;
}

function Answer({ answer: { columns, rows } }: { readonly answer: SqlAnswer }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section class="scroll answer" tabIndex={0} aria-label="Answer">
      <table>
        <caption class="unseen">Answer</caption>
        <thead>
          <tr>
            {columns.map(({ name, type, isNumber }, index) => (
              <th key={index} scope="col" class={isNumber ? 'number' : undefined} title={type}>
                {name === '' || name === '?column?' ? `column ${index + 1}` : <Text value={name} most={80} />}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, n) => (
            <tr key={n}>
              {row.map((value, index) => (
                <td key={index} class={columns[index]?.isNumber ? 'number' : undefined}>
                  {value === null ? <span class="none">NULL</span> : <Text value={value} most={200} />}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The same statement in other tools. */
const Elsewhere = ({ facts: { elsewhere }, text }: { readonly facts: SqlFacts; readonly text: string }) => (
  <details class="panel elsewhere">
    <summary>Open the same in R or Python</summary>
    <h2>R</h2>
    <pre>
      <Text
        value={`${elsewhere.r}\n\nDBI::dbGetQuery(con, r"---(SET search_path = cdm, results)---")\nrows <- DBI::dbGetQuery(con, r"---(\n${text}\n)---")`}
      />
    </pre>
    <h2>Python</h2>
    <pre>
      <Text
        value={`${elsewhere.python}\ncon.execute("SET search_path = cdm, results")\nrows = con.execute(r"""\n${text}\n""").fetchall()`}
      />
    </pre>
  </details>
);
