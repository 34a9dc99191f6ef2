/** The files of the maps by folder, with what cases try of each; those that the folder and what is published have otherwise are marked. */
import type { Asked } from '../doors.ts';
import { Failure } from '../parts/failure.tsx';
import { countText } from '../parts/numbers.ts';
import { go, Link, type Place, withQuery } from '../router.tsx';
import type { DriftedFile, FileCoverage, ListedFile, SpecsCovered } from './answers.ts';
import { coveredText } from './coverage.ts';

interface TreeProps {
  readonly files: readonly ListedFile[];
  readonly drift: readonly DriftedFile[];
  readonly covered: Asked<SpecsCovered>;
  readonly isPublished: boolean;
  readonly place: Place;
}

const DRIFT: Readonly<Record<DriftedFile['how'], string>> = {
  'only-folder': 'only in the folder',
  'only-published': 'only published',
  differs: 'folder differs',
};
const KIND: Readonly<Record<ListedFile['kind'], string>> = {
  message: 'message map',
  resource: 'resource map',
  datatype: 'datatype map',
  table: 'concept map',
  rows: 'row map',
  records: 'record map',
  cases: 'cases',
  map: 'map',
};

const driftText = (how: DriftedFile['how'] | undefined): string => (how === undefined ? '' : `≠ ${DRIFT[how]}`);
const kindsOf = (files: readonly ListedFile[]): string =>
  [...new Set(files.map(({ kind }) => (kind === 'cases' ? 'cases' : `${KIND[kind]}s`)))].join(', ');

/** Folders with fewer files than this are open. */
const FEW = 40;

export function Tree({ files, drift, covered, isPublished, place }: TreeProps) {
  const wanted = (place.query.get('find') ?? '').toLowerCase();
  const onlyDrifted = place.query.get('drifted') === 'yes';
  const how = new Map(drift.map((each) => [each.path, each.how]));
  const tried = new Map(covered.value?.files.map((each) => [each.file, each]));
  const known = new Set(files.map(({ path }) => path));
  const missing = drift
    .filter(({ path }) => !known.has(path))
    .map(({ path }) => ({ path, kind: 'map', hash: '', id: null, version: null, cases: 0 }) as const);
  const found = [...files, ...missing].filter(
    ({ path, id }) =>
      (wanted === '' || path.toLowerCase().includes(wanted) || (id ?? '').toLowerCase().includes(wanted)) &&
      (!onlyDrifted || how.has(path)),
  );
  const folders = Map.groupBy(found, ({ path }) => path.split('/').slice(0, -1).join('/'));
  const cases = files.reduce((sum, each) => sum + each.cases, 0);
  return (
    <section class="panel tree" aria-labelledby="tree-title">
      <div class="title">
        <h2 id="tree-title">
          Maps{' '}
          <span class="note">
            {countText(found.length)} files, {countText(cases)} cases in all
            {covered.value === undefined && covered.isLoading ? '; counting what they try…' : ''}
          </span>
        </h2>
        <div class="acts">
          <input
            type="search"
            aria-label="Find a map by its name"
            placeholder="Find a map"
            value={place.query.get('find') ?? ''}
            onInput={({ currentTarget: { value } }) => go(withQuery(place, { find: value }), { isStep: false })}
          />
          {isPublished && (
            <label class="check-label">
              <input
                type="checkbox"
                checked={onlyDrifted}
                onChange={({ currentTarget: { checked } }) =>
                  go(withQuery(place, { drifted: checked ? 'yes' : undefined }), { isStep: false })
                }
              />{' '}
              only what differs
            </label>
          )}
        </div>
      </div>
      {covered.error !== undefined && <Failure error={covered.error} again={covered.again} />}
      {found.length === 0 && <p class="note">No map of this name.</p>}
      {[...folders].map(([folder, own]) => (
        <Folder key={folder} name={folder} own={own} isOpen={wanted !== '' || onlyDrifted || own.length < FEW} how={how} tried={tried} />
      ))}
    </section>
  );
}

interface FolderProps {
  readonly name: string;
  readonly own: readonly ListedFile[];
  readonly isOpen: boolean;
  readonly how: ReadonlyMap<string, DriftedFile['how']>;
  readonly tried: ReadonlyMap<string, FileCoverage>;
}

const Folder = ({ name, own, isOpen, how, tried }: FolderProps) => (
  <details open={isOpen}>
    <summary>
      {name === '' ? 'maps' : name} <span class="note">{`${countText(own.length)} ${kindsOf(own)}`}</span>
      <Covered of={own.flatMap(({ path }) => tried.get(path) ?? [])} />
    </summary>
    <ul class="plain files">
      {own.map(({ path, id, version, cases }) => (
        <li key={path}>
          <Link to={`/mappings/file?${new URLSearchParams({ path })}`} title={id === null ? undefined : `${id}@${version}`}>
            {path.split('/').at(-1)}
          </Link>{' '}
          <span class="note">{version ?? ''}</span> <span class="note">{cases > 0 ? `${countText(cases)} cases` : ''}</span>{' '}
          <span class="warn">{driftText(how.get(path))}</span>
          <Covered of={[tried.get(path) ?? []].flat()} isBrief />
        </li>
      ))}
    </ul>
  </details>
);

/** What cases try of files, where that is known. */
const Covered = ({ of, isBrief = false }: { readonly of: readonly FileCoverage[]; readonly isBrief?: boolean }) => {
  const [all, tried] = [of.reduce((sum, each) => sum + each.all, 0), of.reduce((sum, each) => sum + each.tried, 0)];
  if (all === 0) return null;
  return (
    <span class="covered note" title={`${coveredText(of)}: a case had a value from them`}>
      <meter min={0} max={all} value={tried} aria-hidden="true" /> {isBrief ? `${countText(tried)} of ${countText(all)}` : coveredText(of)}
    </span>
  );
};
