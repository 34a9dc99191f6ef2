/**
 * node scripts/vocabulary/generate-rf2.ts --to DIR [--scale 1] [--seed 1]: writes a SNOMED CT release that does not exist, in the true shape of
 * RF2 (snapshot): at scale 1 about 370,000 active and 140,000 inactive concepts, 1.6 million descriptions, 3.5 million relationships,
 * language, map, association, attribute value and other reference sets. Only identifiers of the metadata are real (facts); terms are invented.
 */
import { parseArgs } from 'node:util';
import { Chance, Words } from './chance.ts';
import { LineFile } from './files.ts';
import { METADATA, REFSETS } from './rf2-metadata.ts';
import { sctid } from './sctid.ts';

const DATE = '20260101';
const CORE = '900000000000207008';
const MODEL = '900000000000012004';
const IS_A = '116680003';
const INFERRED = '900000000000011006';
const SOME = '900000000000451002';
const DEFINED = '900000000000073002';
const PRIMITIVE = '900000000000074008';

export interface Rf2Scale {
  readonly active: number;
  readonly inactive: number;
}

interface Concept {
  readonly id: string;
  readonly branch: number;
}

/** Top-level concepts that the generated ones hang below, with their share and tag. */
const BRANCHES = [
  { share: 0.36, tag: 'disorder', name: 'Clinical finding' },
  { share: 0.18, tag: 'procedure', name: 'Procedure' },
  { share: 0.12, tag: 'body structure', name: 'Body structure' },
  { share: 0.08, tag: 'substance', name: 'Substance' },
  { share: 0.1, tag: 'organism', name: 'Organism' },
  { share: 0.09, tag: 'product', name: 'Pharmaceutical / biologic product' },
  { share: 0.07, tag: 'qualifier value', name: 'Qualifier value' },
] as const;
const TOPS = ['404684003', '71388002', '123037004', '105590001', '410607006', '373873005', '362981000'];
/** Attribute, the branch it is used in, the branch of its values, whether it repeats in groups. */
const ATTRIBUTES = [
  { type: '363698007', from: 0, to: 2, share: 0.8 },
  { type: '116676008', from: 0, to: 6, share: 0.6 },
  { type: '246075003', from: 0, to: 4, share: 0.2 },
  { type: '260686004', from: 1, to: 6, share: 0.9 },
  { type: '405813007', from: 1, to: 2, share: 0.7 },
  { type: '127489000', from: 5, to: 3, share: 0.9 },
] as const;
const STRENGTH = '1142135004';

class Generator {
  readonly #folder: string;
  readonly #chance: Chance;
  readonly #words: Words;
  readonly #scale: Rf2Scale;
  readonly #open = new Map<string, LineFile>();
  readonly #concepts: Concept[][] = BRANCHES.map(() => []);
  readonly #parents = new Map<string, readonly string[]>();
  #item = 700_000_000;
  #description = 700_000_000;
  #relationship = 700_000_000;

  constructor(folder: string, seed: number, scale: Rf2Scale) {
    this.#folder = folder;
    this.#chance = new Chance(seed);
    this.#words = new Words(this.#chance, Math.max(200, Math.min(30_000, Math.floor(scale.active / 12))));
    this.#scale = scale;
  }

  write(): ReadonlyMap<string, number> {
    this.#metadata();
    for (let i = 0; i < this.#scale.active; i++) this.#active();
    for (let i = 0; i < this.#scale.inactive; i++) this.#inactive();
    this.#members();
    for (const file of this.#open.values()) file.close();
    return new Map([...this.#open].map(([name, file]) => [name, file.rows]));
  }

  #file(path: string, columns: string): LineFile {
    let file = this.#open.get(path);
    if (file === undefined) {
      file = new LineFile(`${this.#folder}/Snapshot/${path}_INT_${DATE}.txt`, columns.replaceAll(' ', '\t'));
      this.#open.set(path, file);
    }
    return file;
  }

  #concept(id: string, active: boolean, module: string, defined: boolean, time = this.#time()): void {
    const file = this.#file('Terminology/sct2_Concept_Snapshot', 'id effectiveTime active moduleId definitionStatusId');
    file.line(`${id}\t${time}\t${active ? 1 : 0}\t${module}\t${defined ? DEFINED : PRIMITIVE}`);
  }

  #time(): string {
    return `${2002 + this.#chance.below(24)}${this.#chance.is(0.5) ? '0131' : '0731'}`;
  }

  /** Appends a description and its two language members: level 'p' preferred in both, 'u' in US only, 'a' acceptable, '' none. */
  #term(concept: string, type: string, term: string, level: 'p' | 'u' | 'a' | '', active = true, module = CORE): string {
    this.#description += 1;
    const id = sctid(this.#description, '01');
    const isDefinition = type === '900000000000550004';
    const file = this.#file(
      isDefinition ? 'Terminology/sct2_TextDefinition_Snapshot-en' : 'Terminology/sct2_Description_Snapshot-en',
      'id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId',
    );
    file.line(`${id}\t${this.#time()}\t${active ? 1 : 0}\t${module}\t${concept}\ten\t${type}\t${term}\t900000000000448009`);
    if (level === '') return id;
    const language = this.#file(
      'Refset/Language/der2_cRefset_LanguageSnapshot-en',
      'id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId',
    );
    for (const dialect of ['900000000000509007', '900000000000508004']) {
      const preferred = level === 'p' || (level === 'u' && dialect === '900000000000509007');
      const acceptability = preferred ? '900000000000548007' : '900000000000549004';
      language.line(`${this.#chance.uuid()}\t${DATE}\t1\t${module}\t${dialect}\t${id}\t${acceptability}`);
    }
    return id;
  }

  #relation(source: string, target: string, type: string, group: number, active = true, module = CORE): void {
    this.#relationship += 1;
    const isConcrete = target.startsWith('#');
    const file = this.#file(
      isConcrete ? 'Terminology/sct2_RelationshipConcreteValues_Snapshot' : 'Terminology/sct2_Relationship_Snapshot',
      `id effectiveTime active moduleId sourceId ${isConcrete ? 'value' : 'destinationId'} relationshipGroup typeId characteristicTypeId modifierId`,
    );
    file.line(
      `${sctid(this.#relationship, '02')}\t${this.#time()}\t${active ? 1 : 0}\t${module}\t${source}\t${target}\t${group}\t${type}\t${INFERRED}\t${SOME}`,
    );
  }

  #metadata(): void {
    for (const { id, parent, name, tag } of METADATA) {
      this.#concept(id, true, MODEL, false, '20020131');
      this.#term(id, '900000000000003001', `${name} (${tag})`, 'p', true, MODEL);
      this.#term(id, '900000000000013009', name, 'p', true, MODEL);
      if (parent !== '') this.#relation(id, parent, IS_A, 0, true, MODEL);
    }
    const none = this.#file(
      'Terminology/sct2_Identifier_Snapshot',
      'alternateIdentifier effectiveTime active moduleId identifierSchemeId referencedComponentId',
    );
    for (let i = 0; i < 5; i++) none.line(`${10_000 + i}-${i}\t${DATE}\t1\t${CORE}\t30051010000102\t${METADATA[i]?.id}`);
    const stated = 'id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId characteristicTypeId modifierId';
    this.#file('Terminology/sct2_StatedRelationship_Snapshot', stated);
  }

  #branch(): number {
    let left = this.#chance.next();
    for (const [branch, { share }] of BRANCHES.entries()) {
      left -= share;
      if (left < 0) return branch;
    }
    return 0;
  }

  #active(): void {
    const { id, branch } = { id: sctid(++this.#item, '00'), branch: this.#branch() };
    const top = TOPS[branch] ?? '';
    const known = this.#concepts[branch] ?? [];
    const at = known.length === 0 ? -1 : this.#chance.skewed(known.length, 1.3);
    const first = known[at]?.id ?? top;
    const parents = new Set([first]);
    // A second parent is mostly a relative of the first, as in a classified terminology.
    if (known.length > 3 && this.#chance.is(0.58)) {
      const near = this.#parents.get(first) ?? [];
      const other = this.#chance.is(0.75) ? this.#sibling(known, at) : this.#chance.one(known, { id: first, branch }).id;
      if (!near.includes(other) && other !== first && !(this.#parents.get(other) ?? []).includes(first)) parents.add(other);
    }
    known.push({ id, branch });
    this.#parents.set(id, [...parents]);
    this.#concept(id, true, CORE, this.#chance.is(0.35));
    const name = this.#words.term();
    this.#term(id, '900000000000003001', `${name} (${BRANCHES[branch]?.tag})`, 'p');
    this.#term(id, '900000000000013009', name, 'p');
    for (let more = this.#chance.skewed(4, 1.2); more > 0; more--) this.#term(id, '900000000000013009', this.#words.term(), 'a');
    if (this.#chance.is(0.03)) this.#term(id, '900000000000550004', `${this.#words.term()}, ${this.#words.term()}.`, 'p');
    if (this.#chance.is(0.35)) this.#term(id, '900000000000013009', this.#words.term(), '', false);
    for (const parent of parents) this.#relation(id, parent, IS_A, 0);
    this.#attributes(id, branch);
    const owl = this.#file(
      'Terminology/sct2_sRefset_OWLExpressionSnapshot',
      'id effectiveTime active moduleId refsetId referencedComponentId owlExpression',
    );
    owl.line(`${this.#chance.uuid()}\t${DATE}\t1\t${CORE}\t733073007\t${id}\tSubClassOf(:${id} :${first})`);
  }

  #sibling(known: readonly Concept[], at: number): string {
    const place = Math.min(known.length - 1, Math.max(0, at + this.#chance.below(7) - 3));
    return known[place]?.id ?? '';
  }

  #attributes(id: string, branch: number): void {
    const groups = 1 + this.#chance.skewed(3, 3);
    for (let group = 1; group <= groups; group++) {
      for (const { type, from, to, share } of ATTRIBUTES) {
        const values = this.#concepts[to] ?? [];
        if (from !== branch || values.length === 0 || !this.#chance.is(share)) continue;
        this.#relation(id, this.#chance.one(values, { id: '', branch: to }).id, type, this.#chance.is(0.1) ? 0 : group);
      }
      if (branch === 5) this.#relation(id, `#${[5, 10, 20, 40, 250, 500, 0.5, 2.5][this.#chance.below(8)]}`, STRENGTH, group);
    }
    // What earlier releases said: six inactive rows for a concept, as in a real snapshot.
    const known = this.#concepts[branch] ?? [];
    for (let old = this.#chance.below(13); old > 0; old--) this.#relation(id, this.#chance.one(known, { id, branch }).id, IS_A, 0, false);
  }

  #inactive(): void {
    const id = sctid(++this.#item, '00');
    this.#concept(id, false, CORE, false);
    const name = this.#words.term();
    this.#term(id, '900000000000003001', `${name} (disorder)`, 'p');
    this.#term(id, '900000000000013009', name, 'p');
    this.#component('Content/der2_cRefset_AttributeValueSnapshot', 'valueId', '900000000000489007', id, '900000000000484002');
    const target = this.#chance.one(this.#concepts[0] ?? [], { id: '404684003', branch: 0 }).id;
    const kind = ['900000000000527005', '900000000000526001', '900000000000528000', '900000000000523009', '1186924009'][
      this.#chance.below(5)
    ];
    this.#component('Content/der2_cRefset_AssociationSnapshot', 'targetComponentId', kind ?? '', id, target);
  }

  #component(path: string, column: string, refset: string, component: string, value: string, active = true): void {
    const file = this.#file(`Refset/${path}`, `id effectiveTime active moduleId refsetId referencedComponentId ${column}`.trim());
    const own = column === '' ? '' : `\t${value}`;
    file.line(`${this.#chance.uuid()}\t${this.#time()}\t${active ? 1 : 0}\t${CORE}\t${refset}\t${component}${own}`);
  }

  #members(): void {
    const all = this.#concepts.flat();
    for (const { id } of all) {
      if (this.#chance.is(0.02)) this.#component('Content/der2_Refset_SimpleSnapshot', '', '723264001', id, '', this.#chance.is(0.9));
      if (this.#chance.is(0.02)) this.#component('Content/der2_Refset_SimpleSnapshot', '', '450970008', id, '');
      if (this.#chance.is(0.25)) {
        this.#component(
          'Map/der2_sRefset_SimpleMapSnapshot',
          'mapTarget',
          '446608001',
          id,
          `${8000 + this.#chance.below(999)}/${this.#chance.below(4)}`,
        );
      }
      for (let group = this.#chance.is(0.3) ? 1 + this.#chance.skewed(2) : 0; group > 0; group--) this.#map(id, group);
    }
    for (const { path, columns, rows } of REFSETS) {
      const file = this.#file(`Refset/${path}`, columns);
      for (const row of rows) file.line(`${this.#chance.uuid()}\t${DATE}\t1\t${row}`);
    }
  }

  #map(id: string, group: number): void {
    const columns = 'mapGroup mapPriority mapRule mapAdvice mapTarget correlationId mapCategoryId';
    const file = this.#file(
      'Refset/Map/der2_iisssccRefset_ExtendedMapSnapshot',
      `id effectiveTime active moduleId refsetId referencedComponentId ${columns}`,
    );
    const target = `${String.fromCharCode(65 + this.#chance.below(20))}${String(this.#chance.below(100)).padStart(2, '0')}.${this.#chance.below(10)}`;
    const own = [group, 1, 'TRUE', `ALWAYS ${target}`, target, '447561005', '447637006'].join('\t');
    file.line(`${this.#chance.uuid()}\t${this.#time()}\t1\t${CORE}\t447562003\t${id}\t${own}`);
  }
}

/** Writes the release and returns the rows of each file. */
export function generateRf2(folder: string, seed: number, scale: Rf2Scale): ReadonlyMap<string, number> {
  return new Generator(folder, seed, scale).write();
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { to: { type: 'string' }, scale: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
  });
  if (values.to === undefined) throw new Error('say where: --to DIR');
  const scale = Number(values.scale);
  const start = performance.now();
  const rows = generateRf2(values.to, Number(values.seed), { active: Math.round(370_000 * scale), inactive: Math.round(140_000 * scale) });
  for (const [name, count] of rows) console.log(`${String(count).padStart(9)} ${name}`);
  console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
}
