/** What happens in the simulated hospital, before it is a message. Times are seconds since the simulation began. */

export interface SimulatedEvent {
  /** 'ADT^A01'. */
  readonly type: string;
  /** When it happened, and when its sender sends it. */
  readonly atSeconds: number;
  readonly sendSeconds: number;
  /** Whether PID carries all that registration knows, or what departments repeat. */
  readonly pid: 'full' | 'short';
  /** Under which number of the person. */
  readonly record: 'own' | 'second';
  /** Segments between the header (and EVN) and PID, and after PID. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** How often what happens; each from 0 to 1. */
export interface Rates {
  /** Of final results: a later message corrects one value (OBX-11 C). */
  readonly corrections: number;
  /** Of admissions, discharges and appointments: taken back (A11, A13, S15). */
  readonly cancellations: number;
  /** Of patients: registered twice, merged later (A40). */
  readonly merges: number;
  /** Of results: sent days later, after discharge. */
  readonly late: number;
  /** Of messages: sent a second time, byte for byte. */
  readonly duplicates: number;
  /** Of messages: sent after the same patient's next one. */
  readonly outOfOrder: number;
  /** Of messages: a broken one goes before it. */
  readonly broken: number;
}

export const USUAL_RATES: Rates = {
  corrections: 0.08,
  cancellations: 0.05,
  merges: 0.04,
  late: 0.05,
  duplicates: 0.02,
  outOfOrder: 0.01,
  broken: 0.005,
};

export const HOUR = 3600;
export const DAY = 24 * HOUR;
