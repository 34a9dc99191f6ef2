import { TerminologyError } from '../failure.ts';
import type { ReleaseFile } from '../release-files.ts';

/**
 * Which file of an RF2 release is what, by its name
 * (https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification: [x]sct2_Concept_Snapshot_INT_20250101.txt).
 */
export type Content =
  | 'Concept'
  | 'Description'
  | 'TextDefinition'
  | 'Relationship'
  | 'RelationshipConcreteValues'
  | 'Identifier'
  | 'Language'
  | 'Refset';

export type View = 'Snapshot' | 'Full';

export interface Rf2File {
  readonly content: Content;
  readonly file: ReleaseFile;
  /** For reference sets: one letter a column after the six that all have: c component, i integer, s text. */
  readonly pattern: string;
  readonly date: string;
}

export const COLUMNS: Readonly<Record<Exclude<Content, 'Refset'>, readonly string[]>> = {
  Concept: ['id', 'effectiveTime', 'active', 'moduleId', 'definitionStatusId'],
  Description: ['id', 'effectiveTime', 'active', 'moduleId', 'conceptId', 'languageCode', 'typeId', 'term', 'caseSignificanceId'],
  TextDefinition: ['id', 'effectiveTime', 'active', 'moduleId', 'conceptId', 'languageCode', 'typeId', 'term', 'caseSignificanceId'],
  Relationship: [
    'id',
    'effectiveTime',
    'active',
    'moduleId',
    'sourceId',
    'destinationId',
    'relationshipGroup',
    'typeId',
    'characteristicTypeId',
    'modifierId',
  ],
  RelationshipConcreteValues: [
    'id',
    'effectiveTime',
    'active',
    'moduleId',
    'sourceId',
    'value',
    'relationshipGroup',
    'typeId',
    'characteristicTypeId',
    'modifierId',
  ],
  Identifier: ['alternateIdentifier', 'effectiveTime', 'active', 'moduleId', 'identifierSchemeId', 'referencedComponentId'],
  Language: ['id', 'effectiveTime', 'active', 'moduleId', 'refsetId', 'referencedComponentId', 'acceptabilityId'],
};

export const REFSET_COLUMNS = ['id', 'effectiveTime', 'active', 'moduleId', 'refsetId', 'referencedComponentId'];

const NAME = /^(x?)(?:sct2|der2)_([A-Za-z]+)_([A-Za-z]*?)(Snapshot|Full|Delta)(?:-[\w-]+)?_([A-Za-z0-9]+)_(\d{8}).*\.txt$/;

interface Parsed {
  readonly kind: string;
  readonly subtype: string;
  readonly view: string;
  readonly date: string;
  /** Its name begins with x: it is not of a production release. */
  readonly isExperimental: boolean;
}

function parsedName(name: string): Parsed | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, x = '', kind = '', subtype = '', view = '', , date = ''] = match;
  return { kind, subtype, view, date, isExperimental: x !== '' };
}

/** Whether any of the files is one of an RF2 release. */
export const isRf2 = (files: readonly ReleaseFile[]): boolean => files.some(({ name }) => parsedName(name)?.kind === 'Concept');

export interface Rf2Files {
  readonly view: View;
  readonly files: readonly Rf2File[];
  /** Its concepts are experimental: the edition's URI says so (xsct). */
  readonly isExperimental: boolean;
  readonly leftOut: readonly { readonly file: ReleaseFile; readonly reason: string }[];
}

const ORDER: readonly Content[] = [
  'Concept',
  'Description',
  'TextDefinition',
  'Relationship',
  'RelationshipConcreteValues',
  'Language',
  'Refset',
  'Identifier',
];

/** Returns the files of one view of a release in the order in which they are read. Throws terminology-missing-file. */
export function rf2Files(files: readonly ReleaseFile[], place: string, wanted: View | undefined): Rf2Files {
  const named = files.flatMap((file) => {
    const parsed = parsedName(file.name);
    return parsed === undefined ? [] : [{ file, ...parsed }];
  });
  const has = (view: View): boolean => named.some((each) => each.kind === 'Concept' && each.view === view);
  const view = wanted ?? (has('Snapshot') ? 'Snapshot' : 'Full');
  const found: Rf2File[] = [];
  const leftOut: { file: ReleaseFile; reason: string }[] = [];
  for (const each of named.filter((one) => one.view === view)) {
    const content = contentOf(each);
    if (content === undefined) leftOut.push({ file: each.file, reason: reasonFor(each) });
    else found.push({ content, file: each.file, pattern: content === 'Refset' ? each.kind.replace(/Refset$/, '') : '', date: each.date });
  }
  for (const content of ['Concept', 'Description', 'Relationship', 'Language'] as const) {
    if (!found.some((each) => each.content === content)) {
      const name = content === 'Language' ? `der2_cRefset_Language${view}-…txt` : `sct2_${content}_${view}_…txt`;
      throw new TerminologyError('terminology-missing-file', place, `${name} is missing from the release`);
    }
  }
  found.sort((a, b) => ORDER.indexOf(a.content) - ORDER.indexOf(b.content));
  const isExperimental = named.some((each) => each.kind === 'Concept' && each.view === view && each.isExperimental);
  return { view, files: found, isExperimental, leftOut };
}

function contentOf({ kind, subtype }: Parsed): Content | undefined {
  if (/^[cis]*Refset$/.test(kind)) {
    if (subtype === 'OWLExpression') return undefined;
    return subtype === 'Language' ? 'Language' : 'Refset';
  }
  switch (kind) {
    case 'Concept':
    case 'Description':
    case 'TextDefinition':
    case 'Relationship':
    case 'RelationshipConcreteValues':
    case 'Identifier':
      return kind;
    default:
      return undefined;
  }
}

const reasonFor = ({ kind, subtype }: Parsed): string =>
  subtype === 'OWLExpression' || kind === 'StatedRelationship'
    ? 'the stated form is not asked by any operation; the inferred relationships are kept'
    : `files of kind ${kind} are not known here`;
