/**
 * How messages of one source are treated. Rules are values: what is not said in the file of sources comes from its `defaults`, and what is
 * not said there from the settings of the process.
 */
export interface SourceRules {
  /** Name of table 0211 that wins over MSH-18; MSH-18 when undefined. */
  readonly charset: string | undefined;
  /** When original mode answers AA, AE or AR: after the durable commit, after judging by conversion too, or after processing. */
  readonly acknowledge: 'committed' | 'judged' | 'processed';
  /** auto: enhanced where MSH-15 or MSH-16 is valued, as chapter 2.9 has it; else one of the two whatever the message says. */
  readonly mode: 'auto' | 'original' | 'enhanced';
  /** How long `acknowledge: processed` waits before it answers AE; the message stays in the journal. */
  readonly processedWithinMs: number;
  /** Messages of one patient are always applied in order; beside that all of the source, or those that share the value at a path. */
  readonly orderBy: string;
  /** Id of the site override that the maps use for this source. */
  readonly site: string | undefined;
  /** Same control id, other content: AR and not processed, AE and parked, or processed as any other. */
  readonly reusedControlId: 'refuse' | 'park' | 'accept';
  /** Values of MSH-11.1 (table 0103) that are taken; an absent one is taken for P. */
  readonly processingIds: readonly string[];
  readonly maxMessageBytes: number;
  /** A connection without a message is closed after this. */
  readonly idleMs: number;
  /** A message must end, and an answer be taken, within this. */
  readonly messageMs: number;
  /** Connections of its port at once. */
  readonly maxConnections: number;
  /** Namespace of the ids made from its messages; MSH-4 or MSH-3 of each when undefined. */
  readonly authority: string | undefined;
  /** IANA zone of local times that carry no offset. */
  readonly timezone: string;
  /** Whether it may ask: answers tell of every patient; `all`: of those too whom a label restricts (fhir/security-labels.ts). */
  readonly queries: 'all' | 'allowed' | 'refused';
  /** Whether its silence is reported. */
  readonly silence: 'report' | 'ignore';
}

/** The rules where nothing says otherwise; `known` are the settings of the process. */
export function standardRules(
  known: Pick<SourceRules, 'timezone' | 'authority'> & { readonly maxMessageBytes?: number | undefined },
): SourceRules {
  return {
    charset: undefined,
    acknowledge: 'judged',
    mode: 'auto',
    processedWithinMs: 30_000,
    orderBy: 'patient',
    site: undefined,
    reusedControlId: 'accept',
    processingIds: ['P'],
    maxMessageBytes: known.maxMessageBytes ?? 32 * 1024 * 1024,
    idleMs: 300_000,
    messageMs: 30_000,
    maxConnections: 1_000,
    authority: known.authority,
    timezone: known.timezone,
    queries: 'refused',
    silence: 'report',
  };
}
