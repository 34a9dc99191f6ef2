import { readResource } from '../../database/resources/resources.ts';
import { searchResources } from '../../database/search/search.ts';
import { problem, Refusal } from '../../errors.ts';
import { isObject } from '../../fhir/format/json.ts';
import { operationOutcome } from '../../fhir/outcome.ts';
import type { JsonObject, JsonValue, Resource } from '../../fhir/resource.ts';
import { parseSearch } from '../../fhir/search/parse.ts';
import { mergeRequested } from '../../pipeline/fhir/merge.ts';
import { missing, resourceOf } from './answers.ts';
import { type OperationCall, refuseOthers, wrongParameter } from './operation.ts';

const PARAMETERS = ['source-patient', 'source-patient-identifier', 'target-patient', 'target-patient-identifier', 'preview'];

/**
 * Patient $merge (https://hl7.org/fhir/R5/patient-operation-merge.html; R4 has none): what refers to the source refers to the target, the
 * source stays as a Patient that is not active. `preview` true: what that would come to, nothing is changed.
 */
export async function merge(call: OperationCall): Promise<Resource> {
  refuseOthers(call, PARAMETERS);
  const { parts, input, request } = call;
  const loser = await patientOf(call, 'source-patient');
  const survivor = await patientOf(call, 'target-patient');
  if (loser === survivor) throw wrongParameter('target-patient', 'it is the source itself');
  const preview = input.text('preview') ?? 'false';
  if (preview !== 'true' && preview !== 'false') throw wrongParameter('preview', 'it is true or false');
  const isPreview = preview === 'true';
  const content = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const outcome = await mergeRequested(parts, content, { survivor, loser, isPreview });
  const moved = `${outcome.moved} resources ${isPreview ? 'would refer to the target; nothing was changed' : 'refer to the target now'}`;
  const text = outcome.mergeId === undefined ? 'They are one already' : moved;
  return answer(call, [{ severity: 'information', code: 'informational', details: { text } }], resourceOf(outcome.patient ?? NOBODY));
}

const NOBODY = { type: 'Patient', body: '{"resourceType":"Patient"}' };

function answer(call: OperationCall, issue: readonly JsonObject[], patient: Resource): Resource {
  const asked = call.input.names.flatMap((name) =>
    call.input
      .all(name)
      .flatMap((value): readonly JsonObject[] =>
        isObject(value) ? [{ name, [name.endsWith('identifier') ? 'valueIdentifier' : 'valueReference']: value }] : [],
      ),
  );
  return {
    resourceType: 'Parameters',
    parameter: [
      { name: 'input', resource: { resourceType: 'Parameters', ...(asked.length === 0 ? {} : { parameter: asked }) } },
      { name: 'outcome', resource: issue.length === 0 ? operationOutcome([]) : { resourceType: 'OperationOutcome', issue } },
      { name: 'result', resource: patient },
    ],
  };
}

/** The id of the Patient that a reference or identifiers name: there has to be exactly one. */
async function patientOf(call: OperationCall, name: 'source-patient' | 'target-patient'): Promise<string> {
  const { parts, input, base } = call;
  const reference = textIn(input.all(name)[0], 'reference') ?? input.text(name);
  if (reference !== undefined) {
    const id = /^(?:.*\/)?Patient\/([A-Za-z0-9\-.]{1,64})$/.exec(reference.replace(`${base}/`, ''))?.[1];
    if (id === undefined) throw wrongParameter(name, 'it is no reference to a Patient');
    const found = await readResource(parts.database, 'Patient', id);
    if (found === undefined || found.deleted) throw new Refusal([missing(found ? 'resource-deleted' : 'resource-not-found', 'Patient')]);
    return id;
  }
  const identifiers = input.all(`${name}-identifier`).filter(isObject);
  if (identifiers.length === 0) throw wrongParameter(name, 'a reference or an identifier is needed');
  const escaped = (text: string): string => text.replace(/[\\,|$]/g, '\\$&');
  const parameters = identifiers.map((each): readonly [string, string] => [
    'identifier',
    `${escaped(textIn(each, 'system') ?? '')}|${escaped(textIn(each, 'value') ?? '')}`,
  ]);
  const query = parseSearch('Patient', [...parameters, ['_count', '2']], { base });
  if (!query.ok) throw new Refusal(query.problems);
  const { resources } = await searchResources(parts.database, query.value, { base });
  const [only, second] = resources;
  if (only === undefined) throw new Refusal([missing('resource-not-found', 'Patient')]);
  if (second !== undefined) throw new Refusal([problem('fhir-condition-multiple')]);
  return only.id;
}

const textIn = (value: JsonValue | undefined, name: string): string | undefined => {
  const found = isObject(value) ? value[name] : undefined;
  return typeof found === 'string' ? found : undefined;
};
