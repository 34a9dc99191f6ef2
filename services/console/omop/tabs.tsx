/** The pages of this area. */
import { Link } from '../router.tsx';

const PAGES = [
  { to: '/omop', title: 'Tables' },
  { to: '/omop/persons', title: 'Persons' },
  { to: '/omop/quality', title: 'Quality' },
  { to: '/omop/sql', title: 'SQL' },
] as const;

/** Links to the pages of the area; `at`: the one that is shown, or that is above it. */
export const Tabs = ({ at }: { readonly at: (typeof PAGES)[number]['to'] | '' }) => (
  <nav class="tabs" aria-label="OMOP">
    {PAGES.map(({ to, title }) => (
      <Link key={to} to={to} aria-current={to === at ? 'page' : undefined}>
        {title}
      </Link>
    ))}
  </nav>
);
