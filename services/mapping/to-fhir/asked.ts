/**
 * What the text of a module depends on beside its own map: the definitions of the HL7v2 version, the message structure, datatype maps and concept
 * maps. Every question asked while it is written is kept with its answer. Where all of them are answered alike, the same text would be written: most
 * versions differ in nothing that a map reads, and most maps use nothing of the one that changed.
 */
import type { StructureElement } from '../../hl7v2/structures.ts';
import type { TableSpec, TypeSpec } from '../spec.ts';
import { componentPart, fieldPart, type Part } from './definitions.ts';

/** All specs of one family, found by name. */
export interface Family {
  /** Types by 'XPN HumanName'. */
  readonly types: ReadonlyMap<string, TypeSpec>;
  /** Concept maps by path without extension ('tables/0001-administrative-sex'). */
  readonly tables: ReadonlyMap<string, TableSpec>;
}

interface PartAnswer {
  readonly find: typeof fieldPart;
  readonly of: string;
  readonly n: number;
  readonly part: Part | undefined;
}

export class Asked {
  readonly #parts = new Map<string, PartAnswer>();
  readonly #types = new Map<string, TypeSpec | undefined>();
  readonly #tables = new Map<string, TableSpec | undefined>();
  readonly #places = new Set<string>();

  /** Returns fieldPart's answer. */
  field(version: string, segment: string, n: number): Part | undefined {
    return this.#part(`${segment}-${n}`, fieldPart, version, segment, n);
  }

  /** Returns componentPart's answer. */
  component(version: string, datatype: string, n: number): Part | undefined {
    return this.#part(`${datatype}.${n}`, componentPart, version, datatype, n);
  }

  #part(key: string, find: typeof fieldPart, version: string, of: string, n: number): Part | undefined {
    const known = this.#parts.get(key);
    if (known !== undefined) return known.part;
    const part = find(version, of, n);
    this.#parts.set(key, { find, of, n, part });
    return part;
  }

  type(family: Family, pair: string): TypeSpec | undefined {
    const found = family.types.get(pair);
    this.#types.set(pair, found);
    return found;
  }

  table(family: Family, path: string): TableSpec | undefined {
    const found = family.tables.get(path);
    this.#tables.set(path, found);
    return found;
  }

  /** Notes that a segment or group of this name was looked for in the structure. */
  place(name: string): void {
    this.#places.add(name);
  }

  /** What of a structure decides where the segments and groups are found that were looked for. */
  outline(children: readonly StructureElement[]): string {
    let text = '';
    for (const each of children) {
      const inner =
        each.children === undefined
          ? (each.segments ?? []).filter((name) => this.#places.has(name)).join('|')
          : outlineOfGroup(each.name, this.outline(each.children), this.#places);
      if (inner !== '') text += `${inner}${each.repeats ? '*' : ''} `;
    }
    return text;
  }

  /** True when every question but those to the structure has the same answer in this version and family. */
  isAnsweredAlike(version: string, family: Family): boolean {
    for (const [pair, spec] of this.#types) if (family.types.get(pair) !== spec) return false;
    for (const [path, spec] of this.#tables) if (family.tables.get(path) !== spec) return false;
    for (const { find, of, n, part } of this.#parts.values()) {
      const other = find(version, of, n);
      if (other !== part && (other?.datatype !== part?.datatype || other?.many !== part?.many)) return false;
    }
    return true;
  }
}

const outlineOfGroup = (name: string, inner: string, places: ReadonlySet<string>): string =>
  inner !== '' || places.has(name) ? `${name}(${inner})` : '';
