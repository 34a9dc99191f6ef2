import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { TerminologyError, withoutRows } from '../failure.ts';
import { licenceNotices } from '../licences.ts';
import { openRelease, type Release } from '../release-files.ts';
import { REF, refIndex, refKind } from '../system/arrays.ts';
import { CircleFound } from '../system/hierarchy.ts';
import type { Source } from '../system/manifest.ts';
import { type BuiltSystem, builtSystem } from '../system/order.ts';
import type { ManifestToWrite, ReadSystem } from '../system/plain.ts';
import { COLUMNS, type Content, REFSET_COLUMNS, type Rf2File, type Rf2Files, rf2Files, type View } from './files.ts';
import { SCT } from './ids-known.ts';
import { CoreImport } from './import.ts';
import { ownColumns, RefsetImport } from './refsets.ts';
import { headerOf, type Row, readTable } from './table.ts';
import { type Lacking, lackingIn } from './whole.ts';

export interface Rf2Options {
  /** Snapshot where there is one. */
  readonly view?: View;
  /** Module of the edition; found by the module dependencies when it is not given. */
  readonly edition?: string;
  readonly onProgress?: (file: string, rows: number) => void;
}

/**
 * Reads one edition of SNOMED CT from one or several places (folders or zips: the international edition and what extends it). Of several
 * rows for a component the one of the latest effectiveTime counts. Throws TerminologyError naming file and line.
 */
export async function readRf2(paths: readonly string[], options: Rf2Options = {}): Promise<ReadSystem> {
  const releases: Release[] = [];
  try {
    for (const path of paths) releases.push(await openRelease(path));
    const files = rf2Files(
      releases.flatMap((release) => release.files),
      paths.join(', '),
      options.view,
    );
    return await new Rf2Reader(files, options).read();
  } finally {
    for (const release of releases) release.close();
  }
}

interface Alternate {
  readonly scheme: string;
  readonly value: string;
  readonly component: number;
  readonly time: number;
  readonly isActive: boolean;
  readonly file: string;
}

const FULL_OF_ROWS: ReadonlySet<Content> = new Set(['Concept', 'Description', 'Relationship', 'Language']);

class Rf2Reader {
  readonly #files: Rf2Files;
  readonly #options: Rf2Options;
  readonly #core: CoreImport;
  readonly #refsets: RefsetImport;
  readonly #sources: Source[] = [];
  readonly #empty: string[] = [];
  readonly #lacking: Lacking[] = [];
  readonly #alternates = new Map<string, Alternate>();
  #rows = 0;

  constructor(files: Rf2Files, options: Rf2Options) {
    this.#files = files;
    this.#options = options;
    this.#core = new CoreImport(files.view === 'Full');
    this.#refsets = new RefsetImport(this.#core, files.view === 'Full');
  }

  async read(): Promise<ReadSystem> {
    for (const [i, file] of this.#files.files.entries()) {
      await this.#read(file);
      // Files of one kind stand together.
      if (this.#files.files[i + 1]?.content !== file.content && FULL_OF_ROWS.has(file.content)) this.#refuseEmpty(file.content);
    }
    const { content } = this.#core;
    this.#core.finishRelationships();
    this.#keepAlternates();
    this.#lacking.push(...lackingIn(this.#core, this.#placeOf('Relationship'), this.#placeOf('Description')));
    try {
      const built = builtSystem(content, { dialects: this.#refsets.dialects.names.length, displayUses: [0, 1] });
      return { manifest: this.#manifest(built), arrays: built.arrays };
    } catch (error) {
      throw error instanceof CircleFound ? this.#core.circle(error.circle) : error;
    }
  }

  async #read({ content, file, pattern }: Rf2File): Promise<void> {
    const number = this.#core.file(file.place);
    const own = content === 'Refset' ? ownColumns(file.place, await headerOf(file), pattern) : [];
    const columns = content === 'Refset' ? [...REFSET_COLUMNS, ...own.map((column) => column.name)] : COLUMNS[content];
    const read = await readTable(file, columns, (row) => {
      this.#rows += 1;
      if (this.#rows % 100_000 === 0) this.#options.onProgress?.(file.place, this.#rows);
      if (content === 'Concept') this.#core.concept(row, number);
      else if (content === 'Description' || content === 'TextDefinition') this.#core.description(row, number);
      else if (content === 'Relationship') this.#core.relationship(row, number, false);
      else if (content === 'RelationshipConcreteValues') this.#core.relationship(row, number, true);
      else if (content === 'Language') this.#refsets.language(row);
      else if (content === 'Refset') this.#refsets.member(row, number, own);
      else this.#alternate(row);
    });
    // An extension may have reference sets without members; what says which concepts there are and how they stand is never empty.
    if (read.rows === 0 && FULL_OF_ROWS.has(content)) this.#empty.push(file.place);
    this.#sources.push({ table: content, file: file.name, ...read });
  }

  /** Of several releases read together one may have nothing of a kind; all together may not. */
  #refuseEmpty(content: Content): void {
    const files = this.#files.files.filter((each) => each.content === content);
    const [first] = files;
    if (first !== undefined && files.every(({ file }) => this.#empty.includes(file.place))) throw withoutRows(first.file.place);
  }

  #placeOf(content: Content): string {
    return this.#files.files.find((each) => each.content === content)?.file.place ?? '';
  }

  /** An identifier of a scheme stands for one component; of several rows the latest counts. */
  #alternate(row: Row): void {
    row.id(4);
    const key = `${row.text(4)} ${row.text(0)}`;
    const [time, isActive, component] = [row.date(1), row.flag(2), this.#core.reference(row, 5)];
    const known = this.#alternates.get(key);
    if (known !== undefined && known.time === time && known.file === row.file) {
      const text = `identifier ${row.text(0)} of scheme ${row.text(4)} occurs twice for ${time}`;
      throw new TerminologyError('terminology-duplicate-concept', row.file, text, row.line);
    }
    if (known === undefined || known.time <= time)
      this.#alternates.set(key, { scheme: row.text(4), value: row.text(0), component, time, isActive, file: row.file });
  }

  #keepAlternates(): void {
    const { content } = this.#core;
    for (const { scheme, value, component, isActive } of this.#alternates.values()) {
      if (isActive) content.alternates.push({ scheme: this.#schemes.of(scheme), component, value: content.values.of(value) });
    }
  }

  readonly #schemes = { names: [] as string[], of: (id: string): number => numberIn(this.#schemes.names, id) };

  #manifest(built: BuiltSystem): ManifestToWrite {
    const { module, date } = this.#edition();
    const nameOf = (id: string): string => this.#nameOf(id);
    const core = this.#core;
    // https://docs.snomed.org/snomed-ct-specifications/snomed-ct-uri-standard: xsct for what is not for production.
    const version = `http://snomed.info/${this.#files.isExperimental ? 'xsct' : 'sct'}/${module}/version/${date}`;
    const digests = JSON.stringify([version, ...this.#sources.map((source) => [source.table, source.sha256])]);
    const left = [...core.notKept].map(([file, rows]) => ({
      file: basename(file),
      rows,
      reason: 'inactive or not inferred relationships',
    }));
    return {
      format: 'polyseme-code-system',
      formatVersion: 1,
      id: `snomed-${module}-${date}-${createHash('sha256').update(digests).digest('hex').slice(0, 12)}`,
      kind: 'snomed',
      url: 'http://snomed.info/sct',
      version,
      name: 'SNOMED_CT',
      title: `SNOMED CT, ${nameOf(module) || module}, ${date}`,
      language: 'en',
      caseSensitive: true,
      hierarchical: true,
      closure: built.closure,
      uses: core.uses.names.map((code) => ({ system: 'http://snomed.info/sct', code, display: nameOf(code) })),
      languages: core.languages.names,
      modules: core.modules.names,
      dialects: this.#refsets.dialects.names.map((code, i) => ({ code, language: this.#refsets.dialectLanguages[i] ?? 'en' })),
      properties: core.kinds.names
        .slice(1)
        .map((code) => ({ code, uri: `http://snomed.info/id/${code}`, description: nameOf(code), type: 'code' })),
      refsets: built.refsets,
      schemes: this.#schemes.names.map((code) => ({ code, alias: code === SCT.loincScheme ? 'LOINC' : nameOf(code) })),
      counts: {
        ...built.counts,
        acceptabilityTwice: this.#refsets.acceptabilityTwice,
        languageUnknownDescription: this.#refsets.languageUnknown,
      },
      leftOut: [
        ...left,
        ...this.#files.leftOut.map(({ file, reason }) => ({ file: file.name, rows: 0, reason })),
        ...this.#lacking.map(({ concepts, reason }) => ({ file: basename(this.#placeOf('Concept')), rows: concepts, reason })),
      ],
      licences: licenceNotices(['SNOMED']).slice(0, 1),
      sources: this.#sources,
    };
  }

  /** The module that others do not depend on, with the time that its dependencies name. */
  #edition(): { module: string; date: string } {
    const { content, modules, concepts } = this.#core;
    const dates = this.#files.files.map((file) => file.date).sort();
    const dependency = content.refsets.get(SCT.moduleDependency);
    const newest = new Map<string, string>();
    const needed = new Set<string>();
    for (let i = 0; i < (dependency?.components.length ?? 0); i += 1) {
      const source = modules.names[dependency?.modules.at(i) ?? 0] ?? '';
      const time = content.values.names[refIndex(dependency?.fields.at(i * 2) ?? 0)] ?? '';
      if (time > (newest.get(source) ?? '')) newest.set(source, time);
      const target = dependency?.components.at(i) ?? 0;
      if (refKind(target) === REF.row) needed.add(concepts.text(refIndex(target)));
    }
    const roots = [...newest].filter(([module]) => !needed.has(module)).sort((a, b) => (a[1] < b[1] ? 1 : -1));
    const module =
      this.#options.edition ?? roots[0]?.[0] ?? (modules.names.includes(SCT.coreModule) ? SCT.coreModule : (modules.names[0] ?? ''));
    const date = newest.get(module) ?? dates.at(-1) ?? '';
    if (!/^\d{8}$/.test(date) || !modules.names.includes(module)) {
      throw new TerminologyError(
        'terminology-bad-value',
        this.#files.files[0]?.file.place ?? '',
        `no edition and date can be told: ${module} ${date}`,
      );
    }
    return { module, date };
  }

  /** The first synonym of a concept, for the names of modules, attributes and uses. */
  #nameOf(id: string): string {
    return this.#names.get(id) ?? '';
  }

  get #names(): ReadonlyMap<string, string> {
    if (this.#known !== undefined) return this.#known;
    const { content, concepts, modules, kinds, uses } = this.#core;
    const wanted = new Set([...modules.names, ...kinds.names, ...uses.names, ...this.#schemes.names]);
    const known = new Map<string, string>();
    for (let i = 0; i < content.terms.length && known.size < wanted.size; i += 1) {
      if (content.termUse.at(i) !== 0 || content.termFlags.at(i) === 0) continue;
      const id = concepts.text(content.termConcept.at(i));
      if (wanted.has(id) && !known.has(id)) known.set(id, content.terms.text(i));
    }
    this.#known = known;
    return known;
  }
  #known: ReadonlyMap<string, string> | undefined;
}

function numberIn(names: string[], name: string): number {
  const known = names.indexOf(name);
  return known >= 0 ? known : names.push(name) - 1;
}
