/** What a rule fills: one FHIR element, as the definitions have it. */
import { type CodeSet, choiceNames, type ElementDefinition, elementOf, elementsOf, kindOf } from '../../fhir/definitions.ts';
import type { ElementType, FhirTypes } from '../expression/scope.ts';

export interface Target {
  /** 'Patient.name', for reports. */
  readonly path: string;
  /** FHIR type; a backbone element's is its path. '' for a choice whose type is not named yet. */
  readonly type: string;
  readonly many: boolean;
  readonly required: boolean;
  readonly binding: CodeSet | undefined;
  /** A choice element: its types, the name without [x], and the JavaScript variable that takes the property's name. */
  readonly choice: { readonly types: readonly string[]; readonly element: string; readonly nameVar: string } | undefined;
}

export const PRIMITIVE = (type: string): boolean => kindOf(type) === 'primitive';

/** Returns the target for element `name` ('value[x]', 'valueQuantity', 'status') of `type`; undefined when there is none. */
export function targetOf(type: string, name: string, nameVar: string): Target | undefined {
  const element = elementOf(type, name);
  if (element === undefined) return undefined;
  // 'value' finds value[x]; the rule must say so, for its reader's sake.
  if (element.isChoice && !name.endsWith('[x]')) return undefined;
  const first = element.types[0]?.code ?? '';
  const choice = element.isChoice
    ? { types: element.types.map((each) => each.code), element: element.name.slice(0, -3), nameVar }
    : undefined;
  return {
    path: `${type}.${name}`,
    type: choice === undefined ? first : '',
    many: element.max > 1,
    required: element.min > 0,
    binding: element.binding,
    choice,
  };
}

/** Returns the target once the type of a choice is named. */
export const chosen = (target: Target, type: string): Target => ({ ...target, type, choice: undefined, path: `${target.path}.${type}` });

/** Names of the elements of a type that a rule may fill, and of those that must be filled. */
export function elementNames(type: string): { readonly all: readonly string[]; readonly required: readonly string[] } {
  const all = [...elementsOf(type).values()];
  return { all: all.map((each) => each.name), required: all.filter((each) => each.min > 0).map((each) => each.name) };
}

/** The definitions as expressions ask for them. */
export const FHIR_TYPES: FhirTypes = {
  element(type, name): ElementType | undefined {
    const element = elementOf(type, name);
    return element === undefined || kindOf(type) === 'primitive' ? undefined : elementType(element);
  },
  elements(type): readonly string[] | undefined {
    const known = elementsOf(type);
    return known.size === 0 ? undefined : [...known.keys()].map((name) => name.replace(/\[x\]$/, ''));
  },
};

function elementType(element: ElementDefinition): ElementType {
  return { types: element.types.map((each) => each.code), many: element.max > 1, choice: element.isChoice };
}

/** Every property a choice may appear as; for deletes. */
export function propertiesOf(type: string, name: string): readonly string[] {
  const element = elementOf(type, name);
  return element === undefined ? [name] : choiceNames(element);
}
