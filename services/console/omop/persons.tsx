/** Finds a person: by number, or by an identifier, which never stands in an address. */
import { useState } from 'preact/hooks';
import type { PersonLine } from '../../database/cdm/person-timeline.ts';
import type { FoundPersons } from '../../pipeline/persons.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Empty } from '../parts/empty.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { go, Link, type PageProps } from '../router.tsx';
import '../style/omop.css';
import { Tabs } from './tabs.tsx';

export function page({ place }: PageProps) {
  const text = place.beside['person'];
  return (
    <>
      <h1>Persons</h1>
      <Tabs at="/omop/persons" />
      <Form key={text} text={text ?? ''} />
      <Found key={`found ${text}`} text={text} />
    </>
  );
}

function Form({ text }: { readonly text: string }) {
  const [typed, setTyped] = useState(text);
  const submit = (event: Event) => {
    event.preventDefault();
    go('/omop/persons', { beside: typed.trim() === '' ? {} : { person: typed.trim() } });
  };
  return (
    <form class="panel find" onSubmit={submit}>
      <label class="field">
        <span>Person number or identifier</span>
        <input
          type="text"
          name="person"
          value={typed}
          maxLength={300}
          autocomplete="off"
          spellcheck={false}
          placeholder="12345, or system|value"
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        Find
      </button>
      <p class="note">An identifier is sent in the body of the request: it stands in no address and no log.</p>
    </form>
  );
}

function Found({ text }: { readonly text: string | undefined }) {
  const asked = useAsked(`persons ${text}`, (signal) =>
    ask<FoundPersons>('POST', '/admin/omop/persons/find', text === undefined ? {} : { text }, signal),
  );
  return (
    <Asked asked={asked}>
      {({ persons, isCut }) =>
        persons.length === 0 ? (
          <None isAsked={text !== undefined} />
        ) : (
          <>
            <Table
              caption={text === undefined ? 'The last persons that came' : 'Persons found'}
              columns={COLUMNS}
              rows={persons}
              keyOf={({ personId }) => personId}
            />
            {isCut && <p class="note">The first {persons.length}: more records carry this identifier. Write it as system|value.</p>}
          </>
        )
      }
    </Asked>
  );
}

const None = ({ isAsked }: { readonly isAsked: boolean }) => (
  <Empty title={isAsked ? 'No person is found' : 'No person is in the CDM yet'}>
    {isAsked ? (
      <p>The whole value of an identifier is compared, as the Patient has it. A record that was merged leads to the one it became.</p>
    ) : (
      <pre>npx polyseme send fixtures/hl7v2/batch.hl7 --to 127.0.0.1:2575</pre>
    )}
  </Empty>
);

const COLUMNS: readonly Column<PersonLine>[] = [
  { title: 'Person', of: ({ personId }) => <Link to={`/omop/persons/${personId}`}>{personId}</Link> },
  { title: 'Gender', of: ({ gender }) => (gender === '' ? <span class="none">–</span> : <Text value={gender} most={40} />) },
  {
    title: 'Observed',
    of: ({ firstDay, lastDay }) => (firstDay === null ? <span class="none">no period yet</span> : `${firstDay} to ${lastDay ?? ''}`),
  },
  { title: 'Resource', isExtra: true, of: ({ reference }) => <Text value={reference} most={80} /> },
];
