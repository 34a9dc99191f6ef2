import { createRequire } from 'node:module';
import * as z from 'zod';
import type { Designation, Filter, Property } from '../provider.ts';
import type { Composed, Grammar } from './composed.ts';

const Registry = z.array(
  z.object({
    Type: z.string(),
    Subtag: z.string().optional(),
    Tag: z.string().optional(),
    Description: z.array(z.string()),
    Deprecated: z.string().optional(),
    Prefix: z.array(z.string()).optional(),
  }),
);
type Kind = 'language' | 'extlang' | 'script' | 'region' | 'variant';
type Entry = z.infer<typeof Registry>[number];

/** IANA's registry of subtags (https://www.iana.org/assignments/language-subtag-registry), read when a language is first asked for. */
interface Subtags {
  readonly published: string;
  find(kind: Kind, subtag: string): Entry | undefined;
  whole(tag: string): Entry | undefined;
}

let subtags: Subtags | undefined;

function registry(): Subtags {
  if (subtags !== undefined) return subtags;
  const load = createRequire(import.meta.url);
  const entries = Registry.parse(load('language-subtag-registry/data/json/registry.json'));
  const { 'File-Date': published } = z.object({ 'File-Date': z.string() }).parse(load('language-subtag-registry/data/json/meta.json'));
  const byName = new Map(entries.map((each) => [`${each.Type} ${(each.Subtag ?? '').toLowerCase()}`, each]));
  const ranges = entries.filter(({ Subtag }) => Subtag?.includes('..') === true);
  const whole = new Map(
    entries.flatMap((each) => (each.Type === 'grandfathered' ? [[(each.Tag ?? '').toLowerCase(), each] as const] : [])),
  );
  subtags = {
    published,
    find: (kind, subtag) => {
      const wanted = subtag.toLowerCase();
      const isInRange = ({ Type, Subtag = '' }: Entry): boolean => {
        const [from = '', to = ''] = Subtag.toLowerCase().split('..');
        return Type === kind && wanted.length === from.length && from <= wanted && wanted <= to;
      };
      return byName.get(`${kind} ${wanted}`) ?? ranges.find(isInRange);
    },
    whole: (tag) => whole.get(tag.toLowerCase()),
  };
  return subtags;
}

/** The languages of FHIR's own list (http://hl7.org/fhir/R4/valueset-languages.html), for lists. */
const LISTED =
  'ar bn cs da de de-AT de-CH de-DE el en en-AU en-CA en-GB en-IN en-NZ en-SG en-US es es-AR es-ES es-UY fi fr fr-BE fr-CH fr-FR fy fy-NL hi hr it it-CH it-IT ja ko nl nl-BE nl-NL no no-NO pa pl pt pt-BR ru ru-RU sr sr-RS sv sv-SE te zh zh-CN zh-HK zh-SG zh-TW'.split(
    ' ',
  );
const PARTS = ['language', 'extlang', 'script', 'region', 'variant', 'extension', 'private-use'] as const;
type Parts = { readonly [part in (typeof PARTS)[number]]: readonly string[] };

/**
 * Languages (BCP 47, https://www.rfc-editor.org/info/bcp47): every tag whose form is right and whose subtags are registered. Displays are made
 * of the registry's descriptions. Filters: exists and = on the parts of a tag.
 */
export const languages = (): Grammar => ({
  url: 'urn:ietf:bcp:47',
  version: undefined,
  name: 'Languages',
  title: 'Tags for identifying languages (BCP 47)',
  language: 'en',
  caseSensitive: false,
  properties: PARTS.map((code) => ({ code, type: 'string' })),
  filters: PARTS.map((code) => ({ code, op: ['=', 'exists'] })),
  listed: LISTED,
  subsumes: isWider,
  read,
  filter: ({ property, op, value }: Filter) => {
    const part = PARTS.find((each) => each === property);
    if (part === undefined || (op !== '=' && op !== 'exists'))
      return { refusal: 'not-supported', reason: `the filters of languages are = and exists on: ${PARTS.join(', ')}` };
    if (op === '=')
      return ({ properties }) => properties.some((each) => each.code === part && String(each.value).toLowerCase() === value.toLowerCase());
    if (value !== 'true' && value !== 'false') return { refusal: 'invalid', reason: `exists is true or false, not ${value}` };
    return ({ properties }) => properties.some((each) => each.code === part) === (value === 'true');
  },
});

/** A tag subsumes another of the same language that says all that it says and perhaps more (extended filtering, RFC 4647, section 3.3.2). */
function isWider(above: Composed, below: Composed): boolean {
  // Whole tags of the registry and private ones have no parts to compare.
  const languageOf = ({ properties }: Composed) => properties.find(({ code }) => code === 'language')?.value;
  if (languageOf(above) === undefined || languageOf(above) !== languageOf(below)) return false;
  return above.properties.every(({ code, value }) => below.properties.some((each) => each.code === code && each.value === value));
}

/** langtag of RFC 5646, section 2.1; the order of its parts is fixed. */
const TAG =
  /^(?<language>[a-z]{2,3}|[a-z]{4}|[a-z]{5,8})(?<extlang>(?:-[a-z]{3}){0,3})(?:-(?<script>[a-z]{4}))?(?:-(?<region>[a-z]{2}|\d{3}))?(?<variant>(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*)(?<extension>(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*)(?:-(?<private>x(?:-[a-z0-9]{1,8})+))?$/i;
const LONGEST_TAG = 200;

function partsOf(tag: string): Parts | undefined {
  const found = tag.length > LONGEST_TAG ? undefined : TAG.exec(tag)?.groups;
  if (found === undefined) return undefined;
  const split = (text = ''): readonly string[] => text.toLowerCase().split('-').filter(Boolean);
  return {
    language: [(found['language'] ?? '').toLowerCase()],
    extlang: split(found['extlang']),
    script: found['script'] === undefined ? [] : [`${found['script'].charAt(0).toUpperCase()}${found['script'].slice(1).toLowerCase()}`],
    region: found['region'] === undefined ? [] : [found['region'].toUpperCase()],
    variant: split(found['variant']),
    extension: (found['extension'] ?? '').toLowerCase().match(/[0-9a-wyz](?:-[a-z0-9]{2,8})+/g) ?? [],
    'private-use': found['private'] === undefined ? [] : [found['private'].toLowerCase()],
  };
}

function read(tag: string): Composed | undefined {
  const known = registry().whole(tag);
  if (known !== undefined) return { code: known.Tag ?? tag, display: known.Description[0] ?? tag, designations: [], properties: [] };
  if (/^x(?:-[a-z0-9]{1,8})+$/i.test(tag))
    return { code: tag, display: tag, designations: [], properties: [{ code: 'private-use', type: 'String', value: tag }] };
  const parts = partsOf(tag);
  if (parts === undefined || new Set(parts.variant).size !== parts.variant.length) return undefined;
  const entriesOf = (kind: Kind) => parts[kind].map((each) => registry().find(kind, each));
  const [language] = entriesOf('language');
  const rest = (['extlang', 'script', 'region', 'variant'] as const).map((kind) => [kind, entriesOf(kind)] as const);
  if (language === undefined || rest.some(([, entries]) => entries.includes(undefined))) return undefined;
  // An extended language stands after the one that it belongs to, and nowhere else (RFC 5646, 2.2.2).
  if (entriesOf('extlang').some((each) => each?.Prefix?.some((prefix) => prefix.toLowerCase() === parts.language[0]) !== true))
    return undefined;
  const code = PARTS.flatMap((part) => parts[part]).join('-');
  const name = (entry: Entry | undefined): string => entry?.Description[0] ?? '';
  const shown = rest.flatMap(([kind, entries]) => entries.map((entry) => [kind, name(entry)] as const));
  const others = [...parts.extension, ...parts['private-use']];
  const inside = [...shown.map(([, text]) => text), ...others];
  return {
    code,
    display: inside.length === 0 ? name(language) : `${name(language)} (${inside.join(', ')})`,
    designations: designationsOf(code, language, shown, others),
    properties: PARTS.flatMap((part): readonly Property[] => parts[part].map((value) => ({ code: part, type: 'String', value }))),
  };
}

/** The other names by which the tag is known: each description of its language, with its parts named, and in the language itself. */
function designationsOf(
  code: string,
  language: Entry,
  shown: readonly (readonly [Kind, string])[],
  others: readonly string[],
): readonly Designation[] {
  const inside = [...shown.map(([, text]) => text), ...others];
  const labelled = [...shown.map(([kind, text]) => `${kind.charAt(0).toUpperCase()}${kind.slice(1)}=${text}`), ...others];
  const around = (text: string, list: readonly string[]): string => (list.length === 0 ? text : `${text} (${list.join(', ')})`);
  const english = language.Description.flatMap((text) => [around(text, inside), around(text, labelled)]);
  const display = around(language.Description[0] ?? '', inside);
  const own = nameIn(code, code);
  return [
    ...[...new Set([...english, nameIn(code, 'en') ?? display])]
      .filter((value) => value !== display)
      .map((value): Designation => ({ language: 'en', value })),
    ...(own === undefined || own === display ? [] : [{ language: code, value: own }]),
  ];
}

function nameIn(code: string, language: string): string | undefined {
  try {
    return new Intl.DisplayNames([language], { type: 'language', fallback: 'none', languageDisplay: 'standard' }).of(code);
  } catch {
    // Not every tag of BCP 47 is one of Unicode's.
    return undefined;
  }
}
