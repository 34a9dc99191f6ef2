/** A map of CSV or JSON records to the text of one JavaScript module: resources of the record itself, then those made for each of its lists. */
import { isResourceType } from '../../fhir/definitions.ts';
import { didYouMean } from '../diagnostics.ts';
import { compileExpression } from '../expression/compile.ts';
import type { Compiled, FhirScope, ScopeFault } from '../expression/scope.ts';
import { asCondition, asText } from '../expression/typed.ts';
import { isExpression, type ScalarNode } from '../read.ts';
import type { RecordSpec } from '../spec.ts';
import type { Build } from '../to-fhir/build.ts';
import { WRITERS } from '../to-fhir/fields.ts';
import { writeResourceFields } from '../to-fhir/objects.ts';
import { type Loop, listJs, type Place, quiet } from '../to-fhir/place.ts';
import type { Resolved } from '../to-fhir/resolve.ts';
import { RECORD, shapeTypes } from './shape.ts';

interface Level {
  readonly each: string;
  readonly open: string;
  readonly scope: FhirScope;
  readonly keys: string[];
  readonly resources: string[];
  readonly late: string[];
}

interface Made {
  readonly resource: Resolved;
  readonly level: Level;
  readonly handle: string;
  readonly lists: string[];
}

/** Returns the module's text; faults are in `build.diagnostics`, paths that rules read in `reads`. */
export function writeRecordModule(spec: RecordSpec, resources: readonly Resolved[], build: Build, reads: Set<string>): string {
  return new RecordWriter(spec, build, reads).write(resources);
}

class RecordWriter {
  readonly #spec: RecordSpec;
  readonly #build: Build;
  readonly #root: Level;
  readonly #levels = new Map<string, Level>();
  readonly #made = new Map<string, Made>();
  readonly #keyed = new Set<string>();
  readonly #pending = new Set<string>();
  readonly #declared: string[] = [];

  constructor(spec: RecordSpec, build: Build, reads: Set<string>) {
    this.#spec = spec;
    this.#build = build;
    const types = shapeTypes(spec.shape, (path) => reads.add(path));
    const scope: FhirScope = { format: 'fhir', texts: 'iso', types, root: { js: 'rec', type: RECORD }, param: (name) => this.#param(name) };
    this.#root = { each: '', open: '', scope, keys: [], resources: [], late: [] };
  }

  write(resources: readonly Resolved[]): string {
    for (const resource of resources) this.#place(resource);
    for (const made of this.#made.values()) this.#writeKey(made);
    for (const made of this.#made.values()) this.#writeResource(made);
    const inner = [...this.#levels.values()].map(
      (level) => `${level.open}\n${[...level.keys, ...level.resources, ...level.late].join('\n')}\n}`,
    );
    const { keys, resources: own, late } = this.#root;
    const body = [...this.#declared, ...keys, ...own, ...inner, ...late].join('\n');
    return `"use strict";\n${this.#build.functions.map((each) => each()).join('\n')}\nreturn function convert(rec, X) {\n${body}\n};`;
  }

  #place(resource: Resolved): void {
    const level = resource.each === undefined ? this.#root : this.#level(resource.each);
    if (level === undefined) return;
    const handle = this.#build.fresh('h');
    // Of an inner level: each turn of the loop has its own.
    if (level === this.#root) this.#declared.push(`let ${handle};`);
    else level.keys.unshift(`let ${handle};`);
    this.#made.set(resource.name, { resource, level, handle, lists: [] });
  }

  #level(each: ScalarNode): Level | undefined {
    const known = this.#levels.get(each.value);
    if (known !== undefined) return known;
    const loop = this.#loopOf(each, this.#root.scope);
    if (loop === undefined) return undefined;
    const level = { each: each.value, open: loop.open, scope: loop.scope, keys: [], resources: [], late: [] };
    this.#levels.set(each.value, level);
    return level;
  }

  /** Inside, names are parts of the item and `record` is the whole. */
  #loopOf(each: ScalarNode, scope: FhirScope): { readonly open: string; readonly scope: FhirScope } | undefined {
    if (!isExpression(each)) {
      this.#build.fault('not-an-expression', each.at, { key: 'each' });
      return undefined;
    }
    const value = this.#compiled(each, scope);
    if (value === undefined) return undefined;
    const js = this.#build.fresh('i');
    const record: Compiled = { js: 'rec', type: { kind: 'fhir', name: RECORD, many: false } };
    const inner: FhirScope = { ...scope, root: { js, type: value.type.name }, names: new Map([['record', record]]) };
    return { open: `for (const ${js} of ${listJs(value)}) {`, scope: inner };
  }

  #compiled(node: ScalarNode, scope: FhirScope): Compiled | undefined {
    const result = compileExpression(node, scope);
    if (result.ok) return result.value;
    this.#build.diagnostics.push(...result.diagnostics);
    return undefined;
  }

  #scope(made: Made): FhirScope {
    return { ...made.level.scope, handle: (name, all) => this.#handle(name, all, made) };
  }

  #param(name: string): string | ScopeFault {
    const { params } = this.#spec;
    return params.has(name)
      ? `X.param(${JSON.stringify(name)})`
      : { code: 'unknown-param', values: { name, nearest: didYouMean(name, params.keys()) } };
  }

  #handle(name: string, all: boolean, from: Made): string | ScopeFault {
    const made = this.#made.get(name);
    if (made === undefined) return { code: 'unknown-handle', values: { name, nearest: didYouMean(name, this.#made.keys()) } };
    if (all) {
      const list = this.#build.fresh('l');
      this.#declared.push(`const ${list} = [];`);
      made.lists.push(list);
      this.#late.add(from.resource.name);
      return list;
    }
    if (made.level !== this.#root && made.level !== from.level) return { code: 'handle-scope', values: { name, scope: made.level.each } };
    if (this.#pending.has(name)) return { code: 'handle-circle', values: { names: [...this.#pending].join(', ') } };
    this.#writeKey(made);
    return `${made.handle}?.reference`;
  }

  readonly #late = new Set<string>();

  #writeKey(made: Made): void {
    const { resource, level, handle } = made;
    if (this.#keyed.has(resource.name)) return;
    this.#pending.add(resource.name);
    const scope = this.#scope(made);
    const parts = resource.key.map((node) => this.#keyPart(node, scope));
    const when = resource.when === undefined ? undefined : this.#compiled(resource.when, scope);
    this.#pending.delete(resource.name);
    this.#keyed.add(resource.name);
    const make = `${handle} = X.handle(${[resource.type].map((each) => JSON.stringify(each)).join()}, [${parts.join(', ')}], ${JSON.stringify(resource.name)}, ${JSON.stringify(resource.sameKey)}, ${JSON.stringify(resource.onError)});`;
    const word = resource.otherwise;
    const otherwise =
      word === undefined ? '' : ` else X.reported(${JSON.stringify(word.value)}, ${JSON.stringify(resource.type)}, undefined);`;
    level.keys.push(when === undefined ? make : `if (${quiet(asCondition(when))}) ${make}${otherwise}`);
  }

  #keyPart(node: ScalarNode, scope: FhirScope): string {
    if (!isExpression(node)) return JSON.stringify(node.value);
    const value = this.#compiled(node, scope);
    if (value === undefined) return 'undefined';
    const text = asText(value);
    if (text === undefined) this.#build.fault('expression-many', node.at, { path: node.value.slice(1) });
    return text ?? 'undefined';
  }

  #writeResource(made: Made): void {
    const { resource, level, handle } = made;
    if (!isResourceType(resource.type)) return;
    const scope = this.#scope(made);
    const name = this.#build.fresh('r');
    const traced = this.#build.traceRule(resource.at, resource.type, resource.name, 'resource', undefined);
    const place: Place = {
      build: this.#build,
      scope,
      use: new Map(),
      around: { rule: traced, role: 'part' },
      guarded: false,
      loop: (each) => this.#innerLoop(each, scope),
      write: WRITERS,
      deletes: undefined,
    };
    const fields = writeResourceFields(resource.fields, resource.type, place);
    const [enter, leave] = traced === undefined ? ['', ''] : [`X.enter(${traced}); `, ` X.leave(${traced}, o);`];
    const start = `${enter}const o = { resourceType: ${JSON.stringify(resource.type)}, id: ${handle}.id };\nX.begin(${JSON.stringify(resource.onError)}, ${handle});`;
    const collect = made.lists.map((list) => `if (!${handle}.parked) ${list}.push(${handle}.reference);`).join(' ');
    const text = `if (${handle} !== undefined) { const ${name} = () => {\n${start}\n${fields}\nX.finish(o, ${handle}, ${JSON.stringify(resource.update)});${leave}\n}; ${name}(); ${collect} }`;
    (this.#late.has(resource.name) ? level.late : level.resources).push(text);
  }

  #innerLoop(each: ScalarNode, scope: FhirScope): Loop | undefined {
    const loop = this.#loopOf(each, scope);
    return loop === undefined
      ? undefined
      : { before: () => loop.open, scope: loop.scope, after: '}', inner: (next) => this.#innerLoop(next, loop.scope) };
  }
}
