/** The messages of a folder, read one by one: whatever in it begins as HL7v2 does, batches taken apart. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { splitBatch } from '../../services/hl7v2/batch.ts';
import type { Message } from '../../services/hl7v2/message.ts';
import { parseMessage } from '../../services/hl7v2/parse.ts';

export interface CorpusMessage {
  readonly file: string;
  /** 0-based in its file. */
  readonly index: number;
  readonly message: Message;
}

/** Returns the folder of messages that others wrote, beside the checkout, or undefined. */
export function corpusFolder(): string | undefined {
  const folder = join(import.meta.dirname, '../../../shared/corpus/hl7v2');
  return existsSync(folder) ? folder : undefined;
}

/** Yields every message below `folder` that can be read; `unreadable` is told of the others. */
export function* messagesOf(folder: string, unreadable: (file: string) => void = () => undefined): Generator<CorpusMessage> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(hl7|txt|er7|dat)$/i.test(name))
    .sort();
  for (const name of files) {
    const path = join(folder, name);
    if (!statSync(path).isFile() || statSync(path).size > 1_000_000) continue;
    const content = readFileSync(path);
    if (!/^\W*(MSH|FHS|BHS)/.test(content.toString('latin1', 0, 64))) continue;
    const parts = splitBatch(content);
    for (const [index, bytes] of (parts.ok ? parts.value : []).entries()) {
      const parsed = parseMessage(bytes);
      if (parsed.ok) yield { file: name, index, message: parsed.value };
      else unreadable(name);
    }
  }
}
