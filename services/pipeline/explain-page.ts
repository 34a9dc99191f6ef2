/** The explanation of a row as the doors answer it: row, resource, message, rules, vocabulary; masked unless somebody said why. */
import { audit } from '../database/audit.ts';
import { type ExplainedRow, explainRow, isExplainable } from '../database/cdm/explain.ts';
import {
  answersUsed,
  type ContributingRow,
  conceptsById,
  type DerivedRow,
  derivedRow,
  type FollowedRelationship,
  isEra,
  type RowConcept,
  relationshipsBetween,
  type UsedAnswer,
  vocabularyRelease,
} from '../database/cdm/row-concepts.ts';
import { type MergeOfResource, mergesTouching } from '../database/resources/merges.ts';
import { problem, Refusal } from '../errors.ts';
import type { ByteRange } from '../mapping/trace/bytes.ts';
import type { ElementLineage } from '../mapping/trace/lineage.ts';
import { dateOf } from './apply/rows.ts';
import { elementsOfRow, resourceOfRow, type TracedRow, tracedRow } from './explain.ts';
import type { Act } from './message/acts.ts';
import { type RulePlace, shownElements, specFile } from './message/lineage.ts';
import { isColumnPlain, masked } from './message/mask.ts';
import { type Parts, rulesFor } from './parts.ts';

export interface ExplainedElement {
  /** 'Observation.code.coding[0].code'. */
  readonly path: string;
  readonly value: string;
  readonly rule: RulePlace | undefined;
  /** Places of the message, 'OBX[2]-5', with their bytes. */
  readonly sources: readonly { readonly path: string; readonly bytes: ByteRange | undefined }[];
}

export interface ExplainedColumn {
  readonly name: string;
  readonly value: string;
  readonly isMasked: boolean;
  /** What the number means, of columns that hold a concept. */
  readonly concept: RowConcept | undefined;
  /** Undefined: a rule of the CDM filled it. */
  readonly rule: RulePlace | undefined;
  readonly elements: readonly ExplainedElement[];
}

export interface RowExplanation {
  readonly table: string;
  readonly id: number;
  readonly personId: number | undefined;
  readonly isMasked: boolean;
  readonly columns: readonly ExplainedColumn[];
  /** Of rows that a resource made. */
  readonly resource:
    | { readonly reference: string; readonly version: number; readonly updated: string; readonly spec: string; readonly rowSpec: string }
    | undefined;
  /** Maps of today, where they are others: the columns are explained by these. */
  readonly rowSpecNow: string | undefined;
  /** Why columns have no origin; '' when they have. */
  readonly withoutLineage: string;
  /** Of a visit or a visit_detail that is one stay with others (omop-rules 34): all as they were stated, the whole first. */
  readonly joined: ExplainedRow['joined'];
  readonly message:
    | {
        readonly id: number;
        readonly type: string;
        readonly controlId: string | undefined;
        readonly source: string;
        readonly channel: string;
        readonly receivedAt: string;
      }
    | undefined;
  /** Messages that made earlier versions, newest first. */
  readonly earlier: readonly number[];
  readonly merges: readonly MergeOfResource[];
  readonly vocabulary: {
    readonly release: string;
    readonly followed: readonly FollowedRelationship[];
    readonly answers: readonly UsedAnswer[];
  };
  /** Of rows that follow from other rows. */
  readonly derivedFrom: { readonly rows: readonly ContributingRow[]; readonly total: number } | undefined;
}

/**
 * Returns where a row comes from. Throws Refusal explain-unknown-table, explain-id-malformed, explain-no-row. `isWhole`: nothing masked;
 * whoever asks for that has to be recorded (recordRowReveal).
 */
export async function rowExplanation(parts: Parts, table: string, id: string, isWhole: boolean): Promise<RowExplanation> {
  if (!isExplainable(table) && !isEra(table)) throw new Refusal([problem('explain-unknown-table', { table: table.slice(0, 60) })]);
  if (!/^\d{1,16}$/.test(id)) throw new Refusal([problem('explain-id-malformed', { id: id.slice(0, 40) })]);
  if (isEra(table)) {
    const derived = await derivedRow(parts.database, table, Number(id));
    if (derived === undefined) throw new Refusal([problem('explain-no-row', { table, id })]);
    return derivedExplanation(parts, table, Number(id), derived, isWhole);
  }
  const explained = await explainRow(parts.database, table, Number(id));
  if (explained === undefined) throw new Refusal([problem('explain-no-row', { table, id })]);
  return resourceExplanation(parts, explained, isWhole);
}

/** Writes down who looked at a row unmasked, and why. */
export const recordRowReveal = (parts: Parts, table: string, id: string, { actor, reason }: Act): Promise<void> =>
  parts.database.transaction((tx) => audit(tx, { actor, action: 'row.reveal', target: `row/${table}/${id}`.slice(0, 100), reason }));

type Row = Readonly<Record<string, string | number | null>>;

const conceptColumns = (row: Row): readonly (readonly [string, number])[] =>
  Object.entries(row).flatMap(([name, value]) =>
    /(^|_)concept_id(_\d)?$/.test(name) && typeof value === 'number' && value > 0 ? [[name, value] as const] : [],
  );

async function vocabularyOf(parts: Parts, row: Row) {
  const { database } = parts;
  const columns = conceptColumns(row);
  const of = (isSource: boolean) => columns.flatMap(([name, id]) => (name.includes('_source_concept_id') === isSource ? [id] : []));
  const ids = [...new Set(columns.map(([, id]) => id))];
  const [concepts, followed, release] = await Promise.all([
    conceptsById(database, ids),
    relationshipsBetween(database, of(true), of(false)),
    vocabularyRelease(database),
  ]);
  return { concepts, followed, release };
}

async function resourceExplanation(parts: Parts, explained: ExplainedRow, isWhole: boolean): Promise<RowExplanation> {
  const { database } = parts;
  const { table, id, row, resource, message } = explained;
  const [{ concepts, followed, release }, merges, answers] = await Promise.all([
    vocabularyOf(parts, row),
    mergesTouching(database, resource),
    answersUsed(database, resource.type, resource.id),
  ]);
  const { traced, elements, why } = lineageOf(parts, explained, isWhole);
  const personId = row['person_id'];
  return {
    table,
    id,
    personId: typeof personId === 'number' ? personId : undefined,
    isMasked: !isWhole,
    columns: columnsOf(table, row, concepts, traced, elements, isWhole),
    resource: {
      reference: `${resource.type}/${resource.id}`,
      version: resource.version,
      updated: resource.updated,
      spec: resource.spec,
      rowSpec: resource.rowSpec,
    },
    rowSpecNow: traced !== undefined && traced.spec !== resource.rowSpec ? traced.spec : undefined,
    withoutLineage: why,
    joined: explained.joined,
    message: message && {
      id: message.id,
      type: message.messageType,
      controlId: message.controlId,
      source: message.source,
      channel: message.channel,
      receivedAt: message.receivedAt,
    },
    earlier: [...new Set(explained.earlier.flatMap(({ messageId }) => messageId ?? []))],
    merges,
    vocabulary: { release, followed, answers },
    derivedFrom: undefined,
  };
}

function lineageOf(parts: Parts, explained: ExplainedRow, isWhole: boolean) {
  const none = new Map<string, ExplainedElement>();
  const resource = resourceOfRow(explained);
  if (resource === undefined) return { traced: undefined, elements: none, why: 'the resource that it is of cannot be read' };
  const { message } = explained;
  const lineage = message === undefined ? [] : elementsOfRow(explained, parts.maps, rulesFor(parts, message.source));
  const traced = tracedRow(explained, resource, parts.maps, {
    vocabulary: parts.live?.current ?? parts.vocabulary,
    timezone: parts.cdmTimezone,
    asOf: dateOf(parts, new Date(explained.resource.updated)),
    choices: parts.choices,
  });
  const isDerived = traced.lineage === undefined;
  const why = !isDerived
    ? ''
    : explained.table === 'observation_period'
      ? 'a period follows from all rows of the person (omop-rules 60)'
      : 'the maps of today do not make this row';
  return { traced, elements: elementsByPath(shownElements(resource, lineage, isWhole), lineage), why };
}

/** What is shown of each element, with the bytes of the places that it is from. */
function elementsByPath(
  shown: ReturnType<typeof shownElements>,
  lineage: readonly ElementLineage[],
): ReadonlyMap<string, ExplainedElement> {
  const known = new Map(lineage.map((each) => [each.path, each]));
  return new Map(
    shown.map(({ path, value, sources, rule }) => [
      path,
      {
        path,
        value,
        rule,
        sources: sources.map((place) => ({
          path: place,
          bytes: known.get(path)?.sources.find((each) => each.path === place)?.bytes,
        })),
      },
    ]),
  );
}

function columnsOf(
  table: string,
  row: Row,
  concepts: ReadonlyMap<number, RowConcept>,
  traced: TracedRow | undefined,
  elements: ReadonlyMap<string, ExplainedElement>,
  isWhole: boolean,
): readonly ExplainedColumn[] {
  const origins = new Map(traced?.lineage?.columns.map((each) => [each.column, each]));
  const numbers = new Map(conceptColumns(row));
  return Object.entries(row).flatMap(([name, value]): readonly ExplainedColumn[] => {
    if (value === null) return [];
    const origin = origins.get(name);
    const isMasked = !(isWhole || isColumnPlain(table, name));
    const read = (origin?.read ?? []).filter((path) => !/\.(resourceType|id)$/.test(path));
    return [
      {
        name,
        value: isMasked ? masked(String(value)) : String(value),
        isMasked,
        concept: concepts.get(numbers.get(name) ?? 0),
        rule: origin?.at && { file: specFile(origin.at.file), line: origin.at.line, text: origin.rule },
        elements: read.map((path) => elements.get(path) ?? { path, value: '', rule: undefined, sources: [] }),
      },
    ];
  });
}

async function derivedExplanation(parts: Parts, table: string, id: number, derived: DerivedRow, isWhole: boolean): Promise<RowExplanation> {
  const { concepts, followed, release } = await vocabularyOf(parts, derived.row);
  return {
    table,
    id,
    personId: derived.personId,
    isMasked: !isWhole,
    columns: columnsOf(table, derived.row, concepts, undefined, new Map(), isWhole),
    resource: undefined,
    rowSpecNow: undefined,
    withoutLineage: 'an era follows from rows of the person (omop-rules 62 to 64)',
    joined: [],
    message: undefined,
    earlier: [],
    merges: [],
    vocabulary: { release, followed, answers: [] },
    derivedFrom: { rows: derived.from, total: derived.total },
  };
}
