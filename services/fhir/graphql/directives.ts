/** The directives that change the shape of the answer (http://hl7.org/fhir/R4/graphql.html#flattening), and what they do while a list is read. */
import {
  DirectiveLocation,
  type FieldNode,
  GraphQLDirective,
  type GraphQLDirectiveConfig,
  GraphQLError,
  type GraphQLResolveInfo,
  GraphQLString,
  getDirectiveValues,
} from 'graphql';
import { problem, Refusal } from '../../errors.ts';
import type { JsonValue } from '../resource.ts';
import { Expressions } from './expressions.ts';

const ofFields = (name: string, description: string, args: GraphQLDirectiveConfig['args'] = {}): GraphQLDirective =>
  new GraphQLDirective({ name, description, args, locations: [DirectiveLocation.FIELD] });

export const FLATTEN = ofFields('flatten', 'The field is left out; its children stand in its place, as lists where the field is one.');
export const FIRST = ofFields('first', 'Only the first element of the list, after its arguments have chosen.');
export const SINGLETON = ofFields('singleton', 'Within a flattened field: one value, no list; several are an error.');
export const SLICE = ofFields('slice', 'Each element gets a name of its own: "." and the value of the FHIRPath are appended.', {
  fhirpath: { type: GraphQLString },
  // The examples of the standard call it path.
  path: { type: GraphQLString },
});

export const SHAPING: readonly GraphQLDirective[] = [FLATTEN, FIRST, SINGLETON, SLICE];

export const has = (node: FieldNode | undefined, { name }: GraphQLDirective): boolean =>
  node?.directives?.some((each) => each.name.value === name) ?? false;

/** What one query works with: its expressions, and the suffixes that @slice gave to elements, by the path of the list in the answer. */
export class Shaping {
  readonly expressions = new Expressions();
  readonly suffixes = new Map<string, readonly string[]>();
}

/** What a list is asked with. */
export interface ListArguments {
  readonly fhirpath?: unknown;
  readonly _offset?: unknown;
  readonly _count?: unknown;
}

export const pathKey = (path: readonly (string | number)[]): string => path.join('/');

function pathOf(info: GraphQLResolveInfo): string {
  const steps: (string | number)[] = [];
  for (let at: GraphQLResolveInfo['path'] | undefined = info.path; at !== undefined; at = at.prev) steps.unshift(at.key);
  return pathKey(steps);
}

function natural(value: unknown, name: string): number | undefined {
  if (typeof value !== 'number') return undefined;
  if (value < 0) throw new GraphQLError(`${name} cannot be negative`);
  return value;
}

/**
 * Returns the items of a list that its arguments and @first choose: those for which `fhirpath` is true, then _offset and _count of them. What
 * @slice appends to their names is noted in `shaping`. `type`: theirs, of FHIR. Throws Refusal for expressions that cannot be evaluated.
 */
export function listed<T extends JsonValue>(
  all: readonly T[],
  type: string,
  { fhirpath, _offset, _count }: ListArguments,
  { expressions, suffixes }: Shaping,
  info: GraphQLResolveInfo,
): readonly T[] {
  const judge = typeof fhirpath === 'string' ? expressions.compiled(fhirpath, type) : undefined;
  const chosen = judge === undefined ? all : expressions.chosen(all, judge);
  const from = natural(_offset, '_offset') ?? 0;
  const most = has(info.fieldNodes[0], FIRST) ? 1 : Number.POSITIVE_INFINITY;
  const items = chosen.slice(from, from + Math.min(natural(_count, '_count') ?? most, most));
  const [node] = info.fieldNodes;
  const slice = node === undefined ? undefined : getDirectiveValues(SLICE, node, info.variableValues);
  if (slice !== undefined) {
    const text = slice['fhirpath'] ?? slice['path'];
    if (typeof text !== 'string') throw new Refusal([problem('fhirpath-invalid', { reason: '@slice has no expression' })]);
    suffixes.set(pathOf(info), expressions.suffixes(items, expressions.compiled(text, type)));
  }
  return items;
}
