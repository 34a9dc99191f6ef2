import { REF, refIndex, refKind } from '../system/arrays.ts';
import type { CodeSystem } from '../system/code-system.ts';
import { parseExpression, type SctAttribute, type SctExpression } from './expression.ts';

/** Above every attribute that concepts may be refined by. */
const CONCEPT_MODEL_ATTRIBUTE = '410662002';
/** Definitions that lead from one to the next. */
const DEEPEST = 12;

/** What a code of a SNOMED CT edition means, whether a concept or an expression of its concepts. */
export class SctMeaning {
  readonly #system: CodeSystem;
  /** Of an expression, which concepts were found to be over it. */
  readonly #over = new WeakMap<SctExpression, Map<string, boolean>>();

  constructor(system: CodeSystem) {
    this.#system = system;
  }

  /** Returns the expression that a text is; undefined when it is none, or names concepts or attributes that the edition does not have. */
  read(text: string): SctExpression | undefined {
    const found = parseExpression(text);
    return found !== undefined && this.#isKnown(found) ? found : undefined;
  }

  #isKnown({ focus, groups }: SctExpression): boolean {
    const top = this.#system.row(CONCEPT_MODEL_ATTRIBUTE);
    return (
      focus.every((each) => this.#system.row(each) >= 0) &&
      groups.flat().every(({ name, value }) => {
        const row = this.#system.row(name);
        return row >= 0 && (top < 0 || this.#system.subsumes(top, row)) && ('literal' in value || this.#isKnown(value));
      })
    );
  }

  /** Every concept that an expression names. */
  concepts({ focus, groups }: SctExpression): readonly string[] {
    return [...focus, ...groups.flat().flatMap(({ name, value }) => [name, ...('literal' in value ? [] : this.concepts(value))])];
  }

  /** Returns an expression with the preferred terms of its concepts. */
  display({ focus, groups }: SctExpression): string {
    const term = (code: string): string => this.#system.display(this.#system.row(code)) ?? code;
    const valueText = (value: SctAttribute['value']): string => {
      if ('literal' in value) return value.literal;
      return value.groups.length === 0 && value.focus.length === 1 ? this.display(value) : `(${this.display(value)})`;
    };
    const group = (attributes: readonly SctAttribute[]): string =>
      attributes.map(({ name, value }) => `${term(name)}=${valueText(value)}`).join(',');
    const refined = groups.map((each) => (each.length > 1 ? `{${group(each)}}` : group(each))).join(',');
    return focus.map(term).join('+') + (refined === '' ? '' : `:${refined}`);
  }

  /**
   * Returns the definition of a concept (its row) or of an expression as an expression of the compositional grammar: whether it says all (===) or
   * what is necessary (<<<), the supertypes, and the attributes in their groups, in the order of their identifiers.
   */
  normalForm(meaning: number | SctExpression, withTerms: boolean): string {
    const term = (code: string): string => {
      const shown = withTerms ? this.#system.display(this.#system.row(code)) : undefined;
      return shown === undefined ? code : `${code} |${shown}|`;
    };
    const [space, equals, plus] = withTerms ? [' ', ' = ', ' + '] : ['', '=', '+'];
    const comma = `,${space}`;
    const valueText = (value: SctAttribute['value']): string => {
      if ('literal' in value) return value.literal;
      return value.groups.length === 0 && value.focus.length === 1 ? written(value) : `(${written(value)})`;
    };
    const group = (attributes: readonly SctAttribute[]): string =>
      attributes
        .map(({ name, value }) => `${term(name)}${equals}${valueText(value)}`)
        .sort()
        .join(comma);
    const written = ({ focus, groups }: SctExpression): string => {
      const alone = groups.filter((each) => each.length === 1).map(group);
      const grouped = groups.filter((each) => each.length > 1).map((each) => `{${space}${group(each)}${space}}`);
      const refined = [...alone.sort(), ...grouped.sort()].join(comma);
      return [...focus].sort().map(term).join(plus) + (refined === '' ? '' : `${withTerms ? ' : ' : ':'}${refined}`);
    };
    if (typeof meaning !== 'number') return `===${space}${written(meaning)}`;
    const parents = [...this.#system.parents(meaning)].map((row) => this.#system.code(row));
    const code = this.#system.code(meaning);
    const definition = { focus: parents.length === 0 ? [code] : parents, groups: this.#groupsOf(code) };
    return `${this.#system.isDefined(meaning) ? '===' : '<<<'}${space}${written(definition)}`;
  }

  /**
   * Whether everything that `below` means is also `above`: each focus of `above` is over one of `below`, and each of its groups has a group of
   * `below`, stated or of the definition of its focus concepts, that has each of its attributes or a narrower one. A concept that is sufficiently
   * defined stands for its definition.
   */
  subsumes(above: SctExpression, below: SctExpression, depth = 0): boolean {
    if (depth > DEEPEST) return false;
    const groups = [...below.groups, ...below.focus.flatMap((code) => this.#groupsOf(code))];
    return (
      above.focus.every((code) => this.#isOverOnce(code, below, groups, depth)) &&
      above.groups.every((each) => this.#hasGroup(each, groups, depth))
    );
  }

  #isOverOnce(code: string, below: SctExpression, groups: SctExpression['groups'], depth: number): boolean {
    const known = this.#over.get(below) ?? new Map<string, boolean>();
    this.#over.set(below, known);
    const answer = known.get(code) ?? this.#isOver(code, below, groups, depth);
    known.set(code, answer);
    return answer;
  }

  #isOver(code: string, below: SctExpression, groups: SctExpression['groups'], depth: number): boolean {
    const row = this.#system.row(code);
    if (below.focus.some((each) => this.#system.subsumes(row, this.#system.row(each)))) return true;
    if (!this.#system.isDefined(row) || (below.groups.length === 0 && below.focus.length === 1)) return false;
    const own = this.#groupsOf(code);
    const parents = [...this.#system.parents(row)].map((each) => this.#system.code(each));
    if (parents.length === 0 || depth >= DEEPEST) return false;
    return this.subsumes({ focus: parents, groups: [] }, below, depth + 1) && own.every((each) => this.#hasGroup(each, groups, depth));
  }

  #hasGroup(wanted: readonly SctAttribute[], groups: SctExpression['groups'], depth: number): boolean {
    return groups.some((group) => wanted.every((each) => group.some((other) => this.#isNarrower(each, other, depth))));
  }

  #isNarrower(above: SctAttribute, below: SctAttribute, depth: number): boolean {
    if (!this.#system.subsumes(this.#system.row(above.name), this.#system.row(below.name))) return false;
    if ('literal' in above.value || 'literal' in below.value)
      return 'literal' in above.value && 'literal' in below.value && sameLiteral(above.value.literal, below.value.literal);
    return this.subsumes(above.value, below.value, depth + 1);
  }

  /** The groups of a concept's defining relationships; those of group 0 each by itself. */
  #groupsOf(code: string): SctExpression['groups'] {
    const { arrays, manifest } = this.#system;
    const row = this.#system.row(code);
    const groups = new Map<number, SctAttribute[]>();
    const alone: SctAttribute[][] = [];
    for (let edge = arrays['edge-offset'][row] ?? 0; edge < (arrays['edge-offset'][row + 1] ?? 0); edge += 1) {
      const name = manifest.properties[arrays['edge-kind'][edge] ?? 0]?.code ?? '';
      const ref = arrays['edge-target'][edge] ?? 0;
      const isConcept = refKind(ref) === REF.row;
      const value = isConcept ? { focus: [this.#system.code(refIndex(ref))], groups: [] } : { literal: literalOf(this.#system, ref) };
      const group = arrays['edge-group'][edge] ?? 0;
      if (group === 0) alone.push([{ name, value }]);
      else groups.set(group, [...(groups.get(group) ?? []), { name, value }]);
    }
    return [...alone, ...groups.values()];
  }
}

/** As the grammar writes numbers, truth values and texts. */
function literalOf(system: CodeSystem, ref: number): string {
  const text = system.refText(ref);
  if (!Number.isNaN(system.refNumber(ref))) return `#${text}`;
  return text === 'true' || text === 'false' ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Numbers are the same whatever they are written like: #5 and #5.0. */
function sameLiteral(a: string, b: string): boolean {
  const bare = (text: string): string => text.replace(/^[#"]|"$/g, '');
  return bare(a) === bare(b) || (bare(a) !== '' && Number(bare(a)) === Number(bare(b)));
}
