/** Message maps made runnable: one module per map, HL7v2 version and message structure, compiled when first needed. */
import { DEFINED_VERSIONS, nearestVersion } from '../hl7v2/definitions.ts';
import type { Group } from '../hl7v2/message.ts';
import { groupPaths, messageStructure, structureOf } from '../hl7v2/structures.ts';
import { type Diagnostic, diagnostic, didYouMean } from './diagnostics.ts';
import { digestOf, specLabel } from './digest.ts';
import { withDeclared } from './sites/declared.ts';
import type { MessageSpec, ResourceSpec, SpecBase, SpecFamily } from './spec.ts';
import { Build, type NamedPlace } from './to-fhir/build.ts';
import { decisive } from './to-fhir/judging.ts';
import { pathsOf, segmentNames } from './to-fhir/levels.ts';
import { Memories } from './to-fhir/memory.ts';
import { writeModule } from './to-fhir/module.ts';
import type { ReadFields } from './to-fhir/module-input.ts';
import { type Resolved, type ResolvedMessage, resolveMessage } from './to-fhir/resolve.ts';
import type { MessageRun } from './to-fhir/run.ts';
import { mapRuntime } from './to-fhir/runtime.ts';
import type { TracedRule } from './trace/registry.ts';
import { tracedRuntime } from './trace/runtime.ts';
import { usedMaps } from './uses.ts';
import { keepWritten, sameWritten, Written, writtenFor } from './written.ts';

export interface CompiledModule {
  readonly ok: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly text: string;
  /** What the text calls K[n]. */
  readonly constants: readonly unknown[];
  readonly reads: ReadFields;
  readonly places: readonly NamedPlace[];
  run(root: Group, X: MessageRun): void;
  /** Of a traced module, which a TracedRun must run: its rules. */
  readonly rules: readonly TracedRule[];
  /** What its rules made before. */
  readonly memories: Memories;
}

/**
 * fast: what the pipeline runs; traced: tells a TracedRun which rule reads and makes what; judging: tells a JudgingRun only whether the
 * message is taken, not `ok` where that takes the whole conversion.
 */
export type Variant = 'fast' | 'traced' | 'judging';

export class MessageMap {
  readonly spec: MessageSpec;
  /** id@version#digest. */
  readonly label: string;
  readonly digest: string;
  /** Every map it uses: resource maps, concept maps, datatype maps. */
  readonly uses: readonly SpecBase[];
  readonly ignored: ReadonlySet<string>;
  readonly #family: SpecFamily;
  readonly #resolved: ResolvedMessage;
  readonly #modules = new Map<string, CompiledModule>();
  readonly #knownSegments = new Set<string>();
  readonly #knownPaths = new Set<string>();
  readonly #localFaults: readonly Diagnostic[];
  #judged: { readonly resources: readonly Resolved[] | undefined } | undefined;

  constructor(spec: MessageSpec, family: SpecFamily) {
    this.spec = spec;
    this.#family = family;
    this.#resolved = resolveMessage(spec, family.resources);
    this.uses = usedMaps(spec, family, this.#resolved.used);
    this.digest = digestOf([spec.root, ...this.uses.map((each) => each.root)]);
    this.label = specLabel(spec.id, spec.version, this.digest);
    this.ignored = new Set([...spec.ignore, ...this.#resolved.used.flatMap((each) => each.ignore)].map((each) => each.path));
    for (const name of [...spec.reads, ...this.#resolved.used.flatMap((each) => each.segments)]) this.#knownSegments.add(name);
    for (const { version, structure } of this.structures()) {
      const children = withDeclared(structureOf(version, structure)?.children ?? [], spec.segments);
      for (const name of segmentNames(children)) this.#knownSegments.add(name);
      for (const path of pathsOf(children)) this.#knownPaths.add(path);
    }
    this.#localFaults = localFaults(spec, this.#knownSegments);
  }

  /** The resource maps that it uses. */
  get used(): readonly ResourceSpec[] {
    return this.#resolved.used;
  }

  get resolveDiagnostics(): readonly Diagnostic[] {
    return [...this.#localFaults, ...this.#resolved.diagnostics];
  }

  /** True when the map takes this message type, event and version. */
  takes(type: string, event: string, version: string): boolean {
    const { messages, versions } = this.spec;
    if (!versions.includes('*') && !versions.includes(version)) return false;
    return messages.some(({ value }) => value === `${type}^${event}` || value === `${type}^*`);
  }

  /** Every version and structure the map says it is for: what the checker compiles. */
  structures(): readonly { readonly version: string; readonly structure: string }[] {
    const versions = this.spec.versions.includes('*') ? DEFINED_VERSIONS : this.spec.versions.map(nearestVersion);
    const found = new Map<string, { version: string; structure: string }>();
    for (const version of versions) {
      for (const { value } of this.spec.messages) {
        const [type = '', event = ''] = value.split('^');
        const structure = messageStructure(type, event === '*' ? 'A01' : event, version);
        if (structureOf(version, structure)?.children.length) found.set(`${version} ${structure}`, { version, structure });
      }
    }
    return [...found.values()];
  }

  /** Returns the module for a version and structure; `ok` is false with diagnostics when the map does not fit it. */
  module(version: string, structure: string, variant: Variant = 'fast'): CompiledModule {
    const key = `${version} ${structure} ${variant}`;
    const known = this.#modules.get(key);
    if (known !== undefined) return known;
    const made = this.#compile(version, structure, variant);
    if (groupPaths(version, structure).length > 0 || this.#modules.size < 64) this.#modules.set(key, made);
    return made;
  }

  #compile(version: string, structure: string, variant: Variant): CompiledModule {
    const resources = variant === 'judging' ? this.#decisive() : this.#resolved.resources;
    if (resources === undefined) return undecided(this.#resolved.diagnostics);
    const written = this.#written(version, structure, variant, resources);
    const { diagnostics, constants, reads, rules, remembering, places } = written.parts;
    const ok = diagnostics.every((each) => each.severity !== 'error');
    return {
      ok,
      diagnostics,
      get text() {
        return written.text;
      },
      constants,
      reads,
      places,
      rules: ok ? rules : [],
      // What a rule makes of the same words may be another thing in another version.
      memories: new Memories(ok ? remembering : 0),
      run: ok ? (root, X) => void written.convert(root, X) : () => undefined,
    };
  }

  #written(version: string, structure: string, variant: Variant, resources: readonly Resolved[]): Written {
    const children = withDeclared(structureOf(version, structure)?.children ?? [], this.spec.segments);
    const known = this.#resolved.diagnostics.length > 0 ? [] : writtenFor(this.spec, this.#resolved.used, variant);
    const same = sameWritten(known, version, children, this.#family);
    if (same !== undefined) return same;
    const build = new Build(version, this.#family, variant === 'traced');
    const { text, reads } = writeModule({
      spec: this.spec,
      resources,
      build,
      structure,
      knownSegments: this.#knownSegments,
      knownPaths: this.#knownPaths,
    });
    const written = new Written({
      diagnostics: [...this.#resolved.diagnostics, ...build.diagnostics],
      write: text,
      runtime: variant === 'traced' ? tracedRuntime : mapRuntime,
      constants: build.constants,
      reads,
      rules: build.rules ?? [],
      remembering: build.remembering,
      places: build.places,
      asked: build.asked,
      outline: build.asked.outline(children),
    });
    keepWritten(known, written);
    return written;
  }

  /** The resources that decide whether a message is taken, as far as their rules alone tell. */
  #decisive(): readonly Resolved[] | undefined {
    this.#judged ??= { resources: decisive(this.#resolved.resources, this.#family.types.values()) };
    return this.#judged.resources;
  }
}

/** A judging module of a map whose rules alone do not tell. */
const undecided = (diagnostics: readonly Diagnostic[]): CompiledModule => ({
  ok: false,
  diagnostics,
  text: '',
  constants: [],
  reads: new Map(),
  places: [],
  rules: [],
  memories: new Memories(0),
  run: () => undefined,
});

/** A declared segment follows one that the message has; a site gives every parameter that must have a value. */
function localFaults(spec: MessageSpec, known: ReadonlySet<string>): readonly Diagnostic[] {
  const places = [...spec.segments.values()].filter((each) => !known.has(each.after));
  const unset = spec.site === undefined ? [] : [...spec.params].filter(([, each]) => each.require && each.value === undefined);
  return [
    ...places.map((each) => diagnostic('unknown-segment', each.at, { name: each.after, nearest: didYouMean(each.after, known) })),
    ...unset.map(([name]) => diagnostic('param-required', spec.at, { name })),
  ];
}
