import { DoorError } from '../doors.ts';

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
          <strong>{text}</strong> {cure} <code>{code}</code>
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
