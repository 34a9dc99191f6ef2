/** Reads by GraphQL (http://hl7.org/fhir/R4/graphql.html): of one resource, or of everything. */
import {
  type DocumentNode,
  execute,
  GraphQLError,
  GraphQLObjectType,
  GraphQLSchema,
  getOperationAST,
  Kind,
  OperationTypeNode,
  parse,
  specifiedDirectives,
  validate,
  visit,
} from 'graphql';
import { failure, type Problem, problem, Refusal, type Result, success } from '../../errors.ts';
import { R4_TYPES } from '../definitions.ts';
import { operationOutcome } from '../outcome.ts';
import type { JsonObject, Resource } from '../resource.ts';
import { collated } from './collate.ts';
import { SHAPING, Shaping } from './directives.ts';
import { exceeded } from './limits.ts';
import { withTexts } from './literals.ts';
import { type Shape, shapeOf } from './shape.ts';
import { type Asked, objectOf, type Reader, systemFields } from './types.ts';

export interface Question {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: JsonObject;
}

/** What a query may cost: depth of fields, fields, tokens of its text, and what it reads. */
export const MOST = { depth: 16, fields: 1_000, tokens: 10_000, reads: 1_000, searches: 50 } as const;

const schemas = new Map<string, GraphQLSchema>();

/** The schema of everything (''), or of one resource of a type. */
function schemaOf(type: string): GraphQLSchema {
  const known = schemas.get(type);
  if (known !== undefined) return known;
  const types = R4_TYPES.map(objectOf);
  const query =
    type === ''
      ? new GraphQLObjectType<unknown, Asked>({ name: 'Query', fields: () => Object.assign({}, ...R4_TYPES.map(systemFields)) })
      : objectOf(type);
  const made = new GraphQLSchema({ query, types, directives: [...specifiedDirectives, ...SHAPING] });
  schemas.set(type, made);
  return made;
}

/** What a query quotes may be about a patient: texts of it are not repeated in errors. */
function withoutValues(message: string, document: DocumentNode | undefined, variables: JsonObject): string {
  const values: string[] = [];
  const gather = (value: unknown): void => {
    if (typeof value === 'string' || typeof value === 'number') values.push(String(value));
    else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) gather(each);
  };
  gather(variables);
  if (document !== undefined) {
    const take = ({ value }: { readonly value: string }): void => {
      values.push(value);
    };
    visit(document, { [Kind.STRING]: take, [Kind.INT]: take, [Kind.FLOAT]: take, [Kind.ENUM]: take });
  }
  const safe = document === undefined ? message.replace(/"(?:[^"\\]|\\.)*"?/g, '"…"') : message;
  return values
    .filter((value) => value !== '')
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, value) => text.replaceAll(value, '…'), safe)
    .slice(0, 500);
}

const placeOf = ({ locations }: GraphQLError): string | undefined => locations?.map(({ line, column }) => `${line}:${column}`)[0];

interface Prepared {
  readonly document: DocumentNode;
  readonly shapes: readonly Shape[] | undefined;
}

/** Reads and judges a query. Problems: fhir-graphql with line:column of the query, fhir-graphql-costly. */
function prepared({ query, variables, operationName }: Question, schema: GraphQLSchema): Result<Prepared> {
  let document: DocumentNode;
  const wrong = (error: GraphQLError, read: DocumentNode | undefined): Problem =>
    problem('fhir-graphql', { reason: withoutValues(error.message, read, variables) }, placeOf(error));
  try {
    document = parse(query, { maxTokens: MOST.tokens, noLocation: false });
  } catch (error) {
    if (error instanceof GraphQLError) return failure(wrong(error, undefined));
    // The parser goes down a level with every bracket.
    return failure(problem('fhir-graphql-costly', { maximum: MOST.depth, what: 'levels of fields' }));
  }
  if (document.definitions.some((each) => each.kind === Kind.OPERATION_DEFINITION && each.operation !== OperationTypeNode.QUERY))
    return failure(problem('fhir-graphql', { reason: 'only queries are answered: writes go to the resources' }));
  document = withTexts(document, schema);
  const errors = validate(schema, document, undefined, { maxErrors: 10 });
  if (errors.length > 0) return failure(...errors.slice(0, 10).map((error) => wrong(error, document)));
  const over = exceeded(document, MOST);
  if (over === 'depth') return failure(problem('fhir-graphql-costly', { maximum: MOST.depth, what: 'levels of fields' }));
  if (over === 'fields') return failure(problem('fhir-graphql-costly', { maximum: MOST.fields, what: 'fields' }));
  try {
    const operation = getOperationAST(document, operationName);
    return success({ document, shapes: operation ? shapeOf(document, operation, schema) : undefined });
  } catch (error) {
    if (error instanceof GraphQLError) return failure(wrong(error, document));
    throw error;
  }
}

/** Counts what fields read; past the limit every further one is an error. */
function counted(reader: Reader, shaping: Shaping): Asked {
  let [reads, searches] = [0, 0];
  return {
    shaping,
    read: async (reference) => {
      if (++reads > MOST.reads) throw new Refusal([problem('fhir-graphql-costly', { maximum: MOST.reads, what: 'references followed' })]);
      return reader.read(reference);
    },
    search: async (type, parameters) => {
      if (++searches > MOST.searches) throw new Refusal([problem('fhir-graphql-costly', { maximum: MOST.searches, what: 'searches' })]);
      return reader.search(type, parameters);
    },
  };
}

function errorJson(error: GraphQLError, document: DocumentNode, variables: JsonObject): JsonObject {
  const { originalError, locations, path } = error;
  const problems =
    originalError instanceof Refusal
      ? originalError.problems
      : [problem('fhir-graphql', { reason: withoutValues(error.message, document, variables) }, placeOf(error))];
  return {
    message: problems.map(({ text }) => text).join(' '),
    ...(locations === undefined ? {} : { locations: locations.map(({ line, column }) => ({ line, column })) }),
    ...(path === undefined ? {} : { path: [...path] }),
    extensions: { resource: operationOutcome(problems) },
  };
}

/**
 * Returns the answer of a query: data, and errors with an OperationOutcome each. `root`: the resource that it is about; undefined: the
 * whole server. Problems: what is wrong with the query, or too much of it.
 */
export async function answerQuery(question: Question, root: Resource | undefined, reader: Reader): Promise<Result<JsonObject>> {
  const schema = schemaOf(root?.resourceType ?? '');
  const ready = prepared(question, schema);
  if (!ready.ok) return ready;
  const { document, shapes } = ready.value;
  const { variables, operationName } = question;
  const shaping = new Shaping();
  const contextValue = counted(reader, shaping);
  const answer = await execute({ schema, document, rootValue: root, contextValue, variableValues: variables, operationName });
  const read = answer.data as JsonObject | null | undefined;
  const shaped = shapes === undefined || !read ? { data: read, errors: [] } : collated(read, shapes, shaping.suffixes);
  const errors = [...(answer.errors ?? []), ...shaped.errors].map((error) => errorJson(error, document, variables));
  return success({ ...(shaped.data === undefined ? {} : { data: shaped.data }), ...(errors.length === 0 ? {} : { errors }) });
}
