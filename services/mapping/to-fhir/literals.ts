/** Literal texts of rules as FHIR values, checked when the spec is. */
import { didYouMean } from '../diagnostics.ts';
import type { ScalarNode } from '../read.ts';
import type { Build } from './build.ts';
import { PRIMITIVE, type Target } from './target.ts';

const FORMS: Readonly<Record<string, RegExp>> = {
  boolean: /^(true|false)$/,
  integer: /^(0|-?[1-9]\d{0,9})$/,
  positiveInt: /^[1-9]\d{0,9}$/,
  unsignedInt: /^(0|[1-9]\d{0,9})$/,
  decimal: /^-?(0|[1-9]\d{0,17})(\.\d{1,17})?$/,
  date: /^\d{4}(-\d{2}(-\d{2})?)?$/,
  dateTime: /^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?)?)?$/,
  instant: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/,
  time: /^\d{2}:\d{2}:\d{2}(\.\d+)?$/,
  code: /^\S+( \S+)*$/,
  uri: /^\S+$/,
  url: /^\S+$/,
  canonical: /^\S+$/,
  id: /^[A-Za-z0-9.-]{1,64}$/,
  oid: /^urn:oid:[0-2](\.\d+)+$/,
};
const NUMBERS = new Set(['integer', 'positiveInt', 'unsignedInt', 'decimal']);

/** Returns the JavaScript of a literal, or undefined after reporting that it fits its element not. */
export function literalOf(node: ScalarNode, target: Target, build: Build): string | undefined {
  const { value, at } = node;
  if (!PRIMITIVE(target.type)) {
    build.fault('literal-object', at, { type: target.type });
    return undefined;
  }
  const form = Object.hasOwn(FORMS, target.type) ? FORMS[target.type] : /\S/;
  if (form?.test(value) !== true) {
    build.fault('literal-value', at, { value: value.slice(0, 60), type: target.type });
    return undefined;
  }
  if (target.binding !== undefined && !target.binding.codes.has(value)) {
    const values = {
      value: value.slice(0, 60),
      set: target.binding.name,
      path: target.path,
      nearest: didYouMean(value, target.binding.codes),
    };
    build.fault('binding-violated', at, values);
    return undefined;
  }
  if (!node.quoted && /^([A-Z][A-Z0-9]{2}-\d+|\.\d+)(\.\d+)*$/.test(value)) build.fault('template-in-literal', at);
  if (target.type === 'boolean') return value;
  return NUMBERS.has(target.type) ? `R.literalNumber(${JSON.stringify(value)})` : JSON.stringify(value);
}
