/** FHIRPath within queries, by the compiled engine: its work is counted in steps, and of one query together. */
import { problem, Refusal } from '../../errors.ts';
import { Decimal, type JsonObject, type JsonValue } from '../resource.ts';
import { compilePath } from '../views/path-compile.ts';
import { PathFault } from '../views/path-parse.ts';
import { Budget, condition, NOTHING, type Path, TooCostly, ValueFault, type Values } from '../views/path-values.ts';

/** Steps of all expressions of a query together; about a tenth of a second. */
export const MOST_STEPS = 2_000_000;
const MOST_SUFFIX = 1_000;

const NO_CONSTANTS = new Map<string, never>();
const NO_RESOURCE: JsonObject = {};
const invalid = (reason: string): Refusal => new Refusal([problem('fhirpath-invalid', { reason })]);

/** The expressions of one query. All throw Refusal: fhirpath-invalid with the reason, fhir-graphql-costly. */
export class Expressions {
  readonly #budget = new Budget(MOST_STEPS);
  readonly #compiled = new Map<string, Path>();

  /** Returns an expression about values of a type; an element that the type does not have is refused: it would choose nothing, silently. */
  compiled(text: string, type: string): Path {
    const key = `${type} ${text}`;
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    // The engine takes them for those of the whole resource, which stands elsewhere here.
    if (/%[A-Za-z`]/.test(text)) throw invalid('%resource and other constants are not known within a query');
    // The name is not repeated: without its quotes a value looks the same.
    const strange = (_element: string, owner: string): void => {
      throw invalid(`it names an element that ${owner} does not have`);
    };
    try {
      const made = compilePath(text, { types: [type], constants: NO_CONSTANTS, strange });
      this.#compiled.set(key, made);
      return made;
    } catch (error) {
      throw error instanceof PathFault ? invalid(`${error.reason} (character ${error.at + 1})`) : error;
    }
  }

  /** Returns the items for which the expression is true; nothing found means no (http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections). */
  chosen<T extends JsonValue>(items: readonly T[], path: Path): readonly T[] {
    return items.filter((item, i) => this.#judged(() => condition(this.#found(path, item, i)) === true));
  }

  /** Returns what @slice appends to the name of each item: '.' and the value as text. */
  suffixes(items: readonly JsonValue[], path: Path): readonly string[] {
    return items.map((item, i) => {
      const [value = '', second] = this.#judged(() => this.#found(path, item, i));
      if (second !== undefined) throw invalid('@slice needs one value of each element, and it has several');
      if (typeof value === 'object' && !(value instanceof Decimal))
        throw invalid('@slice needs a simple value, and it leads to an element with children');
      const suffix = `.${String(value)}`;
      if (suffix.length > MOST_SUFFIX) throw invalid(`the value for @slice is longer than ${MOST_SUFFIX} characters`);
      return suffix;
    });
  }

  #found(path: Path, item: JsonValue, position: number): Values {
    this.#budget.spend(1);
    const scope = { resource: NO_RESOURCE, rowIndex: 0, position, constants: NO_CONSTANTS, budget: this.#budget };
    return item === null ? NOTHING : path.run([item], scope);
  }

  #judged<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof ValueFault) throw invalid(error.reason);
      if (error instanceof TooCostly || error instanceof RangeError)
        throw new Refusal([problem('fhir-graphql-costly', { maximum: MOST_STEPS, what: 'steps of FHIRPath' })]);
      throw error;
    }
  }
}
