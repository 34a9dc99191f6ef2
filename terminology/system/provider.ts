import { DIALECT_ALIASES } from '../ecl/dialects.ts';
import type {
  CodeSystemProvider,
  Concept,
  ConceptSet,
  Designation,
  Filter,
  FilterRefusal,
  ImplicitValueSet,
  NativeMap,
  Property,
  PropertyDefinition,
  TextMatches,
} from '../provider.ts';
import { associationMaps } from '../snomed/association-maps.ts';
import { targetMaps } from '../snomed/target-maps.ts';
import { NONE, REF, refKind } from './arrays.ts';
import type { CodeSystem } from './code-system.ts';
import { filterRows, OPERATORS } from './filters.ts';
import { implicitSet } from './implicit.ts';
import { RowSet } from './rows.ts';

const TYPES = { code: 'Code', string: 'String', decimal: 'Decimal', boolean: 'Boolean', dateTime: 'DateTime', integer: 'Integer' } as const;

/** Properties of SNOMED CT concepts that are no attributes (http://hl7.org/fhir/R4/snomedct.html#properties); the normal forms on request. */
const SNOMED_PROPERTIES: readonly PropertyDefinition[] = [
  { code: 'sufficientlyDefined', uri: 'http://snomed.info/field/Concept.definitionStatusId', type: 'boolean' },
  { code: 'moduleId', uri: 'http://snomed.info/field/Concept.moduleId', type: 'code' },
  { code: 'effectiveTime', uri: 'http://snomed.info/field/Concept.effectiveTime', type: 'string' },
  { code: 'normalForm', type: 'string', description: 'The definition as an expression, with terms' },
  { code: 'normalFormTerse', type: 'string', description: 'The definition as an expression, without terms' },
];
/** The number of the use "synonym" among those of SNOMED CT: the first. */
const SYNONYM = 0;
const INACTIVE: PropertyDefinition = { code: 'inactive', uri: 'http://hl7.org/fhir/concept-properties#inactive', type: 'boolean' };

/** What the FHIR operations ask of a code system that is kept as an index. */
export class IndexedProvider implements CodeSystemProvider {
  readonly url: string;
  readonly version: string;
  readonly name: string;
  readonly title: string;
  readonly content = 'complete';
  readonly status = 'active';
  readonly language: string;
  readonly caseSensitive: boolean;
  readonly valueSet: string | undefined;
  readonly hierarchical: boolean;
  readonly grammar: boolean = false;
  readonly properties: readonly PropertyDefinition[];
  readonly filters: CodeSystemProvider['filters'];
  readonly total: number;
  readonly maps: readonly NativeMap[];
  readonly supplements: readonly string[] = [];
  readonly #system: CodeSystem;

  constructor(system: CodeSystem) {
    const { manifest } = system;
    this.#system = system;
    this.url = manifest.url;
    this.version = manifest.version;
    this.name = manifest.name;
    this.title = manifest.title;
    this.language = manifest.language;
    this.caseSensitive = manifest.caseSensitive;
    this.valueSet = manifest.kind === 'snomed' ? `${manifest.url}?fhir_vs` : manifest.kind === 'loinc' ? `${manifest.url}/vs` : undefined;
    this.hierarchical = manifest.hierarchical;
    this.total = system.total;
    this.maps = [...associationMaps(system), ...targetMaps(system)];
    const own = manifest.properties.map(({ code, uri, description, type }) => ({ code, uri, description, type }));
    this.properties = [INACTIVE, ...(manifest.kind === 'snomed' ? SNOMED_PROPERTIES : []), ...own];
    this.filters = [
      { code: 'concept', op: OPERATORS.concept },
      ...(manifest.kind === 'snomed' ? ['constraint', 'expressions'].map((code) => ({ code, op: ['='] })) : []),
      ...(manifest.kind === 'loinc' ? [{ code: 'answers-for', op: ['='] }] : []),
      ...this.properties.map(({ code }) => ({ code, op: OPERATORS.property })),
    ];
  }

  /** An edition's URI without a date is answered by any version of it. */
  matchesVersion(wanted: string): boolean {
    return wanted === this.version || (this.#system.manifest.kind === 'snomed' && this.version.startsWith(`${wanted}/version/`));
  }

  locate(code: string): Concept | undefined {
    const row = this.#system.row(code);
    if (row >= 0) return { code, row };
    if (this.caseSensitive) return undefined;
    const folded = this.#system.row(code.toUpperCase());
    return folded < 0 ? undefined : this.conceptAt(folded);
  }

  conceptAt(row: number): Concept {
    return { code: this.#system.code(row), row };
  }

  display({ row }: Concept): string | undefined {
    return this.#system.display(row);
  }

  definition({ row }: Concept): string | undefined {
    return this.#system.terms(row).find(({ use, isActive }) => isActive && (use?.display === 'Definition' || use?.code === 'definition'))
      ?.text;
  }

  designations({ row }: Concept): readonly Designation[] {
    const shown = this.#system.arrays['concept-display'][row] ?? NONE;
    return this.#system
      .terms(row)
      .filter(({ designation, isActive }) => isActive && designation !== shown)
      .map(({ text, language, use }) => ({
        language: language === '' ? undefined : language,
        use: use === undefined || use.code === '' ? undefined : { system: use.system, code: use.code, display: use.display },
        value: text,
      }));
  }

  /** By the language reference set that a tag names: en-GB, or en-x-sctlang- with its identifier in parts of eight digits. */
  preferredName({ row }: Concept, tag: string): string | undefined {
    const dialect = row < 0 ? -1 : this.#dialect(tag.toLowerCase());
    return dialect < 0 ? undefined : this.#system.preferredTerm(row, dialect, SYNONYM);
  }

  #dialect(tag: string): number {
    const { dialects } = this.#system.manifest;
    if (dialects.length === 0) return -1;
    const [, parts] = /-x-sctlang-([\d-]+)$/.exec(tag) ?? [];
    const code = parts?.replaceAll('-', '') ?? (Object.hasOwn(DIALECT_ALIASES, tag) ? DIALECT_ALIASES[tag] : undefined);
    return code === undefined ? -1 : dialects.findIndex((each) => each.code === code);
  }

  propertiesOf({ row }: Concept): readonly Property[] {
    const { arrays, manifest } = this.#system;
    const found: Property[] = [{ code: 'inactive', type: 'Boolean', value: !this.#system.isActive(row) }];
    if (manifest.kind === 'snomed') {
      found.push({ code: 'sufficientlyDefined', type: 'Boolean', value: this.#system.isDefined(row) });
      found.push({ code: 'moduleId', type: 'Code', value: manifest.modules[arrays['concept-module'][row] ?? 0] ?? '' });
      found.push({ code: 'effectiveTime', type: 'String', value: String(arrays['concept-time'][row] ?? '') });
    }
    for (let edge = arrays['edge-offset'][row] ?? 0; edge < (arrays['edge-offset'][row + 1] ?? 0); edge += 1) {
      const definition = manifest.properties[arrays['edge-kind'][edge] ?? 0];
      if (definition !== undefined) found.push(this.#property(definition.code, definition.type, arrays['edge-target'][edge] ?? 0));
    }
    return found;
  }

  #property(code: string, type: keyof typeof TYPES, ref: number): Property {
    const text = this.#system.refText(ref);
    if (refKind(ref) === REF.row) return { code, type: 'Code', value: text, description: this.#system.display(ref) };
    const number = this.#system.refNumber(ref);
    if (!Number.isNaN(number) && type !== 'string') return { code, type: Number.isInteger(number) ? 'Integer' : 'Decimal', value: number };
    if (type === 'boolean') return { code, type: 'Boolean', value: text === 'true' };
    return { code, type: type === 'code' ? 'String' : TYPES[type], value: text };
  }

  derived(_concept: Concept, _name: string): Property | undefined {
    return undefined;
  }

  extensions(): readonly never[] {
    return [];
  }

  isAbstract({ row }: Concept): boolean {
    return this.#system.isAbstract(row);
  }

  isInactive({ row }: Concept): boolean {
    return !this.#system.isActive(row);
  }

  statusOf({ row }: Concept): string | undefined {
    return this.#system.isActive(row) ? undefined : 'inactive';
  }

  *roots(): Generator<number> {
    const offsets = this.#system.arrays['parent-offset'];
    for (let row = 0; row < this.total; row += 1) if (offsets[row] === offsets[row + 1]) yield row;
  }

  parents({ row }: Concept): readonly number[] {
    return [...this.#system.parents(row)];
  }

  children({ row }: Concept): readonly number[] {
    return [...this.#system.children(row)];
  }

  subsumes(ancestor: Concept, concept: Concept): boolean {
    return this.#system.subsumes(ancestor.row, concept.row);
  }

  all(): ConceptSet {
    return RowSet.all(this.total);
  }

  filter(filter: Filter): ConceptSet | FilterRefusal {
    return filterRows(this.#system, filter, (code) => this.locate(code)?.row ?? -1);
  }

  search(text: string): TextMatches {
    const search = this.#system.text;
    const { total } = this;
    let set: RowSet | undefined;
    return {
      get set() {
        if (set !== undefined) return set;
        const ranks = search.ranks(text);
        set = ranks === undefined ? new RowSet(total) : search.rows(ranks, total);
        return set;
      },
      best: (count) => search.top(text, count),
    };
  }

  implicit(url: string): ImplicitValueSet | undefined {
    return implicitSet(this.#system.manifest, url, (code) => this.#system.row(code) >= 0);
  }
}
