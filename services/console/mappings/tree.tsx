/** The files of the maps by folder; those that the folder and what is published have otherwise are marked. */
import { countText } from '../parts/numbers.ts';
import { go, Link, type Place, withQuery } from '../router.tsx';
import type { DriftedFile, ListedFile } from './answers.ts';

interface TreeProps {
  readonly files: readonly ListedFile[];
  readonly drift: readonly DriftedFile[];
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

export function Tree({ files, drift, isPublished, place }: TreeProps) {
  const wanted = (place.query.get('find') ?? '').toLowerCase();
  const onlyDrifted = place.query.get('drifted') === 'yes';
  const how = new Map(drift.map((each) => [each.path, each.how]));
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
      {found.length === 0 && <p class="note">No map of this name.</p>}
      {[...folders].map(([folder, own]) => (
        <details key={folder} open={wanted !== '' || onlyDrifted || own.length < FEW}>
          <summary>
            {folder === '' ? 'maps' : folder} <span class="note">{`${countText(own.length)} ${kindsOf(own)}`}</span>
          </summary>
          <ul class="plain files">
            {own.map(({ path, id, version, cases: count }) => (
              <li key={path}>
                <Link to={`/mappings/file?${new URLSearchParams({ path })}`} title={id === null ? undefined : `${id}@${version}`}>
                  {path.split('/').at(-1)}
                </Link>{' '}
                <span class="note">{version ?? ''}</span> <span class="note">{count > 0 ? `${countText(count)} cases` : ''}</span>{' '}
                <span class="warn">{driftText(how.get(path))}</span>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </section>
  );
}
