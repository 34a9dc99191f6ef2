/** The terminology browser: what is loaded, and a search that answers as one types. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { FoundConcept, SearchAnswer, SystemsAnswer } from '../../pipeline/vocabulary/browse.ts';
import { ask, useAsked } from '../doors.ts';
import { Asked } from '../parts/asked.tsx';
import { Empty } from '../parts/empty.tsx';
import { countText } from '../parts/numbers.ts';
import { type Column, Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { go, Link, type PageProps, type Place, withQuery } from '../router.tsx';
import '../style/terminology.css';
import { ConceptLink, OmopMark } from './links.tsx';

const PAUSE_MS = 120;
const LINES = 20;
const LINES_OF_ONE = 200;
const DOMAINS = [
  'Condition',
  'Drug',
  'Measurement',
  'Observation',
  'Procedure',
  'Device',
  'Unit',
  'Visit',
  'Spec Anatomic Site',
  'Meas Value',
];

export function page({ place }: PageProps) {
  const systems = useAsked('systems', (signal) => ask<SystemsAnswer>('GET', '/admin/terminology/systems', undefined, signal));
  const text = place.query.get('text') ?? '';
  return (
    <>
      <div class="title">
        <h1>Terminology</h1>
        <Link to="/terminology/list">Look up a list</Link>
      </div>
      <SearchForm place={place} systems={systems.value} />
      {text.trim() === '' ? (
        <Asked asked={systems}>{(answer) => <Loaded {...answer} />}</Asked>
      ) : (
        <>
          <Found key="found" place={place} text={text.trim()} release={systems.value?.release} />
          {systems.value !== undefined && <Hidden systems={systems.value.systems} />}
        </>
      )}
    </>
  );
}

function SearchForm({ place, systems }: { readonly place: Place; readonly systems: SystemsAnswer | undefined }) {
  const there = place.query.get('text') ?? '';
  const [text, setText] = useState(there);
  // What this form put into the address itself must not overwrite what was typed meanwhile.
  const own = useRef(there);
  // What is chosen while the pause runs must not be lost to the address of before.
  const latest = useRef(place);
  latest.current = place;
  const set = (changes: Readonly<Record<string, string | undefined>>) => go(withQuery(latest.current, changes), { isStep: false });
  useEffect(() => {
    if (there !== own.current) setText(there);
    own.current = there;
  }, [there]);
  useEffect(() => {
    if (text === own.current) return;
    const timer = setTimeout(() => {
      own.current = text;
      set({ text });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: <search> is not known to all browsers yet
    <form class="panel concepts" role="search" aria-label="Concepts" onSubmit={(event) => event.preventDefault()}>
      <label class="field wide">
        <span>Words in any order, or a code</span>
        <input
          type="search"
          value={text}
          placeholder="glucose serum"
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        <span>Code system</span>
        <select value={place.query.get('system') ?? ''} onChange={(event) => set({ system: event.currentTarget.value })}>
          <option value="">all</option>
          {systems?.systems.map(({ url, title }) => (
            <option key={url} value={url}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Domain</span>
        <select value={place.query.get('domain') ?? ''} onChange={(event) => set({ domain: event.currentTarget.value })}>
          <option value="">any</option>
          {DOMAINS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <Choice name="standard" title="standard only" place={place} set={set} />
      <Choice name="used" title="in our data only" place={place} set={set} />
    </form>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly title: string;
  readonly place: Place;
  readonly set: (changes: Readonly<Record<string, string | undefined>>) => void;
}

const Choice = ({ name, title, place, set }: ChoiceProps) => (
  <label class="choice">
    <input
      type="checkbox"
      checked={place.query.has(name)}
      onChange={(event) => set({ [name]: event.currentTarget.checked ? 'yes' : undefined })}
    />
    <span>{title}</span>
  </label>
);

function Found({ place, text, release }: { readonly place: Place; readonly text: string; readonly release: string | undefined }) {
  const system = place.query.get('system') ?? undefined;
  const body = {
    text,
    system,
    domain: place.query.get('domain') ?? undefined,
    isStandard: place.query.has('standard'),
    isUsed: place.query.has('used'),
    limit: system === undefined ? LINES : LINES_OF_ONE,
  };
  const asked = useAsked(JSON.stringify(body), (signal) => ask<SearchAnswer>('POST', '/admin/terminology/search', body, signal));
  return (
    <Asked asked={asked}>
      {({ systems, lookedAt }) => (
        <>
          <p class="note" role="status">
            {countText(systems.reduce((sum, { count }) => sum + count, 0))} found
            {lookedAt === undefined ? '' : ` among the ${lookedAt} best of each code system`}
            {release === undefined || release === '' ? '' : `; OMOP vocabularies of ${release}`}.
          </p>
          {systems.length === 0 && <NothingFound />}
          {systems.map((each) => (
            <section key={each.system}>
              <Table
                caption={`${each.title}: ${countText(each.count)}`}
                columns={COLUMNS}
                rows={each.lines}
                keyOf={({ code }) => code}
                classOf={({ isInactive }) => (isInactive ? 'inactive' : undefined)}
              />
              <Rest place={place} system={each.system} shown={each.lines.length} count={each.count} isWhole={system !== undefined} />
            </section>
          ))}
        </>
      )}
    </Asked>
  );
}

/** Code systems whose releases nobody may hand on: who has a licence loads them. */
const LICENSED: readonly (readonly [url: string, title: string])[] = [
  ['http://snomed.info/sct', 'SNOMED CT'],
  ['http://www.ama-assn.org/go/cpt', 'CPT'],
  ['https://www.meddra.org', 'MedDRA'],
];

/** What was not searched because it needs a licence: "not found" would say too much. */
function Hidden({ systems }: Pick<SystemsAnswer, 'systems'>) {
  const missing = LICENSED.filter(([url]) => !systems.some((each) => each.url === url)).map(([, title]) => title);
  if (missing.length === 0) return null;
  return (
    <p class="note">
      Not searched, for no release of them is loaded here: {missing.join(', ')}. They need a licence of yours; with it, load them by{' '}
      <code>npx polyseme vocabulary load</code>. What the OMOP vocabularies hold of them is found as OMOP concepts.
    </p>
  );
}

const NothingFound = () => (
  <Empty title="No concept fits">
    <p>Every word has to begin a word of the concept's names. Fewer words, or the beginning of one, find more; so do fewer filters.</p>
  </Empty>
);

interface RestProps {
  readonly place: Place;
  readonly system: string;
  readonly shown: number;
  readonly count: number;
  /** It is the only code system that was asked for: more is not to be had. */
  readonly isWhole: boolean;
}

function Rest({ place, system, shown, count, isWhole }: RestProps) {
  if (shown >= count) return null;
  return (
    <p class="note">
      The first {countText(shown)} of {countText(count)}.{' '}
      {isWhole ? 'Another word narrows them.' : <Link to={withQuery(place, { system })}>Show more of these</Link>}
    </p>
  );
}

const COLUMNS: readonly Column<FoundConcept>[] = [
  { title: 'Concept', of: (line) => <ConceptLink {...line} /> },
  {
    title: 'Code',
    of: ({ code, isInactive }) => (
      <>
        <code>{code}</code>
        {isInactive ? ' inactive' : ''}
      </>
    ),
  },
  { title: 'OMOP', of: (line) => <OmopMark {...line} /> },
];

function Loaded({ release, systems, faults }: SystemsAnswer) {
  const isSmall = /starter/i.test(release);
  return (
    <>
      {faults.map(({ at, text }) => (
        <p key={at} class="failure" role="alert">
          <Text value={`${at}: ${text}`} />
        </p>
      ))}
      <Table
        caption={`${countText(systems.length)} code systems are loaded`}
        columns={SYSTEM_COLUMNS}
        rows={systems}
        keyOf={({ url }) => url}
      />
      <section class="panel">
        <h2>More of them</h2>
        <p>
          {isSmall && 'What is loaded is the small set that Polyseme brings along. '}
          Releases that need a licence are yours to fetch; nothing is fetched from here.
        </p>
        <pre>npx polyseme vocabulary load athena.zip{'\n'}npx polyseme vocabulary load SnomedCT_RF2.zip</pre>
      </section>
    </>
  );
}

const SYSTEM_COLUMNS: readonly Column<SystemsAnswer['systems'][number]>[] = [
  { title: 'Code system', of: ({ title }) => <Text value={title} most={200} /> },
  { title: 'Version', of: ({ version }) => (version === undefined ? <span class="none">–</span> : <Text value={version} most={120} />) },
  { title: 'Concepts', isNumber: true, of: ({ total }) => countText(total) },
  { title: 'Content', isExtra: true, of: ({ content }) => content },
  { title: 'Address', isExtra: true, of: ({ url }) => <Text value={url} most={200} /> },
];
