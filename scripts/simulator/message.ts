/** A planned message as bytes. */
import { chanceOf } from './chance.ts';
import { FACILITY, fullPid, shortPid } from './people.ts';
import { segment, text } from './segments.ts';
import type { PlannedMessage } from './story.ts';

const APPLICATIONS: Readonly<Record<string, string>> = {
  ADT: 'SIMADT',
  ORU: 'SIMLAB',
  ORM: 'SIMCPOE',
  VXU: 'SIMIMM',
  SIU: 'SIMSCH',
  MDM: 'SIMDOC',
};

/** MSH-9.3 where it is not TYPE_EVENT (chapter 3 of 2.5.1 and table 0354). */
const STRUCTURES: Readonly<Record<string, string>> = {
  'ADT^A04': 'ADT_A01',
  'ADT^A08': 'ADT_A01',
  'ADT^A13': 'ADT_A01',
  'ADT^A11': 'ADT_A09',
  'ADT^A40': 'ADT_A39',
  'SIU^S15': 'SIU_S12',
};

export const BREAKAGES = ['undecodable', 'unknown-charset', 'unknown-type', 'no-patient', 'no-sender'] as const;
export type Breakage = (typeof BREAKAGES)[number];

export const controlId = (seed: number, { person, number }: PlannedMessage): string => `${seed}.${person.number}.${number}`;

/** How a broken message is broken; decided by its number. */
export const breakageOf = (seed: number, { person, number }: PlannedMessage): Breakage =>
  chanceOf(seed, person.number, number).pick(BREAKAGES);

/** Returns the message: HL7v2 2.5.1 in UTF-8, segments end with CR. */
export function bytesOf(planned: PlannedMessage, seed: number, timestamp: (seconds: number) => string): Uint8Array {
  const { event, person, number } = planned;
  const breakage = planned.mark === 'broken' ? breakageOf(seed, planned) : undefined;
  const [kind = ''] = event.type.split('^');
  const record = event.record === 'own' ? person.medicalRecordNumber : person.secondRecordNumber;
  const pid = event.pid === 'full' ? fullPid(person, record, number) : shortPid(person, record);
  const structure = STRUCTURES[event.type] ?? event.type.replace('^', '_');
  const msh = segment('MSH', {
    1: '^~\\&',
    2: breakage === 'no-sender' ? '' : (APPLICATIONS[kind] ?? ''),
    3: breakage === 'no-sender' ? '' : FACILITY,
    4: 'POLYSEME',
    5: 'POLYSEME',
    6: timestamp(event.sendSeconds),
    8: breakage === 'unknown-type' ? 'ZZZ^Z99^ZZZ_Z99' : `${event.type}^${structure}`,
    9: controlId(seed, planned),
    10: 'P',
    11: '2.5.1',
    14: 'AL',
    15: 'NE',
    16: 'USA',
    17: breakage === 'unknown-charset' ? 'EBCDIC' : 'UNICODE UTF-8',
  });
  const evn = kind === 'ADT' || kind === 'MDM' ? [segment('EVN', { 2: timestamp(event.atSeconds) })] : [];
  const lines = [msh, ...evn, ...event.before, breakage === 'no-patient' ? pid.replace(/^(PID\|1\|\|)[^|]*/, '$1') : pid, ...event.after];
  // A note beyond ASCII, so that no reader can do without the character set; as bytes of another set it is in none.
  const note = breakage === 'undecodable' || breakage === 'unknown-charset' ? [segment('ZSM', { 1: text('broken on purpose: é') })] : [];
  return Buffer.from(`${[...lines, ...note].join('\r')}\r`, breakage === 'undecodable' ? 'latin1' : 'utf8');
}
