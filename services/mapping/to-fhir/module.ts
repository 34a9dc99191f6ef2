/**
 * One message map, for one version and message structure, to the text of one JavaScript module. Resources are made in loops that follow
 * the message's groups: first all ids of a level, then its resources, then what repeats inside, then what refers to that.
 */
import { isResourceType } from '../../fhir/definitions.ts';
import { type StructureElement, structureOf } from '../../hl7v2/structures.ts';
import { didYouMean } from '../diagnostics.ts';
import { compileExpression } from '../expression/compile.ts';
import type { Hl7v2Scope, Scope, ScopeFault } from '../expression/scope.ts';
import { asCondition, asText } from '../expression/typed.ts';
import { isExpression, type ScalarNode } from '../read.ts';
import { withDeclared } from '../sites/declared.ts';
import type { Build } from './build.ts';
import type { Part } from './definitions.ts';
import { placeLoop, WRITERS } from './fields.ts';
import { declaredIn, resourceFunction } from './functions.ts';
import { type Level, Levels, pathsOf, type Spot, type Step } from './levels.ts';
import { isKnown, type ModuleInput, type WrittenModule } from './module-input.ts';
import { writeResourceFields } from './objects.ts';
import { type Loop, listJs, type Place, quiet } from './place.ts';
import type { Resolved } from './resolve.ts';

interface Made {
  readonly resource: Resolved;
  readonly spot: Spot;
  readonly handle: string;
  /** Variables that collect references for refs(). */
  readonly lists: string[];
}

/** Returns the module's text; faults are in `input.build.diagnostics`. */
export const writeModule = (input: ModuleInput): WrittenModule => new ModuleWriter(input).write();

class ModuleWriter {
  readonly #input: ModuleInput;
  readonly #build: Build;
  readonly #levels: Levels;
  readonly #children: readonly StructureElement[];
  readonly #made = new Map<string, Made>();
  readonly #reads = new Map<string, Map<number, boolean>>();
  readonly #pendingKeys = new Set<string>();

  constructor(input: ModuleInput) {
    this.#input = input;
    this.#build = input.build;
    this.#children = withDeclared(structureOf(input.build.version, input.structure)?.children ?? [], input.spec.segments);
    this.#levels = new Levels(input.build, this.#children, input.knownSegments);
  }

  write(): WrittenModule {
    for (const resource of this.#input.resources) this.#place(resource);
    for (const made of this.#made.values()) this.#writeKey(made);
    for (const made of this.#made.values()) this.#writeResource(made);
    return { text: () => this.#text(), reads: this.#reads };
  }

  /** Puts together what was written. */
  #text(): string {
    this.#declared = declaredIn(this.#levels.root);
    const body = this.#levelText(this.#levels.root);
    const functions = this.#build.functions.map((each) => each()).join('\n');
    return `"use strict";\n${functions}\nreturn function convert(root, X) {\n${body}\n};`;
  }

  /** Finds where a resource is made; one whose group this structure lacks is not made. */
  #place(resource: Resolved): void {
    const root: Spot = { level: this.#levels.root, group: this.#levels.root.group, guard: undefined };
    const { each } = resource;
    let spot: Spot | undefined = root;
    if (each !== undefined) spot = isExpression(each) ? this.#valueSpot(each, root) : this.#levels.at(each.value, root);
    if (spot === undefined) {
      if (each !== undefined && !isExpression(each) && !this.#input.knownPaths.has(each.value)) {
        const paths = [...this.#input.knownPaths, ...pathsOf(this.#children)];
        const values = { name: each.value, structure: this.#input.structure, version: this.#build.version };
        this.#build.fault('unknown-group', each.at, { ...values, nearest: didYouMean(each.value, paths) });
      }
      return;
    }
    const handle = this.#build.fresh('h');
    spot.level.declarations.push(`let ${handle};`);
    this.#made.set(resource.name, { resource, spot, handle, lists: [] });
  }

  #valueSpot(each: ScalarNode, root: Spot): Spot | undefined {
    const result = compileExpression(each, this.#scope(root, ''));
    if (!result.ok) {
      this.#build.diagnostics.push(...result.diagnostics);
      return undefined;
    }
    const { value } = result;
    return this.#levels.valueSpot(root, listJs(value), value.type.name);
  }

  #scope(spot: Spot, resource: string): Hl7v2Scope {
    const { version } = this.#build;
    return {
      format: 'hl7v2',
      version,
      segment: (name, occurrence) => {
        const found = this.#levels.segment(name, occurrence, spot);
        if (!('code' in found)) {
          if (!found.many && found.js !== 'undefined') this.#firstSegment ??= found.js;
          return found;
        }
        return { ...found, values: { ...found.values, nearest: didYouMean(name, this.#input.knownSegments) } };
      },
      field: (segment, field) => this.#field(segment, field),
      component: (datatype, component) => this.#build.asked.component(version, datatype, component),
      reached: (name, isReached, at) => this.#build.place({ at, name, isReached, isLoop: false }),
      read: (segment, field, all) => this.#noteRead(segment, field, all),
      ...(spot.level.current === undefined ? {} : { current: spot.level.current }),
      handle: (name, all) => this.#handleJs(name, spot, resource, all),
      param: (name) => this.#paramJs(name),
    };
  }

  #field(segment: string, field: number): Part | undefined {
    const declared = this.#input.spec.segments.get(segment);
    if (declared === undefined) return this.#build.asked.field(this.#build.version, segment, field);
    const found = declared.fields.get(field);
    return found === undefined ? undefined : { datatype: found.datatype, many: found.repeats };
  }

  #noteRead(segment: string, field: number, all: boolean): void {
    const fields = this.#reads.get(segment) ?? new Map<number, boolean>();
    this.#reads.set(segment, fields);
    fields.set(field, all || fields.get(field) === true);
  }

  #paramJs(name: string): string | ScopeFault {
    const { params } = this.#input.spec;
    if (params.has(name)) return `X.param(${JSON.stringify(name)})`;
    return { code: 'unknown-param', values: { name, nearest: didYouMean(name, params.keys()) } };
  }

  #handleJs(name: string, spot: Spot, resource: string, all: boolean): string | ScopeFault {
    // refs('*'): whoever asks for everything is made last.
    if (all && name === '*') {
      this.#late.add(resource);
      this.#last.add(resource);
      return 'X.made()';
    }
    const made = this.#made.get(name);
    if (made === undefined) {
      if (this.#input.spec.resources.some((each) => each.name === name)) return all ? '[]' : 'undefined';
      return {
        code: 'unknown-handle',
        values: {
          name,
          nearest: didYouMean(
            name,
            this.#input.resources.map((each) => each.name),
          ),
        },
      };
    }
    if (all) return this.#listOf(made, spot, resource);
    if (!isWithin(spot.level, made.spot.level)) return { code: 'handle-scope', values: { name, scope: made.resource.each?.value ?? '' } };
    if (this.#pendingKeys.size > 0) {
      if (this.#pendingKeys.has(name)) return { code: 'handle-circle', values: { names: [...this.#pendingKeys].join(', ') } };
      this.#writeKey(made);
    }
    return `${made.handle}?.reference`;
  }

  /** refs(name): all references made so far inside this level; the resource that asks is then made after the inner levels. */
  #listOf(made: Made, spot: Spot, resource: string): string {
    const list = this.#build.fresh('l');
    spot.level.declarations.push(`const ${list} = [];`);
    made.lists.push(list);
    this.#late.add(resource);
    return list;
  }

  /** The segment that a key or condition reads first: what the resource is about. */
  #firstSegment: string | undefined;
  readonly #late = new Set<string>();
  /** What refers to everything: not made where nothing is. */
  readonly #last = new Set<string>();
  readonly #keyed = new Set<string>();

  #writeKey(made: Made): void {
    const { resource, spot, handle } = made;
    if (this.#keyed.has(resource.name)) return;
    this.#keyed.add(resource.name);
    this.#pendingKeys.add(resource.name);
    const scope = this.#scope(spot, resource.name);
    this.#firstSegment = undefined;
    const parts = resource.key.map((node) => this.#keyPart(node, scope));
    const ofKey: string | undefined = this.#firstSegment;
    this.#firstSegment = undefined;
    const when = resource.when === undefined ? undefined : this.#condition(resource.when, scope);
    const anchor = spot.level.segment?.js ?? this.#firstSegment ?? ofKey;
    this.#pendingKeys.delete(resource.name);
    const options = `${JSON.stringify(resource.name)}, ${JSON.stringify(resource.sameKey)}, ${JSON.stringify(resource.onError)}${anchor === undefined ? '' : `, ${anchor}`}`;
    const make = `${handle} = X.handle(${JSON.stringify(resource.type)}, [${parts.join(', ')}], ${options});`;
    const otherwise =
      resource.otherwise === undefined
        ? ''
        : ` else ${anchor === undefined ? '' : `if (${anchor} !== undefined) `}X.reported(${JSON.stringify(resource.otherwise.value)}, ${JSON.stringify(resource.type)}, ${anchor ?? 'undefined'});`;
    const inner = when === undefined ? make : `if (${when}) ${make}${otherwise}`;
    spot.level.steps.keys.push(spot.guard === undefined ? inner : `if (${spot.guard}) { ${inner} }`);
  }

  #keyPart(node: ScalarNode, scope: Hl7v2Scope): string {
    if (!isExpression(node)) return JSON.stringify(node.value);
    const result = compileExpression(node, scope);
    if (!result.ok) {
      this.#build.diagnostics.push(...result.diagnostics);
      return 'undefined';
    }
    const text = asText(result.value);
    if (text === undefined) this.#build.fault('expression-many', node.at, { path: result.value.source?.path ?? result.value.type.name });
    return text ?? 'undefined';
  }

  #condition(node: ScalarNode, scope: Hl7v2Scope): string {
    const result = compileExpression(node, scope);
    if (result.ok) return quiet(asCondition(result.value));
    this.#build.diagnostics.push(...result.diagnostics);
    return 'false';
  }

  #writeResource(made: Made): void {
    const { resource, spot, handle } = made;
    if (!isResourceType(resource.type)) return;
    const scope = this.#scope(spot, resource.name);
    const functionName = this.#build.fresh('r');
    const traced = this.#build.traceRule(resource.at, resource.type, resource.name, 'resource', undefined);
    const place: Place = {
      build: this.#build,
      scope,
      use: new Map(),
      around: { rule: traced, role: 'part' },
      guarded: false,
      loop: (each) => this.#innerLoop(each, spot, resource.name),
      write: WRITERS,
      deletes: () => '',
    };
    const fields = writeResourceFields(resource.fields, resource.type, place);
    const body = `${traced === undefined ? '' : `X.enter(${traced}); `}const o = { resourceType: ${JSON.stringify(resource.type)}, id: ${handle}.id };\nX.begin(${JSON.stringify(resource.onError)}, ${handle});\n${fields}\nX.finish(o, ${handle}, ${JSON.stringify(resource.update)});${traced === undefined ? '' : ` X.leave(${traced}, o);`}`;
    const collect = made.lists.map((list) => `if (!${handle}.parked) ${list}.push(${handle}.reference);`).join(' ');
    const some = this.#last.has(resource.name) ? ' && X.made().length > 0' : '';
    const { steps } = spot.level;
    (this.#late.has(resource.name) ? steps.after : steps.before).push(() => {
      const { text, args } = resourceFunction(functionName, body, this.#declared, traced === undefined);
      this.#build.functions.push(() => text);
      return `if (${handle} !== undefined${some}) { ${functionName}(${args}); ${collect} }`;
    });
  }

  #innerLoop(each: ScalarNode, spot: Spot, resource: string): Loop | undefined {
    if (isExpression(each)) return this.#valueLoop(each, this.#scope(spot, resource), spot, resource);
    const detached: Level = { ...spot.level, children: new Map(), declarations: [], parent: spot.level };
    const from: Spot = { level: detached, group: spot.group, guard: undefined };
    const inner = this.#levels.at(each.value, from) ?? this.#levels.beside(each.value, from);
    this.#build.place({ at: each.at, name: each.value, isReached: inner !== undefined, isLoop: true });
    if (inner === undefined) {
      if (!isKnown(each.value, this.#input)) {
        const values = { name: each.value, structure: this.#input.structure, version: this.#build.version };
        this.#build.fault('unknown-group', each.at, { ...values, nearest: didYouMean(each.value, this.#input.knownSegments) });
      }
      // No such segment here: the loop never runs, and must not see one of that name further out.
      const scope: Hl7v2Scope = { ...this.#scope(spot, resource), segment: () => ({ js: 'undefined', many: false }) };
      return { before: () => 'while (false) {', scope, after: '}', dead: true };
    }
    const opened: Level[] = [];
    for (let here: Level | undefined = inner.level; here !== undefined && here !== detached; here = here.parent) opened.unshift(here);
    // Declarations are complete only after the body was written.
    const before = (): string =>
      [...detached.declarations, ...opened.map((level) => `${level.open} ${level.declarations.join(' ')}`)].join('\n');
    const scope = this.#scope(inner, resource);
    return { before, scope, after: '}'.repeat(opened.length), inner: (next) => this.#innerLoop(next, inner, resource) };
  }

  /** Values inside values are parts of them; segments inside values are those around. */
  #valueLoop(each: ScalarNode, scope: Scope, spot: Spot, resource: string): Loop | undefined {
    const loop = scope.format === 'hl7v2' ? placeLoop(this.#build, scope)(each) : undefined;
    const inner: Loop['inner'] = (next) =>
      isExpression(next) ? this.#valueLoop(next, loop?.scope ?? scope, spot, resource) : this.#innerLoop(next, spot, resource);
    return loop === undefined ? undefined : { ...loop, inner };
  }

  /** What the loops declare, for the functions inside them. */
  #declared: ReadonlySet<string> = new Set();

  #levelText(level: Level): string {
    const children = [...level.children.values()].map((child) => this.#levelText(child));
    const { keys, before, after } = level.steps;
    const written = (steps: readonly Step[]): readonly string[] => steps.map((each) => (typeof each === 'string' ? each : each()));
    const text = [...level.declarations, ...keys, ...written(before), ...children, ...written(after)].join('\n');
    return level.open === '' ? text : `${level.open}\n${text}\n}`;
  }
}

function isWithin(level: Level, ancestor: Level): boolean {
  for (let here: Level | undefined = level; here !== undefined; here = here.parent) if (here === ancestor) return true;
  return false;
}
