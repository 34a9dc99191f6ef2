/**
 * Writes services/hl7v2/definitions.generated.ts (segments, datatypes) and structures.generated.ts (message structures) from the
 * open HL7v2 definitions beside the checkout (MIT, derived by hl7apy from HL7's XML schemas; names as hl7-dictionary, MIT, spells
 * them; events per structure from table 0354 of HL7 Terminology, CC0). `--check` compares instead and exits 1 on a difference.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const SOURCE = process.env['POLYSEME_HL7V2_DEFINITIONS'] ?? join(ROOT, '../shared/corpus/hl7v2/definitions');
const VERSIONS = ['2.1', '2.2', '2.3', '2.3.1', '2.4', '2.5', '2.5.1', '2.6', '2.7', '2.8', '2.8.1', '2.8.2'];
/** Version of the names' dictionary to ask first for each version of VERSIONS. */
const DICTIONARIES = ['2.7.1', '2.7', '2.6', '2.5.1', '2.5', '2.4', '2.3.1', '2.3', '2.2', '2.1'];

interface Field {
  /** 'PID-5' of a segment, 'XPN.1' of a datatype: the only true position, for withdrawn ones are left out of some versions' lists. */
  readonly field?: string;
  readonly component?: string;
  readonly datatype: string | null;
  readonly name: string | null;
  readonly table: string | null;
  readonly min: number;
  readonly max: number;
}
interface Child {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly type: 'segment' | 'group';
}
interface Sequence {
  readonly kind: 'sequence' | 'choice';
  readonly children: readonly Child[];
}
interface Definitions {
  readonly segments: Readonly<Record<string, readonly Field[]>>;
  readonly datatypes: Readonly<Record<string, readonly Field[]>>;
  readonly messages: Readonly<Record<string, Sequence>>;
  readonly groups: Readonly<Record<string, Sequence>>;
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(join(SOURCE, path), 'utf8')) as T;

/** Names by their letters only: 'PATIENT_NAME' and "Patient's Name" must not meet, 'DATE_TIME' and 'Date/Time' must. */
const letters = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]/g, '');

/** Returns the standard's spelling for every name of hl7apy, from the dictionary where it knows the words. */
function spelling(): (name: string) => string {
  const known = new Map<string, string>();
  for (const version of DICTIONARIES) {
    const { segments, fields } = readJson<{
      segments: Record<string, { fields?: { desc?: string }[] }>;
      fields: Record<string, { subfields?: { desc?: string }[] }>;
    }>(`hl7-dictionary-json/${version}.json`);
    const all = [...Object.values(segments).map((each) => each.fields), ...Object.values(fields).map((each) => each.subfields)];
    for (const { desc } of all.flatMap((each) => each ?? [])) {
      if (desc && !known.has(letters(desc)))
        known.set(
          letters(desc),
          desc
            .replace(/[\t|`$\\:]/g, ' ')
            .replace(/[ #*+]+$/, '')
            .trim(),
        );
    }
  }
  const small = new Set(['OF', 'OR', 'AND', 'TO', 'FOR', 'IN', 'THE', 'A', 'ON', 'BY', 'FROM', 'WITH', 'PER', 'AT', 'AS']);
  const acronyms = new Set(['ID', 'SSN', 'DNR', 'DRG', 'NDC', 'CDS', 'UB82', 'HMO', 'PPO', 'OID', 'UPC', 'LMP', 'ER', 'OR', 'UCR', 'CPT']);
  const word = (each: string, n: number): string =>
    acronyms.has(each) ? each : small.has(each) && n > 0 ? each.toLowerCase() : each.charAt(0) + each.slice(1).toLowerCase();
  return (name) => known.get(letters(name)) ?? name.replaceAll('DATE_TIME', 'DATE/TIME').split('_').map(word).join(' ');
}

/**
 * One line for a segment or a datatype: name, then for each position its variants over the versions, oldest first:
 * first version's index in base 36, type ('-': not there), * when it repeats, ! when it is required, table, name ('' as before).
 */
function line(id: string, perVersion: readonly (readonly Field[] | undefined)[], spell: (name: string) => string): string {
  const size = Math.max(...perVersion.map((fields) => fields?.length ?? 0));
  const positions = Array.from({ length: size }, (_, n) => {
    let before = '-';
    let nameBefore = '';
    const variants: string[] = [];
    perVersion.forEach((fields, v) => {
      const field = fields?.[n];
      const name = field?.name ? spell(field.name) : nameBefore; // some versions leave withdrawn fields without a name
      const head = field === undefined ? '-' : `${field.datatype ?? 'ST'}${field.max === 1 ? '' : '*'}${field.min ? '!' : ''}`;
      const body = field === undefined ? '-' : `${head}:${field.table?.replace(/^HL7/, '') ?? ''}`;
      if (body === before && (name === nameBefore || field === undefined)) return;
      variants.push(`${v.toString(36)}${body}${field === undefined || name === nameBefore ? '' : `:${name}`}`);
      before = body;
      nameBefore = field === undefined ? nameBefore : name;
    });
    return variants.join('|');
  });
  return [id, ...positions].join('\t');
}

const WITHDRAWN: Field = { datatype: 'WD', name: null, table: null, min: 0, max: 1 };

/** Returns the fields at their true positions; gaps are withdrawn fields. */
function placed(fields: readonly Field[] | undefined): readonly Field[] | undefined {
  const numbers = fields?.map((each) => Number(/\d+$/.exec(each.field ?? each.component ?? '')?.[0]));
  return numbers && Array.from({ length: Math.max(0, ...numbers) }, (_, n) => fields?.[numbers.indexOf(n + 1)] ?? WITHDRAWN);
}

function lines(kind: 'segments' | 'datatypes', all: readonly Definitions[], spell: (name: string) => string): string {
  const ids = [...new Set(all.flatMap((each) => Object.keys(each[kind])))].filter((id) => id !== 'ANYHL7SEGMENT').sort();
  return ids
    .map((id) =>
      line(
        id,
        all.map((each) => placed(each[kind][id])),
        spell,
      ),
    )
    .join('\n');
}

/**
 * Where two versions name the same thing differently, or where a group only hides what every map asks for, the newer or simpler
 * shape is used for all: '' dissolves the group into its parent, another word renames it.
 */
const RENAMED: Readonly<Record<string, string>> = {
  ORU_R01_RESPONSE: 'PATIENT_RESULT', // 2.3's name of 2.3.1's PATIENT_RESULT
  ORU_R01_COMMON_ORDER: '', // 2.8 wraps ORC, which stood in ORDER_OBSERVATION before
};
const MARKS = { '01': '?', '0n': '*', '11': '', '1n': '+' } as const;

function markOf(child: Child): string {
  return MARKS[`${child.min === 0 ? 0 : 1}${child.max === 1 ? 1 : 'n'}`];
}

/** Group names without the message's prefix; choices of segments only are written `<OBR|RXO>` and are no group. */
function pool(all: readonly Definitions[]): { bodies: string[]; messages: Map<string, string[]> } {
  const bodies = new Map<string, number>();
  const messages = new Map<string, string[]>();
  all.forEach((definitions, v) => {
    const element = (child: Child, message: string): string => {
      if (child.type === 'segment') return child.name + markOf(child);
      const group = definitions.groups[child.name];
      if (group === undefined) throw new Error(`${VERSIONS[v]} ${message}: no group ${child.name}`);
      const rename = RENAMED[child.name];
      if (rename === '') return group.children.map((each, n) => element(n === 0 ? { ...each, min: child.min } : each, message)).join(' ');
      if (group.kind === 'choice' && group.children.every((each) => each.type === 'segment')) {
        return `<${group.children.map((each) => each.name).join('|')}>${markOf(child)}`;
      }
      const name = rename ?? child.name.replace(/^[A-Z]{3}_[A-Z0-9]{3}_/, '');
      return `${name}=${bodyOf(group, message)}${markOf(child)}`;
    };
    const bodyOf = (group: Sequence, message: string): number => {
      const text = (group.kind === 'choice' ? '|' : '') + group.children.map((each) => element(each, message)).join(' ');
      const known = bodies.get(text);
      if (known !== undefined) return known;
      bodies.set(text, bodies.size);
      return bodies.size - 1;
    };
    for (const [id, message] of Object.entries(definitions.messages)) {
      const body = message.children.map((each) => element(each, id)).join(' ');
      const variants = messages.get(id) ?? Array.from({ length: v }, () => '');
      variants[v] = body;
      messages.set(id, variants);
    }
  });
  return { bodies: [...bodies.keys()], messages };
}

function messageLines(messages: ReadonlyMap<string, readonly string[]>): string {
  return [...messages]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, variants]) => {
      let before = '';
      const parts = VERSIONS.flatMap((_, v) => {
        const body = variants[v] ?? '';
        const same = body === before;
        before = body;
        return same ? [] : [`${v.toString(36)}${body}`];
      });
      return [id, ...parts].join('\t');
    })
    .join('\n');
}

/** 'ADT_A01 A01 A04 A08 A13' per line, from table 0354; only events written as such. */
function eventLines(): string {
  const xml = readFileSync(join(SOURCE, 'utg-v2-tables/codeSystems/cs-v2-0354.xml'), 'utf8');
  const rows: string[] = [];
  for (const [, concept = ''] of xml.matchAll(/<concept id="\d+">(.*?)<\/concept>/gs)) {
    const code = /<code value="(\w+)"/.exec(concept)?.[1] ?? '';
    const display = /<display value="([^"]*)"/.exec(concept)?.[1] ?? '';
    const events = display.replaceAll('|', 'I').match(/\b[A-Z][A-Z0-9][A-Z0-9]\b/g) ?? [];
    if (/^[A-Z]{3}_[A-Z0-9]{3}$/.test(code) && events.length > 0) rows.push([code, ...events].join(' '));
  }
  return rows.sort().join('\n');
}

const header = (what: string): string =>
  `// Generated by scripts/generate-hl7v2-definitions.ts; do not edit. ${what}\n// The form is described at the script and read by definitions.ts and structures.ts.\n`;

function build(): Map<string, string> {
  const all = VERSIONS.map((version) => readJson<Definitions>(`hl7apy-json/${version}.json`));
  const spell = spelling();
  const { bodies, messages } = pool(all);
  const quoted = (name: string, text: string): string => `export const ${name} = \`\n${text}\n\`;\n`;
  return new Map([
    [
      'services/hl7v2/definitions.generated.ts',
      header(`Segments and datatypes of HL7v2 ${VERSIONS.join(', ')}.`) +
        `export const VERSIONS = ${JSON.stringify(VERSIONS)};\n` +
        quoted('SEGMENTS', lines('segments', all, spell)) +
        quoted('DATATYPES', lines('datatypes', all, spell)),
    ],
    [
      'services/hl7v2/structures.generated.ts',
      header(`Message structures of HL7v2 ${VERSIONS.join(', ')}.`) +
        quoted('BODIES', bodies.join('\n')) +
        quoted('STRUCTURES', messageLines(messages)) +
        quoted('EVENTS', eventLines()),
    ],
  ]);
}

if (!existsSync(join(SOURCE, 'hl7apy-json'))) {
  console.log(`Skipped: no HL7v2 definitions at ${SOURCE} (set POLYSEME_HL7V2_DEFINITIONS). The generated files stay as they are.`);
} else {
  const check = process.argv.includes('--check');
  for (const [path, text] of build()) {
    const same = existsSync(join(ROOT, path)) && readFileSync(join(ROOT, path), 'utf8') === text;
    if (!check) writeFileSync(join(ROOT, path), text);
    console.log(`${path}: ${same ? 'as generated' : check ? 'DIFFERS' : 'written'} (${Math.round(text.length / 1024)} KB)`);
    if (check && !same) process.exitCode = 1;
  }
}
