/** A message map compiled: the segments of its message, what it needs beside the resource, and what it refuses. */
import { type Problem, problem } from '../../errors.ts';
import { fieldOf, isSegment } from '../../hl7v2/definitions.ts';
import { didYouMean } from '../diagnostics.ts';
import { typeOfFhir } from '../expression/compile-fhir.ts';
import type { Compiled, FhirScope } from '../expression/scope.ts';
import { system } from '../expression/typed.ts';
import { FHIR } from '../to-rows/shapes.ts';
import type { OutCompiler, OutContext, Place, Read, Step, Test } from './compile.ts';
import type { OutMessageSpec, OutPart, OutSegment, OutSegmentSpec } from './model.ts';
import { isValued, textOfValue, type Value } from './written.ts';

/** One segment as it will be written: fields by number, from 1 at index 0. */
export interface BuiltSegment {
  readonly name: string;
  readonly fields: readonly (readonly Value[] | undefined)[];
  /** Of the map's own segment that it comes from; undefined: what is gone in it is not told as deleted. */
  readonly deletes: string | undefined;
  /** False: written only where it tells that something was deleted. */
  readonly says: boolean;
}

export interface CompiledOutMessage {
  readonly spec: OutMessageSpec;
  readonly types: readonly { readonly test: Test; readonly is: string }[];
  readonly refuse: readonly { readonly test: Test; readonly because: string }[];
  /** References (TYPE/ID) to what is needed. */
  readonly linked: readonly {
    readonly name: string;
    readonly type: string;
    readonly many: boolean;
    readonly require: boolean;
    readonly whole: boolean;
    readonly references: Read;
    readonly by: string | undefined;
  }[];
  /** The segment maps that it uses. */
  readonly uses: readonly OutSegmentSpec[];
  /** Paths of each linked type and of the resource itself that its segment maps ignore. */
  readonly ignored: ReadonlyMap<string, readonly string[]>;
  segments(c: OutContext): readonly BuiltSegment[];
}

interface CompiledSegment {
  readonly name: string;
  build(c: OutContext, i: unknown, number: number): readonly BuiltSegment[];
  items(c: OutContext, i: unknown): readonly unknown[];
}

/** Returns a message map compiled; what is wrong with it is among the compiler's diagnostics. */
export function compileOutMessage(
  spec: OutMessageSpec,
  compiler: OutCompiler,
  segmentMaps: ReadonlyMap<string, OutSegmentSpec>,
  own: ReadonlyMap<string, Compiled> = new Map(),
): CompiledOutMessage {
  const root: FhirScope = { format: 'fhir', types: FHIR, root: { js: 'c.root', type: spec.source } };
  if (FHIR.elements(spec.source) === undefined) compiler.fault('unknown-type', spec.at, { name: spec.source });
  const linked = spec.linked.map((link) => {
    const value = link.ref === undefined ? undefined : compiler.expression(link.ref, { scope: root });
    if (link.ref === undefined) return { ...link, by: link.by, many: true, references: compiler.read('[]') };
    if (value !== undefined && value.type.name !== 'Reference')
      compiler.fault('expression-type', link.ref.at, { reason: 'This is no reference', hint: 'Name an element of type Reference.' });
    const many = value?.type.many === true;
    return { ...link, by: link.by, many, references: compiler.read(value === undefined ? '[]' : many ? value.js : `R.one(${value.js})`) };
  });
  const names = new Map<string, Compiled>([
    ['change', { js: 'c.change', type: system('string') }],
    ['changed', { js: 'c.changed', type: system('instant') }],
    ['number', { js: 'c.number', type: system('string') }],
    ['resource', { js: 'c.root', type: typeOfFhir(spec.source, false) }],
    ...own,
    ...linked.map(({ name, type, many }): [string, Compiled] => [
      name,
      { js: `c.links[${JSON.stringify(name)}]`, type: typeOfFhir(type, many) },
    ]),
  ]);
  const scope: FhirScope = { ...root, names };
  const ignored = new Map<string, readonly string[]>([[spec.source, spec.ignore.map(({ path }) => path)]]);
  const uses: OutSegmentSpec[] = [];
  const used = (of: OutSegmentSpec): void => {
    if (!uses.includes(of)) uses.push(of);
    ignored.set(of.source, [...(ignored.get(of.source) ?? []), ...of.ignore.map(({ path }) => path)]);
  };
  const place: Place = { scope, path: '', use: spec.use, version: spec.target };
  const segments = spec.segments.map((each, n) => segmentOf(each, `${n}`, place, { compiler, segmentMaps, used }));
  return {
    spec,
    types: spec.types.map((each) => ({ test: compiler.test(each.when, { scope }), is: each.is })),
    refuse: spec.refuse.map((each) => ({ test: compiler.test(each.when, { scope }), because: each.because })),
    linked,
    uses,
    ignored,
    segments: (c) => segments.flatMap((each) => written(each, c, c.root)),
  };
}

const written = (segment: CompiledSegment, c: OutContext, i: unknown): readonly BuiltSegment[] =>
  segment.items(c, i).flatMap((item, n) => segment.build(c, item, n + 1));

interface Tools {
  readonly compiler: OutCompiler;
  readonly segmentMaps: ReadonlyMap<string, OutSegmentSpec>;
  readonly used: (map: OutSegmentSpec) => void;
}

function segmentOf(spec: OutSegment, key: string, outer: Place, tools: Tools): CompiledSegment {
  const { compiler } = tools;
  if (!isSegment(spec.name) && !spec.name.startsWith('Z')) compiler.fault('unknown-segment', spec.at, { name: spec.name });
  const over = spec.each === undefined ? undefined : compiler.each(spec.each, outer);
  // Inside `each` names are parts of the item; without it of what is around.
  const scope = over?.scope ?? outer.scope;
  const place: Place = { ...outer, scope };
  const base = baseOf(spec, scope, tools);
  const own = new Set(spec.fields.map(({ number }) => number));
  const fields = [
    ...(base?.fields
      .filter(({ number }) => !own.has(number))
      .map((each) => fieldOfPart(spec.name, each, { ...place, use: base.use }, compiler)) ?? []),
    ...spec.fields.map((each) => fieldOfPart(spec.name, each, place, compiler)),
  ];
  const when = compiler.test(spec.when, place);
  const inner = spec.segments.map((each, n) => segmentOf(each, `${key}.${n}`, place, tools));
  return {
    name: spec.name,
    items: (c, i) => (over === undefined ? [i] : over.items(c, i)),
    build: (c, i, number) => {
      if (!when(c, i)) return [];
      c.number = String(number);
      const made: (readonly Value[] | undefined)[] = [];
      for (const { n, step } of fields) {
        while (made.length <= n) made.push(undefined);
        made[n] = step(c, i).filter(isValued);
      }
      const says = fields.some(({ n, isCount }) => !isCount && (made[n]?.length ?? 0) > 0);
      const isSaid = says || spec.always;
      const segment = { name: spec.name, fields: made, deletes: spec.deletes ? key : undefined, says: isSaid };
      return [...(isSaid || spec.deletes ? [segment] : []), ...inner.flatMap((each) => written(each, c, i))];
    },
  };
}

function baseOf({ use, at }: OutSegment, scope: FhirScope, { compiler, segmentMaps, used }: Tools): OutSegmentSpec | undefined {
  if (use === undefined) return undefined;
  const found = segmentMaps.get(use.value);
  if (found === undefined) compiler.fault('unknown-map', use.at, { name: use.value, nearest: didYouMean(use.value, segmentMaps.keys()) });
  else if (found.source !== scope.root?.type)
    compiler.fault('expression-type', at, {
      reason: `${found.id} reads ${found.source}, and here is ${scope.root?.type ?? 'nothing'}`,
      hint: 'Say each: (the resource that it is of).',
    });
  else used(found);
  return found;
}

interface Field {
  readonly n: number;
  readonly step: Step;
  /** Numbers the segments, says nothing. */
  readonly isCount: boolean;
}

function fieldOfPart(segment: string, part: OutPart, place: Place, compiler: OutCompiler): Field {
  const definition = fieldOf(place.version, segment, part.number);
  const path = `${segment}-${part.number}`;
  if (definition === undefined && !segment.startsWith('Z'))
    compiler.fault('unknown-field', part.at, { name: path, version: place.version });
  const step = compiler.rule(part.rule, definition?.type ?? 'ST', { ...place, path: '' });
  const { body } = part.rule;
  const isCount = body.kind === 'expression' && body.node.value === '=number';
  const isRepeated = definition === undefined || definition.repeats;
  const told: Step = (c, i) => {
    c.field = path;
    const values = step(c, i);
    if (!isRepeated && values.filter(isValued).length > 1) c.problems.push(tooMany(values.length, path));
    return values;
  };
  return { n: part.number - 1, step: told, isCount };
}

const tooMany = (count: number, path: string): Problem =>
  problem('outgoing-not-expressible', { what: `${count} values in a field that does not repeat` }, path);

/** Returns a segment as its line, with `""` where `before`, the same segment of the version before, said something and this one nothing. */
export function lineOf({ name, fields }: BuiltSegment, before: BuiltSegment | undefined): string {
  const count = Math.max(fields.length, before?.fields.length ?? 0);
  const texts = Array.from({ length: count }, (_, n) => {
    const text = (fields[n] ?? []).map((each) => textOfValue(each)).join('~');
    return text === '' && (before?.fields[n] ?? []).some(isValued) ? '""' : text;
  });
  while (texts.at(-1) === '') texts.pop();
  return [name, ...texts].join('|');
}
