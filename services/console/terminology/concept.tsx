/** One concept: what it is called, where it stands, what it means in OMOP, and where it occurs in our data. */
import { useState } from 'preact/hooks';
import type { ConceptLine } from '../../../terminology/browse.ts';
import type { ConceptAnswer } from '../../pipeline/vocabulary/browse.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Detail } from '../parts/detail.tsx';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { Link, type PageProps } from '../router.tsx';
import '../style/terminology.css';
import { type Coded, ConceptLink, conceptAddress, OmopMark, shortSystem } from './links.tsx';

const OMOP = 'https://fhir-terminology.ohdsi.org';

const asked = (concept: Coded, from: number, signal: AbortSignal) =>
  ask<ConceptAnswer>('POST', '/admin/terminology/concept', { ...concept, from }, signal);

export function page({ place }: PageProps) {
  const concept = { system: place.query.get('system') ?? '', code: place.query.get('code') ?? '' };
  const answer = useAsked(conceptAddress(concept), (signal) => asked(concept, 0, signal));
  return (
    <>
      <p>
        <Link to="/terminology">All code systems</Link>
      </p>
      <Asked asked={answer}>{(value) => <Concept {...value} />}</Asked>
    </>
  );
}

function Concept(concept: ConceptAnswer) {
  const { system, code, display, version, title, status, isInactive, definition, omop } = concept;
  return (
    <>
      <section class="panel" aria-label="Concept">
        <h1>
          <Text value={display === '' ? code : display} />
        </h1>
        <Detail
          rows={[
            ['Code', <code key="code">{code}</code>],
            ['Code system', <Text key="system" value={`${title} (${system})`} />],
            ['Release', version === undefined ? undefined : <Text key="version" value={version} />],
            ['State', isInactive ? (status ?? 'inactive') : 'active'],
            ['Definition', definition === undefined ? undefined : <Text key="definition" value={definition} />],
            ['OMOP', omop === undefined ? 'no concept of the OMOP vocabularies' : <OmopMark key="omop" omop={omop} />],
          ]}
        />
      </section>
      <Uses {...concept} />
      {concept.isHierarchical && <Hierarchy {...concept} />}
      <Names {...concept} />
      {concept.relations.length > 0 && (
        <Table
          caption="Relationships in OMOP"
          columns={RELATIONS}
          rows={concept.relations}
          keyOf={(row) => `${row.relationship_id} ${row.concept_id}`}
        />
      )}
      {concept.translations.length > 0 && concept.relations.length === 0 && (
        <Table
          caption="Translations"
          columns={TRANSLATIONS}
          rows={concept.translations}
          keyOf={(row) => `${row.map} ${row.isReverse} ${row.code}`}
        />
      )}
    </>
  );
}

function Uses({ omop, uses, sourceUses }: ConceptAnswer) {
  if (omop === undefined) return null;
  const all = [...uses, ...(sourceUses ?? [])];
  return (
    <section class="panel" aria-label="In our data">
      <h2>In our data</h2>
      {all.length === 0 && sourceUses !== undefined && <p>No row of the CDM carries it.</p>}
      {all.length > 0 && (
        <ul class="plain">
          {all.map(({ table, column, rows }) => (
            <li key={column + table}>
              {countText(rows)} {rows === 1 ? 'row' : 'rows'} of <code>{table}</code> by <code>{column}</code>
            </li>
          ))}
        </ul>
      )}
      {sourceUses === undefined && <p class="note">Rows that carry it as their source concept are too many to count while you wait.</p>}
    </section>
  );
}

/** Parents above, children below; what is below a child is asked for when it is opened. */
function Hierarchy({ system, code, parents, children }: ConceptAnswer) {
  return (
    <section class="panel" aria-label="Hierarchy">
      <h2>Above</h2>
      {parents.length === 0 ? <p class="none">Nothing: it is a root.</p> : <Lines lines={parents} />}
      <h2>Below: {countText(children.total)}</h2>
      <Children concept={{ system, code }} first={children} />
    </section>
  );
}

const Lines = ({ lines }: { readonly lines: readonly ConceptLine[] }) => (
  <ul class="tree">
    {lines.map((line) => (
      <li key={line.code}>
        <ConceptLink {...line} />
      </li>
    ))}
  </ul>
);

function Children({ concept, first }: { readonly concept: Coded; readonly first: ConceptAnswer['children'] }) {
  const [shown, setShown] = useState(first);
  const [isAsking, setAsking] = useState(false);
  const more = () => {
    setAsking(true);
    asked(concept, shown.lines.length, new AbortController().signal).then(
      ({ children }) => {
        setShown({ ...children, lines: [...shown.lines, ...children.lines] });
        setAsking(false);
      },
      () => setAsking(false),
    );
  };
  if (shown.total === 0) return <p class="none">Nothing.</p>;
  return (
    <>
      <ul class="tree">
        {shown.lines.map((line) => (
          <li key={line.code}>{line.hasChildren ? <Branch line={line} /> : <ConceptLink {...line} />}</li>
        ))}
      </ul>
      {shown.lines.length < shown.total && (
        <button type="button" disabled={isAsking} onClick={more}>
          {countText(shown.lines.length)} of {countText(shown.total)} shown: show more
        </button>
      )}
    </>
  );
}

function Branch({ line }: { readonly line: ConceptLine }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        class="twist"
        aria-expanded={isOpen}
        aria-label={`What is below ${line.display || line.code}`}
        onClick={() => setOpen(!isOpen)}
      >
        {isOpen ? '−' : '+'}
      </button>
      <ConceptLink {...line} />
      {isOpen && <Below concept={line} />}
    </>
  );
}

function Below({ concept: { system, code } }: { readonly concept: Coded }) {
  const answer = useAsked(`below ${system} ${code}`, (signal) => asked({ system, code }, 0, signal));
  return <Asked asked={answer}>{({ children }) => <Children concept={{ system, code }} first={children} />}</Asked>;
}

function Names({ designations, properties: all, relations }: ConceptAnswer) {
  // OMOP's relationships have a table of their own, with names.
  const related = new Set(relations.map(({ relationship_id }) => relationship_id));
  const properties = all.filter(({ code }) => !related.has(code));
  return (
    <>
      {designations.length > 0 && (
        <Table caption="Also called" columns={NAMES} rows={designations} keyOf={({ language, value }) => `${language} ${value}`} />
      )}
      {properties.length > 0 && (
        <Table
          caption="Properties"
          columns={PROPERTIES}
          rows={properties}
          keyOf={({ code, value }) => `${code} ${JSON.stringify(value)}`}
        />
      )}
    </>
  );
}

const NAMES: readonly Column<ConceptAnswer['designations'][number]>[] = [
  { title: 'Name', of: ({ value }) => <Text value={value} /> },
  { title: 'Language', of: ({ language }) => language ?? <span class="none">–</span> },
  { title: 'Use', isExtra: true, of: ({ use }) => <Text value={String(use?.['display'] ?? use?.['code'] ?? '–')} /> },
];

const PROPERTIES: readonly Column<ConceptAnswer['properties'][number]>[] = [
  { title: 'Property', of: ({ code }) => code },
  {
    title: 'Value',
    of: ({ value, description }) => (
      <Text value={`${typeof value === 'object' ? JSON.stringify(value) : value}${description === undefined ? '' : ` (${description})`}`} />
    ),
  },
];

const RELATIONS: readonly Column<ConceptAnswer['relations'][number]>[] = [
  { title: 'Relationship', of: ({ relationship_id }) => relationship_id },
  {
    title: 'Concept',
    of: ({ concept_id, concept_name }) => <ConceptLink system={OMOP} code={String(concept_id)} display={concept_name} />,
  },
  {
    title: 'Code',
    of: ({ vocabulary_id, concept_code }) => (
      <>
        {vocabulary_id} <code>{concept_code}</code>
      </>
    ),
  },
  { title: 'Standard', isExtra: true, of: ({ standard_concept }) => standard_concept ?? '–' },
];

const TRANSLATIONS: readonly Column<ConceptAnswer['translations'][number]>[] = [
  { title: 'Way', of: ({ isReverse }) => (isReverse ? 'is mapped to from' : 'maps to') },
  { title: 'Concept', of: ({ system, code, display }) => <ConceptLink system={system} code={code} display={display ?? code} /> },
  { title: 'Code system', of: ({ system }) => shortSystem(system) },
];
