/** The CDM at a glance: its tables, how much is in each, how fresh it is, what it was made with. */
import type { CdmOverview, TableOverview } from '../../database/cdm/overview.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { Empty } from '../parts/empty.tsx';
import { bytesText, countText, roughText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/omop.css';
import { Tabs } from './tabs.tsx';

const EVERY_MS = 15_000;

export function page(_: PageProps) {
  const asked = useAsked('tables', (signal) => ask<CdmOverview>('GET', '/admin/omop/tables', undefined, signal), EVERY_MS);
  return (
    <>
      <h1>OMOP CDM</h1>
      <Tabs at="/omop" />
      <Asked asked={asked}>{(found) => <Shown found={found} />}</Asked>
    </>
  );
}

function Shown({ found }: { readonly found: CdmOverview }) {
  const { tables, waiting, release, source } = found;
  const of = (kind: TableOverview['kind']) => tables.filter((each) => each.kind === kind);
  const persons = tables.find(({ table }) => table === 'person')?.rows ?? 0;
  const atMost = (n: number): string => (n >= waiting.most ? `${countText(n)} or more` : countText(n));
  return (
    <>
      <section class="panel" aria-label="Facts">
        <Detail
          rows={[
            ['Name', <Text key="name" value={String(source?.['cdm_source_name'] ?? 'cdm_source is not written yet')} most={120} />],
            ['CDM version', source === undefined ? undefined : <Text key="version" value={String(source['cdm_version'])} />],
            ['Vocabulary release', <Text key="release" value={release} most={80} />],
            ['CDM of', source === undefined ? undefined : <Text key="day" value={String(source['cdm_release_date'])} />],
            ['Made by', source === undefined ? undefined : <Text key="etl" value={String(source['cdm_etl_reference'])} most={80} />],
            ['Periods and eras wait for', `${atMost(waiting.stalePersons)} persons`],
            ['Rows to be made again', atMost(waiting.remakes)],
            ['References that wait for their target', atMost(waiting.references)],
          ]}
        />
      </section>
      {persons === 0 && (
        <Empty title="No person is in the CDM yet">
          <p>Rows are made when messages or FHIR resources about patients are applied. To try it:</p>
          <pre>npx polyseme send fixtures/hl7v2/batch.hl7 --to 127.0.0.1:2575</pre>
        </Empty>
      )}
      <Table caption="Made from resources" columns={columns(found, true)} rows={of('rows')} keyOf={({ table }) => table} />
      <div class="pair">
        <Table caption="Derived from those" columns={columns(found, false)} rows={of('derived')} keyOf={({ table }) => table} />
        <Table caption="About the CDM" columns={columns(found, false)} rows={of('metadata')} keyOf={({ table }) => table} />
      </div>
      <Table
        caption={`Vocabulary tables, release ${release.slice(0, 60)}`}
        columns={columns(found, false)}
        rows={of('vocabulary')}
        keyOf={({ table }) => table}
      />
    </>
  );
}

const columns = ({ writesLooked, looksBackTo }: CdmOverview, hasWrites: boolean): readonly Column<TableOverview>[] => [
  { title: 'Table', of: ({ table }) => (table === 'person' ? <Link to="/omop/persons">person</Link> : <code>{table}</code>) },
  {
    title: 'Rows',
    isNumber: true,
    of: ({ rows, isEstimate }) =>
      isEstimate ? (
        <span title="PostgreSQL's estimate: counting would read the whole table">about {roughText(rows)}</span>
      ) : rows === 0 ? (
        <span class="none">0</span>
      ) : (
        countText(rows)
      ),
  },
  { title: 'Size', isNumber: true, isExtra: true, of: ({ bytes }) => bytesText(bytes) },
  ...(hasWrites
    ? [
        {
          title: 'Last written',
          of: ({ lastWritten, rows }: TableOverview) => {
            if (lastWritten !== undefined) return <Time at={lastWritten} />;
            if (rows === 0 || looksBackTo === undefined) return <span class="none">–</span>;
            return (
              <span class="none" title={`Not among the newest ${countText(writesLooked)} writes`}>
                before <Time at={looksBackTo} />
              </span>
            );
          },
        },
      ]
    : []),
];
