/** JSON as FHIR needs it: decimals keep their digits (http://hl7.org/fhir/R4/datatypes.html#decimal). */
export type JsonValue = string | number | boolean | null | Decimal | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined;
}

/** A FHIR resource of any type as data. `id` is set on everything that is stored. */
export interface Resource extends JsonObject {
  readonly resourceType: string;
  readonly id?: string;
}

/**
 * A number whose text JavaScript's number would not give back: 5.10, 1e3, 9007199254740993. Readers that only compare or
 * compute may use it like a number; `JSON.stringify` writes the digits as they came.
 */
export class Decimal {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  valueOf(): number {
    return Number(this.text);
  }
  toString(): string {
    return this.text;
  }
  toJSON(): unknown {
    return rawJson(this.text);
  }
}

/** JSON.rawJSON (ES2025 proposal, in Node 22+): a number token written as is. TypeScript's library does not declare it yet. */
const rawJson: (text: string) => unknown = Reflect.get(JSON, 'rawJSON');

/** Returns a plain number where it gives back the same digits, else a Decimal. `text` must be a JSON number. */
export function decimal(text: string): number | Decimal {
  const plain = Number(text);
  return String(plain) === text ? plain : new Decimal(text);
}
