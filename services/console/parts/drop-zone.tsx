/** A place that takes a file of HL7v2 messages: dropped onto it, or chosen by the keyboard. What it holds is read in the browser. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type DroppedMessages, MOST_BYTES, messagesOf } from './dropped.ts';
import { bytesText, countText } from './numbers.ts';
import { Text } from './text.tsx';

interface DropZoneProps {
  /** Gives a message of the file. */
  readonly take: (text: string) => void;
  readonly children: ComponentChildren;
}

interface Opened extends DroppedMessages {
  readonly name: string;
  readonly at: number;
}

/** Around what it stands for: whatever is dropped onto that is taken. */
export function DropZone({ take, children }: DropZoneProps) {
  const [isOver, setOver] = useState(false);
  const [opened, setOpened] = useState<Opened>();
  const [fault, setFault] = useState('');
  const show = (file: Opened, at: number) => {
    setOpened({ ...file, at });
    take(file.texts[at] ?? '');
  };
  const open = async (file: File | undefined) => {
    if (file === undefined) return;
    setFault('');
    setOpened(undefined);
    if (file.size > MOST_BYTES) {
      setFault(
        `${file.name} has ${bytesText(file.size)}, and at most ${bytesText(MOST_BYTES)} are opened here: npx polyseme convert takes it.`,
      );
      return;
    }
    const read = await file.arrayBuffer().then(
      (bytes) => messagesOf(new Uint8Array(bytes)),
      () => undefined,
    );
    if (read === undefined) setFault(`${file.name} cannot be read.`);
    else if (read.texts.length === 0) setFault(`${file.name} holds no HL7v2 message: no line of it begins with MSH.`);
    else show({ ...read, name: file.name, at: 0 }, 0);
  };
  const drag = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    setOver(event.type !== 'dragleave');
  };
  const drop = (event: DragEvent) => {
    if (event.dataTransfer === null || event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    setOver(false);
    void open(event.dataTransfer.files[0]);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: who does not drag chooses the file by the field in it
    <div class={isOver ? 'drop over' : 'drop'} onDragEnter={drag} onDragOver={drag} onDragLeave={drag} onDrop={drop}>
      {children}
      <label class="field file">
        <span>Or drop a file here, or choose one</span>
        <input
          type="file"
          accept=".hl7,.txt,.msg,.er7,text/plain"
          onChange={({ currentTarget }) => {
            void open(currentTarget.files?.[0]);
            // The same file can be chosen again after it changed.
            currentTarget.value = '';
          }}
        />
      </label>
      {fault !== '' && (
        <p class="failure" role="alert">
          <Text value={fault} most={400} />
        </p>
      )}
      {opened !== undefined && <Of opened={opened} show={(at) => show(opened, at)} />}
    </div>
  );
}

const Of = ({ opened: { name, texts, at, charset }, show }: { readonly opened: Opened; readonly show: (at: number) => void }) => (
  <p class="note of-file" role="status">
    <Text value={name} most={100} />, read as {charset}
    {texts.length > 1 && (
      <>
        : message {countText(at + 1)} of {countText(texts.length)}{' '}
        <button type="button" class="quiet" disabled={at === 0} onClick={() => show(at - 1)}>
          Previous
        </button>{' '}
        <button type="button" class="quiet" disabled={at === texts.length - 1} onClick={() => show(at + 1)}>
          Next
        </button>
      </>
    )}
    . Nothing of it is stored.
  </p>
);
