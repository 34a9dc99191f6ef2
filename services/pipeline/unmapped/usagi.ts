/**
 * Usagi's mapping file (https://ohdsi.github.io/Usagi/): one line for each code and target, columns by name. A code with several targets stands
 * on several lines; ADD_INFO: columns are the user's own and are kept by Usagi.
 */
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import { type AnswerTarget, MAPPING_TYPES, type NewAnswer, type StoredAnswer } from '../../database/vocabulary/answers.ts';
import { type Problem, problem, Refusal } from '../../errors.ts';
import { readCsv } from '../../mapping/records/csv.ts';
import type { UnmappedItem } from './list.ts';

export const USAGI_COLUMNS = [
  'sourceCode',
  'sourceName',
  'sourceFrequency',
  'sourceAutoAssignedConceptIds',
  'ADD_INFO:system',
  'ADD_INFO:persons',
  'ADD_INFO:sources',
  'ADD_INFO:values',
  'ADD_INFO:units',
  'ADD_INFO:why',
  'matchScore',
  'mappingStatus',
  'equivalence',
  'statusSetBy',
  'statusSetOn',
  'conceptId',
  'conceptName',
  'domainId',
  'mappingType',
  'comment',
  'createdBy',
  'createdOn',
  'assignedReviewer',
] as const;
type Column = (typeof USAGI_COLUMNS)[number];
type Line = Readonly<Partial<Record<Column, string | number>>>;

const EQUIVALENCES = ['EQUAL', 'EQUIVALENT', 'WIDER', 'NARROWER', 'INEXACT', 'UNMATCHED', 'UNREVIEWED'];
const NEEDED: readonly Column[] = ['sourceCode', 'sourceName', 'mappingStatus', 'conceptId'];
const SYSTEM = 'ADD_INFO:system';
const JOINED = '; ';

/**
 * A spreadsheet would run what begins so (numbers it does not): it gets an apostrophe in front, which is taken off again when the file comes
 * back. Apostrophes that a text has itself count with what follows them, so that the two are told apart.
 */
const isFormula = (text: string): boolean => /^'*[\s\0]*[=+@\-\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text);
const cellText = (text: string): string => (text.startsWith("'") && isFormula(text) ? text.slice(1) : text);

const cell = (value: string | number | undefined): string => {
  const plain = String(value ?? '');
  const text = typeof value === 'string' && isFormula(plain) ? `'${plain}` : plain;
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Returns lines of CSV without their ends; the first is the header. */
export const usagiHeader = (): string => USAGI_COLUMNS.join(',');
const csvLine = (line: Line): string => USAGI_COLUMNS.map((column) => cell(line[column])).join(',');

/**
 * Returns the line of a code that has no answer; its first suggestion stands as Usagi's own automatic mapping would, unchecked. Of a code that
 * fewer than `smallest` persons have, neither how many nor what stood beside it is told (omop-rules 72).
 */
export function unmappedLine(given: UnmappedItem, smallest = 0): string {
  const isRare = given.persons < smallest;
  const item = isRare ? { ...given, count: -smallest, persons: -smallest, values: [], units: [], sources: [] } : given;
  const [best] = item.suggestions;
  return csvLine({
    ...sourceOf(item),
    sourceAutoAssignedConceptIds: item.suggestions.map(({ concept }) => concept.concept_id).join(';'),
    'ADD_INFO:persons': item.persons,
    'ADD_INFO:sources': item.sources.join(JOINED),
    'ADD_INFO:values': item.values.join(JOINED),
    'ADD_INFO:units': item.units.join(JOINED),
    'ADD_INFO:why': item.why.join(JOINED),
    matchScore: best?.score ?? 0,
    mappingStatus: 'UNCHECKED',
    equivalence: 'UNREVIEWED',
    conceptId: best?.concept.concept_id ?? 0,
    conceptName: best?.concept.concept_name ?? 'Unmapped',
    domainId: best?.concept.domain_id ?? '',
    mappingType: 'MAPS_TO',
    createdBy: best === undefined ? '' : '<auto>',
    createdOn: best === undefined ? '' : Date.now(),
    comment: best?.reason ?? '',
  });
}

const sourceOf = ({ system, code, display, count }: Pick<UnmappedItem, 'system' | 'code' | 'display' | 'count'>): Line => ({
  sourceCode: code,
  sourceName: display ?? code,
  sourceFrequency: count,
  [SYSTEM]: system,
});

const STATUS: Readonly<Record<StoredAnswer['state'], string>> = {
  'in-force': 'APPROVED',
  proposed: 'UNCHECKED',
  replaced: 'IGNORED',
  withdrawn: 'IGNORED',
  rejected: 'FLAGGED',
};

/** Returns the lines of an answer: one for each target. */
export function answerLines(answer: StoredAnswer, vocabulary: Vocabulary, frequency: number): readonly string[] {
  const targets: readonly AnswerTarget[] = answer.targets.length > 0 ? answer.targets : [{ conceptId: 0, type: 'MAPS_TO' }];
  return targets.map(({ conceptId, type }) => {
    const concept = vocabulary.concept(conceptId);
    return csvLine({
      ...sourceOf({ ...answer, display: answer.display ?? null, count: frequency }),
      matchScore: 1,
      mappingStatus: STATUS[answer.state],
      equivalence: answer.equivalence,
      statusSetBy: answer.approvedBy ?? '',
      statusSetOn: answer.approvedAt === null ? '' : Date.parse(answer.approvedAt),
      conceptId,
      conceptName: concept?.concept_name ?? 'Unmapped',
      domainId: concept?.domain_id ?? '',
      mappingType: type,
      comment: answer.reason ?? '',
      createdBy: answer.author,
      createdOn: Date.parse(answer.answeredAt),
    });
  });
}

export interface UsagiAnswer extends NewAnswer {
  readonly approvedBy: string | undefined;
  /** 1-based line of its first target. */
  readonly line: number;
}

export interface UsagiFile {
  /** Of lines with status APPROVED; a code's lines together. */
  readonly approved: readonly UsagiAnswer[];
  /** Codes by the status that keeps them from being answers. */
  readonly others: ReadonlyMap<string, number>;
}

/** Returns what a file says. `system`: of files that have no column for it; `author`: of lines that name nobody. Throws Refusal with every fault. */
export function readUsagi(bytes: Uint8Array, system: string | undefined, author: string): UsagiFile {
  const read = readCsv(bytes, ',');
  if (!read.ok) throw new Refusal(read.problems);
  const { header, rows } = read.value;
  const missing = NEEDED.filter((column) => !header.includes(column));
  if (missing.length > 0) throw new Refusal([problem('usagi-columns', { columns: missing.join(', ') })]);
  const hasSystem = header.includes(SYSTEM);
  const problems: Problem[] = hasSystem || system !== undefined ? [] : [problem('usagi-system', {}, 'line 1')];
  const groups = new Map<string, Read[]>();
  const others = new Map<string, Set<string>>();
  for (const { line, cells } of rows) {
    const at = (column: string): string => {
      const text = cells[header.indexOf(column)] ?? '';
      if (!hasSystem) return text.trim();
      // What we wrote ourselves comes back to the letter: a code of free text may begin with a space.
      return column === 'sourceCode' || column === SYSTEM ? cellText(text) : cellText(text).trim();
    };
    const place = `line ${line}`;
    const key = `${hasSystem ? at(SYSTEM) : (system ?? '')}\n${at('sourceCode')}`;
    if (at('mappingStatus') !== 'APPROVED') {
      const status = at('mappingStatus') || 'UNCHECKED';
      others.set(status, (others.get(status) ?? new Set()).add(key));
      continue;
    }
    const wrong = faultsOf(at, place);
    problems.push(...wrong);
    if (wrong.length > 0) continue;
    groups.set(key, [...(groups.get(key) ?? []), { at, line }]);
  }
  if (problems.length > 0) throw new Refusal(problems);
  const approved = [...groups].map(([key, lines]) => answerOf(key, lines, author));
  return { approved, others: new Map([...others].map(([status, codes]) => [status, codes.size])) };
}

interface Read {
  readonly line: number;
  readonly at: (column: string) => string;
}

function faultsOf(at: Read['at'], place: string): readonly Problem[] {
  const problems: Problem[] = [];
  const wrong = (column: Column, reason: string): void => {
    problems.push(problem('usagi-value', { column, value: at(column).slice(0, 60), reason }, place));
  };
  if (at('sourceCode') === '') wrong('sourceCode', 'a line stands for a code');
  if (!/^\d{1,10}$/.test(at('conceptId'))) wrong('conceptId', 'it is a concept id, 0 for none');
  if (at('mappingType') !== '' && typeOf(at('mappingType')) === undefined) wrong('mappingType', `it is ${MAPPING_TYPES.join(' or ')} here`);
  if (at('equivalence') !== '' && !EQUIVALENCES.includes(at('equivalence')))
    wrong('equivalence', `it is one of ${EQUIVALENCES.join(', ')}`);
  return problems;
}

const typeOf = (value: string): AnswerTarget['type'] | undefined => MAPPING_TYPES.find((each) => each === value);

function answerOf(key: string, lines: readonly Read[], author: string): UsagiAnswer {
  const [system = '', code = ''] = [key.slice(0, key.indexOf('\n')), key.slice(key.indexOf('\n') + 1)];
  const first = (column: string): string | undefined => lines.map(({ at }) => at(column)).find((value) => value !== '');
  const targets = lines.flatMap(({ at }): readonly AnswerTarget[] =>
    Number(at('conceptId')) === 0 ? [] : [{ conceptId: Number(at('conceptId')), type: typeOf(at('mappingType')) ?? 'MAPS_TO' }],
  );
  const created = first('createdBy');
  const approvedBy = first('statusSetBy');
  const said = first('equivalence') ?? 'UNREVIEWED';
  return {
    system,
    code,
    display: first('sourceName'),
    targets,
    equivalence: targets.length === 0 ? 'UNMATCHED' : said,
    reason: first('comment'),
    // Usagi's automatic candidate has no author: whoever approved it answers for it.
    author: created === undefined || created === '<auto>' ? (approvedBy ?? author) : created,
    approvedBy,
    line: lines[0]?.line ?? 0,
  };
}
