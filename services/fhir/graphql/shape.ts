/** What of a query changes the shape of its answer, judged before it runs: fields with their directives, and how each is collated. */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isListType,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { FIRST, FLATTEN, has, SHAPING, SINGLETON, SLICE } from './directives.ts';

/** A field of the answer, of all places that ask for it under one name. */
export interface Shape {
  readonly name: string;
  readonly node: FieldNode;
  readonly isList: boolean;
  readonly isFlattened: boolean;
  readonly isSliced: boolean;
  readonly isSingleton: boolean;
  /** undefined: nothing within has another shape than the schema says. */
  readonly children: readonly Shape[];
}

interface Known {
  readonly isList: boolean;
  /** The type of FHIR, or of GraphQL where FHIR has none. */
  readonly type: string;
  /** Its resolver reads what @first and @slice say. */
  readonly isChosen: boolean;
}

interface Reading {
  readonly known: ReadonlyMap<FieldNode, Known>;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

const SHAPES = new Set(SHAPING.map(({ name }) => name));
const NOT_KNOWN: Known = { isList: false, type: '', isChosen: false };

const directivesOf = (node: FieldNode): string =>
  (node.directives ?? [])
    .filter(({ name }) => SHAPES.has(name.value))
    .map(print)
    .toSorted()
    .join(' ');

function readingOf(document: DocumentNode, schema: GraphQLSchema): Reading {
  const known = new Map<FieldNode, Known>();
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field: (node) => {
        const type = types.getType();
        const declared: unknown = types.getFieldDef()?.extensions['fhirType'];
        if (type === undefined || type === null) return;
        known.set(node, {
          isList: isListType(getNullableType(type)),
          type: typeof declared === 'string' ? declared : getNamedType(type).name,
          isChosen: typeof declared === 'string',
        });
      },
    }),
  );
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const each of document.definitions) if (each.kind === Kind.FRAGMENT_DEFINITION) fragments.set(each.name.value, each);
  return { known, fragments };
}

/** The fields of selections by their names in the answer, fragments written out. */
function fieldsOf(sets: readonly (SelectionSetNode | undefined)[], { fragments }: Reading): ReadonlyMap<string, readonly FieldNode[]> {
  const found = new Map<string, FieldNode[]>();
  const take = (set: SelectionSetNode | undefined): void => {
    for (const each of set?.selections ?? []) {
      if (each.kind === Kind.INLINE_FRAGMENT) take(each.selectionSet);
      else if (each.kind === Kind.FRAGMENT_SPREAD) take(fragments.get(each.name.value)?.selectionSet);
      else {
        const name = (each.alias ?? each.name).value;
        found.set(name, [...(found.get(name) ?? []), each]);
      }
    }
  };
  for (const set of sets) take(set);
  return found;
}

/** What is wrong with the directives of a field where it stands. */
function misplaced(node: FieldNode, { isList, isChosen }: Known, isCollated: boolean): string | undefined {
  if (has(node, FLATTEN) && node.selectionSet === undefined) return '@flatten is for fields with children, and this one has none';
  for (const directive of [FIRST, SLICE])
    if (has(node, directive) && !(isList && isChosen)) return `@${directive.name} is for elements that repeat, and this one does not`;
  if (has(node, SINGLETON) && has(node, FLATTEN))
    return '@singleton is of no use on a field that @flatten leaves out; it is for its children';
  if (has(node, SINGLETON) && !isCollated && !has(node, SLICE))
    return '@singleton is for fields of which a parent has @flatten, and for fields with @slice';
  const slice = node.directives?.find(({ name }) => name.value === SLICE.name);
  if (slice !== undefined && slice.arguments?.length !== 1)
    return '@slice needs one argument, fhirpath (the examples of the standard call it path)';
  return undefined;
}

/** Names of one object of the answer with what goes into them: all of one type, and all of them singletons or none. */
class Names {
  readonly #taken = new Map<string, { readonly type: string; readonly isSingleton: boolean; readonly isCollated: boolean }>();

  take(name: string, node: FieldNode, type: string, isCollated: boolean): void {
    const isSingleton = has(node, SINGLETON);
    const before = this.#taken.get(name);
    if (before === undefined) this.#taken.set(name, { type, isSingleton, isCollated });
    else if (before.isCollated !== isCollated)
      throw new GraphQLError(`By @flatten, "${name}" would stand beside a field of that name; give one of them another name`, {
        nodes: node,
      });
    else if (before.type !== type)
      throw new GraphQLError(
        `By @flatten, "${name}" would hold values of the types ${before.type} and ${type}; give one of them another name`,
        { nodes: node },
      );
    else if (before.isSingleton !== isSingleton)
      throw new GraphQLError(`"${name}" has @singleton in one place and not in another`, { nodes: node });
  }
}

function shapesOf(sets: readonly (SelectionSetNode | undefined)[], isCollated: boolean, names: Names, reading: Reading): readonly Shape[] {
  return [...fieldsOf(sets, reading)].flatMap(([name, nodes]): readonly Shape[] => {
    const [node] = nodes;
    if (node === undefined) return [];
    const asked = directivesOf(node);
    const isFlattened = has(node, FLATTEN);
    for (const each of nodes) {
      const known = reading.known.get(each) ?? NOT_KNOWN;
      const wrong = directivesOf(each) === asked ? misplaced(each, known, isCollated) : 'it is asked for twice, with other directives';
      if (wrong !== undefined) throw new GraphQLError(`"${name}": ${wrong}`, { nodes: each });
      // Of types that exclude each other a name may be asked for twice; only one of them is there.
      if (!isFlattened && (isCollated || each === node)) names.take(name, each, known.type, isCollated);
    }
    const within = node.name.value.startsWith('__') ? [] : nodes.map(({ selectionSet }) => selectionSet);
    const children = isFlattened ? shapesOf(within, true, names, reading) : shapesOf(within, false, new Names(), reading);
    const { isList } = reading.known.get(node) ?? NOT_KNOWN;
    return [{ name, node, isList, isFlattened, isSliced: has(node, SLICE), isSingleton: has(node, SINGLETON), children }];
  });
}

/**
 * Returns the shape that an operation gives to its answer; undefined where the schema's stands. Throws GraphQLError for directives where
 * they make no sense, and for values of several types under one name. The document has been validated, and its size judged.
 */
export function shapeOf(document: DocumentNode, operation: OperationDefinitionNode, schema: GraphQLSchema): readonly Shape[] | undefined {
  let isShaped = false;
  visit(document, {
    Directive: ({ name }) => {
      isShaped ||= SHAPES.has(name.value);
    },
  });
  return isShaped ? shapesOf([operation.selectionSet], false, new Names(), readingOf(document, schema)) : undefined;
}
