/** ViewDefinition of SQL on FHIR v2 (https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html): read, checked, made ready to run. */
import { failure, type Problem, problem, type Result, success } from '../../errors.ts';
import { isResourceType } from '../definitions.ts';
import { isArray, isObject } from '../format/json.ts';
import type { JsonObject, JsonValue } from '../resource.ts';
import { compilePath } from './path-compile.ts';
import { PathFault } from './path-parse.ts';
import type { Known } from './path-types.ts';
import type { Path, Values } from './path-values.ts';

export interface Column {
  readonly name: string;
  /** FHIR type as the view says it, else as its path tells; undefined where neither does. */
  readonly type: string | undefined;
  /** The values of a row are an array. */
  readonly collection: boolean;
}

export interface ColumnPath extends Column {
  readonly path: Path;
  /** Place in the ViewDefinition. */
  readonly at: string;
}

/** One select: for each of its elements, the product of its columns, selects and the union. */
export interface Selection {
  readonly way: 'once' | 'forEach' | 'forEachOrNull' | 'repeat';
  /** What is gone through: one path, or those of repeat. */
  readonly through: readonly Path[];
  readonly columns: readonly ColumnPath[];
  readonly selections: readonly Selection[];
  readonly union: readonly Selection[];
  /** All columns of its rows, in order. */
  readonly out: readonly Column[];
  readonly at: string;
}

export interface View {
  readonly name: string;
  /** The type of the resources that it makes rows of. */
  readonly resource: string;
  readonly constants: ReadonlyMap<string, Values>;
  readonly where: readonly { readonly path: Path; readonly at: string }[];
  readonly selection: Selection;
}

const MOST_DEPTH = 20;
const MOST_SELECTIONS = 500;
const MOST_COLUMNS = 1_000;
const NAME = /^[A-Za-z]\w{0,254}$/;
const CONSTANT = /^value([A-Z]\w*)$/;

/** Carries the first fault of a part up to `readView`; nowhere else. */
class Reading {
  readonly problems: Problem[] = [];
  selections = 0;
  columns = 0;
  readonly constants = new Map<string, string>();

  fault(at: string, reason: string): void {
    if (this.problems.length < 100) this.problems.push(problem('view-invalid', { reason }, at));
  }

  path(text: JsonValue | undefined, types: readonly string[] | undefined, at: string): Path | undefined {
    if (typeof text !== 'string' || text.trim() === '') {
      this.fault(at, 'a FHIRPath expression is needed');
      return undefined;
    }
    const strange: Known['strange'] = (element, type) => {
      if (this.problems.length < 100) this.problems.push(problem('view-element-unknown', { element: element.slice(0, 64), type }, at));
    };
    try {
      return compilePath(text, { types, constants: this.constants, strange });
    } catch (error) {
      if (!(error instanceof PathFault)) throw error;
      if (this.problems.length < 100) this.problems.push(problem('view-path', { reason: error.reason, place: error.at + 1 }, at));
      return undefined;
    }
  }

  /** The path without a word about what is wrong with it. */
  quietly(text: JsonValue, types: readonly string[] | undefined): Path | undefined {
    try {
      return typeof text === 'string' ? compilePath(text, { types, constants: this.constants, strange: () => {} }) : undefined;
    } catch {
      return undefined;
    }
  }

  list(value: JsonValue | undefined, at: string): readonly JsonObject[] {
    if (value === undefined) return [];
    if (isArray(value) && value.every(isObject)) return value.filter(isObject);
    this.fault(at, 'an array of objects is needed');
    return [];
  }
}

/** Returns a view ready to run, with warnings about elements that R4 does not have; Problems view-invalid and view-path with their places. */
export function readView(definition: JsonValue | undefined): Result<View> {
  const reading = new Reading();
  const root = 'ViewDefinition';
  if (!isObject(definition)) return failure(problem('view-invalid', { reason: 'an object is needed' }, root));
  const { resource, name } = definition;
  const isType = typeof resource === 'string' && isResourceType(resource);
  if (!isType) reading.fault(`${root}.resource`, 'the name of a resource type is needed');
  const types = isType ? [resource] : undefined;
  const constants = constantsOf(definition, reading, root);
  const where = reading.list(definition['where'], `${root}.where`).flatMap((each, i) => {
    const at = `${root}.where[${i}].path`;
    const path = reading.path(each['path'], types, at);
    if (path?.types !== undefined && !path.types.includes('boolean'))
      reading.fault(at, `it finds ${path.types.join(' or ')}, not a boolean`);
    return path === undefined ? [] : [{ path, at }];
  });
  const selects = reading.list(definition['select'], `${root}.select`);
  if (selects.length === 0) reading.fault(`${root}.select`, 'at least one select is needed');
  const selections = selects.flatMap((each, i) => selectionOf(each, types, `${root}.select[${i}]`, 1, reading) ?? []);
  const out = selections.flatMap((each) => each.out);
  if (reading.problems.every(isWarning)) repeatedNames(out, root, reading);
  const { problems } = reading;
  if (!isType || !problems.every(isWarning)) return failure(...problems);
  const selection: Selection = { way: 'once', through: [], columns: [], selections, union: [], out, at: root };
  return success({ name: typeof name === 'string' ? name : '', resource, constants, where, selection }, problems);
}

const isWarning = ({ code }: Problem): boolean => code === 'view-element-unknown';

function repeatedNames(out: readonly Column[], at: string, reading: Reading): void {
  const names = out.map((column) => column.name);
  for (const name of new Set(names.filter((each, i) => names.indexOf(each) !== i))) reading.fault(at, `the column ${name} is there twice`);
}

function constantsOf(definition: JsonObject, reading: Reading, root: string): ReadonlyMap<string, Values> {
  const constants = new Map<string, Values>();
  for (const [i, each] of reading.list(definition['constant'], `${root}.constant`).entries()) {
    const at = `${root}.constant[${i}]`;
    const values = Object.entries(each).flatMap(([key, value]) => {
      const type = CONSTANT.exec(key)?.[1];
      return type === undefined || value === undefined || value === null ? [] : [{ type, value }];
    });
    const [given] = values;
    const { name } = each;
    if (typeof name !== 'string' || !NAME.test(name)) reading.fault(`${at}.name`, 'a name of letters, digits and _ is needed');
    else if (given === undefined || values.length > 1 || typeof given.value === 'object')
      reading.fault(at, 'one value[x] of a primitive type is needed');
    else if (constants.has(name)) reading.fault(at, `the constant ${name} is there twice`);
    else {
      constants.set(name, [given.value]);
      reading.constants.set(name, given.type.charAt(0).toLowerCase() + given.type.slice(1));
    }
  }
  return constants;
}

const WAYS = ['forEach', 'forEachOrNull', 'repeat'] as const;

function selectionOf(
  select: JsonObject,
  types: readonly string[] | undefined,
  at: string,
  depth: number,
  reading: Reading,
): Selection | undefined {
  if (depth > MOST_DEPTH || ++reading.selections > MOST_SELECTIONS) {
    if (depth > MOST_DEPTH) reading.fault(at, `selects are nested more than ${MOST_DEPTH} levels deep`);
    else if (reading.selections === MOST_SELECTIONS + 1) reading.fault(at, `there are more than ${MOST_SELECTIONS} selects`);
    return undefined;
  }
  const ways = WAYS.filter((each) => select[each] !== undefined);
  if (ways.length > 1) reading.fault(at, `${ways.join(' and ')} cannot be together`);
  const [way = 'once'] = ways;
  const through = throughOf(select, way, types, at, reading);
  const within = way === 'once' ? types : through.length === 0 ? undefined : typesOfAll(through);
  const columns = reading
    .list(select['column'], `${at}.column`)
    .flatMap((each, i) => columnOf(each, within, `${at}.column[${i}]`, reading) ?? []);
  const part = (name: 'select' | 'unionAll'): readonly Selection[] =>
    reading
      .list(select[name], `${at}.${name}`)
      .slice(0, MOST_SELECTIONS + 1)
      .flatMap((each, i) => selectionOf(each, within, `${at}.${name}[${i}]`, depth + 1, reading) ?? []);
  const selections = part('select');
  const union = part('unionAll');
  const [first] = union;
  for (const each of union.slice(1)) if (first !== undefined) sameColumns(first, each, reading);
  const out = [...columns, ...selections.flatMap((each) => each.out), ...(first?.out ?? [])];
  if (out.length === 0 && reading.problems.every(isWarning)) reading.fault(at, 'it has no columns');
  return { way, through, columns, selections, union, out, at };
}

/** The parts of a union need the same columns in the same order, of the same types where both say one. */
function sameColumns(first: Selection, other: Selection, reading: Reading): void {
  const listed = ({ out }: Selection): string => out.map(({ name, collection }) => (collection ? `${name}[]` : name)).join(', ');
  if (listed(first) !== listed(other))
    reading.fault(other.at, `its columns are ${listed(other)}; those of the first part ${listed(first)}`);
}

function typesOfAll(paths: readonly Path[]): readonly string[] | undefined {
  const all = paths.map((path) => path.types);
  return all.includes(undefined) ? undefined : [...new Set(all.flatMap((types) => types ?? []))];
}

function throughOf(
  select: JsonObject,
  way: Selection['way'],
  types: readonly string[] | undefined,
  at: string,
  reading: Reading,
): readonly Path[] {
  if (way === 'once') return [];
  const given = select[way];
  if (way !== 'repeat') return [reading.path(given, types, `${at}.${way}`) ?? []].flat();
  if (!isArray(given) || given.length === 0 || given.length > 50) {
    reading.fault(`${at}.repeat`, 'an array of 1 to 50 expressions is needed');
    return [];
  }
  // What is found is gone through by the same paths: their types grow until they say no more than before.
  let all = types;
  for (let round = 0; all !== undefined && round < MOST_DEPTH; round++) {
    const found = typesOfAll(given.flatMap((each) => reading.quietly(each, all) ?? []));
    const grown: readonly string[] | undefined = found === undefined ? undefined : [...new Set([...all, ...found])];
    if (grown?.length === all.length) break;
    all = grown;
  }
  return given.flatMap((each, i) => reading.path(each, all, `${at}.repeat[${i}]`) ?? []);
}

function columnOf(column: JsonObject, types: readonly string[] | undefined, at: string, reading: Reading): ColumnPath | undefined {
  const { name, type, collection } = column;
  if (++reading.columns > MOST_COLUMNS) {
    if (reading.columns === MOST_COLUMNS + 1) reading.fault(at, `there are more than ${MOST_COLUMNS} columns`);
    return undefined;
  }
  if (typeof name !== 'string' || !NAME.test(name))
    reading.fault(`${at}.name`, 'a name of letters, digits and _ that begins with a letter is needed');
  if (type !== undefined && typeof type !== 'string') reading.fault(`${at}.type`, 'the name of a type is needed');
  if (collection !== undefined && typeof collection !== 'boolean') reading.fault(`${at}.collection`, 'true or false is needed');
  const path = reading.path(column['path'], types, `${at}.path`);
  if (path === undefined || typeof name !== 'string') return undefined;
  const said = typeof type === 'string' ? typeName(type) : path.types?.length === 1 ? path.types[0] : undefined;
  return { name, type: said, collection: collection === true, path, at };
}

/** The last part of a type's URL: http://hl7.org/fhirpath/System.String is String. */
function typeName(type: string): string {
  const last = type.slice(Math.max(type.lastIndexOf('/'), type.lastIndexOf('.')) + 1);
  return /^(String|Boolean|Integer|Decimal|Date|DateTime|Time)$/.test(last) ? last.charAt(0).toLowerCase() + last.slice(1) : last;
}
