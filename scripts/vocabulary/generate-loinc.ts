/**
 * node scripts/vocabulary/generate-loinc.ts --to DIR [--scale 1] [--seed 1]: writes a LOINC release that does not exist, in the true shape of one:
 * at scale 1 100,000 terms, 70,000 parts, 1.6 million links to them, the hierarchy, answer lists, groups and 20 translations. Names are invented.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Chance, Words } from './chance.ts';
import { LineFile } from './files.ts';

const VERSION = '2.80';
const LOINC =
  'LOINC_NUM COMPONENT PROPERTY TIME_ASPCT SYSTEM SCALE_TYP METHOD_TYP CLASS VersionLastChanged CHNG_TYPE DefinitionDescription STATUS CONSUMER_NAME CLASSTYPE FORMULA EXMPL_ANSWERS SURVEY_QUEST_TEXT SURVEY_QUEST_SRC UNITSREQUIRED RELATEDNAMES2 SHORTNAME ORDER_OBS HL7_FIELD_SUBFIELD_ID EXTERNAL_COPYRIGHT_NOTICE EXAMPLE_UNITS LONG_COMMON_NAME EXAMPLE_UCUM_UNITS STATUS_REASON STATUS_TEXT CHANGE_REASON_PUBLIC COMMON_TEST_RANK COMMON_ORDER_RANK HL7_ATTACHMENT_STRUCTURE EXTERNAL_COPYRIGHT_LINK PanelType AskAtOrderEntry AssociatedObservations VersionFirstReleased ValidHL7AttachmentRequest DisplayName';
const FILES = {
  'LoincTable/Loinc': LOINC,
  'LoincTable/MapTo': 'LOINC MAP_TO COMMENT',
  'LoincTable/SourceOrganization': 'ID COPYRIGHT_ID NAME COPYRIGHT TERMS_OF_USE URL',
  'LoincTableCore/LoincTableCore':
    'LOINC_NUM COMPONENT PROPERTY TIME_ASPCT SYSTEM SCALE_TYP METHOD_TYP CLASS CLASSTYPE LONG_COMMON_NAME SHORTNAME EXTERNAL_COPYRIGHT_NOTICE STATUS VersionFirstReleased VersionLastChanged',
  'AccessoryFiles/PartFile/Part': 'PartNumber PartTypeName PartName PartDisplayName Status',
  'AccessoryFiles/PartFile/PartRelatedCodeMapping':
    'PartNumber PartName PartTypeName ExtCodeId ExtCodeDisplayName ExtCodeSystem Equivalence ContentOrigin ExtCodeSystemVersion ExtCodeSystemCopyrightNotice',
  'AccessoryFiles/PartFile/LoincPartLink_Primary':
    'LoincNumber LongCommonName PartNumber PartName PartCodeSystem PartTypeName LinkTypeName Property',
  'AccessoryFiles/PartFile/LoincPartLink_Supplementary':
    'LoincNumber LongCommonName PartNumber PartName PartCodeSystem PartTypeName LinkTypeName Property',
  'AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem': 'PATH_TO_ROOT SEQUENCE IMMEDIATE_PARENT CODE CODE_TEXT',
  'AccessoryFiles/AnswerFile/AnswerList':
    'AnswerListId AnswerListName AnswerListOID ExtDefinedYN ExtDefinedAnswerListCodeSystem ExtDefinedAnswerListLink AnswerStringId LocalAnswerCode LocalAnswerCodeSystem SequenceNumber DisplayText ExtCodeId ExtCodeDisplayName ExtCodeSystem ExtCodeSystemVersion ExtCodeSystemCopyrightNotice SubsequentTextPrompt Description Score',
  'AccessoryFiles/AnswerFile/LoincAnswerListLink':
    'LoincNumber LongCommonName AnswerListId AnswerListName AnswerListLinkType ApplicableContext',
  'AccessoryFiles/ConsumerName/ConsumerName': 'LoincNumber ConsumerName',
  'AccessoryFiles/GroupFile/ParentGroup': 'ParentGroupId ParentGroup Status',
  'AccessoryFiles/GroupFile/Group': 'ParentGroupId GroupId Group Archetype Status VersionFirstReleased',
  'AccessoryFiles/GroupFile/GroupLoincTerms': 'Category GroupId Archetype LoincNumber LongCommonName',
  'AccessoryFiles/LinguisticVariants/LinguisticVariants': 'ID ISO_LANGUAGE ISO_COUNTRY LANGUAGE_NAME PRODUCER',
} as const;
type File = keyof typeof FILES;
const VARIANT =
  'LOINC_NUM COMPONENT PROPERTY TIME_ASPCT SYSTEM SCALE_TYP METHOD_TYP CLASS SHORTNAME LONG_COMMON_NAME RELATEDNAMES2 LinguisticVariantDisplayName';
/** Languages of the true release, with the share of the terms that each translates. */
const LANGUAGES: readonly (readonly [id: number, language: string, country: string, share: number])[] = [
  [5, 'zh', 'CN', 0.95],
  [7, 'es', 'AR', 0.6],
  [8, 'fr', 'FR', 0.55],
  [9, 'et', 'EE', 0.03],
  [10, 'fr', 'CA', 0.5],
  [12, 'es', 'ES', 0.6],
  [13, 'it', 'IT', 0.55],
  [14, 'nl', 'NL', 0.6],
  [15, 'de', 'DE', 0.3],
  [16, 'pt', 'BR', 0.5],
  [17, 'tr', 'TR', 0.5],
  [18, 'fr', 'BE', 0.5],
  [19, 'ko', 'KR', 0.3],
  [20, 'ru', 'RU', 0.4],
  [21, 'de', 'AT', 0.1],
  [22, 'el', 'GR', 0.05],
  [23, 'pl', 'PL', 0.3],
  [24, 'uk', 'UA', 0.1],
  [25, 'ar', 'JO', 0.02],
  [26, 'es', 'MX', 0.3],
];
/** Axes of the name, with how many parts of each there are at scale 1. */
const AXES: readonly (readonly [axis: string, parts: number])[] = [
  ['COMPONENT', 56_000],
  ['PROPERTY', 160],
  ['TIME_ASPCT', 90],
  ['SYSTEM', 3_000],
  ['SCALE_TYP', 10],
  ['METHOD_TYP', 2_300],
  ['CLASS', 420],
];

export interface LoincScale {
  readonly terms: number;
}

interface Part {
  readonly number: string;
  readonly name: string;
}

const quoted = (values: readonly (string | number)[]): string => values.map((each) => `"${String(each).replaceAll('"', '""')}"`).join(',');

/** The mod 10 check digit (https://loinc.org/kb/faq/structure/#what-is-the-algorithm-for-calculating-the-check-digit). */
export function checkDigit(digits: string): number {
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return (10 - (sum % 10)) % 10;
}

const coded = (prefix: string, n: number): string => `${prefix}${n}-${checkDigit(String(n))}`;

class Generator {
  readonly #folder: string;
  readonly #chance: Chance;
  readonly #words: Words;
  readonly #terms: number;
  readonly #files = new Map<string, LineFile>();
  readonly #parts = new Map<string, readonly Part[]>();
  #nextPart = 10_000;

  constructor(folder: string, seed: number, { terms }: LoincScale) {
    this.#folder = folder;
    this.#chance = new Chance(seed);
    this.#words = new Words(this.#chance, 20_000);
    this.#terms = terms;
  }

  write(): ReadonlyMap<string, number> {
    for (const [name, columns] of Object.entries(FILES)) this.#open(name, columns);
    for (const [id, language, country] of LANGUAGES) {
      this.#open(variantName(id, language, country), VARIANT);
      this.#line('AccessoryFiles/LinguisticVariants/LinguisticVariants', [id, language, country, `${language} (${country})`, 'Nobody']);
    }
    this.#writeParts();
    const lists = this.#writeAnswers();
    this.#writeHierarchy();
    for (let n = 0; n < this.#terms; n += 1) this.#writeTerm(n, lists);
    this.#writeGroups();
    this.#line('LoincTable/SourceOrganization', [1, 'NOBODY', 'Nobody', 'Invented', 'None', 'http://example.org']);
    for (const file of this.#files.values()) file.close();
    return new Map([...this.#files].map(([name, file]) => [`${name}.csv`, file.rows]));
  }

  #open(name: string, columns: string): void {
    this.#files.set(name, new LineFile(join(this.#folder, `${name}.csv`), quoted(columns.split(' '))));
  }

  #line(name: File | `${string}LinguisticVariant`, values: readonly (string | number)[]): void {
    this.#files.get(name)?.line(quoted(values));
  }

  #writeParts(): void {
    for (const [axis, count] of AXES) {
      const parts: Part[] = [];
      for (let i = 0; i < Math.max(2, Math.round((count * this.#terms) / 100_000)); i += 1) {
        const part = { number: coded('LP', this.#nextPart++), name: this.#words.term() };
        parts.push(part);
        this.#line('AccessoryFiles/PartFile/Part', [
          part.number,
          axis,
          part.name,
          part.name,
          this.#chance.is(0.02) ? 'DEPRECATED' : 'ACTIVE',
        ]);
        if (this.#chance.is(0.1))
          this.#line('AccessoryFiles/PartFile/PartRelatedCodeMapping', [
            part.number,
            part.name,
            axis,
            String(10_000_000 + i),
            part.name,
            'http://snomed.info/sct',
            'equivalent',
            'Nobody',
            '',
            '',
          ]);
      }
      this.#parts.set(axis, parts);
    }
  }

  #writeAnswers(): readonly (readonly [id: string, name: string])[] {
    const lists: (readonly [string, string])[] = [];
    for (let i = 0; i < Math.max(1, Math.round(this.#terms / 20)); i += 1) {
      const [id, name] = [coded('LL', 1_000 + i), this.#words.term()];
      lists.push([id, name]);
      for (let n = 1; n <= 2 + this.#chance.skewed(20); n += 1) {
        const answer = coded('LA', 6_000 + this.#chance.below(Math.max(20, Math.round(this.#terms / 5))));
        const common = [id, name, `1.3.6.1.4.1.12009.10.1.${i}`, 'N', '', '', answer, String(n), '', n, `Answer ${answer}`];
        this.#line('AccessoryFiles/AnswerFile/AnswerList', [...common, '', '', '', '', '', '', '', String(n)]);
      }
    }
    return lists;
  }

  /** Components below each other, a seventh of them under two others, as the true hierarchy repeats them by path. */
  #writeHierarchy(): void {
    const components = this.#parts.get('COMPONENT') ?? [];
    const paths = new Map<string, string>();
    const name = 'AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem';
    for (const [i, { number, name: text }] of components.entries()) {
      const parents = i === 0 ? [undefined] : [this.#chance.skewed(i, 1.3), ...(this.#chance.is(0.15) ? [this.#chance.below(i)] : [])];
      for (const each of new Set(parents)) {
        const parent = each === undefined ? '' : (components[each]?.number ?? '');
        const path = parent === '' ? '' : [paths.get(parent) ?? '', parent].filter((one) => one !== '').join('.');
        if (!paths.has(number)) paths.set(number, path.split('.').slice(-12).join('.'));
        this.#line(name, [path, i + 1, parent, number, text]);
      }
    }
  }

  #writeTerm(n: number, lists: readonly (readonly [string, string])[]): void {
    const code = coded('', n + 1);
    const axes = AXES.map(([axis]) => [axis, this.#chance.one(this.#parts.get(axis) ?? [], { number: '', name: '' })] as const);
    const [component = '', property = '', time = '', system = '', scale = '', method = '', group = ''] = axes.map(([, { name }]) => name);
    const long = `${component} [${property}] in ${system}${this.#chance.is(0.4) ? ` by ${method}` : ''} #${n}`;
    const short = long.slice(0, 40);
    const status = this.#chance.is(0.04)
      ? 'DEPRECATED'
      : this.#chance.is(0.03)
        ? 'TRIAL'
        : this.#chance.is(0.02)
          ? 'DISCOURAGED'
          : 'ACTIVE';
    const copyright = this.#chance.is(0.1) ? 'Copyright of nobody, invented' : '';
    const classType = this.#chance.is(0.65) ? 1 : this.#chance.is(0.6) ? 2 : this.#chance.is(0.1) ? 3 : 4;
    const definition = this.#chance.is(0.2) ? `${this.#words.term()}, "invented".` : '';
    const related = Array.from({ length: 6 }, () => this.#words.term()).join('; ');
    const name = [code, component, property, time, system, scale, method, group];
    const consumer = `${component}, ${system}`;
    const ranks = [n < 2_000 ? n + 1 : 0, n < 300 ? n + 1 : 0];
    const first = `2.${String(10 + this.#chance.below(70)).padStart(2, '0')}`;
    const changed = [VERSION, 'MIN', definition, status, consumer, classType, '', '', '', '', 'Y', related, short];
    const told = ['Both', '', copyright, 'mg/dL', long, 'mg/dL', '', '', '', ...ranks, '', '', '', '', '', first, '', short];
    this.#line('LoincTable/Loinc', [...name, ...changed, ...told]);
    this.#line('LoincTableCore/LoincTableCore', [...name, classType, long, short, copyright, status, first, VERSION]);
    this.#line('AccessoryFiles/ConsumerName/ConsumerName', [code, consumer]);
    if (status === 'DEPRECATED') this.#line('LoincTable/MapTo', [code, coded('', 1 + this.#chance.below(this.#terms)), '']);
    for (const [axis, part] of axes) {
      const link = [code, long, part.number, part.name, 'http://loinc.org', axis];
      this.#line('AccessoryFiles/PartFile/LoincPartLink_Primary', [...link, 'Primary', `http://loinc.org/property/${axis}`]);
      const model = axis === 'COMPONENT' ? 'analyte' : axis === 'TIME_ASPCT' ? 'time-core' : axis.toLowerCase();
      for (const [type, more] of [
        ['DetailedModel', model],
        ['SyntaxEnhancement', `${model}-core`],
      ] as const)
        if (type === 'DetailedModel' || this.#chance.is(0.3))
          this.#line('AccessoryFiles/PartFile/LoincPartLink_Supplementary', [...link, type, `http://loinc.org/property/${more}`]);
    }
    if (this.#chance.is(0.2)) {
      const [list, listName] = this.#chance.one(lists, ['', '']);
      this.#line('AccessoryFiles/AnswerFile/LoincAnswerListLink', [code, long, list, listName, 'NORMATIVE', '']);
    }
    for (const [id, language, country, share] of LANGUAGES) {
      if (!this.#chance.is(share)) continue;
      const own = [component, property, time, system, scale, method, group].map((each) => `${each} ${language}`);
      this.#line(variantName(id, language, country), [code, ...own, '', this.#chance.is(0.5) ? `${long} ${language}` : '', '', '']);
    }
  }

  #writeGroups(): void {
    this.#line('AccessoryFiles/GroupFile/ParentGroup', ['LG100-4', 'Invented groups', 'ACTIVE']);
    for (let i = 0; i < this.#terms / 10; i += 1) {
      const id = coded('LG', 1_000 + i);
      this.#line('AccessoryFiles/GroupFile/Group', ['LG100-4', id, this.#words.term(), '', 'ACTIVE', '2.61']);
      for (let n = 0; n < 3; n += 1) {
        const code = coded('', 1 + this.#chance.below(this.#terms));
        this.#line('AccessoryFiles/GroupFile/GroupLoincTerms', ['Invented', id, '', code, `Term ${code}`]);
      }
    }
  }
}

const variantName = (id: number, language: string, country: string): `${string}LinguisticVariant` =>
  `AccessoryFiles/LinguisticVariants/${language}${country}${id}LinguisticVariant`;

/** Writes the release and returns the rows of each file. */
export function generateLoinc(folder: string, seed: number, scale: LoincScale): ReadonlyMap<string, number> {
  return new Generator(folder, seed, scale).write();
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { to: { type: 'string' }, scale: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
  });
  if (values.to === undefined) throw new Error('say where: --to DIR');
  const start = performance.now();
  const rows = generateLoinc(values.to, Number(values.seed), { terms: Math.round(100_000 * Number(values.scale)) });
  for (const [name, count] of rows) console.log(`${String(count).padStart(9)} ${name}`);
  console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
}
