/** Every page, by hand: one line each. A page is loaded when somebody first opens it; the first screen comes with the program. */
import type { ComponentType } from 'preact';
import { page as firstPage } from './messages/overview.tsx';
import type { PageProps } from './router.tsx';

export interface PageRow {
  /** '/messages/:id'. */
  readonly path: string;
  /** What the tab and the heading say until the page says better. */
  readonly title: string;
  readonly load: () => Promise<{ readonly page: ComponentType<PageProps> }>;
  /** Of the first screen: it is there with the program, and nobody waits for another file. */
  readonly page?: ComponentType<PageProps>;
}

export interface Area {
  readonly title: string;
  /** Where the navigation leads. */
  readonly path: string;
  readonly pages: readonly PageRow[];
}

export const AREAS: readonly Area[] = [
  {
    title: 'Messages',
    path: '/',
    pages: [
      { path: '/', title: 'Messages', load: async () => ({ page: firstPage }), page: firstPage },
      { path: '/messages', title: 'Messages', load: () => import('./messages/list.tsx') },
      { path: '/messages/try', title: 'Try a message', load: () => import('./messages/try.tsx') },
      { path: '/messages/:id', title: 'Message', load: () => import('./messages/message.tsx') },
    ],
  },
  {
    title: 'Mappings',
    path: '/mappings',
    pages: [
      { path: '/mappings', title: 'Mappings', load: () => import('./mappings/overview.tsx') },
      { path: '/mappings/file', title: 'Map', load: () => import('./mappings/file.tsx') },
      { path: '/mappings/drafts/:id', title: 'Draft', load: () => import('./mappings/draft.tsx') },
      { path: '/mappings/drafts/:id/edit', title: 'Edit', load: () => import('./mappings/edit.tsx') },
      { path: '/mappings/plans/:id', title: 'Plan', load: () => import('./mappings/plan.tsx') },
      { path: '/mappings/releases', title: 'Releases', load: () => import('./mappings/releases.tsx') },
      { path: '/mappings/releases/:id', title: 'Release', load: () => import('./mappings/release.tsx') },
      { path: '/mappings/replays/:id', title: 'Replay', load: () => import('./mappings/replay.tsx') },
    ],
  },
  {
    title: 'Codes',
    path: '/codes',
    pages: [
      { path: '/codes', title: 'Unmapped codes', load: () => import('./codes/list.tsx') },
      { path: '/codes/answers', title: 'Answers', load: () => import('./codes/history.tsx') },
      { path: '/codes/files', title: 'Codes as files', load: () => import('./codes/files.tsx') },
    ],
  },
  {
    title: 'Terminology',
    path: '/terminology',
    pages: [
      { path: '/terminology', title: 'Terminology', load: () => import('./terminology/search.tsx') },
      { path: '/terminology/list', title: 'List of concepts', load: () => import('./terminology/list.tsx') },
      { path: '/terminology/concept', title: 'Concept', load: () => import('./terminology/concept.tsx') },
    ],
  },
  {
    title: 'OMOP',
    path: '/omop',
    pages: [
      { path: '/omop', title: 'OMOP', load: () => import('./omop/overview.tsx') },
      { path: '/omop/persons', title: 'Persons', load: () => import('./omop/persons.tsx') },
      { path: '/omop/persons/:id', title: 'Person', load: () => import('./omop/person.tsx') },
      { path: '/omop/rows/:table/:id', title: 'Row', load: () => import('./omop/row.tsx') },
      { path: '/omop/quality', title: 'Data quality', load: () => import('./omop/quality.tsx') },
      { path: '/omop/sql', title: 'SQL', load: () => import('./omop/sql.tsx') },
    ],
  },
  {
    title: 'Operations',
    path: '/operations',
    pages: [{ path: '/operations', title: 'Operations', load: () => import('./operations/overview.tsx') }],
  },
];
