import type { CodeSystemProvider, Concept, JsonObject } from '../provider.ts';
import { refuse } from './issue.ts';
import { canonical } from './json.ts';
import type { Scope } from './scope.ts';
import { preferredTerm, termsOf } from './terms.ts';

const part = (name: string, type: string, value: JsonObject[string]): JsonObject => ({ name, [`value${type}`]: value });

/**
 * $lookup (http://hl7.org/fhir/R4/codesystem-operation-lookup.html): returns the Parameters about a code. `property` parameters choose
 * what is told beside name, version and display; * is everything. Throws TerminologyRefusal (404) for a code that is not there.
 */
export function lookup(scope: Scope, system: CodeSystemProvider, code: string): JsonObject {
  scope.saw(system);
  scope.assertSupplements(400);
  const concept = system.locate(code);
  const version = system.version === undefined ? '' : ` version '${system.version}'`;
  if (concept === undefined)
    throw refuse(404, 'not-found', `Unknown code '${code}' in the CodeSystem '${system.url}'${version}`, 'invalid-code');
  const { properties, languages } = scope.settings;
  const wants = (name: string): boolean => properties.length === 0 || properties.includes(name) || properties.includes('*');
  const terms = termsOf(system, concept);
  const shown = preferredTerm(terms, languages, (tag) => system.preferredName?.(concept, tag)) ?? preferredTerm(terms, undefined);
  const definition = wants('definition') ? system.definition(concept) : undefined;
  const designations = wants('designation') ? terms.map(designationPart) : [];
  return {
    resourceType: 'Parameters',
    parameter: [
      part('name', 'String', system.name),
      part('code', 'Code', concept.code),
      part('system', 'Uri', system.url),
      ...(system.version === undefined ? [] : [part('version', 'String', system.version)]),
      part('display', 'String', shown?.value ?? concept.code),
      ...(definition === undefined ? [] : [part('definition', 'String', definition)]),
      ...(wants('abstract') ? [part('abstract', 'Boolean', system.isAbstract(concept))] : []),
      ...designations,
      ...propertyParts(system, concept, { asked: properties, wants }),
      ...system.supplements.map((each) => part('used-supplement', 'Canonical', each)),
    ],
  };
}

const designationPart = ({ language, use, value, source }: ReturnType<typeof termsOf>[number]): JsonObject => ({
  name: 'designation',
  part: [
    ...(language === undefined ? [] : [part('language', 'Code', language)]),
    ...(use === undefined ? [] : [part('use', 'Coding', use)]),
    part('value', 'String', value),
    ...(source === undefined ? [] : [part('source', 'Canonical', source)]),
  ],
});

const propertyPart = (
  code: string,
  type: string,
  value: JsonObject[string],
  description: string | undefined,
  source?: string,
): JsonObject => ({
  name: 'property',
  part: [
    part('code', 'Code', code),
    part('value', type, value),
    ...(description === undefined ? [] : [part('description', 'String', description)]),
    ...(source === undefined ? [] : [part('source', 'Canonical', source)]),
  ],
});

function propertyParts(
  system: CodeSystemProvider,
  concept: Concept,
  { asked, wants }: { readonly asked: readonly string[]; readonly wants: (name: string) => boolean },
): readonly JsonObject[] {
  const found: JsonObject[] = [];
  const own = system.propertiesOf(concept);
  if (wants('inactive') && !own.some(({ code }) => code === 'inactive'))
    found.push(propertyPart('inactive', 'Boolean', system.isInactive(concept), undefined));
  for (const { code, type, value, description, source } of own) {
    if (wants(code)) found.push(propertyPart(code, type, value, description, source));
  }
  for (const name of asked) {
    const derived = system.derived?.(concept, name);
    if (derived !== undefined) found.push(propertyPart(derived.code, derived.type, derived.value, undefined));
  }
  for (const [name, rows] of [
    ['parent', wants('parent') ? system.parents(concept) : []],
    ['child', wants('child') ? system.children(concept) : []],
  ] as const) {
    for (const row of rows) {
      const other = system.conceptAt(row);
      if (own.some(({ code, value }) => code === name && value === other.code)) continue;
      found.push(propertyPart(name, 'Code', other.code, system.display(other)));
    }
  }
  return found;
}

/** $subsumes (http://hl7.org/fhir/R4/codesystem-operation-subsumes.html): returns the Parameters. Throws TerminologyRefusal for unknown codes. */
export function subsumes(system: CodeSystemProvider, codeA: string, codeB: string): JsonObject {
  const [a, b] = [codeA, codeB].map((code) => {
    const concept = system.locate(code);
    if (concept !== undefined) return concept;
    throw refuse(
      404,
      'code-invalid',
      `Unknown code '${code}' in the CodeSystem '${canonical(system.url, system.version)}'`,
      'invalid-code',
    );
  });
  if (a === undefined || b === undefined) throw refuse(400, 'required', 'Two codes are needed');
  if (system.noSubsumption !== undefined && a.code !== b.code)
    throw refuse(422, 'not-supported', `${system.noSubsumption}; $subsumes cannot say`);
  const outcome =
    a.code === b.code
      ? 'equivalent'
      : system.subsumes(a, b)
        ? system.subsumes(b, a)
          ? 'equivalent'
          : 'subsumes'
        : system.subsumes(b, a)
          ? 'subsumed-by'
          : 'not-subsumed';
  // There is no outcome for what is not known, and a relation that is wrongly denied loses patients.
  const why = outcome === 'not-subsumed' ? system.undetermined?.(a, b) : undefined;
  if (why !== undefined)
    throw refuse(
      422,
      'not-supported',
      `It cannot be determined whether '${a.code}' and '${b.code}' subsume each other: ${why}`,
      'cannot-determine',
    );
  return { resourceType: 'Parameters', parameter: [part('outcome', 'Code', outcome)] };
}
