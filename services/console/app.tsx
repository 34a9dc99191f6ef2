/** The frame around every page: navigation, who is signed in, theme and time zone; and the page itself. */
import type { ComponentType } from 'preact';
import { useEffect, useErrorBoundary, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { AREAS, type Area, type PageRow } from './pages.ts';
import { Empty } from './parts/empty.tsx';
import { Failure } from './parts/failure.tsx';
import { THEMES, useTheme, useZone, ZONES } from './preferences.ts';
import { Link, matched, type PageProps, type Place, usePlace } from './router.tsx';
import { needsToken, onSession, signOut, token } from './session.ts';
import { SignIn } from './sign-in.tsx';

export function App() {
  const place = usePlace();
  const isClosed = useNeedsToken();
  const found = pageAt(place.path);
  const main = useRef<HTMLElement>(null);
  useFocusOnArrival(place.path, main.current);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header area={found?.area} />
      <main id="main" tabIndex={-1} ref={main}>
        {isClosed ? <SignIn /> : <Shown key={found?.row.path ?? place.path} found={found} place={place} />}
      </main>
    </>
  );
}

interface Found {
  readonly area: Area;
  readonly row: PageRow;
  readonly params: Readonly<Record<string, string>>;
}

function pageAt(path: string): Found | undefined {
  for (const area of AREAS) {
    for (const row of area.pages) {
      const params = matched(row.path, path);
      if (params !== undefined) return { area, row, params };
    }
  }
  return undefined;
}

const areaAt = (path: string): Area | undefined => AREAS.find((each) => each.path !== '/' && path.startsWith(each.path));

function useNeedsToken(): boolean {
  const [isClosed, setClosed] = useState(needsToken);
  // Before the first paint, as pages ask: the refusal may come before an effect would listen.
  useLayoutEffect(() => {
    setClosed(needsToken());
    return onSession(() => setClosed(needsToken()));
  }, []);
  return isClosed;
}

/** A page that comes takes the focus, so that a screen reader begins there (WCAG 2.4.3); not at the first one. */
function useFocusOnArrival(path: string, main: HTMLElement | null): void {
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    main?.focus({ preventScroll: true });
  }, [path, main]);
}

function Shown({ found, place }: { readonly found: Found | undefined; readonly place: Place }) {
  const [error, forget] = useErrorBoundary();
  const [page, setPage] = useState<ComponentType<PageProps> | undefined>(() => found?.row.page);
  const [failure, setFailure] = useState<unknown>();
  const load = found?.row.load;
  // Before the first paint: the page's own file is asked for a frame earlier.
  useLayoutEffect(() => {
    document.title = `${found?.row.title ?? 'Not found'} · Polyseme`;
    load?.().then(({ page: loaded }) => setPage(() => loaded), setFailure);
  }, [load, found?.row.title]);
  if (error !== undefined) return <Failure error={error} again={forget} />;
  if (failure !== undefined) return <Failure error={failure} again={() => location.reload()} />;
  if (found === undefined) return <Missing path={place.path} />;
  const Page = page;
  return Page === undefined ? <p class="loading">Loading…</p> : <Page params={found.params} place={place} />;
}

function Missing({ path }: { readonly path: string }) {
  const area = areaAt(path);
  return (
    <Empty title={area?.path === path ? `${area.title}: not built yet` : 'There is no such page'}>
      <p>
        Begin with <Link to="/">the messages</Link>.
      </p>
    </Empty>
  );
}

function Header({ area }: { readonly area: Area | undefined }) {
  const place = usePlace();
  const current = area ?? areaAt(place.path);
  return (
    <header class="header">
      <Link to="/" class="brand">
        <img src="/icon.svg" alt="" width="22" height="22" />
        Polyseme
      </Link>
      <nav aria-label="Areas">
        <ul>
          {AREAS.map((each) => (
            <li key={each.path}>
              <Link to={each.path} aria-current={each === current ? 'page' : undefined}>
                {each.title}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <Preferences />
    </header>
  );
}

const ZONE_NAMES = { local: 'local time', UTC: 'UTC', source: "source's time" } as const;

function Preferences() {
  const [theme, setTheme] = useTheme();
  const [zone, setZone] = useZone();
  return (
    <div class="preferences">
      <label>
        <span>Times</span>
        <select value={zone} onChange={(event) => setZone(ZONES.find((each) => each === event.currentTarget.value) ?? 'local')}>
          {ZONES.map((each) => (
            <option key={each} value={each}>
              {ZONE_NAMES[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Colours</span>
        <select value={theme} onChange={(event) => setTheme(THEMES.find((each) => each === event.currentTarget.value) ?? 'system')}>
          {THEMES.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      {token() !== undefined && (
        <button type="button" class="quiet" onClick={signOut}>
          Sign out
        </button>
      )}
    </div>
  );
}
