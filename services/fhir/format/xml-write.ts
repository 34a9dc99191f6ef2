import { failure, problem, type Result, success } from '../../errors.ts';
import { choiceNames, elementsOf, isResourceType, kindOf } from '../definitions.ts';
import type { JsonObject, JsonValue } from '../resource.ts';
import { isArray, isObject } from './json.ts';
import { FHIR_NAMESPACE, isDiv } from './xml-read.ts';

/** Why a value cannot be written; never leaves this file. */
class Unwritable extends Error {}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Characters that no XML 1.0 document can hold, not even escaped. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

function attribute(name: string, value: JsonValue): string {
  const text = String(value);
  if (FORBIDDEN.test(text) || !text.isWellFormed()) throw new Unwritable('a text has a character that XML does not know');
  return ` ${name}="${text.replace(/[&<>"\t\n\r]/g, (each) => ENTITIES[each] ?? each)}"`;
}

const isAttribute = (type: string, name: string): boolean =>
  kindOf(type) !== 'resource' && (name === 'id' || (name === 'url' && type === 'Extension'));

interface Property {
  readonly name: string;
  readonly code: string;
}

const plans = new Map<string, readonly Property[]>();

/** Properties of a type in the order that XML asks for. */
function planOf(type: string): readonly Property[] {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const plan = [...elementsOf(type).values()].flatMap((element) =>
    choiceNames(element).map((name, i): Property => ({ name, code: element.types[i]?.code ?? '' })),
  );
  plans.set(type, plan);
  return plan;
}

class Writer {
  readonly #parts: string[] = [];
  readonly #indent: number;
  #level = 0;

  constructor(indent: number) {
    this.#indent = indent;
  }

  text(): string {
    return this.#parts.join('');
  }

  resource(value: JsonValue | undefined, namespace = ''): void {
    const type = isObject(value) ? value['resourceType'] : undefined;
    if (!isObject(value) || typeof type !== 'string' || !isResourceType(type)) throw new Unwritable('a resource has no type of R4');
    this.#element(type, namespace, () => this.#content(value, type));
  }

  #element(name: string, attributes: string, content: (() => void) | undefined): void {
    this.#line();
    if (content === undefined) {
      this.#parts.push(`<${name}${attributes}/>`);
      return;
    }
    this.#parts.push(`<${name}${attributes}>`);
    this.#level++;
    content();
    this.#level--;
    this.#line();
    this.#parts.push(`</${name}>`);
  }

  #line(): void {
    if (this.#indent > 0 && this.#parts.length > 0) this.#parts.push(`\n${' '.repeat(this.#indent * this.#level)}`);
  }

  #content(value: JsonObject, type: string): void {
    let written = type === 'Element' ? 0 : Object.hasOwn(value, 'resourceType') ? 1 : 0;
    for (const { name, code } of planOf(type)) {
      const [own, beside] = [value[name], value[`_${name}`]];
      written += (own === undefined ? 0 : 1) + (beside === undefined ? 0 : 1);
      if ((own === undefined && beside === undefined) || isAttribute(type, name)) continue;
      const many = isArray(own) ? own : isArray(beside) ? beside : undefined;
      if (many === undefined) this.#one(name, code, own, beside);
      else {
        const length = Math.max(isArray(own) ? own.length : 0, isArray(beside) ? beside.length : 0);
        for (let i = 0; i < length; i++) this.#one(name, code, isArray(own) ? own[i] : undefined, isArray(beside) ? beside[i] : undefined);
      }
    }
    // Nothing is left out in silence.
    if (Object.values(value).filter((each) => each !== undefined).length !== written)
      throw new Unwritable(`${type} has an element that R4 does not have`);
  }

  #one(name: string, code: string, value: JsonValue | undefined, beside: JsonValue | undefined): void {
    if (code === 'xhtml') this.#div(value);
    else if (kindOf(code) === 'primitive') {
      const own = value === undefined || value === null ? '' : attribute('value', value);
      if (!isObject(beside)) this.#element(name, own, undefined);
      else
        this.#element(
          name,
          `${idOf(beside)}${own}`,
          beside['extension'] === undefined ? undefined : () => this.#content(beside, 'Element'),
        );
    } else if (code === 'Resource') this.#element(name, '', () => this.resource(value));
    else if (isObject(value)) {
      const url = code === 'Extension' && value['url'] !== undefined ? attribute('url', value['url']) : '';
      this.#element(name, `${idOf(value)}${url}`, () => this.#content(value, code));
    }
  }

  #div(value: JsonValue | undefined): void {
    if (typeof value !== 'string' || !isDiv(value)) throw new Unwritable('a narrative is not well-formed XHTML');
    this.#line();
    this.#parts.push(value.trim());
  }
}

const idOf = ({ id }: JsonObject): string => (id === undefined ? '' : attribute('id', id));

/**
 * Returns a valid resource as FHIR XML (http://hl7.org/fhir/R4/xml.html), indented by so many spaces. Problem fhir-xml-unwritable for what
 * XML cannot say: a narrative that is not well-formed, control characters.
 */
export function writeXml(resource: JsonObject, indent = 0): Result<string> {
  const writer = new Writer(indent);
  try {
    writer.resource(resource, ` xmlns="${FHIR_NAMESPACE}"`);
  } catch (error) {
    if (error instanceof Unwritable) return failure(problem('fhir-xml-unwritable', { reason: error.message }));
    throw error;
  }
  return success(`<?xml version="1.0" encoding="UTF-8"?>${indent > 0 ? '\n' : ''}${writer.text()}`);
}
