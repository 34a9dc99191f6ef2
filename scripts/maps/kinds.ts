/**
 * Why a value of somebody else's resource is not in ours, told by the message between the two: the kinds leave no room for opinion but one,
 * and that one (`not in ours at all`) is listed by element.
 */
export const KINDS = {
  parked: 'the whole message is parked, with a reason (no patient number, a template that is no message, a type without a map)',
  type: 'we make no resource of this type (directories: Practitioner, Organization, Location; MessageHeader, Substance, Device …)',
  extension: 'extensions that name a v2 field, or of a profile of theirs',
  system: 'a URI of theirs for a system, a URL or a profile; ours is the standard one or a URN of the sender',
  elsewhere: 'the same value stands in another element or resource of ours',
  absent: 'the message does not say it: a constant, a translation or a display of theirs',
  missing: 'the message says it, and it is not in ours at all',
} as const;
export type Kind = keyof typeof KINDS;

/** Why elements that the message speaks of are not in ours, where samples were read beside their messages; the first that fits. */
export const MISSING: readonly (readonly [element: RegExp, because: string])[] = [
  [
    /^RelatedPerson\./,
    'further fields of guarantors and insured persons (GT1, IN2, NK1): not mapped; of the samples read all in the unread report',
  ],
  [/^Patient\.communication\./, 'second codings and versions of the language (PID-15.4 to 15.9)'],
  [/\.telecom(\.rank)?$/, 'the order of preference of a telephone (XTN-18)'],
  [/^Patient\.name\./, 'what somebody is called by (XPN-15), aliases: not mapped; the family and given names themselves agree'],
  [
    /^Observation\.component\./,
    'findings of one battery as components of theirs; ours are Observations of their own where they have a code',
  ],
  [
    /^(Patient\.identifier|Coverage\.identifier)\.value$/,
    "numbers of insured persons, guarantors and disabilities as the patient's own (IN2-6, IN2-8, IN2-10, DB1-3, GT1-19); ours are of the Coverage, or unread",
  ],
  [
    /^(ServiceRequest\.occurrenceTiming|MedicationRequest\.dosageInstruction|MedicationDispense\.dosageInstruction|MedicationRequest\.dispenseRequest)\./,
    'repeat patterns, durations and limits of orders (TQ1-3 to TQ1-14, RXO-7 to RXO-23, RXE-19 where RXE is there): unread, reported',
  ],
  [
    /^(Patient\.address\.line|Patient\.contact\.address)$/,
    'house number and street apart (SAD-2, SAD-3), addresses of contacts in NK1-32, CTD-3, GT1-17: one line in ours, or unread',
  ],
  [
    /^Patient\.address\.(period|district)$/,
    'the county of a second address, PID-12 (withdrawn, ignored with a reason), dates of NK1 and RXA-28 addresses',
  ],
  [/^Patient\.contact\./, 'contacts of CTD, GT1 and NK1 segments of other kinds (CTD-2, GT1-45, NK1-30): unread, reported'],
  [/^Coverage\.costToBeneficiary\./, 'the kind of amount in IN1-37.2 (CP), and amounts of insurances that are one with another'],
  [/^Condition\.identifier\./, 'the parent diagnosis (DG1-22): unread, reported'],
  [/^Procedure\.identifier\./, 'the parent procedure (PR1-25): unread, reported'],
  [
    /^Appointment\.participant\.(type|period)$/,
    'what kind of person or device is booked (AIP-4, AIG-4: unread, reported); their own times where SCH-11 or TQ1 says the time of all',
  ],
  [
    /^Encounter\.(diagnosis|priority|period)\./,
    'expected dates (PV2-8, PV2-9: unread, reported: what is expected did not take place), numbers that happen to equal a rank',
  ],
  [/^Provenance\.recorded$/, 'EVN-3, when the event is planned for: unread, reported; ours is recorded when the message was made'],
  [
    /^Observation\.(code|identifier|value\w+|interpretation|effectiveDateTime|status|note)\b/,
    'observations of PDA, ACC, GT1 and PV2 fields of theirs; OBX under an OBR that has no code: all in the unread report',
  ],
  [
    /^(Specimen|ServiceRequest)\.(identifier|quantityQuantity|accessionIdentifier|note|container|collection|orderDetail|basedOn|code|locationCode|status)\b/,
    'parent specimen and order (SPM-3, OBR-29, OBR-53), SAC-2, OBR-46, NTE-6: unread, reported; numbers in TQ1-2 of another order',
  ],
  [
    /^AllergyIntolerance\./,
    'the kind of allergy as text (AL1-2.2, a code in ours), IAM-27, IAR: unread, reported; severities that are not of table 0128',
  ],
  [
    /^(MedicationRequest|MedicationDispense|Immunization|Consent|ChargeItem)\./,
    'RXO beside RXE, RXD-33, FT1-29, CON-6: unread, reported; RXA-6 999 (unknown amount) and RXA-9 00 (given here) are no values',
  ],
];

/** Returns why an element is missing, as MISSING has it; a text that says so where nobody has read it. */
export const becauseOf = (element: string): string => MISSING.find(([each]) => each.test(element))?.[1] ?? 'not read one by one';

const bare = (value: string): string => value.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** What is needed to tell the kind of a disagreement. */
export interface Evidence {
  /** Types of which ours has resources. */
  readonly types: ReadonlySet<string>;
  /** Every value of ours, letters and digits only. */
  readonly ours: ReadonlySet<string>;
  /** The message, letters and digits only, fields apart. */
  readonly message: string;
}

/** Returns the evidence of one pair. */
export function evidenceOf(types: Iterable<string>, values: Iterable<string>, message: string): Evidence {
  const parts = message.split(/[|^~&\r\n]/).map(bare);
  return { types: new Set(types), ours: new Set([...values].map(bare)), message: `|${parts.join('|')}|` };
}

/** Returns the kind of one value of theirs that ours has not at its place. */
export function kindOf(type: string, path: string, value: string, { types, ours, message }: Evidence): Kind {
  if (types.size === 0) return 'parked';
  if (!types.has(type)) return 'type';
  if (/(^|\.)(extension|modifierExtension)\./.test(path)) return 'extension';
  if (/(^|\.)(system|url|profile)$/.test(path) || /^(https?|urn):/.test(value)) return 'system';
  const plain = bare(value);
  if (ours.has(plain)) return 'elsewhere';
  // A date of theirs may be a part of a time of the message's; a name of theirs a part of a field.
  const isSaid = message.includes(`|${plain}|`) || (plain.length >= 6 && message.includes(plain));
  return isSaid && plain !== '' ? 'missing' : 'absent';
}
