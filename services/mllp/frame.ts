/**
 * MLLP frames: `<VT> message <FS><CR>` (HL7 Implementation Guide, Transport Specification MLLP Release 1,
 * https://www.hl7.org/documentcenter/public/wg/inm/mllp_transport_specification.PDF). Packets may be cut anywhere.
 */
const VT = 0x0b;
const FS = 0x1c;
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;

export type FrameEvent =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  /** Bytes between two frames that belong to neither; line ends and spaces are not counted. */
  | { readonly kind: 'junk'; readonly count: number }
  /** The connection does not speak MLLP: its first bytes are no VT. */
  | { readonly kind: 'no-frame'; readonly count: number }
  /** The frame is longer than the limit; `bytes` are its beginning. Nothing more can be read from the connection. */
  | { readonly kind: 'too-long'; readonly bytes: Uint8Array };

/** Returns `message` in a frame. */
export function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(message.length + 3);
  frame[0] = VT;
  frame.set(message, 1);
  frame[message.length + 1] = FS;
  frame[message.length + 2] = CR;
  return frame;
}

/** Reads frames out of the packets of one connection. */
export class FrameReader {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** between: outside of any frame; inside: after VT; ending: the last byte was FS. */
  #state: 'between' | 'inside' | 'ending' = 'between';
  #sawFrame = false;
  #stopped = false;

  /** `maxBytes`: the longest message taken. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True while a message has begun and not ended. */
  get isInside(): boolean {
    return this.#state !== 'between';
  }

  /** What was read so far of a message that has not ended. */
  get unfinished(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  /** Returns what `chunk` completed, in order. After no-frame or too-long nothing more is read. */
  push(chunk: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = [];
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      at = this.#state === 'between' ? this.#skip(chunk, at, events) : this.#take(chunk, at, events);
    }
    return events;
  }

  #skip(chunk: Uint8Array, from: number, events: FrameEvent[]): number {
    const start = chunk.indexOf(VT, from);
    const end = start < 0 ? chunk.length : start;
    let count = 0;
    for (let at = from; at < end; at += 1) {
      const byte = chunk[at];
      if (byte !== CR && byte !== LF && byte !== SPACE) count += 1;
    }
    if (count > 0 && !this.#sawFrame) {
      this.#stopped = true;
      events.push({ kind: 'no-frame', count });
      return chunk.length;
    }
    if (count > 0) events.push({ kind: 'junk', count });
    if (start < 0) return chunk.length;
    this.#sawFrame = true;
    this.#state = 'inside';
    return start + 1;
  }

  #take(chunk: Uint8Array, from: number, events: FrameEvent[]): number {
    if (this.#state === 'ending') {
      const byte = chunk[from];
      // A sender that leaves out CR begins the next frame at once; any other byte shows that FS was a byte of the message.
      if (byte === CR || byte === VT) {
        this.#finish(events);
        return byte === CR ? from + 1 : from;
      }
      this.#state = 'inside';
      return this.#keep(Uint8Array.of(FS), events) ? from : chunk.length;
    }
    const stop = chunk.indexOf(FS, from);
    const end = stop < 0 ? chunk.length : stop;
    if (!this.#keep(chunk.subarray(from, end), events)) return chunk.length;
    if (stop >= 0) this.#state = 'ending';
    return stop < 0 ? end : end + 1;
  }

  /** Keeps a part of the message; false when that is more than may be. */
  #keep(part: Uint8Array, events: FrameEvent[]): boolean {
    if (part.length === 0) return true;
    const room = this.#maxBytes - this.#size;
    this.#parts.push(part.length > room ? part.subarray(0, room) : part);
    this.#size += part.length;
    if (part.length <= room) return true;
    this.#stopped = true;
    events.push({ kind: 'too-long', bytes: Buffer.concat(this.#parts) });
    this.#parts = [];
    return false;
  }

  #finish(events: FrameEvent[]): void {
    const [only] = this.#parts;
    const bytes = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    events.push({ kind: 'message', bytes });
    this.#parts = [];
    this.#size = 0;
    this.#state = 'between';
  }
}
