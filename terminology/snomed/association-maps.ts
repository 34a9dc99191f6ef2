import type { MapTarget, NativeMap } from '../provider.ts';
import { FLAG, REF, refIndex, refKind } from '../system/arrays.ts';
import type { CodeSystem } from '../system/code-system.ts';

/** Historical associations with the equivalence that FHIR gives them (http://hl7.org/fhir/R4/snomedct.html#implicit-cm). */
const EQUIVALENCES: Readonly<Record<string, string>> = {
  '900000000000523009': 'inexact',
  '900000000000526001': 'equivalent',
  '900000000000527005': 'equal',
  '900000000000530003': 'inexact',
};

/**
 * Returns the implicit concept maps of a SNOMED CT edition: http://snomed.info/sct?fhir_cm=REFSET for each of the four historical associations
 * that has members, from the concepts that were retired to those that stand in their place.
 */
export const associationMaps = (system: CodeSystem): readonly NativeMap[] =>
  system.manifest.kind !== 'snomed'
    ? []
    : system.manifest.refsets.flatMap(({ code, columns }, refset) => {
        const equivalence = Object.hasOwn(EQUIVALENCES, code) ? EQUIVALENCES[code] : undefined;
        const column = columns.findIndex(({ name }) => name === 'targetComponentId');
        return equivalence === undefined || column < 0 ? [] : [new AssociationMap(system, { refset, column, code, equivalence })];
      });

/** Rows by the rows at the other end. */
interface Pairs {
  readonly from: ReadonlyMap<number, readonly number[]>;
  readonly to: ReadonlyMap<number, readonly number[]>;
}

interface Association {
  readonly refset: number;
  readonly column: number;
  readonly code: string;
  readonly equivalence: string;
}

class AssociationMap implements NativeMap {
  readonly url: string;
  readonly version: string;
  readonly #system: CodeSystem;
  readonly #association: Association;
  #pairs: Pairs | undefined;

  constructor(system: CodeSystem, association: Association) {
    this.#system = system;
    this.#association = association;
    this.url = `${system.manifest.url}?fhir_cm=${association.code}`;
    this.version = system.manifest.version;
  }

  /** An edition's or a version's own URI stands for the code system too. */
  isNamed(url: string): boolean {
    const [base = '', query] = url.split('?');
    const { url: own, version } = this.#system.manifest;
    return query === `fhir_cm=${this.#association.code}` && (base === own || base === version || version.startsWith(`${base}/version/`));
  }

  translate({ system, code, other, reverse }: Parameters<NativeMap['translate']>[0]): readonly MapTarget[] {
    const { url } = this.#system.manifest;
    if ((system !== undefined && system !== url) || (other !== undefined && other !== url)) return [];
    const row = this.#system.row(code);
    if (row < 0) return [];
    this.#pairs ??= this.#read();
    const { equivalence } = this.#association;
    return (this.#pairs[reverse ? 'to' : 'from'].get(row) ?? []).map((found) => ({
      system: url,
      code: this.#system.code(found),
      display: this.#system.display(found),
      // Each of the four says the same backwards.
      equivalence,
    }));
  }

  /** Active members whose two ends are concepts, in their order. */
  #read(): Pairs {
    const { arrays, manifest } = this.#system;
    const { refset, column } = this.#association;
    const width = manifest.refsets[refset]?.columns.length ?? 0;
    const [first = 0, end = 0] = [arrays['member-offset'][refset], arrays['member-offset'][refset + 1]];
    const fields = arrays['field-offset'][refset] ?? 0;
    const from = new Map<number, number[]>();
    const to = new Map<number, number[]>();
    const add = (map: Map<number, number[]>, key: number, value: number): void => {
      const known = map.get(key);
      if (known === undefined) map.set(key, [value]);
      else known.push(value);
    };
    for (let member = first; member < end; member += 1) {
      const source = arrays['member-component'][member] ?? 0;
      const target = arrays['field-value'][fields + (member - first) * width + column] ?? 0;
      const isActive = ((arrays['member-flags'][member] ?? 0) & FLAG.active) !== 0;
      if (!isActive || refKind(source) !== REF.row || refKind(target) !== REF.row) continue;
      add(from, refIndex(source), refIndex(target));
      add(to, refIndex(target), refIndex(source));
    }
    return { from, to };
  }
}
