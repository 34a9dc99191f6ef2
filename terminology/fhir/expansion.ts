import type { CodeSystemProvider, Json, JsonObject } from '../provider.ts';
import type { Member } from './compose.ts';
import { canonical, extensionText, ITEM_WEIGHT, STANDARDS_STATUS, textAt } from './json.ts';
import type { Settings } from './settings.ts';
import { PREFERRED, preferredTerm, type Term, termsOf, termsOfInclude } from './terms.ts';

/** R4 has no properties in expansions: these carry R5's (http://hl7.org/fhir/R5/valueset-definitions.html#ValueSet.expansion.property). */
const EXPANSION_PROPERTY = 'http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.property';
const CONTAINS_PROPERTY = 'http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property';
const DEFINED = 'http://hl7.org/fhir/StructureDefinition/';
const CONCEPT_PROPERTIES = 'http://hl7.org/fhir/concept-properties#';

/** Extensions of a concept in its code system that an expansion repeats. */
const KEPT_OF_SYSTEM: ReadonlySet<unknown> = new Set(
  ['coding-sctdescid', 'rendering-style', 'rendering-xhtml', 'codesystem-alternate'].map((each) => DEFINED + each),
);
/** Extensions of a concept in the include that lists it. */
const KEPT_OF_INCLUDE: ReadonlySet<unknown> = new Set(
  [
    'valueset-supplement',
    'valueset-deprecated',
    'structuredefinition-standards-status',
    'valueset-concept-definition',
    'coding-sctdescid',
    'rendering-style',
    'rendering-xhtml',
  ].map((each) => DEFINED + each),
);
const KEPT_OF_DESIGNATION: ReadonlySet<unknown> = new Set(
  ['coding-sctdescid', 'rendering-style', 'rendering-xhtml', 'structuredefinition-standards-status', 'codesystem-alternate'].map(
    (each) => DEFINED + each,
  ),
);

/** An expansion in the making: its parameters, the properties it declares, the supplements it used. */
export class Expansion {
  readonly settings: Settings;
  readonly valueSet: JsonObject;
  readonly supplements = new Set<string>();
  readonly #parameters = new Map<string, JsonObject>();
  readonly #declared = new Map<string, string | undefined>();

  constructor(settings: Settings, valueSet: JsonObject) {
    this.settings = settings;
    this.valueSet = valueSet;
  }

  /** Adds a parameter (http://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.expansion.parameter) unless it is there. */
  parameter(name: string, type: 'Uri' | 'String' | 'Code' | 'Boolean' | 'Integer', value: string | number | boolean | undefined): void {
    if (value !== undefined) this.#parameters.set(`${name} ${value}`, { name, [`value${type}`]: value });
  }

  get parameters(): readonly JsonObject[] {
    return [...this.#parameters.values()];
  }

  get extensions(): readonly JsonObject[] {
    return [...this.#declared].map(([code, uri]) => ({
      url: EXPANSION_PROPERTY,
      extension: [{ url: 'code', valueCode: code }, ...(uri === undefined ? [] : [{ url: 'uri', valueUri: uri }])],
    }));
  }

  /** Returns the entry of a member. */
  contains({ system, concept, listed, source }: Member, withVersion: boolean): JsonObject {
    const terms = listed === undefined ? termsOf(system, concept) : withListed(termsOf(system, concept), termsOfInclude(listed, source));
    const shown = preferredTerm(terms, this.settings.languages, (tag) => system.preferredName?.(concept, tag));
    if (shown?.source !== undefined) this.supplements.add(shown.source);
    // Who names designations wants them, unless they say that they do not (…valueset-operation-expand.html: "are included in the expansion").
    const { includeDesignations = this.settings.designations.length > 0 } = this.settings;
    const designations = includeDesignations ? this.#designations(terms, shown) : [];
    const extensions = system.extensions(concept);
    const ofListed = extensionsOfListed(listed);
    const kept = [
      ...extensions.filter((each) => KEPT_OF_SYSTEM.has(each['url'])),
      ...ofListed.filter((each) => KEPT_OF_INCLUDE.has(each['url'])),
      ...this.#properties(system, { system, concept, listed, source }, extensions),
    ];
    for (const each of system.supplements) this.supplements.add(each);
    return {
      ...(kept.length === 0 ? {} : { extension: kept }),
      system: system.url,
      ...(system.isAbstract(concept) ? { abstract: true } : {}),
      ...(system.isInactive(concept) ? { inactive: true } : {}),
      ...(withVersion && system.version !== undefined ? { version: system.version } : {}),
      code: concept.code,
      ...(shown === undefined ? {} : { display: shown.value }),
      ...(designations.length === 0 ? {} : { designation: designations }),
    };
  }

  #designations(terms: readonly Term[], shown: Term | undefined): readonly JsonObject[] {
    const hasLanguage = textAt(this.valueSet, 'language') !== undefined;
    return terms
      .filter((each) => each !== shown && this.#wants(each))
      .filter((each) => hasLanguage || each.language !== undefined || each.value !== shown?.value || !isPlain(each))
      .map((each) => {
        if (each.source !== undefined) this.supplements.add(each.source);
        const extension = each.extension?.filter(({ url }) => KEPT_OF_DESIGNATION.has(url)) ?? [];
        return {
          ...(extension.length === 0 ? {} : { extension }),
          ...(each.language === undefined ? {} : { language: each.language }),
          ...(each.use === undefined ? {} : { use: each.use }),
          value: each.value,
        };
      });
  }

  /** Whether the parameter `designation` asks for this one: by use, or by language as urn:ietf:bcp:47|de. */
  #wants({ use, language }: Term): boolean {
    const { designations } = this.settings;
    if (designations.length === 0) return true;
    return designations.some((each) => {
      const [system, code] = each.split('|');
      // A token without a system can only be a language.
      const wanted = system === 'urn:ietf:bcp:47' ? code : code === undefined ? system : undefined;
      if (wanted !== undefined) return language === wanted;
      return use?.['system'] === system && use?.['code'] === code;
    });
  }

  #properties(system: CodeSystemProvider, { concept, listed }: Member, extensions: readonly JsonObject[]): readonly JsonObject[] {
    const found = new Map<string, JsonObject>();
    const add = (code: string, uri: string | undefined, type: string, value: Json | undefined, key = code) => {
      if (value === undefined) return;
      if (!this.#declared.has(code) || this.#declared.get(code) === undefined) this.#declared.set(code, uri);
      found.set(key, {
        url: CONTAINS_PROPERTY,
        extension: [
          { url: 'code', valueCode: code },
          { url: 'value', [`value${type}`]: value },
        ],
      });
    };
    const ofListed = { extension: extensionsOfListed(listed) };
    const ofSystem = { extension: extensions };
    const status = system.statusOf(concept);
    if (status !== undefined && status.toLowerCase() !== 'active') add('status', `${CONCEPT_PROPERTIES}status`, 'Code', status);
    add('status', `${CONCEPT_PROPERTIES}status`, 'Code', extensionText(ofSystem, STANDARDS_STATUS));
    for (const [holder, prefix] of [
      [ofSystem, 'codesystem'],
      [ofListed, 'valueset'],
    ] as const) {
      add('label', `${CONCEPT_PROPERTIES}label`, 'String', extensionText(holder, `${DEFINED}${prefix}-label`));
      add('order', `${CONCEPT_PROPERTIES}order`, 'Decimal', numberIn(holder, `${DEFINED}${prefix}-conceptOrder`));
      add('weight', `${CONCEPT_PROPERTIES}itemWeight`, 'Decimal', numberIn(holder, ITEM_WEIGHT));
    }
    const wanted = this.settings.properties;
    if (wanted.includes('definition')) add('definition', `${CONCEPT_PROPERTIES}definition`, 'String', system.definition(concept));
    if (wanted.length > 0) {
      for (const { code, type, value, uri } of system.propertiesOf(concept)) {
        if (!wanted.includes(code) && !wanted.includes('*')) continue;
        add(code, uri ?? system.properties.find((each) => each.code === code)?.uri, type, value, `${code} ${JSON.stringify(value)}`);
      }
      for (const name of wanted) {
        const derived = system.derived?.(concept, name);
        if (derived !== undefined) add(name, system.properties.find((each) => each.code === name)?.uri, derived.type, derived.value);
      }
      for (const name of ['parent', 'child'] as const) {
        if (!wanted.includes(name)) continue;
        for (const row of name === 'parent' ? system.parents(concept) : system.children(concept)) {
          const { code } = system.conceptAt(row);
          add(name, `${CONCEPT_PROPERTIES}${name}`, 'Code', code, `${name} ${code}`);
        }
      }
    }
    return [...found.values()];
  }

  /** Notes what is to be known of a resource that the expansion draws from. */
  warnOf(
    resource: {
      readonly status?: string | undefined;
      readonly standardsStatus?: string | undefined;
      readonly experimental?: boolean | undefined;
    },
    name: string,
  ): void {
    const own = { status: textAt(this.valueSet, 'status'), standards: extensionText(this.valueSet, STANDARDS_STATUS) };
    const { status, standardsStatus } = resource;
    const isDraft = own.status === 'draft' || own.standards === 'draft';
    if (standardsStatus === 'deprecated' || standardsStatus === 'withdrawn') {
      if (own.standards !== standardsStatus) this.parameter(`warning-${standardsStatus}`, 'Uri', name);
    } else if (status === 'retired') {
      if (own.status !== 'retired') this.parameter('warning-retired', 'Uri', name);
    } else if (resource.experimental === true) {
      if (this.valueSet['experimental'] !== true) this.parameter('warning-experimental', 'Uri', name);
    } else if ((status === 'draft' || standardsStatus === 'draft') && !isDraft) this.parameter('warning-draft', 'Uri', name);
  }
}

/** What the value set calls a concept comes before what its code system does; its other names come after. */
const withListed = (own: readonly Term[], added: readonly Term[]): readonly Term[] => [
  ...added.filter(({ use }) => use === PREFERRED),
  ...own,
  ...added.filter(({ use }) => use !== PREFERRED),
];

const isPlain = ({ use }: Term): boolean => use === undefined || use['code'] === 'display';

function extensionsOfListed(listed: JsonObject | undefined): readonly JsonObject[] {
  const extension = listed?.['extension'];
  return Array.isArray(extension) ? (extension as readonly JsonObject[]) : [];
}

function numberIn(holder: JsonObject, url: string): Json | undefined {
  const found = extensionsOfListed(holder).find((each) => each['url'] === url);
  return found?.['valueDecimal'] ?? found?.['valueInteger'];
}

/** url|version of a code system. */
export const systemName = (system: CodeSystemProvider): string => canonical(system.url, system.version);
