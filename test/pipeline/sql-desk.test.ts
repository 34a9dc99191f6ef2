/** What a download of rows does for who reads it, and with who does not. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { whileRead } from '../../services/pipeline/sql-desk.ts';

function rows(): { readonly pieces: AsyncGenerator<Buffer>; isOver(): boolean } {
  let isOver = false;
  async function* made(): AsyncGenerator<Buffer> {
    try {
      for (let n = 0; n < 100; n++) yield Buffer.alloc(64 * 1024, n);
    } finally {
      isOver = true;
    }
  }
  return { pieces: made(), isOver: () => isOver };
}

describe('a download', () => {
  it('is whole for who reads it', async () => {
    const { pieces, isOver } = rows();
    const all: Buffer[] = [];
    for await (const piece of whileRead(await pieces.next(), pieces, { idleMs: 60_000, left: () => expect.unreachable() })) all.push(piece);
    expect(all.map((piece) => piece[0])).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(isOver()).toBe(true);
  });

  it('is given up for who stops reading, and its place is free', async () => {
    const { pieces, isOver } = rows();
    const first = await pieces.next();
    await new Promise<void>((closed) => {
      const answer: Readable = Readable.from(whileRead(first, pieces, { idleMs: 20, left: () => answer.destroy() }));
      answer.once('close', closed);
      answer.once('readable', () => answer.read());
    });
    await expect.poll(isOver).toBe(true);
  });
});
