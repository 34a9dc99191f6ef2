/** What is shared while one module (one message map for one version and structure) is written. */
import type { CodeSet } from '../../fhir/definitions.ts';
import { type Diagnostic, type DiagnosticCode, diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import type { Hl7v2Scope } from '../expression/scope.ts';
import type { ScalarNode } from '../read.ts';
import type { TableSpec, TypeSpec } from '../spec.ts';
import type { Role, TracedRule } from '../trace/registry.ts';
import { Asked, type Family } from './asked.ts';
import { SUCCESSORS } from './definitions.ts';
import { readOnce } from './reads.ts';

/** Values the module gets beside its text: concept maps and code sets. */
export type Constant = TableSpec | CodeSet;

/** A segment, or a path of groups, where a rule names it. */
export interface NamedPlace {
  readonly at: Position;
  readonly name: string;
  readonly isReached: boolean;
  /** Of `each`; else of an expression. */
  readonly isLoop: boolean;
}

export class Build {
  readonly version: string;
  readonly family: Family;
  readonly diagnostics: Diagnostic[] = [];
  /** Texts of functions, written when the whole text is asked for. */
  readonly functions: (() => string)[] = [];
  readonly asked = new Asked();
  readonly constants: Constant[] = [];
  readonly #typeFunctions = new Map<TypeSpec, Map<string, string>>();
  #names = 0;

  /** How many rules of the module remember what they made. */
  remembering = 0;

  /** Of a traced module: its rules. Undefined: the module is fast and tells nothing. */
  readonly rules: TracedRule[] | undefined;

  /** True when texts become times as ISO 8601 has them: records of files. */
  readonly iso: boolean;

  constructor(version: string, family: Family, traced = false, iso = false) {
    this.iso = iso;
    this.version = version;
    this.family = family;
    this.rules = traced ? [] : undefined;
  }

  /** Notes a rule of a traced module and returns its number; undefined in a fast one. */
  traceRule(at: Position, target: string, text: string, role: Role, parent: number | undefined): number | undefined {
    const { rules } = this;
    if (rules === undefined) return undefined;
    rules.push({ id: rules.length, at, target, text, role, parent });
    return rules.length - 1;
  }

  /** Segments and groups that rules name, and whether this structure has a place that they reach. */
  readonly places: NamedPlace[] = [];

  place(named: NamedPlace): void {
    this.places.push(named);
  }

  fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): void {
    this.diagnostics.push(diagnostic(code, at, values));
  }

  /** A JavaScript name not used before in the module. */
  fresh(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  /** JavaScript of a constant that is handed to the module. */
  constant(value: Constant): string {
    const at = this.constants.indexOf(value);
    return `K[${at >= 0 ? at : this.constants.push(value) - 1}]`;
  }

  /** Returns the concept map a rule names: a short name under `use`, or a path. */
  table(node: ScalarNode, use: ReadonlyMap<string, ScalarNode>): TableSpec | undefined {
    const asked = use.get(node.value)?.value ?? node.value;
    const [path = '', version] = asked.split('@');
    const found = this.asked.table(this.family, path);
    if (found === undefined) {
      this.fault('unknown-map', node.at, { name: asked, nearest: didYouMean(asked, [...use.keys(), ...this.family.tables.keys()]) });
    } else if (version !== undefined && version !== found.version) {
      this.fault('map-version', node.at, { name: path, found: found.version, asked: version });
    }
    return found;
  }

  /** Returns the datatype map from `source` (or a datatype that followed it) to `target`. */
  typeSpec(source: string, target: string): TypeSpec | undefined {
    for (let type: string | undefined = source, steps = 0; type !== undefined && steps < 4; type = SUCCESSORS[type], steps++) {
      const found = this.asked.type(this.family, `${type} ${target}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Returns the name of the function that applies a datatype map to a place of type `source`; `write` writes its body the first time.
   * The name is known before the body, so that datatypes may hold each other.
   */
  typeFunction(spec: TypeSpec, source: string, write: (scope: Hl7v2Scope) => string): string {
    let bySource = this.#typeFunctions.get(spec);
    if (bySource === undefined) {
      bySource = new Map();
      this.#typeFunctions.set(spec, bySource);
    }
    const known = bySource.get(source);
    if (known !== undefined) return known;
    const name = this.fresh('t');
    bySource.set(source, name);
    const body = write(placeScope(this, source, spec.sourceTypes));
    const isFast = this.rules === undefined;
    this.functions.push(() => `function ${name}(p, X) {\n${isFast ? readOnce(body, PLACE) : body}\n}`);
    return name;
  }
}

const PLACE: ReadonlySet<string> = new Set(['p']);

/** The scope of a datatype map: paths are relative to the place `p`; segments cannot be seen. */
function placeScope({ version, asked }: Build, datatype: string, writtenFor: readonly string[]): Hl7v2Scope {
  // Paths are checked against what arrives, and against what the map says it is for: what arrives may be an older, shorter type.
  const component: Hl7v2Scope['component'] = (type, n) => {
    const candidates = type === datatype ? [type, ...writtenFor] : [type];
    for (const each of candidates) {
      const found = asked.component(version, each, n);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    format: 'hl7v2',
    version,
    segment: (name) => ({ code: 'unknown-segment', values: { name } }),
    field: (segment, field) => asked.field(version, segment, field),
    component,
    read: () => undefined,
    current: { js: 'p', datatype },
  };
}
