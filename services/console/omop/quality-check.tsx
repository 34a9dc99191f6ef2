/** One check: what it asks, how it went over time, and rows that violate it now. */
import type { CheckPage } from '../../pipeline/quality-desk.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Chart } from '../parts/chart.tsx';
import { toldCount, toldPercent } from '../parts/numbers.ts';
import { Text } from '../parts/text.tsx';
import { RowLink } from './links.tsx';

interface CheckPanelProps {
  readonly check: string;
  readonly close: () => void;
}

export function CheckPanel({ check, close }: CheckPanelProps) {
  const asked = useAsked(check, (signal) => ask<CheckPage>('POST', '/admin/omop/quality/check', { check }, signal));
  return (
    <section class="panel chosen" aria-label="Check">
      <Asked asked={asked}>{(found) => <Check found={found} close={close} />}</Asked>
    </section>
  );
}

function Check({
  found: { name, description, table, field, severity, history, violations },
  close,
}: {
  readonly found: CheckPage;
  readonly close: () => void;
}) {
  const last = history.at(-1);
  return (
    <>
      <div class="title">
        <h2>
          {name} <code>{field === '' ? table : `${table}.${field}`}</code>
        </h2>
        <button type="button" class="quiet" onClick={close}>
          Close
        </button>
      </div>
      <p>
        <Text value={description} most={600} /> <span class="note">Severity: {severity}.</span>
      </p>
      {last !== undefined && (
        <p>
          <strong>
            {toldCount(last.violated)} of {toldCount(last.rows)}
          </strong>{' '}
          violate it in run {last.runId}: {toldPercent(last.percent)} %, allowed {last.threshold ?? 0} %.
        </p>
      )}
      <div class="trends">
        <Chart
          title="Percent that violate it"
          points={history.flatMap(({ at, percent }) => (percent === null ? [] : [{ at, value: percent }]))}
          textOf={(n) => `${n.toFixed(2)} %`}
        />
        <section aria-label="Rows that violate it">
          <h3>
            {violations.ids.length === 0
              ? 'No rows to show'
              : `${violations.ids.length === 20 ? 'The first 20 rows' : 'Rows'} that violate it now`}
          </h3>
          {violations.ids.length === 0 ? (
            <p class="note">Because {violations.why}.</p>
          ) : (
            <ul class="rows">
              {violations.ids.map((id) => (
                <li key={id}>
                  <RowLink table={table} id={id} />
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
    </>
  );
}
