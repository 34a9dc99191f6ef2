/** What the door needs of a message before anybody maps it: who sent it, which one it is, and whom it is about. */
import type { Message, Segment } from './message.ts';

export interface ShallowKeys {
  /** MSH-10, '' when absent. */
  readonly controlId: string;
  /** 'ADT^A04'; only the type where there is no event. */
  readonly messageType: string;
  /** MSH-3.1 and MSH-4.1, '' when absent. */
  readonly sendingApplication: string;
  readonly sendingFacility: string;
  /**
   * Each identifier of each patient in the message as 'id^authority': PID-3 (PID-2 where PID-3 is empty), and of a merge MRG-1 too.
   * The authority is the namespace (CX.4.1), else its OID (CX.4.2), else '': two messages about a patient share one if they share an identifier.
   */
  readonly patientKeys: readonly string[];
}

function identifiers(segment: Segment, field: number): string[] {
  const found: string[] = [];
  const count = segment.repetitions(field);
  for (let n = 1; n <= count; n += 1) {
    const id = segment.value(field, n, 1);
    if (id !== undefined) found.push(`${id}^${segment.value(field, n, 4, 1) ?? segment.value(field, n, 4, 2) ?? ''}`);
  }
  return found;
}

/** Returns the keys of a message. Splits only MSH, PID and MRG. */
export function shallowKeys(message: Message): ShallowKeys {
  const patientKeys = new Set<string>();
  for (const segment of message.segments) {
    const fields = segment.name === 'PID' ? [3, 2] : segment.name === 'MRG' ? [1] : [];
    const found = fields.map((field) => identifiers(segment, field)).find((each) => each.length > 0) ?? [];
    for (const each of found) patientKeys.add(each);
  }
  const msh = message.segments[0];
  return {
    controlId: message.controlId,
    messageType: message.event === '' ? message.type : `${message.type}^${message.event}`,
    sendingApplication: msh?.value(3) ?? '',
    sendingFacility: msh?.value(4) ?? '',
    patientKeys: [...patientKeys],
  };
}
