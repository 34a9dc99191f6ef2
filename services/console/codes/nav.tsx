import { Link } from '../router.tsx';

const PAGES = [
  { path: '/codes', title: 'Unmapped' },
  { path: '/codes/answers', title: 'Answers' },
  { path: '/codes/files', title: 'Import and export' },
] as const;

/** The heading of this area's pages, and the way from one to the other. */
export function CodesHeading({ title, at }: { readonly title: string; readonly at: (typeof PAGES)[number]['path'] }) {
  return (
    <div class="title">
      <h1>{title}</h1>
      <nav class="tabs" aria-label="Codes">
        {PAGES.map(({ path, title: name }) => (
          <Link key={path} to={path} aria-current={path === at ? 'page' : undefined}>
            {name}
          </Link>
        ))}
      </nav>
    </div>
  );
}
