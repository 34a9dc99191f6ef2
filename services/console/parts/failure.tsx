import { DoorError } from '../doors.ts';
import { Text } from './text.tsx';

/** What went wrong, its code and its cure; never an error's own text, which may hold data. */
export function Failure({ error, again }: { readonly error: unknown; readonly again?: () => void }) {
  const problems =
    error instanceof DoorError
      ? error.problems
      : [{ code: 'console', text: 'This page failed.', cure: 'Reload it; if it fails again, report what you did.' }];
  return (
    <section class="failure" role="alert">
      {problems.map(({ code, text, cure }) => (
        <p key={`${code} ${text}`}>
          <strong>
            <Text value={text} most={600} />
          </strong>{' '}
          {cure} <code>{code}</code>
        </p>
      ))}
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </section>
  );
}
