/** Files to and from the server: bytes, where the other doors speak JSON. */
import { DoorError, problemsIn } from '../doors.ts';
import { refused, token } from '../session.ts';

/** Returns the answer of a door that takes or gives a file. Throws DoorError; also when the connection ended before the file was whole. */
export async function transfer<T>(path: string, type: string, body: BodyInit, read: (response: Response) => Promise<T>): Promise<T> {
  const known = token();
  const headers = new Headers({ 'content-type': type });
  if (known !== undefined) headers.set('authorization', `Bearer ${known}`);
  try {
    const response = await fetch(path, { method: 'POST', headers, body, credentials: 'omit', cache: 'no-store' });
    if (response.status === 401) refused();
    if (!response.ok) {
      const answer: unknown = await response.json().catch(() => undefined);
      throw new DoorError(response.status, problemsIn(response, answer), answer);
    }
    return await read(response);
  } catch (error) {
    if (error instanceof DoorError) throw error;
    const cure = 'Nothing was kept of it. See whether "npx polyseme serve" is running, then try again.';
    throw new DoorError(0, [{ code: 'server-unreachable', text: 'The file did not come through.', cure }]);
  }
}

/** Gives the browser a file to keep. */
export function save(name: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // Revoked at once some browsers would save nothing.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
