import { readResource } from '../../database/resources/resources.ts';
import { harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { isObject } from '../../fhir/format/json.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import type { Resource } from '../../fhir/resource.ts';
import { validateResource } from '../../fhir/validation/validate.ts';
import { deletionProblems } from '../../pipeline/fhir/integrity.ts';
import { profileProblems } from '../../pipeline/fhir/profiles.ts';
import { missing, resourceOf } from './answers.ts';
import { type OperationCall, refuseOthers, wrongParameter } from './operation.ts';

const MODES = ['create', 'update', 'delete', 'profile'];

/**
 * $validate (http://hl7.org/fhir/R4/resource-operation-validate.html): an OperationOutcome with everything that is wrong by R4 and by
 * the profiles, stored or of loaded packages, that are asked for or claimed in meta.profile; 200 whatever it says. Of an instance without a resource: what is stored.
 */
export async function validate(call: OperationCall): Promise<Resource> {
  refuseOthers(call, ['resource', 'mode', 'profile']);
  const { parts, terminology, type, id, input, posted } = call;
  const mode = input.text('mode');
  if (mode !== undefined && !MODES.includes(mode)) throw wrongParameter('mode', `it is not one of ${MODES.join(', ')}`);
  if (mode === 'delete' && id === '') throw wrongParameter('mode', 'delete needs the id of a resource');
  const sent = posted ?? input.all('resource')[0];
  const stored = id === '' ? undefined : await readResource(parts.database, type, id);
  if (id !== '' && (stored === undefined || stored.deleted) && (sent === undefined || mode === 'delete'))
    throw new Refusal([missing(stored ? 'resource-deleted' : 'resource-not-found', type)]);
  if (mode === 'delete') return operationOutcome(await deletionProblems(parts.database, { type, id }));
  const resource = sent ?? (stored === undefined ? undefined : resourceOf(stored));
  if (!isObject(resource)) throw wrongParameter('resource', 'a resource is needed');
  const problems: Problem[] = [];
  if (resource['resourceType'] !== type) problems.push(problem('id-mismatch'));
  if (mode === 'update' && resource['id'] === undefined) problems.push(problem('fhir-required', { element: 'id', type }, type));
  if (id !== '' && resource['id'] !== undefined && resource['id'] !== id) problems.push(problem('id-mismatch', {}, `${type}.id`));
  const base = validateResource(resource);
  problems.push(...base);
  const profiles = input.all('profile').map(String);
  // A resource that is not valid by R4 itself may have anything anywhere.
  if (harmless(base)) problems.push(...(await profileProblems(parts.database, resource, profiles, terminology.checkCode)));
  problems.push(...(await terminology.standing(resource)));
  return operationOutcome(problems);
}
