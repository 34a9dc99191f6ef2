import { readRows } from './csv-rows.ts';
import { TerminologyError, withoutRows } from './failure.ts';
import { licenceNotices } from './licences.ts';
import type { ReleaseFile } from './release-files.ts';
import { FLAG } from './system/arrays.ts';
import { Numbering } from './system/content.ts';
import type { PropertyOfSystem, Source, SystemManifest } from './system/manifest.ts';
import { PlainContent, type ReadSystem } from './system/plain.ts';

const USES = [
  ['LONG_COMMON_NAME', 'Long common name'],
  ['SHORTNAME', 'Short name'],
  ['DisplayName', 'Display name'],
  ['CONSUMER_NAME', 'Consumer name'],
  ['RELATEDNAMES2', 'Related names'],
  ['definition', 'Definition'],
] as const;
/** Columns of the table that become properties of type string (http://hl7.org/fhir/R4/loinc.html#props); parts come from the part links. */
const TABLE_PROPERTIES = [
  'STATUS',
  'CLASS',
  'CLASSTYPE',
  'ORDER_OBS',
  'VersionLastChanged',
  'VersionFirstReleased',
  'EXAMPLE_UCUM_UNITS',
  'PanelType',
];
const ENGLISH = 0;
const NUMBER = /^\d{1,7}-\d$/;

/** Whether the files are those of a LOINC release. */
export const isLoinc = (files: readonly ReleaseFile[]): boolean => files.some(({ name }) => name.toLowerCase() === 'loinc.csv');

/** Files that stand for nothing without another: whoever has the first must have the second. */
const NEEDS: readonly (readonly [file: string, others: readonly string[]])[] = [
  ['LoincPartLink_Primary.csv', ['Part.csv']],
  ['LoincPartLink_Supplementary.csv', ['Part.csv']],
  ['Part.csv', ['ComponentHierarchyBySystem.csv', 'MultiAxialHierarchy.csv']],
  ['LoincAnswerListLink.csv', ['AnswerList.csv']],
  ['AnswerList.csv', ['LoincAnswerListLink.csv']],
];

/**
 * Reads a LOINC release: the table, parts and their links, the component hierarchy, answer lists, linguistic variants; the table alone will do,
 * but no part of the rest without what belongs to it. The version is the newest one that the table names, unless it is given. Throws TerminologyError naming file and line.
 */
export const readLoinc = (files: readonly ReleaseFile[], version?: string): Promise<ReadSystem> => new LoincReader(files).read(version);

class LoincReader {
  readonly #files: readonly ReleaseFile[];
  readonly #plain = new PlainContent();
  readonly #languages = new Numbering();
  readonly #properties = new Numbering();
  readonly #sources: Source[] = [];
  readonly #leftOut: SystemManifest['leftOut'] = [];
  #newest = '';

  constructor(files: readonly ReleaseFile[]) {
    this.#files = files;
    this.#languages.of('en');
    for (const property of TABLE_PROPERTIES) this.#properties.of(property);
  }

  async read(version: string | undefined): Promise<ReadSystem> {
    for (const [name, others] of NEEDS) {
      const file = this.#file(name);
      if (file === undefined || others.some((each) => this.#file(each) !== undefined)) continue;
      throw new TerminologyError('terminology-missing-file', file.place, `${others.join(' or ')} is missing beside ${name}`);
    }
    await this.#table();
    await this.#parts();
    await this.#hierarchy();
    for (const name of ['LoincPartLink_Primary.csv', 'LoincPartLink_Supplementary.csv']) await this.#partLinks(name);
    await this.#answers();
    await this.#variants();
    const known = version ?? this.#newest;
    const naming = {
      kind: 'loinc' as const,
      url: 'http://loinc.org',
      version: known,
      name: 'LOINC',
      title: `LOINC ${known}`,
      language: 'en',
      caseSensitive: false,
      uses: USES,
      languages: this.#languages.names,
      properties: this.#properties.names.map(propertyOf),
      licences: licenceNotices(['LOINC']).slice(0, 1),
    };
    return this.#plain.finish(naming, this.#sources, this.#leftOut);
  }

  #file(name: string): ReleaseFile | undefined {
    return this.#files.find((file) => file.name.toLowerCase() === name.toLowerCase());
  }

  /** Where a file is, for messages. */
  #place(name: string): string {
    return this.#file(name)?.place ?? name;
  }

  async #rows(name: string, columns: readonly string[], visit: Parameters<typeof readRows>[3]): Promise<void> {
    const file = this.#file(name);
    if (file === undefined) return;
    const source = await readRows(file, name.replace(/\.csv$/i, ''), columns, visit);
    if (source.rows === 0) this.#leftOut.push({ file: name, rows: 0, reason: 'the file has no rows' });
    this.#sources.push(source);
  }

  async #table(): Promise<void> {
    const file = this.#file('Loinc.csv');
    if (file === undefined)
      throw new TerminologyError('terminology-missing-file', this.#files[0]?.place ?? '', 'Loinc.csv is missing from the release');
    const { content } = this.#plain;
    await this.#rows('Loinc.csv', ['LOINC_NUM', 'LONG_COMMON_NAME', 'COMPONENT', 'STATUS'], (value, line) => {
      const code = value('LOINC_NUM');
      if (!NUMBER.test(code))
        throw new TerminologyError('terminology-bad-value', file.place, `LOINC_NUM is ${JSON.stringify(code.slice(0, 40))}`, line);
      const concept = this.#plain.add(code, value('STATUS') === 'DEPRECATED' ? 0 : FLAG.active, file.place, line);
      for (const [use, [column]] of USES.entries()) {
        const text = column === 'definition' ? value('DefinitionDescription') : value(column);
        if (text !== '') content.designation(concept, text, { language: ENGLISH, use });
      }
      for (const property of TABLE_PROPERTIES) {
        const text = value(property);
        if (text !== '') content.edge(concept, this.#properties.of(property), content.value(text));
      }
      content.edge(
        concept,
        this.#properties.of('copyright'),
        content.value(value('EXTERNAL_COPYRIGHT_NOTICE') === '' ? 'LOINC' : '3rdParty'),
      );
      if (isLater(value('VersionLastChanged'), this.#newest)) this.#newest = value('VersionLastChanged');
    });
    if (this.#sources.at(-1)?.rows === 0) throw withoutRows(file.place);
  }

  async #parts(): Promise<void> {
    const place = this.#place('Part.csv');
    await this.#rows('Part.csv', ['PartNumber', 'PartTypeName', 'PartName', 'PartDisplayName', 'Status'], (value, line) => {
      const concept = this.#plain.add(value('PartNumber'), value('Status') === 'DEPRECATED' ? 0 : FLAG.active, place, line);
      this.#name(concept, value('PartDisplayName') || value('PartName'));
      if (value('PartDisplayName') !== '' && value('PartDisplayName') !== value('PartName')) {
        this.#plain.content.designation(concept, value('PartName'), { language: ENGLISH, use: 1 });
      }
    });
  }

  #name(concept: number, text: string): void {
    if (text !== '') this.#plain.content.designation(concept, text, { language: ENGLISH, use: 0 });
  }

  async #hierarchy(): Promise<void> {
    const name = this.#file('ComponentHierarchyBySystem.csv') === undefined ? 'MultiAxialHierarchy.csv' : 'ComponentHierarchyBySystem.csv';
    const place = this.#place(name);
    const seen = new Set<string>();
    let unlisted = 0;
    const waiting: (readonly [child: string, parent: string, line: number])[] = [];
    await this.#rows(name, ['IMMEDIATE_PARENT', 'CODE', 'CODE_TEXT'], (value, line) => {
      const [code, parent] = [value('CODE'), value('IMMEDIATE_PARENT')];
      if (this.#plain.find(code) < 0) {
        if (NUMBER.test(code)) unlisted += 1;
        this.#name(this.#plain.add(code, FLAG.active, place, line), value('CODE_TEXT'));
      }
      // One row for each path to the root: the same pair stands many times.
      if (parent !== '' && !seen.has(`${code} ${parent}`)) {
        seen.add(`${code} ${parent}`);
        waiting.push([code, parent, line]);
      }
    });
    if (unlisted > 0)
      this.#leftOut.push({
        file: 'Loinc.csv',
        rows: unlisted,
        reason: `codes that ${name} has and the table has not: nothing but their names is known`,
      });
    for (const [code, parent, line] of waiting) {
      const number = this.#plain.find(parent);
      if (number < 0)
        throw new TerminologyError('terminology-bad-value', place, `IMMEDIATE_PARENT ${parent} is no code of this release`, line);
      this.#plain.isa(this.#plain.find(code), number, place, line);
    }
  }

  async #partLinks(name: string): Promise<void> {
    let unknown = 0;
    const seen = new Set<string>();
    await this.#rows(name, ['LoincNumber', 'PartNumber', 'Property'], (value) => {
      const concept = this.#plain.find(value('LoincNumber'));
      const part = this.#plain.find(value('PartNumber'));
      const property = value('Property').split('/').at(-1) ?? '';
      const key = `${concept} ${part} ${property}`;
      if (concept < 0 || part < 0 || property === '') unknown += 1;
      else if (!seen.has(key)) this.#plain.content.edge(concept, this.#properties.of(property), part);
      seen.add(key);
    });
    if (unknown > 0) this.#leftOut.push({ file: name, rows: unknown, reason: 'links of codes or parts that the release does not have' });
  }

  async #answers(): Promise<void> {
    const { content } = this.#plain;
    const place = this.#place('AnswerList.csv');
    const lists = new Set<string>();
    const seen = new Set<string>();
    await this.#rows('AnswerList.csv', ['AnswerListId', 'AnswerListName', 'AnswerStringId', 'DisplayText'], (value, line) => {
      const [list, answer] = [value('AnswerListId'), value('AnswerStringId')];
      if (!lists.has(list)) {
        lists.add(list);
        this.#name(this.#plain.add(list, FLAG.active, place, line), value('AnswerListName'));
      }
      if (answer === '') return;
      if (this.#plain.find(answer) < 0) this.#name(this.#plain.add(answer, FLAG.active, place, line), value('DisplayText'));
      if (!seen.has(`${answer} ${list}`)) content.edge(this.#plain.find(answer), this.#properties.of('LIST'), this.#plain.find(list));
      seen.add(`${answer} ${list}`);
    });
    let unknown = 0;
    await this.#rows('LoincAnswerListLink.csv', ['LoincNumber', 'AnswerListId'], (value) => {
      const [code, list] = [this.#plain.find(value('LoincNumber')), this.#plain.find(value('AnswerListId'))];
      if (code < 0 || list < 0) unknown += 1;
      // One row for each context.
      else if (!seen.has(`${code}>${list}`)) content.edge(code, this.#properties.of('answer-list'), list);
      seen.add(`${code}>${list}`);
    });
    if (unknown > 0)
      this.#leftOut.push({
        file: 'LoincAnswerListLink.csv',
        rows: unknown,
        reason: 'links of codes or lists that the release does not have',
      });
  }

  /** LinguisticVariants.csv lists the translations that the release has. */
  async #listedVariants(): Promise<void> {
    await this.#rows('LinguisticVariants.csv', ['ID', 'ISO_LANGUAGE', 'ISO_COUNTRY'], (value, line) => {
      const name = `${value('ISO_LANGUAGE')}${value('ISO_COUNTRY')}${value('ID')}LinguisticVariant.csv`;
      if (this.#file(name) !== undefined) return;
      const place = this.#file('LinguisticVariants.csv')?.place ?? '';
      throw new TerminologyError('terminology-missing-file', place, `${name} is listed and missing from the release`, line);
    });
  }

  async #variants(): Promise<void> {
    await this.#listedVariants();
    for (const file of this.#files) {
      const match = /^([a-z]{2,3})([A-Z]{2})\d+LinguisticVariant\.csv$/.exec(file.name);
      if (match === null) continue;
      const language = this.#languages.of(`${match[1]}-${match[2]}`);
      let unknown = 0;
      const lines = new Map<string, number>();
      await this.#rows(file.name, ['LOINC_NUM', 'LONG_COMMON_NAME', 'SHORTNAME'], (value, line) => {
        const first = lines.get(value('LOINC_NUM'));
        if (first !== undefined) {
          const text = `LOINC_NUM ${value('LOINC_NUM')} occurs twice; first on line ${first}`;
          throw new TerminologyError('terminology-duplicate-concept', file.place, text, line);
        }
        lines.set(value('LOINC_NUM'), line);
        const concept = this.#plain.find(value('LOINC_NUM'));
        if (concept < 0) unknown += 1;
        else {
          const whole = ['COMPONENT', 'PROPERTY', 'TIME_ASPCT', 'SYSTEM', 'SCALE_TYP', 'METHOD_TYP']
            .map(value)
            .filter((part) => part !== '');
          const long = value('LinguisticVariantDisplayName') || value('LONG_COMMON_NAME') || whole.join(':');
          if (long !== '') this.#plain.content.designation(concept, long, { language, use: 0 });
          if (value('SHORTNAME') !== '') this.#plain.content.designation(concept, value('SHORTNAME'), { language, use: 1 });
        }
      });
      if (unknown > 0)
        this.#leftOut.push({ file: file.name, rows: unknown, reason: 'translations of codes that the release does not have' });
    }
  }
}

const LINKED = new Set(['LIST', 'answer-list']);

function propertyOf(code: string): PropertyOfSystem {
  const type = code === 'copyright' || TABLE_PROPERTIES.includes(code) ? 'string' : 'code';
  const description = LINKED.has(code) ? 'An answer list' : code;
  return { code, uri: `http://loinc.org/property/${code}`, description, type };
}

/** Whether version a (2.80, 1.0k) is later than b. */
const isLater = (a: string, b: string): boolean => a.localeCompare(b, 'en', { numeric: true }) > 0;
