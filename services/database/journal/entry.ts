/** What goes into the journal and what its intake answers. */
export type Channel = 'mllp' | 'http' | 'import' | 'fhir';

export interface JournalEntry {
  /** The sender as configured; control ids are unique within it. */
  readonly source: string;
  readonly channel: Channel;
  readonly content: Uint8Array;
  /** MSH-10. Undefined or '': the message cannot be recognised as a duplicate. */
  readonly controlId: string | undefined;
  /** 'ADT^A01', 'Bundle'; '' when unknown. */
  readonly messageType: string;
  /** Ordering keys: messages that share one are processed in order of receipt. A merge has two, an unattributed message none. */
  readonly patientKeys: readonly string[];
  /** Same control id, other content: stored as refused, stored as parked, or processed as any other; the journal's own when undefined. */
  readonly reused?: 'refuse' | 'park' | 'accept';
}

export interface JournalReceipt {
  /** The message's id; of a duplicate, the id of the message it repeats. */
  readonly id: number;
  readonly receivedAt: string;
  /** Same source, control id and content as message `firstId`, stored earlier: nothing new was stored. */
  readonly duplicate: boolean;
  readonly firstId: number | undefined;
  /** The control id was used by this source for another content. */
  readonly conflict: boolean;
  /** Stored as refused and never processed, because `reusedControlId` says so. */
  readonly refused: boolean;
}

/** One message on its way into the journal. */
export interface Arrival {
  readonly entry: JournalEntry;
  readonly hash: Uint8Array;
  /** Identity of the message: source, control id, content; undefined without a control id. */
  readonly identity: string | undefined;
}

/** The NOTIFY channel on which processes tell each other that there is something to take. */
export const JOURNAL_CHANNEL = 'polyseme_journal';
