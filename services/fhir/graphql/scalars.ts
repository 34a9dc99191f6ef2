import { GraphQLBoolean, GraphQLID, GraphQLInt, GraphQLScalarType, GraphQLString } from 'graphql';

/** A decimal keeps the digits it was stored with; it is never asked for with a value. */
const GraphQLDecimal = new GraphQLScalarType({
  name: 'Decimal',
  description: 'A decimal with its digits, http://hl7.org/fhir/R4/datatypes.html#decimal.',
  serialize: (value) => value,
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
