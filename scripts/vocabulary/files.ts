import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const FLUSH = 1 << 22;

/** A text file that is written line by line in large pieces. */
export class LineFile {
  readonly #file: number;
  readonly #end: string;
  #text = '';
  rows = -1;

  constructor(path: string, header: string, end = '\r\n') {
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, 'w');
    this.#end = end;
    this.line(header);
  }

  line(text: string): void {
    this.#text += text + this.#end;
    this.rows += 1;
    if (this.#text.length > FLUSH) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, this.#text);
    this.#text = '';
  }
}
