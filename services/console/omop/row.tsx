/** One row of the CDM: what stands in it, and column by column where that came from. */
import { useState } from 'preact/hooks';
import type { ExplainedColumn, ExplainedElement, RowExplanation } from '../../pipeline/explain-page.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { countText } from '../parts/numbers.ts';
import { ReasonDialog } from '../parts/reason-dialog.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Time } from '../parts/time.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/omop.css';
import { Concept, fieldAddress, RowLink } from './links.tsx';
import { Tabs } from './tabs.tsx';
import { Vocabulary } from './vocabulary.tsx';

export function page({ params }: PageProps) {
  const { table = '', id = '' } = params;
  return <Row key={`${table} ${id}`} table={table} id={id} />;
}

function Row({ table, id }: { readonly table: string; readonly id: string }) {
  const address = `/admin/omop/rows/${encodeURIComponent(table)}/${encodeURIComponent(id)}`;
  const asked = useAsked(address, (signal) => ask<RowExplanation>('GET', `${address}/explain`, undefined, signal));
  const [revealed, setRevealed] = useState<RowExplanation>();
  const [isAsking, setAsking] = useState(false);
  const reveal = async (reason: string) => setRevealed(await ask<RowExplanation>('POST', `${address}/reveal`, { reason }));
  return (
    <>
      <Tabs at="" />
      <Asked asked={asked}>
        {(masked) => <Explained shown={revealed ?? masked} reveal={() => setAsking(true)} hide={() => setRevealed(undefined)} />}
      </Asked>
      {isAsking && (
        <ReasonDialog title="Show what is masked" act="Show it" close={() => setAsking(false)} doIt={reveal}>
          <p>Who looks, at which row, when and why is written into the audit log before anything is shown.</p>
        </ReasonDialog>
      )}
    </>
  );
}

interface ExplainedProps {
  readonly shown: RowExplanation;
  readonly reveal: () => void;
  readonly hide: () => void;
}

const Explained = ({ shown, reveal, hide }: ExplainedProps) => (
  <>
    <div class="title">
      <h1>
        {shown.table} {shown.id}
      </h1>
      <span class="acts">
        {shown.personId !== undefined && <Link to={`/omop/persons/${shown.personId}`}>Timeline of person {shown.personId}</Link>}
        {shown.isMasked ? (
          <button type="button" onClick={reveal}>
            Reveal…
          </button>
        ) : (
          <button type="button" class="primary" onClick={hide}>
            Mask again
          </button>
        )}
      </span>
    </div>
    <Chain shown={shown} />
    {shown.rowSpecNow !== undefined && (
      <p class="notice">
        The row was made by <code>{nameOf(shown.resource?.rowSpec ?? '')}</code>; rules and origins below are those of today's{' '}
        <code>{nameOf(shown.rowSpecNow)}</code>.
      </p>
    )}
    {shown.withoutLineage !== '' && <p class="notice">No column has an origin of its own here: {shown.withoutLineage}.</p>}
    <Table caption="Column by column" columns={columnsFor(shown)} rows={shown.columns} keyOf={({ name }) => name} />
    <Contributing shown={shown} />
    <Vocabulary shown={shown} />
    <Others shown={shown} />
  </>
);

/** Shows a digest by its first characters; the whole one stands in the title. */
const nameOf = (spec: string): string => spec.replace(/(#sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1…');

/** Row <- resource <- message, and the maps between them. */
function Chain({ shown: { table, id, resource, message } }: { readonly shown: RowExplanation }) {
  if (resource === undefined) return null;
  return (
    <ol class="chain" aria-label="Where the row comes from">
      <li>
        <span class="kind">OMOP row</span>
        <strong>
          {table} {id}
        </strong>
        <Made spec={resource.rowSpec} without="no map" />
      </li>
      <li>
        <span class="kind">FHIR resource</span>
        <strong>
          <Text value={resource.reference} most={80} />
        </strong>
        <span class="note">
          version {resource.version}, <Time at={resource.updated} />
        </span>
        {resource.spec !== '' && <Made spec={resource.spec} without="" />}
      </li>
      <li>
        <span class="kind">{message?.channel === 'fhir' || resource.spec === '' ? 'FHIR request' : 'HL7v2 message'}</span>
        {message === undefined ? (
          <span>one that the journal does not hold any more</span>
        ) : (
          <>
            <strong>
              <Link to={`/messages/${message.id}`}>message {message.id}</Link> <Text value={message.type} most={40} />
            </strong>
            <span class="note">
              from <Text value={message.source} most={80} />, <Time at={message.receivedAt} source={message.source} />
            </span>
            {message.controlId !== undefined && (
              <span class="note">
                control id <Text value={message.controlId} most={60} />
              </span>
            )}
          </>
        )}
      </li>
    </ol>
  );
}

const Made = ({ spec, without }: { readonly spec: string; readonly without: string }) => (
  <span class="note" title={spec}>
    made by {spec === '' ? without : <code>{nameOf(spec)}</code>}
  </span>
);

const columnsFor = ({ message }: RowExplanation): readonly Column<ExplainedColumn>[] => [
  {
    title: 'Column and rule',
    of: ({ name, rule }) => (
      <>
        <code>{name}</code>
        <div class="note" title={rule?.text}>
          {rule === undefined ? 'a rule of the CDM' : `${rule.file}:${rule.line}`}
        </div>
      </>
    ),
  },
  {
    title: 'Value',
    of: ({ value, isMasked, concept }) => (
      <>
        <Text value={value} most={200} />
        {isMasked && <span class="unseen">masked</span>}
        {concept !== undefined && (
          <div>
            <Concept concept={concept} />
          </div>
        )}
      </>
    ),
  },
  { title: 'From', of: (column) => <Origins column={column} message={message?.id} /> },
];

/** The element that says the same as the column stands first; those that had a say in it open on demand. */
function Origins({
  column: { value, elements, concept, rule },
  message,
}: {
  readonly column: ExplainedColumn;
  readonly message: number | undefined;
}) {
  const [isOpen, setOpen] = useState(false);
  const same = elements.filter((each) => each.value === value || each.value === concept?.concept_code);
  const first = same[0] ?? elements.find(({ path }) => /coding\[\d+\]\.code$/.test(path)) ?? elements[0];
  if (first === undefined) return <span class="none">{rule === undefined ? '–' : 'a constant'}</span>;
  const others = elements.filter((each) => each !== first);
  return (
    <>
      <Element element={first} message={message} />
      {isOpen && others.map((each) => <Element key={each.path} element={each} message={message} />)}
      {others.length > 0 && (
        <button type="button" class="more" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'fewer' : `${others.length} more that it read`}
        </button>
      )}
    </>
  );
}

/** An element, what it says, the rule that made it, and the fields it is from. */
const Element = ({
  element: { path, value, rule, sources },
  message,
}: {
  readonly element: ExplainedElement;
  readonly message: number | undefined;
}) => (
  <div class="origin">
    <code>
      <Text value={path} most={120} />
    </code>
    {value !== '' && (
      <>
        {' = '}
        <Text value={value} most={120} />
      </>
    )}
    {rule !== undefined && (
      <span class="note" title={rule.text}>
        {' '}
        by {rule.file}:{rule.line}
      </span>
    )}
    {sources.length > 0 && message !== undefined && (
      <span class="fields">
        {sources.map(({ path: field, bytes }) => (
          <Link key={field} to={fieldAddress(message, field)}>
            {field}
            {bytes !== undefined && ` bytes ${bytes.from}–${bytes.to}`}
          </Link>
        ))}
      </span>
    )}
  </div>
);

/** The rows that an era was made from. */
function Contributing({ shown: { derivedFrom } }: { readonly shown: RowExplanation }) {
  if (derivedFrom === undefined) return null;
  const { rows, total } = derivedFrom;
  return (
    <Table
      caption={`Made from ${rows.length < total ? `these first ${countText(rows.length)} of ${countText(total)} rows` : total === 1 ? 'one row' : `${countText(total)} rows`}`}
      columns={[
        { title: 'Row', of: (row) => <RowLink {...row} /> },
        { title: 'Date', of: ({ date }) => date },
      ]}
      rows={rows}
      keyOf={({ table, id }) => `${table} ${id}`}
    />
  );
}

/** Other messages that spoke of it, and merges of the records. */
function Others({ shown: { earlier, merges } }: { readonly shown: RowExplanation }) {
  if (earlier.length + merges.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="others">
      <h2 id="others">What else made it what it is</h2>
      {earlier.length > 0 && (
        <p>
          Earlier versions were made by{' '}
          {earlier.map((id, index) => (
            <span key={id}>
              {index > 0 && ', '}
              <Link to={`/messages/${id}`}>message {id}</Link>
            </span>
          ))}
          {earlier.length >= 100 && ' (the last 100 versions)'}.
        </p>
      )}
      {merges.length > 0 && (
        <ul class="plain">
          {merges.map(({ loser, survivor, at, undoneAt, message }) => (
            <li key={`${loser} ${at}`}>
              <Text value={`Patient/${loser} became part of Patient/${survivor}`} most={200} /> <Time at={at} />
              {message !== undefined && (
                <>
                  {' by '}
                  <Link to={`/messages/${message.id}`}>message {message.id}</Link>
                </>
              )}
              {undoneAt !== undefined && (
                <>
                  {', taken back '}
                  <Time at={undoneAt} />
                </>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
