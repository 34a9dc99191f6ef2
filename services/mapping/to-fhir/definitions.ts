/**
 * HL7v2 definitions with the mercy that real senders need: a field or component that the message's version does not have yet is read as
 * the next version defines it (senders are ahead of their MSH-12), and a datatype falls back to the one that followed it (CE to CWE).
 */

import { componentsOf, DEFINED_VERSIONS, type FieldDefinition, fieldOf, versionIndex } from '../../hl7v2/definitions.ts';
import { V2_PRIMITIVES } from '../expression/typed.ts';

/** Datatypes whose components are a prefix of a later one's. */
export const SUCCESSORS: Readonly<Record<string, string>> = {
  CE: 'CWE',
  CNE: 'CWE',
  CF: 'CWE',
  PN: 'XPN',
  PPN: 'XCN',
  CN: 'XCN',
  CNN: 'XCN',
  AD: 'XAD',
  TN: 'XTN',
  CK: 'CX',
  CK_ACCOUNT_NO: 'CX',
  ON: 'XON',
  TS: 'DTM',
  IS: 'ST',
  ID: 'ST',
  CQ_SIMPLE: 'CQ',
};

/** The versions to ask for `version`: itself, then newer ones, then older ones from the newest on. */
function versionsFor(version: string): readonly string[] {
  const at = Math.max(versionIndex(version), 0);
  return [...DEFINED_VERSIONS.slice(at), ...DEFINED_VERSIONS.slice(0, at).reverse()];
}

export interface Part {
  readonly datatype: string;
  readonly many: boolean;
}

const remembered = new Map<string, Part | undefined>();

function remember(key: string, find: () => Part | undefined): Part | undefined {
  if (!remembered.has(key)) remembered.set(key, find());
  return remembered.get(key);
}

/** The newest definition of something that still has one. */
function newest(find: (version: string) => FieldDefinition | undefined): FieldDefinition | undefined {
  return DEFINED_VERSIONS.map(find).findLast((each) => each !== undefined && !isWithdrawn(each) && each.type !== '');
}

const isWithdrawn = (field: FieldDefinition): boolean => field.withdrawn === true || /^wd$/i.test(field.type);

const isUndescribed = (type: string): boolean => /^CM(_|$)/.test(type);

/**
 * What `find` gives for `version`, in the form the map is written for. CM ("composite") is 2.1's and 2.2's word for a type without a name;
 * a primitive that is or was a composite in another version (IS to CWE, ID to PL) is read as the composite; and whether something repeats is
 * taken from the newest version, so that one map fits all: what a sender repeats beyond that is reported as unread.
 */
function partFor(version: string, find: (version: string) => FieldDefinition | undefined): Part | undefined {
  const latest = newest(find);
  let found: FieldDefinition | undefined;
  for (const each of versionsFor(version)) {
    const here = find(each);
    if (here === undefined || here.type === '') continue;
    found ??= here;
    if (isUndescribed(here.type) || isWithdrawn(here)) continue;
    found = here;
    break;
  }
  if (found === undefined) return undefined;
  const composite = V2_PRIMITIVES.has(found.type) ? newest((each) => compositeOnly(find(each))) : undefined;
  return { datatype: composite?.type ?? found.type, many: latest?.repeats ?? found.repeats };
}

/** The definition when its type is a described composite other than TS, which is only a time with a remark. */
function compositeOnly(field: FieldDefinition | undefined): FieldDefinition | undefined {
  if (field === undefined || V2_PRIMITIVES.has(field.type) || field.type === 'varies' || field.type === 'TS' || isUndescribed(field.type))
    return undefined;
  return field;
}

/** Returns the datatype and repetition of a field, or undefined when no version has it. */
export function fieldPart(version: string, segment: string, field: number): Part | undefined {
  return remember(`${version} ${segment}-${field}`, () => partFor(version, (each) => fieldOf(each, segment, field)));
}

/** Returns the datatype of a component, or undefined when neither the datatype nor its successors ever have it. */
export function componentPart(version: string, datatype: string, component: number): Part | undefined {
  return remember(`${version} ${datatype}.${component}`, () => {
    let plain: Part | undefined;
    for (let type: string | undefined = datatype, steps = 0; type !== undefined && steps < 4; type = SUCCESSORS[type], steps++) {
      const name = type;
      const found = partFor(version, (each) => componentsOf(each, name)[component - 1]);
      // A primitive in an older type may be a composite in the one that followed it (AD.1 and XAD.1).
      if (found !== undefined && !V2_PRIMITIVES.has(found.datatype)) return found;
      plain ??= found;
    }
    return plain;
  });
}

/** Tables whose codes come from elsewhere (ICD, CPT, staff numbers): the table's own URI would be a false statement. */
const NOT_CODE_SYSTEMS: ReadonlySet<string> = new Set([
  '0010',
  '0051',
  '0053',
  '0088',
  '0296',
  '0340',
  '0361',
  '0362',
  '0363',
  '0396',
  '9999',
]);

const tables = new Map<string, string | undefined>();

/** Returns the URI of the HL7 table that the standard binds to a field, in the version or the nearest that names one. */
export function tableOf(version: string, segment: string, field: number): string | undefined {
  const key = `${version} ${segment}-${field}`;
  if (!tables.has(key)) {
    const table = versionsFor(version)
      .map((each) => fieldOf(each, segment, field)?.table)
      .find((each) => each !== undefined && /^\d{4}$/.test(each));
    tables.set(key, table === undefined || NOT_CODE_SYSTEMS.has(table) ? undefined : `http://terminology.hl7.org/CodeSystem/v2-${table}`);
  }
  return tables.get(key);
}
