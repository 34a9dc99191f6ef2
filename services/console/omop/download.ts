/** A file made from a door's answer: whole, or not at all. */
import { DoorError } from '../doors.ts';
import { refused, token } from '../session.ts';

/** Saves what the door answers as a file. Throws DoorError when it refuses, and when the answer breaks off: a part is never saved. */
export async function download(path: string, body: unknown, name: string, signal: AbortSignal): Promise<void> {
  const known = token();
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(known === undefined ? {} : { authorization: `Bearer ${known}` }) },
    body: JSON.stringify(body),
    signal,
    credentials: 'omit',
    cache: 'no-store',
  });
  if (response.status === 401) refused();
  if (!response.ok) throw new DoorError(response.status, [await problemIn(response)]);
  const blob = await response.blob().catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new DoorError(0, [
      {
        code: 'download-broken',
        text: 'The answer broke off before its end: nothing was saved.',
        cure: 'Run the statement as a table to see what is wrong.',
      },
    ]);
  });
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function problemIn(response: Response) {
  const read: unknown = await response.json().catch(() => undefined);
  const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
    path.reduce<unknown>((each, step) => (typeof each === 'object' && each !== null ? Reflect.get(each, step) : undefined), value);
  const text = String(at(read, 'issue', 0, 'details', 'text') ?? `The server answered ${response.status}.`);
  const cure = String(at(read, 'issue', 0, 'diagnostics') ?? '');
  return {
    code: String(at(read, 'issue', 0, 'details', 'coding', 0, 'code') ?? response.status),
    text,
    cure: cure.startsWith(text) ? cure.slice(text.length).trim() : cure,
  };
}
