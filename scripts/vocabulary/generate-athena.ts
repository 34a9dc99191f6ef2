/**
 * node scripts/vocabulary/generate-athena.ts --to DIR [--scale 1] [--seed 1]: writes an Athena download that does not exist, in the true shape of
 * OMOP's vocabularies: at scale 1 6.4 million concepts, 39 million relationships, 75 million ancestors, 4 million synonyms. Names are invented.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Chance, Words } from './chance.ts';
import { LineFile } from './files.ts';

const DATES = '19700101\t20991231\t';
const TABLES = {
  CONCEPT:
    'concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept concept_code valid_start_date valid_end_date invalid_reason',
  CONCEPT_RELATIONSHIP: 'concept_id_1 concept_id_2 relationship_id valid_start_date valid_end_date invalid_reason',
  CONCEPT_ANCESTOR: 'ancestor_concept_id descendant_concept_id min_levels_of_separation max_levels_of_separation',
  CONCEPT_SYNONYM: 'concept_id concept_synonym_name language_concept_id',
  VOCABULARY: 'vocabulary_id vocabulary_name vocabulary_reference vocabulary_version vocabulary_concept_id',
  DOMAIN: 'domain_id domain_name domain_concept_id',
  CONCEPT_CLASS: 'concept_class_id concept_class_name concept_class_concept_id',
  RELATIONSHIP: 'relationship_id relationship_name is_hierarchical defines_ancestry reverse_relationship_id relationship_concept_id',
  DRUG_STRENGTH:
    'drug_concept_id ingredient_concept_id amount_value amount_unit_concept_id numerator_value numerator_unit_concept_id denominator_value denominator_unit_concept_id box_size valid_start_date valid_end_date invalid_reason',
} as const;
type Table = keyof typeof TABLES;

interface Vocabulary {
  readonly id: string;
  readonly concepts: number;
  readonly domain: string;
  /** Share of its concepts that are standard; the others map to a standard one of `to`. */
  readonly standard: number;
  readonly to: string;
  readonly code: (n: number) => string;
  readonly synonyms: number;
}

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ';
const icd = (n: number): string => `${letters[n % 24]}${String(Math.floor(n / 24) % 100).padStart(2, '0')}.${Math.floor(n / 2400)}`;
/** Shares of the true bundle, rounded. */
const VOCABULARIES: readonly Vocabulary[] = [
  {
    id: 'SNOMED',
    concepts: 1_090_000,
    domain: 'Condition',
    standard: 0.48,
    to: 'SNOMED',
    code: (n) => String(10_000_000 + n * 7),
    synonyms: 2.2,
  },
  { id: 'LOINC', concepts: 280_000, domain: 'Measurement', standard: 0.75, to: 'LOINC', code: (n) => `${n + 1}-${n % 10}`, synonyms: 4 },
  { id: 'RxNorm', concepts: 310_000, domain: 'Drug', standard: 0.5, to: 'RxNorm', code: (n) => String(n + 100), synonyms: 0.5 },
  {
    id: 'RxNorm Extension',
    concepts: 2_200_000,
    domain: 'Drug',
    standard: 0.95,
    to: 'RxNorm Extension',
    code: (n) => `OMOP${n + 1_000_000}`,
    synonyms: 0,
  },
  { id: 'NDC', concepts: 1_270_000, domain: 'Drug', standard: 0, to: 'RxNorm', code: (n) => String(n).padStart(11, '0'), synonyms: 0 },
  { id: 'SPL', concepts: 860_000, domain: 'Drug', standard: 0, to: 'RxNorm', code: (n) => `${n.toString(16)}-spl`, synonyms: 0 },
  { id: 'ICD10CM', concepts: 100_000, domain: 'Condition', standard: 0, to: 'SNOMED', code: icd, synonyms: 1 },
  {
    id: 'ICD10PCS',
    concepts: 195_000,
    domain: 'Procedure',
    standard: 0.9,
    to: 'ICD10PCS',
    code: (n) => n.toString(36).toUpperCase().padStart(7, '0'),
    synonyms: 0,
  },
  {
    id: 'ICD9CM',
    concepts: 18_000,
    domain: 'Condition',
    standard: 0,
    to: 'SNOMED',
    code: (n) => `${String(n % 1000).padStart(3, '0')}.${Math.floor(n / 1000)}`,
    synonyms: 0,
  },
  { id: 'HCPCS', concepts: 12_000, domain: 'Procedure', standard: 0.5, to: 'HCPCS', code: (n) => `G${n}`, synonyms: 0 },
  { id: 'UCUM', concepts: 1_000, domain: 'Unit', standard: 0.9, to: 'UCUM', code: (n) => `{u${n}}/L`, synonyms: 0 },
  { id: 'Nebraska Lexicon', concepts: 64_000, domain: 'Observation', standard: 0, to: 'SNOMED', code: (n) => `N${n}`, synonyms: 0 },
];
const RELATED = 39_000_000;
const ANCESTORS = 75_000_000;
const WHOLE = VOCABULARIES.reduce((sum, { concepts }) => sum + concepts, 0);
const OTHERS = [
  'Is a',
  'Subsumes',
  'RxNorm has ing',
  'RxNorm ing of',
  'Has dose form',
  'Dose form of',
  'Has finding site',
  'Finding site of',
];

/** Writes a release of `scale` times the true size into `folder`; returns the rows of each table. */
export function generateAthena(folder: string, seed: number, scale: number): Readonly<Partial<Record<Table, number>>> {
  const chance = new Chance(seed);
  const words = new Words(chance, 60_000);
  const file = (table: Table): LineFile => new LineFile(join(folder, `${table}.csv`), TABLES[table].replaceAll(' ', '\t'), '\n');
  const rows: Partial<Record<Table, number>> = {};
  const written = (table: Table, write: (out: LineFile) => void): void => {
    const out = file(table);
    write(out);
    out.close();
    rows[table] = out.rows;
  };
  const first = new Map<string, { readonly from: number; readonly standard: number; readonly concepts: number }>();
  let next = 1_000_000;
  for (const { id, concepts, standard } of VOCABULARIES) {
    const count = Math.max(10, Math.round(concepts * scale));
    first.set(id, { from: next, standard: Math.round(count * standard), concepts: count });
    next += count;
  }
  const rangeOf = (id: string) => first.get(id) ?? { from: 1_000_000, standard: 1, concepts: 1 };
  const anyConcept = (): number => 1_000_000 + chance.below(next - 1_000_000);
  written('CONCEPT', (out) => {
    out.line(`0\tNo matching concept\tMetadata\tNone\tUndefined\t\tNo matching concept\t${DATES}`);
    for (const { id, domain, code } of VOCABULARIES) {
      const { from, standard, concepts } = rangeOf(id);
      for (let n = 0; n < concepts; n += 1) {
        const isStandard = n < standard;
        const invalid = !isStandard && chance.is(0.3) ? 'D' : '';
        out.line(`${from + n}\t${words.term()}\t${domain}\t${id}\tClass\t${isStandard ? 'S' : ''}\t${code(n)}\t${DATES}${invalid}`);
      }
    }
  });
  written('CONCEPT_RELATIONSHIP', (out) => {
    for (const { id, to } of VOCABULARIES) {
      const { from, standard, concepts } = rangeOf(id);
      const target = rangeOf(to);
      for (let n = 0; n < concepts; n += 1) {
        const mapped = n < standard ? from + n : target.from + chance.below(Math.max(1, target.standard));
        out.line(`${from + n}\t${mapped}\tMaps to\t${DATES}`);
        out.line(`${mapped}\t${from + n}\tMapped from\t${DATES}`);
      }
    }
    const more = RELATED * scale;
    while (out.rows < more) out.line(`${anyConcept()}\t${anyConcept()}\t${chance.one(OTHERS, 'Is a')}\t${DATES}`);
  });
  written('CONCEPT_ANCESTOR', (out) => {
    const standards = [...first.values()].reduce((sum, { standard }) => sum + standard, 0);
    // What is standard has a row with itself; the others are above it.
    const above = Math.max(1, (ANCESTORS * scale) / Math.max(1, standards) - 1);
    for (const { from, standard } of first.values()) writeAncestry(out, chance, { from, standard, above });
  });
  written('CONCEPT_SYNONYM', (out) => {
    for (const { id, synonyms } of VOCABULARIES) {
      const { from, concepts } = rangeOf(id);
      for (let n = 0; n < concepts * synonyms; n += 1) out.line(`${from + (n % concepts)}\t${words.term()}\t4180186`);
    }
  });
  written('VOCABULARY', (out) => {
    out.line('None\tOMOP Standardized Vocabularies\tOMOP generated\tv5.0 01-JAN-26\t44819096');
    for (const { id } of VOCABULARIES) out.line(`${id}\t${id}\thttp://example.org\t${id} 2026\t0`);
  });
  written('DOMAIN', (out) => {
    for (const domain of new Set(['Metadata', ...VOCABULARIES.map((each) => each.domain)])) out.line(`${domain}\t${domain}\t0`);
  });
  written('CONCEPT_CLASS', (out) => {
    for (const each of ['Class', 'Undefined']) out.line(`${each}\t${each}\t0`);
  });
  written('RELATIONSHIP', (out) => {
    for (const each of ['Maps to', 'Mapped from', ...OTHERS]) out.line(`${each}\t${each}\t0\t0\t${each}\t0`);
  });
  written('DRUG_STRENGTH', (out) => {
    const { from, concepts } = rangeOf('RxNorm');
    for (let n = 0; n < concepts; n += 1)
      out.line(`${from + n}\t${from + chance.below(concepts)}\t${1 + chance.below(500)}\t8576\t\t\t\t\t\t${DATES}`);
  });
  return rows;
}

/**
 * Writes the closure of an invented hierarchy of the standard concepts of one vocabulary: each has one parent before it, and a second one as long as
 * there are fewer than `above` ancestors a concept.
 */
function writeAncestry(
  out: LineFile,
  chance: Chance,
  { from, standard, above }: { readonly from: number; readonly standard: number; readonly above: number },
): void {
  const offsets = new Uint32Array(standard + 1);
  let ancestors = new Uint32Array(1 << 16);
  let levels = new Uint8Array(1 << 17);
  let end = 0;
  for (let n = 0; n < standard; n += 1) {
    const found = new Map<number, readonly [least: number, most: number]>();
    const isThin = end < above * n;
    const parents = n === 0 ? [] : isThin ? [chance.below(n), chance.below(n)] : [chance.below(Math.ceil(n / 50))];
    const add = (each: number, least: number, most: number): void => {
      const before = found.get(each) ?? [255, 0];
      found.set(each, [Math.min(before[0], least), Math.max(before[1], most)]);
    };
    for (const parent of parents) {
      add(parent, 1, 1);
      for (let i = offsets[parent] ?? 0; i < (offsets[parent + 1] ?? 0); i += 1)
        add(ancestors[i] ?? 0, (levels[2 * i] ?? 0) + 1, Math.min(255, (levels[2 * i + 1] ?? 0) + 1));
    }
    out.line(`${from + n}\t${from + n}\t0\t0`);
    if (end + found.size > ancestors.length) {
      const [wider, more] = [new Uint32Array(ancestors.length * 2), new Uint8Array(levels.length * 2)];
      wider.set(ancestors);
      more.set(levels);
      [ancestors, levels] = [wider, more];
    }
    for (const [each, [least, most]] of found) {
      out.line(`${from + each}\t${from + n}\t${least}\t${most}`);
      ancestors[end] = each;
      levels[2 * end] = least;
      levels[2 * end + 1] = most;
      end += 1;
    }
    offsets[n + 1] = end;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { to: { type: 'string' }, scale: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
  });
  if (values.to === undefined) throw new Error('--to DIR: where the release goes');
  const start = performance.now();
  const rows = generateAthena(values.to, Number(values.seed), Number(values.scale));
  const text = Object.entries(rows).map(([name, count]) => `${name} ${count.toLocaleString('en')}`);
  console.log(
    `${text.join(', ')}; of ${(WHOLE * Number(values.scale)).toLocaleString('en')} concepts; ${((performance.now() - start) / 1000).toFixed(0)} s`,
  );
}
