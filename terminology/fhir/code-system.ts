import { everyRow } from '../concept-sets.ts';
import type {
  CodeSystemProvider,
  Concept,
  ConceptSet,
  ContentMode,
  Designation,
  Filter,
  FilterRefusal,
  JsonObject,
  Property,
  PropertyDefinition,
  PropertyType,
  TextMatches,
} from '../provider.ts';
import { evaluateFilter, PROPERTY_OPERATORS, TREE_OPERATORS } from './filters.ts';
import { type Hierarchy, hierarchyOf } from './hierarchy.ts';
import { choiceOf, extensionText, flagAt, objectAt, objectsAt, primitiveText, STANDARDS_STATUS, textAt } from './json.ts';
import { TextIndex } from './text-index.ts';

const CONTENT_MODES: readonly ContentMode[] = ['complete', 'fragment', 'example', 'not-present', 'supplement'];
const PROPERTY_TYPES: readonly PropertyType[] = ['Code', 'String', 'Integer', 'Boolean', 'DateTime', 'Decimal', 'Coding'];
const CONCEPT_PROPERTIES = 'http://hl7.org/fhir/concept-properties#';
const NONE: readonly never[] = [];

/**
 * Returns the provider of a FHIR CodeSystem resource (http://hl7.org/fhir/R4/codesystem.html). Rows are its concepts in document
 * order; a code that stands twice counts where it stands first. Everything beyond the codes is made when first asked for.
 */
export const codeSystemOf = (resource: JsonObject): CodeSystemProvider => new FhirCodeSystem(resource);

class FhirCodeSystem implements CodeSystemProvider {
  readonly resource: JsonObject;
  readonly url: string;
  readonly version: string | undefined;
  readonly name: string;
  readonly title: string | undefined;
  readonly content: ContentMode;
  readonly status: string | undefined;
  readonly standardsStatus: string | undefined;
  readonly experimental: boolean | undefined;
  readonly language: string | undefined;
  readonly caseSensitive: boolean;
  readonly valueSet: string | undefined;
  readonly grammar: boolean = false;
  readonly properties: readonly PropertyDefinition[];
  readonly total: number;
  readonly supplements: readonly string[] = NONE;
  readonly #concepts: readonly JsonObject[];
  readonly #handles: readonly Concept[];
  readonly #rows = new Map<string, number>();
  readonly #folded: ReadonlyMap<string, number> | undefined;
  readonly #hierarchy: Hierarchy;
  /** Code of a property that means what HL7's property of this name means -> that name. */
  readonly #meanings: ReadonlyMap<string, string>;
  #texts: TextIndex | undefined;

  constructor(resource: JsonObject) {
    this.resource = resource;
    this.url = textAt(resource, 'url') ?? '';
    this.version = textAt(resource, 'version');
    this.name = textAt(resource, 'name') ?? textAt(resource, 'title') ?? this.url;
    this.title = textAt(resource, 'title');
    this.content = CONTENT_MODES.find((each) => each === resource['content']) ?? 'complete';
    this.status = textAt(resource, 'status');
    this.standardsStatus = extensionText(resource, STANDARDS_STATUS);
    this.experimental = flagAt(resource, 'experimental');
    this.language = textAt(resource, 'language');
    this.caseSensitive = flagAt(resource, 'caseSensitive') !== false;
    this.valueSet = textAt(resource, 'valueSet');
    this.properties = objectsAt(resource, 'property').map((each) => ({
      code: textAt(each, 'code') ?? '',
      uri: textAt(each, 'uri'),
      description: textAt(each, 'description'),
      type: textAt(each, 'type') ?? 'string',
    }));
    this.#meanings = meaningsOf(this.properties);
    const { concepts, parents } = flattened(resource);
    this.#concepts = concepts;
    this.total = concepts.length;
    this.#handles = concepts.map((each, row) => ({ code: textAt(each, 'code') ?? '', row }));
    for (const { code, row } of this.#handles) this.#rows.set(code, row);
    this.#folded = this.caseSensitive ? undefined : new Map([...this.#rows].reverse().map(([code, row]) => [code.toLowerCase(), row]));
    this.#hierarchy = hierarchyOf(parents, this.#statedParents());
  }

  get hierarchical(): boolean {
    return this.#hierarchy.hasEdges;
  }

  get filters(): CodeSystemProvider['filters'] {
    return [{ code: 'concept', op: TREE_OPERATORS }, ...this.properties.map(({ code }) => ({ code, op: PROPERTY_OPERATORS }))];
  }

  locate(code: string): Concept | undefined {
    const row = this.#rows.get(code) ?? this.#folded?.get(code.toLowerCase());
    return row === undefined ? undefined : this.#handles[row];
  }

  conceptAt(row: number): Concept {
    return this.#handles[row] ?? { code: '', row };
  }

  display(concept: Concept): string | undefined {
    return textAt(this.#concepts[concept.row], 'display')?.trim();
  }

  definition(concept: Concept): string | undefined {
    return textAt(this.#concepts[concept.row], 'definition');
  }

  designations(concept: Concept): readonly Designation[] {
    return objectsAt(this.#concepts[concept.row], 'designation').map(designationOf);
  }

  propertiesOf(concept: Concept): readonly Property[] {
    const stated = this.#concepts[concept.row];
    return stated?.['property'] === undefined ? NONE : objectsAt(stated, 'property').flatMap((each) => propertyOf(each) ?? NONE);
  }

  extensions(concept: Concept): readonly JsonObject[] {
    return objectsAt(this.#concepts[concept.row], 'extension');
  }

  isAbstract(concept: Concept): boolean {
    return this.#isTrue(concept, 'notSelectable') || this.#isTrue(concept, 'abstract');
  }

  isInactive(concept: Concept): boolean {
    if (this.#isTrue(concept, 'inactive') || this.#isTrue(concept, 'retired')) return true;
    const status = this.#meant(concept, 'status');
    if (status === 'inactive' || status === 'retired') return true;
    return extensionText(this.#concepts[concept.row], STANDARDS_STATUS) === 'withdrawn';
  }

  statusOf(concept: Concept): string | undefined {
    const status = this.#meant(concept, 'status');
    if (status !== undefined) return status;
    for (const name of ['deprecated', 'inactive', 'retired']) if (this.#isTrue(concept, name)) return name;
    return extensionText(this.#concepts[concept.row], STANDARDS_STATUS);
  }

  roots(): Iterable<number> {
    return this.#hierarchy.roots;
  }

  parents({ row }: Concept): readonly number[] {
    return this.#hierarchy.parents[row] ?? NONE;
  }

  children({ row }: Concept): readonly number[] {
    return this.#hierarchy.children[row] ?? NONE;
  }

  subsumes(ancestor: Concept, concept: Concept): boolean {
    return this.#hierarchy.isAbove(ancestor.row, concept.row);
  }

  all(): ConceptSet {
    return everyRow(this.total);
  }

  filter(filter: Filter): ConceptSet | FilterRefusal {
    return evaluateFilter(this, this.#hierarchy, filter);
  }

  search(text: string): TextMatches {
    this.#texts ??= new TextIndex(this.#handles.map((each) => this.#termsOf(each)));
    return this.#texts.search(text);
  }

  #termsOf(concept: Concept): readonly string[] {
    return [this.display(concept) ?? '', concept.code, ...this.designations(concept).map(({ value }) => value)];
  }

  /** The value, as text, of the property that means what HL7 means by `name`. */
  #meant(concept: Concept, name: string): string | undefined {
    const stated = this.#concepts[concept.row]?.['property'];
    if (stated === undefined) return undefined;
    for (const each of objectsAt(this.#concepts[concept.row], 'property')) {
      const code = textAt(each, 'code') ?? '';
      if ((this.#meanings.get(code) ?? code) === name) return primitiveText(choiceOf(each)?.[1]);
    }
    return undefined;
  }

  #isTrue(concept: Concept, name: string): boolean {
    return this.#meant(concept, name) === 'true';
  }

  /** Edges that properties state beside the nesting: parent, subsumedBy and child. */
  *#statedParents(): Generator<readonly [row: number, parent: number]> {
    for (const { row } of this.#handles) {
      for (const each of objectsAt(this.#concepts[row], 'property')) {
        const code = textAt(each, 'code') ?? '';
        const meaning = this.#meanings.get(code) ?? code;
        const other = this.#rows.get(primitiveText(choiceOf(each)?.[1]) ?? '');
        if (other === undefined || other === row) continue;
        if (meaning === 'parent' || meaning === 'subsumedBy') yield [row, other];
        if (meaning === 'child') yield [other, row];
      }
    }
  }
}

/** What is written differently in code systems and means one thing. */
const SPELLINGS: Readonly<Record<string, string>> = { 'not-selectable': 'notSelectable' };

const meaningsOf = (properties: readonly PropertyDefinition[]): ReadonlyMap<string, string> =>
  new Map([
    ...Object.entries(SPELLINGS),
    ...properties.flatMap(({ code, uri }) =>
      uri?.startsWith(CONCEPT_PROPERTIES) === true ? [[code, uri.slice(CONCEPT_PROPERTIES.length)] as const] : [],
    ),
  ]);

/** Concepts in document order with the rows of what they are nested in, by a walk that no depth of nesting can overflow. */
function flattened(resource: JsonObject): { readonly concepts: readonly JsonObject[]; readonly parents: readonly number[] } {
  const concepts: JsonObject[] = [];
  const parents: number[] = [];
  const known = new Map<string, number>();
  const open: (readonly [concept: JsonObject, parent: number])[] = [];
  const push = (list: readonly JsonObject[], parent: number) => {
    for (let i = list.length - 1; i >= 0; i--) open.push([list[i] ?? {}, parent]);
  };
  push(objectsAt(resource, 'concept'), -1);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [concept, parent] = next;
    const code = textAt(concept, 'code');
    let row = code === undefined ? undefined : known.get(code);
    if (code !== undefined && row === undefined) {
      row = concepts.length;
      known.set(code, row);
      concepts.push(concept);
      parents.push(parent);
    }
    push(objectsAt(concept, 'concept'), row ?? parent);
  }
  return { concepts, parents };
}

function designationOf(each: JsonObject): Designation {
  const extension = objectsAt(each, 'extension');
  return {
    language: textAt(each, 'language'),
    use: objectAt(each, 'use'),
    value: textAt(each, 'value') ?? '',
    status: extensionText(each, STANDARDS_STATUS),
    extension: extension.length === 0 ? undefined : extension,
  };
}

function propertyOf(each: JsonObject): Property | undefined {
  const [name, value] = choiceOf(each) ?? [];
  const type = PROPERTY_TYPES.find((known) => `value${known}` === name);
  const code = textAt(each, 'code');
  return type === undefined || value === undefined || code === undefined ? undefined : { code, type, value };
}
