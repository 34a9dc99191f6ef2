import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseAst } from 'vite';
import { describe, expect, it } from 'vitest';

/** The floor table of README.md. A room may import the rooms on its right and itself; `errors` is a file, the others are folders. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['commands', 'config', 'errors'],
  commands: ['package', 'pipeline', 'mllp', 'http', 'database', 'mapping', 'hl7v2', 'fhir', 'omop', 'terminology', 'config', 'errors'],
  mllp: ['pipeline', 'database', 'terminology', 'hl7v2', 'fhir', 'omop', 'config', 'errors'],
  http: ['pipeline', 'database', 'terminology', 'hl7v2', 'fhir', 'omop', 'errors'],
  console: ['pipeline', 'database', 'terminology', 'hl7v2', 'fhir', 'omop', 'errors'],
  pipeline: ['mapping', 'database', 'terminology', 'hl7v2', 'fhir', 'omop', 'config', 'errors'],
  mapping: ['terminology', 'hl7v2', 'fhir', 'omop', 'errors'],
  database: ['terminology', 'hl7v2', 'fhir', 'omop', 'errors'],
  hl7v2: ['errors'],
  fhir: ['errors'],
  omop: ['errors'],
  terminology: [],
  config: ['errors'],
  errors: [],
};
const FORBIDDEN_NAMES = /^(utils?|helpers?|lib|common|managers?|misc)$/;
const LONGEST_FILE = 300;
const LONGEST_FUNCTION = 70;

const root = resolve(import.meta.dirname, '..');

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'start' in value;

function nodesOf(node: Node): Node[] {
  const found = [node];
  for (const value of Object.values(node)) {
    for (const each of Array.isArray(value) ? value : [value]) if (isNode(each)) found.push(...nodesOf(each));
  }
  return found;
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

const isGenerated = (path: string) => path.endsWith('.generated.ts');

function sourceOf(path: string) {
  const text = readFileSync(join(root, path), 'utf8');
  const program = parseAst(text, { lang: path.endsWith('x') ? 'tsx' : 'ts' });
  return { path, text, nodes: isNode(program) ? nodesOf(program) : [] };
}

type Source = ReturnType<typeof sourceOf>;

function importsOf(source: Source): string[] {
  const importing = ['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression'];
  return source.nodes
    .filter((node) => importing.includes(node.type))
    .map((node) => (isNode(node['source']) ? node['source']['value'] : undefined))
    .filter((value) => typeof value === 'string')
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(root, resolve(root, dirname(source.path), specifier)));
}

/** services/main.ts -> main; services/mapping/… -> mapping; terminology/… -> terminology; package.json -> package. */
function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return (top === 'services' ? second : top).replace(/\.(ts|json)$/, '');
}

const lines = (text: string) => text.split('\n').length;

function longFunctions(source: Source): string[] {
  return source.nodes
    .filter((node) => /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type))
    .map((node) => ({ length: lines(source.text.slice(node.start, node.end)), line: lines(source.text.slice(0, node.start)) }))
    .filter(({ length }) => length > LONGEST_FUNCTION)
    .map(({ length, line }) => `${source.path}:${line} has a function of ${length} lines`);
}

function circleFrom(start: string, edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const trail: string[] = [];
  const done = new Set<string>();
  const visit = (path: string): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    trail.push(path);
    for (const next of edges.get(path) ?? []) {
      const circle = visit(next);
      if (circle) return circle;
    }
    trail.pop();
    done.add(path);
    return undefined;
  };
  return visit(start);
}

const product = ['services', 'terminology'].flatMap(filesUnder).map(sourceOf);
const others = ['scripts', 'test'].flatMap(filesUnder).map(sourceOf);

describe('the house', () => {
  it('has rooms that import only what stands below them', () => {
    const wrong = product.flatMap((source) => {
      const room = roomOf(source.path);
      const allowed = MAY_IMPORT[room];
      if (!allowed) return [`${source.path}: no such room in the floor table`];
      return importsOf(source)
        .filter((target) => roomOf(target) !== room && !allowed.includes(roomOf(target)))
        .map((target) => `${source.path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('has no circles', () => {
    const edges = new Map(product.map((source) => [source.path, importsOf(source)]));
    expect(product.map((source) => circleFrom(source.path, edges)).filter(Boolean)).toEqual([]);
  });

  it('has SQL in the database room only', () => {
    const sql = /['"`\s](select\s.+\sfrom|insert\s+into|delete\s+from|update\s+\w+(\.\w+)?\s+set)\s/i;
    const wrong = product
      .filter((source) => roomOf(source.path) !== 'database')
      .filter((source) =>
        source.nodes.some(
          (node) => ['Literal', 'TemplateElement'].includes(node.type) && sql.test(source.text.slice(node.start, node.end)),
        ),
      );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  it('has pure rooms without clock, chance, network, files or processes', () => {
    const impure = /\b(Date\.now\(|new Date\(\)|Math\.random\(|fetch\()|from 'node:(fs|net|http|https|tls|dgram|child_process)/;
    const pure = product.filter((source) => ['hl7v2', 'fhir', 'omop'].includes(roomOf(source.path)) && !isGenerated(source.path));
    expect(pure.filter((source) => impure.test(source.text)).map((source) => source.path)).toEqual([]);
  });

  it(`has files of at most ${LONGEST_FILE} lines and functions of at most ${LONGEST_FUNCTION}`, () => {
    const written = product.filter((source) => !isGenerated(source.path));
    const long = written
      .filter((source) => lines(source.text) > LONGEST_FILE + 1)
      .map((source) => `${source.path}: ${lines(source.text)} lines`);
    expect([...long, ...written.flatMap(longFunctions)]).toEqual([]);
  });

  it('has no room or file that is named after nothing', () => {
    const names = [...product, ...others].flatMap((source) => source.path.replace(/\.tsx?$/, '').split('/'));
    expect(names.filter((name) => FORBIDDEN_NAMES.test(name))).toEqual([]);
  });

  it('says in line one what is generated and by which script', () => {
    const silent = product.filter(
      (source) => isGenerated(source.path) && !/generated.*scripts\/[\w-]+\.ts/i.test(source.text.split('\n')[0] ?? ''),
    );
    expect(silent.map((source) => source.path)).toEqual([]);
  });

  it('lets nothing of the product import tests, scripts or fixtures', () => {
    const wrong = product.flatMap((source) => importsOf(source).filter((target) => /^(test|scripts|fixtures)\//.test(target)));
    expect(wrong).toEqual([]);
  });

  it('has nothing at the top level beside what README names', () => {
    const known = [
      'services',
      'mappings',
      'terminology',
      'fixtures',
      'scripts',
      'test',
      'package.json',
      'package-lock.json',
      'tsconfig.json',
    ];
    const tools = [
      'README.md',
      'LICENSE',
      'NOTICE',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'biome.json',
      'vitest.config.ts',
      'node_modules',
      'coverage',
    ];
    const strange = readdirSync(root).filter((name) => !name.startsWith('.') && ![...known, ...tools].includes(name));
    expect(strange).toEqual([]);
  });
});
