/** Reads files of settings (YAML): what is wrong in one is told with file:line:column, and then nothing of it holds. */
import { type Document, isMap, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../errors/nearest.ts';
import { type ErrorCode, failure, type Problem, problem, type Result, success } from '../errors.ts';

const LONGEST = 1 << 20;
type Path = readonly PropertyKey[];
/** file:line:column of what stands at a path of the file; of its name where the name is at fault. */
export type Where = (path: Path, ofKey?: boolean) => string;

/** How the faults of one kind of file are called, and which names may stand at a place of it. */
export interface SettingsWords {
  readonly syntax: Extract<ErrorCode, 'source-file-syntax' | 'receiver-file-syntax'>;
  readonly unknown: Extract<ErrorCode, 'source-setting-unknown' | 'receiver-setting-unknown'>;
  readonly invalid: Extract<ErrorCode, 'source-setting-invalid' | 'receiver-setting-invalid'>;
  namesAt(path: Path): readonly string[];
}

/** Returns what the text of a file says by its schema, and where each part of it stands; or every fault in it. `file`: its path, for places. */
export function readSettings<T extends z.ZodType>(
  text: string,
  file: string,
  schema: T,
  words: SettingsWords,
): Result<{ readonly data: z.infer<T>; readonly where: Where }> {
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const broken = (reason: string, place = `${file}:1:1`): Problem => problem(words.syntax, { reason }, place);
  if (text.length > LONGEST) return failure(broken(`it is longer than ${LONGEST} characters`));
  const document = documentOf(text, lines);
  if (document === undefined) return failure(broken('it nests too deep'));
  const plain = plainOf(document);
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const reason = (message: string): string => (message.split('\n')[0] ?? '').replace(/ at line \d+.*$/, '');
    return failure(...faults.slice(0, 20).map((each) => broken(reason(each.message), at(each.pos[0]))));
  }
  if (plain === undefined) return failure(broken('aliases and anchors are not part of it'));
  const where: Where = (path, ofKey = false) => at(offsetOf(document.contents, path, ofKey));
  const parsed = schema.safeParse(plain);
  return parsed.success
    ? success({ data: parsed.data, where })
    : failure(...parsed.error.issues.flatMap((each) => faultsOf(each, where, words)));
}

/** Undefined when the text nests deeper than the library's recursion goes. */
function documentOf(text: string, lineCounter: LineCounter) {
  try {
    return parseDocument(text, { schema: 'failsafe', lineCounter, merge: false, logLevel: 'silent' });
  } catch {
    return undefined;
  }
}

/** The values as plain text, lists and objects; undefined where an alias would have to be followed. */
function plainOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch {
    return undefined;
  }
}

function faultsOf(issue: z.core.$ZodIssue, where: Where, words: SettingsWords): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const names = words.namesAt(issue.path);
    return issue.keys.map((key) => {
      const found = nearest(key, names);
      const hint = found === undefined ? `there are: ${names.join(', ')}` : `the nearest is "${found}"`;
      return problem(words.unknown, { name: key, hint }, where([...issue.path, key], true));
    });
  }
  const name = issue.path.map(String).join('.') || 'the file';
  const reason =
    issue.code === 'invalid_type'
      ? `${issue.input === undefined ? 'is missing or ' : ''}must be ${KINDS[issue.expected] ?? issue.expected}`
      : issue.message;
  return [
    problem(
      words.invalid,
      { name, reason: issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? reason) : reason },
      where(issue.path),
    ),
  ];
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'one value',
  object: 'a group of settings',
  record: 'a group of settings by name',
  array: 'a list',
};

/** Where the value at `path` stands, else the nearest that there is above it; of a key's own fault the key. */
function offsetOf(root: ParsedNode | null, path: Path, ofKey: boolean): number {
  let node: Node | null | undefined = root;
  let offset = node?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair: { readonly key: unknown; readonly value: unknown } | undefined = node.items.find(
        (each) => isScalar(each.key) && each.key.value === String(step),
      );
      if (pair === undefined) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = asNode(pair.value);
    } else {
      const items: readonly unknown[] =
        node !== null && node !== undefined && 'items' in node && Array.isArray(node.items) ? node.items : [];
      node = asNode(items[Number(step)]);
      offset = node?.range?.[0] ?? offset;
    }
  }
  return isScalar(node) && !ofKey ? (node.range?.[0] ?? offset) : offset;
}

const asNode = (value: unknown): Node | undefined => (isMap(value) || isScalar(value) || isItems(value) ? value : undefined);
const isItems = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'items' in value;
