import {
  type DocumentNode,
  GraphQLID,
  type GraphQLSchema,
  GraphQLString,
  getNamedType,
  Kind,
  TypeInfo,
  type ValueNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/**
 * Returns a query in which words and numbers stand as texts where texts are expected: the standard writes name(use: official),
 * Patient(id: example) and resource(type: Patient) without quotes (http://hl7.org/fhir/R4/graphql.html#list).
 */
export function withTexts(document: DocumentNode, schema: GraphQLSchema): DocumentNode {
  const types = new TypeInfo(schema);
  const asText = (node: ValueNode & { readonly value: string | boolean }): ValueNode | undefined => {
    const type = getNamedType(types.getInputType());
    if (type !== GraphQLString && type !== GraphQLID) return undefined;
    return { kind: Kind.STRING, value: String(node.value), ...(node.loc === undefined ? {} : { loc: node.loc }) };
  };
  return visit(document, visitWithTypeInfo(types, { EnumValue: asText, IntValue: asText, FloatValue: asText, BooleanValue: asText }));
}
