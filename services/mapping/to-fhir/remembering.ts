/**
 * Which rules of a resource remember what they made, and how that is written: those of coded elements and reference ranges that read nothing
 * but fields of segments. What they make is decided by the text of these fields (and by what Memories keeps apart), so the text is the key.
 */
import type { Build } from './build.ts';
import type { Target } from './target.ts';

const KEPT: ReadonlySet<string> = new Set(['CodeableConcept', 'Coding', 'Observation.referenceRange']);

const QUOTED = /"(?:[^"\\]|\\.)*"/g;
/** Reads of one field of a segment. */
const READS = /\b(s\d+)\?\.value\((\d+)[\d, ]*\)|\bR\.(?:has|texts|places|place)\((s\d+), (\d+)[\d, ]*\)/g;
/** Where a segment is named without reading it. */
const NAMED = /\bR\.at\(s\d+, ""\)|\bX\.deleteIf\(s\d+, \d+, \[[",]*\]\)/g;
const DECLARED = /\b(?:let|const) ((?:[a-z]\d+(?:, )?)+)|\((x\d+)\) =>/g;
const NAMES = /\b[a-z]\d+\b/g;
/** Of the run: what does not depend on anything but the settings, or is told. */
const OF_RUN = /\bX\.(?:error|failed|pending|held|release|lacks|deleting|reported|param)\b/g;

/** Returns the statements that set `value`, remembered where they can be. */
export function remembered(body: string, target: Target, value: string, build: Build): string {
  if (build.rules !== undefined || body === '' || target.choice !== undefined || !KEPT.has(target.type)) return body;
  const fields = fieldsOf(body, value);
  if (fields === undefined) return body;
  const key = [...fields].map(([segment, numbers]) => textOf(segment, numbers)).join(' + "\\r" + ');
  // Of what is not there a rule makes nothing, and says so faster than it is looked up.
  const isThere = [...fields].flatMap(([segment, numbers]) => numbers.map((n) => `R.has(${segment}, ${n})`)).join(' || ');
  const rule = build.remembering;
  build.remembering += 1;
  const [k, a, t] = [build.fresh('k'), build.fresh('a'), build.fresh('n')];
  return `const ${k} = R.recalls(${rule}, X) && (${isThere}) ? ${key} : undefined;
const ${a} = ${k} === undefined ? undefined : R.recall(${rule}, ${k}, X);
if (${a} !== undefined) ${value} = ${a}.value;
else {
const ${t} = X.told;
${body}
if (${k} !== undefined) R.remember(${rule}, ${k}, ${value}, ${t}, X);
}`;
}

/** The fields that decide, in order, by segment; undefined where something else decides too. */
function fieldsOf(body: string, value: string): ReadonlyMap<string, readonly number[]> | undefined {
  const bare = body.replaceAll(QUOTED, '""');
  const fields = new Map<string, Set<number>>();
  const rest = bare
    .replaceAll(READS, (_, valued: string | undefined, n: string | undefined, listed: string | undefined, m: string | undefined) => {
      const segment = valued ?? listed ?? '';
      fields.set(segment, (fields.get(segment) ?? new Set()).add(Number(n ?? m)));
      return '';
    })
    .replaceAll(NAMED, '')
    .replaceAll(OF_RUN, '');
  const own = new Set([value]);
  for (const [, declared, parameter] of rest.matchAll(DECLARED))
    for (const name of (declared ?? parameter ?? '').split(', ')) own.add(name);
  for (const [name] of rest.matchAll(NAMES)) if (!own.has(name) && !name.startsWith('t')) return undefined;
  if (fields.size === 0 || /\bX\.|\broot\b/.test(rest)) return undefined;
  return new Map([...fields].map(([segment, numbers]) => [segment, [...numbers].sort((a, b) => a - b)]));
}

/** JavaScript of the text of fields of a segment. Those that follow each other are one piece. */
function textOf(segment: string, numbers: readonly number[]): string {
  const [first = 0] = numbers;
  const last = numbers.at(-1) ?? first;
  const isRun = last - first + 1 === numbers.length;
  if (isRun) return `(${segment}?.span(${first}, ${last}) ?? "")`;
  return numbers.map((n) => `(${segment}?.raw(${n}) ?? "")`).join(' + "\\r" + ');
}
