/** What a mutation check drops: one rule of a spec at a time, and by which name a reader finds it. */
import type { SpecFile } from '../../services/mapping/files.ts';
import { entryOf, type SpecNode } from '../../services/mapping/read.ts';
import type { NodePath } from '../../services/mapping/sites/find.ts';

export interface Mutant {
  readonly file: SpecFile;
  readonly path: NodePath;
  /** Positions of which one must be reached for the mutant to matter. */
  readonly line: number;
  readonly what: string;
}

const SKIPPED = new Set([
  'map',
  'version',
  'source',
  'target',
  'use',
  'because',
  'notes',
  'cases',
  'params',
  'ignore',
  'vocabulary',
  'expect',
  'given',
  'is',
  'from',
  'switch',
  'each',
  'type',
  'key',
  'name',
  'title',
]);

/** Rows of a map from FHIR to HL7v2 that are one rule each: what has no message, and what is let go of with a reason. */
const ROWS = new Set(['refuse', 'ignore']);

/** Yields everything that can be dropped of a map from FHIR to HL7v2, where a row of `ignore` decides whether there is a message. */
function* outMutantsOf(file: SpecFile, node: SpecNode): Generator<Mutant> {
  if (node.kind !== 'map') return;
  for (const [i, { key, value }] of node.entries.entries()) {
    if (ROWS.has(key) && value.kind === 'list')
      yield* value.items.map(({ at }, j): Mutant => ({ file, path: [i, j], line: at.line, what: key }));
    else if (!SKIPPED.has(key)) yield* mutantsOf(file, value, [i], 1);
  }
}

/** Yields every rule of a file that can be dropped. */
export function* rulesOf(file: SpecFile): Generator<Mutant> {
  const { root } = file.read;
  if (file.isCases || root === undefined) return;
  yield* file.path.startsWith('fhir-to-v2/') && !file.path.includes('/tables/') ? outMutantsOf(file, root) : mutantsOf(file, root, [], 0);
}

/** Yields everything that can be dropped: entries of objects, items of alternatives, cases, conditions. */
function* mutantsOf(file: SpecFile, node: SpecNode, path: NodePath, depth: number): Generator<Mutant> {
  if (node.kind === 'list') {
    for (const [i, item] of node.items.entries()) {
      if (node.items.length > 1 && entryOf(item, 'else') === undefined)
        yield { file, path: [...path, i], line: item.at.line, what: 'alternative' };
      yield* mutantsOf(file, item, [...path, i], depth + 1);
    }
  } else if (node.kind === 'map') {
    for (const [i, { key, at, value }] of node.entries.entries()) {
      const isInner = depth > 0 && (key === 'cases' || key === 'from' || key === 'all' || key === 'then');
      if (SKIPPED.has(key) && !isInner) {
        if (depth > 1 && (key === 'type' || key === 'name')) yield { file, path: [...path, i], line: at.line, what: key };
        continue;
      }
      // A display beside a code is for readers: the meaning is code and system (http://hl7.org/fhir/R4/datatypes.html#Coding).
      if (key === 'display' && node.entries.some((each) => each.key === 'code')) continue;
      const isContainer = ['fields', 'resources', 'value', 'codes', 'rows', 'columns', 'override', 'route'].includes(key) && depth < 4;
      if (!isContainer && !isInner && key !== 'else') yield { file, path: [...path, i], line: at.line, what: key };
      yield* mutantsOf(file, value, [...path, i], depth + 1);
    }
  }
}

/** Returns the names that lead to a mutant: 'resources.observation.update'. */
export function nameOf({ file, path }: Pick<Mutant, 'file' | 'path'>): string {
  const names: string[] = [];
  let node: SpecNode | undefined = file.read.root;
  for (const step of path) {
    if (node?.kind === 'list') {
      names.push(String(step));
      node = node.items[step];
    } else if (node?.kind === 'map') {
      names.push(node.entries[step]?.key ?? '?');
      node = node.entries[step]?.value;
    }
  }
  return names.join('.');
}

interface Equivalent {
  readonly file: RegExp;
  readonly name: RegExp;
  readonly because: string;
}

/**
 * Rules without which nothing changes, by the shape of their map. The reason is a claim: the check tries it on every message that the cases
 * hold (every resource, of row maps, whose cases name each column) and counts the mutant as survived when one of them becomes anything else.
 */
const EQUIVALENT: readonly Equivalent[] = [
  {
    file: /v2-to-fhir\/messages\//,
    name: /^resources\.workingDiagnosis\.when$/,
    because:
      'the other diagnoses were made before by `condition` from the same segments, and sameKey: keep leaves them; only faults would be told twice',
  },
  {
    file: /v2-to-fhir\/resources\//,
    name: /^fields\.(subject|patient|beneficiary)\.require$/,
    because: 'the key holds ref(patient), and a key without one of its parts parks the resource before its fields are made',
  },
  {
    file: /v2-to-fhir\/resources\/(msh-to-provenance|msa-to-messageheader|pda-to-observation|acc-to-observation|txa-to-documentreference)/,
    name: /^sameKey$/,
    because: 'the segment stands once in every message of these maps',
  },
  {
    file: /v2-to-fhir\/resources\/mrg-to-patient/,
    name: /^onError$/,
    because: 'what can be missing is the key, for which `when` asks first, and the patient that stays, who parks the message himself',
  },
  {
    file: /fhir-to-omop\/(medication-(administration|dispense|statement)|immunization)\.yaml$/,
    name: /^rows\.\w+\.columns\.exposure$/,
    because:
      'only prescriptions and mail orders end later than they start when nothing says when (rule 42, test/omop); the word tells a reader which of the others it is',
  },
  {
    file: /fhir-to-v2\//,
    name: /\.type$/,
    because: 'the field has this datatype in the version that is written, or CE, which is written as CWE: the word is for readers',
  },
  {
    file: /fhir-to-v2\/messages\/(appointment|encounter|patient)/,
    name: /^segments\.\d\.always$/,
    because: 'its first field is a constant, which makes it say something',
  },
  {
    file: /fhir-to-v2\/(types|segments)\//,
    name: /\.when$/,
    because: 'where the condition does not hold there is nothing that the value could be made of; it tells a reader what the value is for',
  },
];

/** Returns why a mutant is said to change nothing; undefined for all others. */
export const claimOf = (mutant: Mutant): string | undefined =>
  EQUIVALENT.find(({ file, name }) => file.test(mutant.file.file) && name.test(nameOf(mutant)))?.because;
