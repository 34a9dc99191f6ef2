import { SaxesParser } from 'saxes';
import { failure, problem, type Result, success } from '../../errors.ts';
import { choiceNames, elementsOf, isResourceType, kindOf } from '../definitions.ts';
import { decimal, type JsonObject, type JsonValue } from '../resource.ts';
import { isArray, isObject } from './json.ts';
import { MAXIMUM_DEPTH, MAXIMUM_NUMBER_LENGTH } from './json-reader.ts';

export const FHIR_NAMESPACE = 'http://hl7.org/fhir';
export const XHTML_NAMESPACE = 'http://www.w3.org/1999/xhtml';

/** Why and where reading stopped; never leaves this file. */
class Stop extends Error {
  readonly at: string;
  constructor(reason: string, at: string) {
    super(reason);
    this.at = at;
  }
}

/** An element; of a narrative only where its text begins and ends. */
interface Node {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Node[];
  /** line:column. */
  readonly at: string;
  readonly start: number;
  end: number;
}

function parserOf(
  fail: (reason: string) => never,
  onClose: () => void = () => {},
): SaxesParser<{ readonly xmlns: true; readonly position: true }> {
  const parser = new SaxesParser({ xmlns: true, position: true });
  // A document type is where entities come from: external ones read files, nested ones fill the memory.
  parser.on('doctype', () => fail('it has a document type'));
  parser.on('processinginstruction', () => fail('it has a processing instruction'));
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) fail('it is declared to be in another encoding than UTF-8');
  });
  // Counted before namespaces are looked up, which takes as long as the document is deep: in narratives, too.
  let depth = 0;
  parser.on('opentagstart', () => {
    if (++depth > MAXIMUM_DEPTH) fail(`more than ${MAXIMUM_DEPTH} levels`);
  });
  parser.on('closetag', () => {
    depth--;
    onClose();
  });
  // Its messages may quote the document.
  parser.on('error', () => fail('it is not well-formed'));
  return parser;
}

/** Returns the tree of a document; what is within an XHTML element is left as text. */
function treeOf(text: string): Node {
  const stack: Node[] = [];
  let root: Node | undefined;
  let within = 0;
  const stop = (reason: string): never => {
    throw new Stop(reason, `${parser.line}:${parser.column + 1}`);
  };
  const closed = (): void => {
    if (within > 0) within--;
    if (within > 0) return;
    const node = stack.pop();
    if (node !== undefined) node.end = parser.position;
  };
  const parser = parserOf(stop, closed);
  parser.on('opentag', ({ local, uri, attributes }) => {
    if (within > 0 || (uri === XHTML_NAMESPACE && stack.length > 0)) within++;
    if (within > 1) return;
    const given = Object.values(attributes).filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns');
    const names = new Map(given.filter(({ prefix }) => prefix !== 'xsi').map(({ name, value }) => [name, value] as const));
    const at = `${parser.line}:${parser.column + 1}`;
    // No "<" can stand within a tag.
    const start = text.lastIndexOf('<', parser.position - 1);
    const node: Node = { name: local, namespace: uri, attributes: names, children: [], at, start, end: start };
    stack.at(-1)?.children.push(node);
    root ??= node;
    stack.push(node);
  });
  const characters = (found: string): void => {
    if (within === 0 && found.trim() !== '') stop('there is text between elements');
  };
  parser.on('text', characters);
  parser.on('cdata', characters);
  parser.write(text).close();
  if (root === undefined) throw new Stop('it has no element', '1:1');
  return root;
}

/** Returns true for the text of an XHTML div that stands for itself: well-formed, its namespace declared, nothing fetched from elsewhere. */
export function isDiv(text: string): boolean {
  let root: string | undefined;
  try {
    const parser = parserOf(() => {
      throw new Stop('', '');
    });
    parser.on('opentag', ({ name, uri }) => {
      root ??= `${uri} ${name}`;
    });
    parser.write(text).close();
  } catch {
    return false;
  }
  return root === `${XHTML_NAMESPACE} div`;
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const NUMBERS = new Set(['decimal', 'integer', 'positiveInt', 'unsignedInt']);

/** A value that is not of its datatype stays text, so that validation tells what is wrong with it. */
function primitiveOf(text: string, datatype: string): JsonValue {
  if (datatype === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return NUMBERS.has(datatype) && text.length <= MAXIMUM_NUMBER_LENGTH && JSON_NUMBER.test(text) ? decimal(text) : text;
}

interface Property {
  readonly code: string;
  readonly many: boolean;
}

const plans = new Map<string, ReadonlyMap<string, Property>>();

function planOf(type: string): ReadonlyMap<string, Property> {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const plan = new Map<string, Property>();
  for (const element of elementsOf(type).values()) {
    for (const [i, name] of choiceNames(element).entries()) plan.set(name, { code: element.types[i]?.code ?? '', many: element.max > 1 });
  }
  plans.set(type, plan);
  return plan;
}

/** Reads the tree by the definitions. */
class Reader {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }

  resource(node: Node): JsonObject {
    this.#inFhir(node);
    if (!isResourceType(node.name)) throw new Stop('an element that should be a resource is none of R4', node.at);
    return { resourceType: node.name, ...this.#object(node, node.name, []) };
  }

  #object(node: Node, type: string, inAttributes: readonly string[]): JsonObject {
    const out: Record<string, JsonValue> = {};
    for (const [name, value] of node.attributes) {
      if (!inAttributes.includes(name)) throw new Stop('an attribute that the element does not have', node.at);
      out[name] = value;
    }
    const plan = planOf(type);
    for (const child of node.children) {
      const property = plan.get(child.name);
      if (property === undefined || inAttributes.includes(child.name)) throw new Stop(`${type} has no element of this name`, child.at);
      this.#add(out, child, property);
    }
    return out;
  }

  #add(out: Record<string, JsonValue>, child: Node, { code, many }: Property): void {
    const { name } = child;
    if (!many && (out[name] !== undefined || out[`_${name}`] !== undefined))
      throw new Stop('an element that may not repeat does', child.at);
    if (kindOf(code) !== 'primitive') {
      const value = this.#value(child, code);
      const before = out[name];
      out[name] = many ? [...(isArray(before) ? before : []), value] : value;
      return;
    }
    const { value, beside } = this.#primitive(child, code);
    if (!many) {
      if (value !== undefined) out[name] = value;
      if (beside !== undefined) out[`_${name}`] = beside;
      return;
    }
    const [values, besides] = [out[name], out[`_${name}`]].map((each) => (isArray(each) ? each : undefined));
    const length = Math.max(values?.length ?? 0, besides?.length ?? 0);
    const padded = (list: readonly JsonValue[] | undefined) => list ?? Array.from({ length }, () => null);
    if (value !== undefined || values !== undefined) out[name] = [...padded(values), value ?? null];
    if (beside !== undefined || besides !== undefined) out[`_${name}`] = [...padded(besides), beside ?? null];
  }

  #value(node: Node, code: string): JsonValue {
    this.#inFhir(node);
    if (code !== 'Resource') return this.#object(node, code, code === 'Extension' ? ['id', 'url'] : ['id']);
    const [only, second] = node.children;
    if (only === undefined || second !== undefined || node.attributes.size > 0) throw new Stop('one resource is expected here', node.at);
    return this.resource(only);
  }

  #primitive(node: Node, code: string): { readonly value: JsonValue | undefined; readonly beside: JsonObject | undefined } {
    if (code === 'xhtml') return { value: this.#div(node), beside: undefined };
    this.#inFhir(node);
    const text = node.attributes.get('value');
    const attributes = new Map([...node.attributes].filter(([name]) => name !== 'value'));
    const beside = this.#object({ ...node, attributes }, 'Element', ['id']);
    return { value: text === undefined ? undefined : primitiveOf(text, code), beside: Object.keys(beside).length > 0 ? beside : undefined };
  }

  #div(node: Node): string {
    const source = this.#text.slice(node.start, node.end).replaceAll('\r\n', '\n');
    if (node.namespace !== XHTML_NAMESPACE || !isDiv(source))
      throw new Stop('the narrative is no div that declares the XHTML namespace itself', node.at);
    return source;
  }

  #inFhir(node: Node): void {
    if (node.namespace !== FHIR_NAMESPACE) throw new Stop(`an element is not in the namespace ${FHIR_NAMESPACE}`, node.at);
  }
}

/**
 * Returns the resource of FHIR XML (http://hl7.org/fhir/R4/xml.html) as JSON: numbers with their digits, narratives as they came. Problem
 * fhir-not-xml with the reason and line:column: not well-formed, a document type, elements that R4 does not have, more than 100 levels.
 */
export function readXml(source: string | Uint8Array): Result<JsonObject> {
  try {
    let text = typeof source === 'string' ? source : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
    if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    const resource = new Reader(text).resource(treeOf(text));
    return isObject(resource) ? success(resource) : failure(problem('fhir-not-xml', { reason: 'it is no resource' }));
  } catch (error) {
    if (error instanceof Stop) return failure(problem('fhir-not-xml', { reason: error.message }, error.at));
    return failure(problem('fhir-not-xml', { reason: 'the bytes are not UTF-8' }));
  }
}
