/** The ranked list, page by page; what was shown keeps its place until it is read anew. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from '../doors.ts';
import type { ListPage, UnmappedItem } from './answers.ts';

const PAGE = 50;

export interface ListFilter {
  readonly system?: string | undefined;
  readonly text?: string | undefined;
  readonly kind?: string | undefined;
}

export interface List {
  readonly items: readonly UnmappedItem[] | undefined;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly error: unknown;
  /** Reads the next page behind what is shown. */
  readonly more: () => void;
  /** Reads the list anew. */
  readonly again: () => void;
}

export function useList(filter: ListFilter): List {
  const [found, setFound] = useState<ListPage>();
  const [error, setError] = useState<unknown>();
  const [isLoading, setLoading] = useState(true);
  const ending = useRef(new AbortController());
  const load = (after: ListPage['next'], take: (page: ListPage) => void): void => {
    ending.current.abort();
    ending.current = new AbortController();
    const { signal } = ending.current;
    setLoading(true);
    ask<ListPage>('POST', '/admin/unmapped/list', { ...filter, limit: PAGE, after }, signal).then(
      (page) => {
        if (signal.aborted) return;
        setLoading(false);
        setError(undefined);
        take(page);
      },
      (failed: unknown) => {
        if (signal.aborted) return;
        setLoading(false);
        setError(failed);
      },
    );
  };
  const again = () => load(undefined, setFound);
  const more = () => {
    if (found?.next !== undefined && !isLoading) load(found.next, (page) => setFound({ ...page, items: [...found.items, ...page.items] }));
  };
  const key = JSON.stringify(filter);
  useEffect(() => {
    again();
    return () => ending.current.abort();
  }, [key]);
  return { items: found?.items, hasMore: found?.next !== undefined, isLoading, error, more, again };
}
