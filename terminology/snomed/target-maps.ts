import type { MapTarget, NativeMap } from '../provider.ts';
import { FLAG, REF, refIndex, refKind } from '../system/arrays.ts';
import type { CodeSystem } from '../system/code-system.ts';

/** Simple and extended map reference sets, with what they map to and how (http://hl7.org/fhir/R4/snomedct.html#implicit-cm). */
const TARGETS: Readonly<Record<string, readonly [system: string, equivalence: string]>> = {
  '447562003': ['http://hl7.org/fhir/sid/icd-10', 'inexact'],
  '6011000124106': ['http://hl7.org/fhir/sid/icd-10-cm', 'inexact'],
  '446608001': ['http://terminology.hl7.org/CodeSystem/icd-o-3', 'equivalent'],
  '900000000000497000': ['http://read.info/ctv3', 'equivalent'],
};

/** Returns the implicit concept maps of a SNOMED CT edition to other code systems: http://snomed.info/sct?fhir_cm=REFSET for each that is known here. */
export const targetMaps = (system: CodeSystem): readonly NativeMap[] =>
  system.manifest.kind !== 'snomed'
    ? []
    : system.manifest.refsets.flatMap(({ code, columns }, refset) => {
        const known = Object.hasOwn(TARGETS, code) ? TARGETS[code] : undefined;
        const columnOf = (wanted: string): number => columns.findIndex(({ name }) => name === wanted);
        const target = columnOf('mapTarget');
        if (known === undefined || target < 0) return [];
        return [new TargetMap(system, { refset, code, to: known[0], equivalence: known[1], target, rule: columnOf('mapRule') })];
      });

interface Source {
  readonly refset: number;
  readonly code: string;
  readonly to: string;
  readonly equivalence: string;
  /** Columns; -1: there is none. */
  readonly target: number;
  readonly rule: number;
}

interface Line {
  readonly row: number;
  readonly target: string;
  /** What must hold for it; undefined: it always does. */
  readonly condition: string | undefined;
}

/** Rules of an extended map that always hold, or where no rule before it did. */
const ALWAYS: ReadonlySet<string> = new Set(['', 'TRUE', 'OTHERWISE TRUE']);

class TargetMap implements NativeMap {
  readonly url: string;
  readonly version: string;
  readonly #system: CodeSystem;
  readonly #source: Source;
  #lines: { readonly from: ReadonlyMap<number, readonly Line[]>; readonly to: ReadonlyMap<string, readonly Line[]> } | undefined;

  constructor(system: CodeSystem, source: Source) {
    this.#system = system;
    this.#source = source;
    this.url = `${system.manifest.url}?fhir_cm=${source.code}`;
    this.version = system.manifest.version;
  }

  /** An edition's or a version's own URI stands for the code system too. */
  isNamed(url: string): boolean {
    const [base = '', query] = url.split('?');
    const { url: own, version } = this.#system.manifest;
    return query === `fhir_cm=${this.#source.code}` && (base === own || base === version || version.startsWith(`${base}/version/`));
  }

  translate({ system, code, other, reverse }: Parameters<NativeMap['translate']>[0]): readonly MapTarget[] {
    const { url } = this.#system.manifest;
    const { to, equivalence } = this.#source;
    const [source, target] = reverse ? [to, url] : [url, to];
    // Backwards a bare code would be taken for one of any code system.
    if ((system === undefined ? reverse : system !== source) || (other !== undefined && other !== target)) return [];
    this.#lines ??= this.#read();
    const found = reverse ? this.#lines.to.get(code) : this.#lines.from.get(this.#system.row(code));
    return (found ?? []).map(({ row, target: mapped, condition }) => ({
      system: target,
      code: reverse ? this.#system.code(row) : mapped,
      display: reverse ? this.#system.display(row) : undefined,
      equivalence,
      condition,
    }));
  }

  /** Active members that name a target, in their order. */
  #read() {
    const { arrays, manifest } = this.#system;
    const { refset, target, rule } = this.#source;
    const width = manifest.refsets[refset]?.columns.length ?? 0;
    const [first = 0, end = 0] = [arrays['member-offset'][refset], arrays['member-offset'][refset + 1]];
    const fields = arrays['field-offset'][refset] ?? 0;
    const lines: Line[] = [];
    for (let member = first; member < end; member += 1) {
      const component = arrays['member-component'][member] ?? 0;
      if (((arrays['member-flags'][member] ?? 0) & FLAG.active) === 0 || refKind(component) !== REF.row) continue;
      const text = (column: number): string =>
        column < 0 ? '' : this.#system.refText(arrays['field-value'][fields + (member - first) * width + column] ?? 0).trim();
      const [mapped, condition] = [text(target), text(rule)];
      if (mapped !== '') lines.push({ row: refIndex(component), target: mapped, condition: ALWAYS.has(condition) ? undefined : condition });
    }
    return { from: Map.groupBy(lines, ({ row }) => row), to: Map.groupBy(lines, (each) => each.target) };
  }
}
