/** Lineage both ways: what lights up when something is chosen. Pure. */
import type { MessagePage, RulePlace } from './answers.ts';

/** What is chosen; written into the address as 'field:OBX-5', 'element:Patient/1:Patient.gender', 'column:person/7:gender_concept_id'. */
export interface Chosen {
  readonly kind: 'field' | 'element' | 'column';
  /** Resource or row; '' for fields. */
  readonly of: string;
  readonly path: string;
}

export interface Lit {
  readonly fields: ReadonlySet<string>;
  /** 'Patient/1 Patient.gender'. */
  readonly elements: ReadonlySet<string>;
  /** 'person/7 gender_concept_id'. */
  readonly columns: ReadonlySet<string>;
  readonly rules: readonly RulePlace[];
}

export const NOTHING: Lit = { fields: new Set(), elements: new Set(), columns: new Set(), rules: [] };

export const chosenText = ({ kind, of, path }: Chosen): string => (kind === 'field' ? `field:${path}` : `${kind}:${of}:${path}`);

/** Returns what an address says is chosen; undefined when it says nothing of the kind. */
export function chosenFrom(text: string | null): Chosen | undefined {
  const [kind, first = '', ...rest] = (text ?? '').split(':');
  if (kind === 'field') return { kind, of: '', path: first };
  if (kind !== 'element' && kind !== 'column') return undefined;
  return { kind, of: first, path: rest.join(':') };
}

/** Names a row of a resource; a preview has no id, so its place among the rows stands for it. */
export const rowName = (table: string, id: number | undefined, reference: string, index: number): string =>
  id === undefined ? `${table}/${reference.replace('/', '.')}.${index}` : `${table}/${id}`;

/** Returns true when one place lies within the other: PID-3 and PID-3.4, the first repetition and its components. */
export const overlaps = (a: string, b: string): boolean => a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);

const within = (path: string, outer: string): boolean => path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);

/** Returns everything that hangs together with what is chosen. */
export function litBy(page: Pick<MessagePage, 'resources'>, chosen: Chosen): Lit {
  const fields = new Set<string>(chosen.kind === 'field' ? [chosen.path] : []);
  const elements = new Set<string>();
  const columns = new Set<string>();
  const rules = new Map<string, RulePlace>();
  const rule = (at: RulePlace | undefined) => at !== undefined && rules.set(`${at.file}:${at.line}`, at);
  for (const { reference, elements: all, rows } of page.resources) {
    const own = new Set<string>();
    const column = rows.flatMap((row, index) =>
      row.columns.map((each) => ({ ...each, key: `${rowName(row.table, row.id, reference, index)} ${each.name}` })),
    );
    const isChosenElement = (path: string) => chosen.kind === 'element' && chosen.of === reference && path === chosen.path;
    const from = column.filter(({ key }) => chosen.kind === 'column' && key === `${chosen.of} ${chosen.path}`);
    for (const each of all) {
      const byField = chosen.kind === 'field' && each.sources.some((source) => overlaps(source, chosen.path));
      if (!(byField || isChosenElement(each.path) || from.some(({ read }) => read.some((path) => within(each.path, path))))) continue;
      own.add(each.path);
      elements.add(`${reference} ${each.path}`);
      rule(each.rule);
      if (chosen.kind !== 'field') for (const source of each.sources) fields.add(source);
    }
    for (const each of column) {
      const isLit =
        chosen.kind === 'column' ? from.includes(each) : each.read.some((path) => [...own].some((element) => within(element, path)));
      if (!isLit) continue;
      columns.add(each.key);
      rule(each.rule);
    }
  }
  return { fields, elements, columns, rules: [...rules.values()] };
}
