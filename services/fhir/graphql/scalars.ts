import { GraphQLBoolean, GraphQLError, GraphQLID, GraphQLInt, GraphQLScalarType, GraphQLString, Kind } from 'graphql';

/** A decimal keeps the digits it was stored with; it is never asked for with a value. */
const GraphQLDecimal = new GraphQLScalarType({
  name: 'Decimal',
  description: 'A decimal with its digits, http://hl7.org/fhir/R4/datatypes.html#decimal.',
  serialize: (value) => value,
});

function nameOf(value: unknown): string {
  if (typeof value !== 'string') throw new GraphQLError('The name of a search parameter is needed');
  return value;
}

/** The name of a search parameter: as a text, or as the standard writes it, `_reference: patient` (http://hl7.org/fhir/R4/graphql.html#reverse). */
export const GraphQLName = new GraphQLScalarType({
  name: 'ParameterName',
  description: 'The name of a search parameter, with or without quotes; hyphens may be underscores.',
  parseValue: nameOf,
  parseLiteral: (node) => nameOf(node.kind === Kind.STRING || node.kind === Kind.ENUM ? node.value : undefined),
});

const OF_PRIMITIVES: Readonly<Record<string, GraphQLScalarType>> = {
  boolean: GraphQLBoolean,
  integer: GraphQLInt,
  unsignedInt: GraphQLInt,
  positiveInt: GraphQLInt,
  decimal: GraphQLDecimal,
  id: GraphQLID,
};

/** Returns the scalar of a primitive type of R4; text for all that is no number or boolean. */
export const scalarOf = (type: string): GraphQLScalarType =>
  (Object.hasOwn(OF_PRIMITIVES, type) ? OF_PRIMITIVES[type] : undefined) ?? GraphQLString;
