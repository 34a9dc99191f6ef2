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
