/** A sender that asks and reads the answers. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { FrameReader, framed } from '../../services/mllp/frame.ts';

/** Sends messages over one connection and resolves with the texts of `count` answers, fewer when the connection is closed before. */
export async function socketAnswers(port: number, messages: readonly Uint8Array[], count: number): Promise<readonly string[]> {
  const socket = connect({ host: '127.0.0.1', port });
  const reader = new FrameReader(1 << 22);
  const answers: string[] = [];
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const event of reader.push(chunk)) if (event.kind === 'message') answers.push(Buffer.from(event.bytes).toString('utf8'));
      if (answers.length >= count) resolve();
    });
    socket.on('close', () => resolve());
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (const each of messages) socket.write(framed(each));
  await done;
  socket.destroy();
  return answers;
}
