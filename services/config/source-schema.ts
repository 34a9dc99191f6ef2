/** What a file of sources may say. Every value is text first: a bare 010 or no means what is written, never a number or a truth by YAML's guess. */
import { z } from 'zod';
import { addressFault } from './addresses.ts';

const text = z.string().min(1, 'must not be empty').max(200, 'is longer than 200 characters');
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/, 'must be a whole number, digits only')
    .transform(Number)
    .refine((n) => n >= least && n <= most, `must be from ${least} to ${most}`);
const truth = z.enum(['true', 'false'], 'must be true or false').transform((each) => each === 'true');
const oneOf = <const T extends readonly [string, ...string[]]>(...values: T) => z.enum(values, `must be one of ${values.join(', ')}`);
const listOf = <T extends z.ZodType>(item: T) => z.array(item).min(1, 'must not be an empty list');
const timezone = text.refine(isTimezone, 'is not an IANA time zone such as Europe/Lisbon');
const address = text.superRefine((written, context) => {
  const fault = addressFault(written);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

const RULES = {
  acknowledge: oneOf('committed', 'judged', 'processed').optional(),
  mode: oneOf('auto', 'original', 'enhanced').optional(),
  processedWithinSeconds: whole(1, 3_600).optional(),
  charset: text.optional(),
  orderBy: z
    .string()
    .regex(/^(patient|source|[A-Z][A-Z0-9]{2}-\d{1,3}(\.\d{1,2}){0,2})$/, 'must be patient, source, or a place such as PV1-19')
    .optional(),
  site: text.optional(),
  reusedControlId: oneOf('refuse', 'park', 'accept').optional(),
  processingIds: listOf(oneOf('P', 'T', 'D')).optional(),
  maxMessageBytes: whole(1_024, 1_073_741_824).optional(),
  idleSeconds: whole(1, 86_400).optional(),
  messageSeconds: whole(1, 3_600).optional(),
  maxConnections: whole(1, 100_000).optional(),
  authority: text.optional(),
  timezone: timezone.optional(),
  queries: oneOf('all', 'allowed', 'refused').optional(),
  silence: oneOf('report', 'ignore').optional(),
};

const SOURCE = z.strictObject({
  match: z
    .strictObject({
      addresses: listOf(address).optional(),
      certificate: text.optional(),
      sendingApplication: text.optional(),
      sendingFacility: text.optional(),
    })
    .optional(),
  ports: listOf(whole(0, 65_535)).optional(),
  host: text.optional(),
  tls: z.strictObject({ cert: text, key: text, clientCa: text.optional() }).optional(),
  http: truth.optional(),
  ...RULES,
});

export const SOURCE_FILE = z.strictObject({
  unknown: oneOf('refuse', 'accept').optional(),
  backlog: z.strictObject({ most: whole(1, 100_000_000).optional(), beyond: oneOf('wait', 'refuse').optional() }).optional(),
  defaults: z.strictObject(RULES).optional(),
  sources: z.record(
    z.string().regex(/^[\w][\w ./-]{0,99}$/, 'a name begins with a letter or digit and holds letters, digits, space and ._/- only'),
    SOURCE,
  ),
});

export type SourceFile = z.infer<typeof SOURCE_FILE>;
export type SourceEntry = z.infer<typeof SOURCE>;
export type RuleEntries = NonNullable<SourceFile['defaults']>;

/** The names that may stand at a place of the file, for what is said of one that may not. */
export function namesAt(path: readonly PropertyKey[]): readonly string[] {
  const [first, , third] = path;
  if (first === undefined) return Object.keys(SOURCE_FILE.shape);
  if (first === 'defaults') return Object.keys(RULES);
  if (first === 'backlog') return ['most', 'beyond'];
  if (third === 'match') return ['addresses', 'certificate', 'sendingApplication', 'sendingFacility'];
  if (third === 'tls') return ['cert', 'key', 'clientCa'];
  return Object.keys(SOURCE.shape);
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
