import type { JsonObject, NativeMap } from '../provider.ts';
import { refuse } from './issue.ts';
import { canonical, isObject, objectAt, objectsAt, splitCanonical, textAt } from './json.ts';
import { nameOf } from './library.ts';
import type { Scope } from './scope.ts';
import { type Parameter, parameterObject, parametersOf, parameterText } from './settings.ts';
import { matchesVersion } from './versions.ts';

/** What is to be translated. */
interface Asked {
  readonly system: string | undefined;
  readonly version: string | undefined;
  readonly code: string;
  /** The code given is the target, and its sources are wanted. */
  readonly reverse: boolean;
  /** R5's way to ask backwards: the match then names the given target and the found source. */
  readonly byTarget: boolean;
  /** System that the answers must be of. */
  readonly other: string | undefined;
  readonly sourceScope: string | undefined;
  readonly targetScope: string | undefined;
  readonly dependencies: readonly { readonly property: string; readonly value: string }[];
}

interface Match {
  readonly equivalence: string;
  readonly concept: JsonObject | undefined;
  readonly map: string;
  /** Maps beside it that were asked on the way: it refers to them for what it leaves out. */
  readonly others?: readonly string[];
  readonly sourceComment?: string | undefined;
  readonly targetComment?: string | undefined;
  readonly products: readonly JsonObject[];
}

/** Maps that refer to each other for what they leave out. */
const DEEPEST = 10;
const NO_TRANSLATION: ReadonlySet<string> = new Set(['unmatched', 'disjoint']);
const BACKWARDS: Readonly<Record<string, string>> = {
  wider: 'narrower',
  narrower: 'wider',
  subsumes: 'specializes',
  specializes: 'subsumes',
};

/**
 * $translate (http://hl7.org/fhir/R4/conceptmap-operation-translate.html; R5's parameter names are understood too): returns the
 * Parameters with every match of every map that applies, or of the one `given` or `native`. A code without system is looked for in the maps of all systems.
 */
export function translate(scope: Scope, parameters: readonly Parameter[], given: JsonObject | undefined, native?: NativeMap): JsonObject {
  const codings = askedCodings(parameters);
  const maps = native !== undefined ? [] : given === undefined ? scope.library.conceptMaps() : [given];
  const natives = native !== undefined ? [native] : given === undefined ? scope.library.nativeMaps() : [];
  const matches: Match[] = [];
  const notes = new Set<string>();
  for (const asked of codings) {
    for (const map of maps) {
      if (given !== undefined || isInScope(map, asked)) matches.push(...matchesIn(scope, map, asked, notes, []));
    }
    matches.push(...nativeMatches(natives, asked));
  }
  const result = matches.some(({ equivalence }) => !NO_TRANSLATION.has(equivalence));
  const [first] = codings;
  const message = result ? undefined : ([...notes][0] ?? `No translation was found for ${first?.system ?? ''}#${first?.code ?? ''}`);
  const isR4 = parameters.some(({ name }) => name === 'code' || name === 'coding' || name === 'codeableConcept');
  return {
    resourceType: 'Parameters',
    parameter: [
      { name: 'result', valueBoolean: result },
      ...(message === undefined ? [] : [{ name: 'message', valueString: message }]),
      ...matches.map((each) => matchPart(each, codings[0], isR4)),
    ],
  };
}

function matchPart(match: Match, asked: Asked | undefined, isR4: boolean): JsonObject {
  const { equivalence, concept, map, products, others = [] } = match;
  const byTarget = asked?.byTarget === true;
  const target = byTarget ? { system: asked.system, code: asked.code } : concept;
  return {
    name: 'match',
    part: [
      { name: 'equivalence', valueCode: equivalence },
      ...(target === undefined ? [] : [{ name: 'concept', valueCoding: target }]),
      ...(byTarget && concept !== undefined ? [{ name: 'source', valueCoding: concept }] : []),
      ...(isR4 ? [{ name: 'source', valueUri: map }] : []),
      { name: 'originMap', valueCanonical: map },
      ...others.map((each) => ({ name: 'used-conceptmap', valueCanonical: each })),
      ...(match.sourceComment === undefined ? [] : [{ name: 'sourceComment', valueString: match.sourceComment }]),
      ...(match.targetComment === undefined ? [] : [{ name: 'targetComment', valueString: match.targetComment }]),
      ...products,
    ],
  };
}

/** Returns each coding to be translated; refuses a request that names none. */
function askedCodings(parameters: readonly Parameter[]): readonly Asked[] {
  const text = (...names: readonly string[]) => names.map((name) => parameterText(parameters, name)).find((each) => each !== undefined);
  const object = (...names: readonly string[]) => names.map((name) => parameterObject(parameters, name)).find((each) => each !== undefined);
  const isReversed = text('reverse') === 'true';
  const byTarget = object('targetCoding', 'targetCodeableConcept') !== undefined || text('targetCode') !== undefined;
  const [source, target] = [text('sourceScope', 'source'), text('targetScope', 'target')];
  const common = {
    reverse: isReversed || byTarget,
    byTarget,
    other: byTarget ? text('sourceSystem', 'system') : text('targetSystem', 'targetsystem'),
    // R4's reverse swaps the two (…#reverse): what is sent as source is the scope of the code that was sent.
    sourceScope: isReversed ? target : source,
    targetScope: isReversed ? source : target,
    dependencies: parameters.flatMap(dependencyOf),
  };
  const of = (coding: JsonObject): Asked => ({
    ...common,
    system: textAt(coding, 'system'),
    version: textAt(coding, 'version'),
    code: textAt(coding, 'code') ?? '',
  });
  const coding = object('sourceCoding', 'coding', 'targetCoding');
  if (coding !== undefined) return [of(coding)];
  const concept = object('sourceCodeableConcept', 'codeableConcept', 'targetCodeableConcept');
  if (concept !== undefined) return objectsAt(concept, 'coding').map(of);
  const code = text('sourceCode', 'code', 'targetCode');
  if (code === undefined) throw refuse(400, 'required', 'Name what to translate: code with system, coding, or codeableConcept');
  const system = byTarget ? text('targetSystem') : text('sourceSystem', 'system');
  return [{ ...common, system, version: text('sourceVersion', 'version'), code }];
}

/** A parameter `dependency` has parts: element, and concept with its codings. */
function dependencyOf({ name, value }: Parameter): Asked['dependencies'] {
  if (name !== 'dependency' || !isObject(value)) return [];
  const parts = parametersOf({ parameter: value['part'] });
  const property = parameterText(parts, 'element');
  const codings = objectsAt(parameterObject(parts, 'concept'), 'coding');
  return property === undefined
    ? []
    : codings.flatMap((each) => (textAt(each, 'code') === undefined ? [] : [{ property, value: textAt(each, 'code') ?? '' }]));
}

/** Whether a map that was not named is one for these value sets. */
function isInScope(map: JsonObject, { sourceScope, targetScope }: Asked): boolean {
  const fits = (wanted: string | undefined, side: 'source' | 'target') => {
    if (wanted === undefined) return true;
    const own = textAt(map, `${side}Canonical`) ?? textAt(map, `${side}Uri`);
    return own !== undefined && splitCanonical(own).url === splitCanonical(wanted).url;
  };
  return fits(sourceScope, 'source') && fits(targetScope, 'target');
}

/** `before`: the maps that led here, the first of them first. */
function matchesIn(scope: Scope, map: JsonObject, asked: Asked, notes: Set<string>, before: readonly string[]): readonly Match[] {
  const chain = [...before, nameOf(map)];
  const [from, to] = asked.reverse ? (['target', 'source'] as const) : (['source', 'target'] as const);
  return objectsAt(map, 'group').flatMap((group) => {
    const isOfSystem = asked.system === undefined || textAt(group, from) === asked.system;
    const isToSystem = asked.other === undefined || textAt(group, to) === asked.other;
    const stated = textAt(group, `${from}Version`);
    const isOfVersion = asked.version === undefined || stated === undefined || matchesVersion(stated, asked.version);
    if (!isOfSystem || !isToSystem || !isOfVersion) return [];
    return asked.reverse ? sourcesIn(chain, group, asked) : targetsIn(scope, group, asked, notes, chain);
  });
}

const codingOf = (system: string | undefined, version: string | undefined, element: JsonObject): JsonObject => ({
  ...(system === undefined ? {} : { system }),
  ...(version === undefined ? {} : { version }),
  ...(element['code'] === undefined ? {} : { code: element['code'] }),
  ...(element['display'] === undefined ? {} : { display: element['display'] }),
});

/** The chain of maps as a match names it. */
const namesOf = ([map = '', ...others]: readonly string[]): Pick<Match, 'map' | 'others'> => ({ map, others });

/** element.comment is R6's; earlier versions carry it in an extension. */
const commentOf = (element: JsonObject): string | undefined =>
  textAt(element, 'comment') ??
  textAt(
    objectsAt(element, 'extension').find((each) => textAt(each, 'url')?.endsWith('ConceptMap.group.element.comment')),
    'valueString',
  );

function targetsIn(scope: Scope, group: JsonObject, asked: Asked, notes: Set<string>, chain: readonly string[]): readonly Match[] {
  const elements = objectsAt(group, 'element').filter((each) => each['code'] === asked.code);
  const name = chain.at(-1);
  const [system, version] = [textAt(group, 'target'), textAt(group, 'targetVersion')];
  if (elements.length === 0) return unmappedIn(scope, group, asked, notes, chain);
  return elements.flatMap((element) =>
    objectsAt(element, 'target').flatMap((target): readonly Match[] => {
      const needs = objectsAt(target, 'dependsOn');
      if (needs.length > 0 && !needs.every((each) => isMet(each, asked))) {
        notes.add(`A translation in ${name} depends on ${needs.map((each) => textAt(each, 'property')).join(', ')}`);
        return [];
      }
      const equivalence = textAt(target, 'equivalence') ?? 'equivalent';
      const concept = textAt(target, 'code') === undefined ? undefined : codingOf(system, version, target);
      const comments = { sourceComment: commentOf(element), targetComment: textAt(target, 'comment') };
      return [{ equivalence, concept, ...namesOf(chain), ...comments, products: objectsAt(target, 'product').map(productPart) }];
    }),
  );
}

const isMet = (need: JsonObject, asked: Asked): boolean =>
  asked.dependencies.some(({ property, value }) => property === textAt(need, 'property') && value === textAt(need, 'value'));

const productPart = (product: JsonObject): JsonObject => ({
  name: 'product',
  part: [
    { name: 'element', valueUri: product['property'] },
    {
      name: 'concept',
      valueCoding: codingOf(textAt(product, 'system'), undefined, { code: product['value'], display: product['display'] }),
    },
  ],
});

/** What the group says of codes that it does not list (http://hl7.org/fhir/R4/conceptmap.html#unmapped). */
function unmappedIn(scope: Scope, group: JsonObject, asked: Asked, notes: Set<string>, chain: readonly string[]): readonly Match[] {
  const unmapped = objectAt(group, 'unmapped');
  // Without a system every group would claim every code.
  if (unmapped === undefined || asked.system === undefined) return [];
  const [system, version] = [textAt(group, 'target'), textAt(group, 'targetVersion')];
  const names = namesOf(chain);
  switch (unmapped['mode']) {
    case 'fixed':
      return [{ equivalence: 'relatedto', concept: codingOf(system, version, unmapped), ...names, products: [] }];
    case 'provided':
    case 'use-source-code':
      return [{ equivalence: 'equal', concept: codingOf(system, version, { code: asked.code }), ...names, products: [] }];
    case 'other-map': {
      const { url, version: wanted } = splitCanonical(textAt(unmapped, 'url') ?? '');
      const other = scope.library.conceptMap(url, wanted);
      const fault = other === undefined ? 'is not there' : leadsBack(chain, nameOf(other));
      if (fault !== undefined) notes.add(`${chain.at(-1)} refers to the map ${canonical(url, wanted)}, which ${fault}`);
      return other === undefined || fault !== undefined ? [] : matchesIn(scope, other, asked, notes, chain);
    }
    default:
      return [];
  }
}

/** Why a map is not asked by those that led to it. */
function leadsBack(chain: readonly string[], next: string): string | undefined {
  if (chain.includes(next)) return `leads back to itself: ${[...chain, next].join(' > ')}`;
  return chain.length > DEEPEST ? `is the ${chain.length}th in a row` : undefined;
}

function sourcesIn(chain: readonly string[], group: JsonObject, asked: Asked): readonly Match[] {
  const [system, version] = [textAt(group, 'source'), textAt(group, 'sourceVersion')];
  return objectsAt(group, 'element').flatMap((element) =>
    objectsAt(element, 'target')
      .filter((target) => target['code'] === asked.code)
      .map((target): Match => {
        const stated = textAt(target, 'equivalence') ?? 'equivalent';
        // The word is about the target as seen from the source; asked backwards by R4 the concept answered is the source.
        const equivalence = asked.byTarget ? stated : (BACKWARDS[stated] ?? stated);
        const comments = { sourceComment: commentOf(element), targetComment: textAt(target, 'comment') };
        return { equivalence, concept: codingOf(system, version, element), ...namesOf(chain), ...comments, products: [] };
      }),
  );
}

const nativeMatches = (maps: readonly NativeMap[], asked: Asked): readonly Match[] =>
  maps.flatMap((map) =>
    map.translate(asked).map(({ equivalence, condition, ...concept }) => ({
      equivalence,
      concept: codingOf(concept.system, undefined, { code: concept.code, display: concept.display }),
      map: canonical(map.url, map.version),
      // Said with the match: without it a translation for some cases would be taken for one of all.
      products: condition === undefined ? [] : [{ name: 'message', valueString: `Only where: ${condition}` }],
    })),
  );
