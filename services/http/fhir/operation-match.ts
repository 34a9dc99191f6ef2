import { type FoundResource, searchResources } from '../../database/search/search.ts';
import { Refusal } from '../../errors.ts';
import { isObject } from '../../fhir/format/json.ts';
import { candidateSearches, scorePatient } from '../../fhir/patient-match.ts';
import type { Resource } from '../../fhir/resource.ts';
import { parseSearch } from '../../fhir/search/parse.ts';
import { resourceOf } from './answers.ts';
import { type OperationCall, refuseOthers, wrongParameter } from './operation.ts';

const MOST_CANDIDATES = 500;
const DEFAULT_COUNT = 20;
const MOST_COUNT = 100;
const MATCH_GRADE = 'http://hl7.org/fhir/StructureDefinition/match-grade';

/**
 * Patient $match (http://hl7.org/fhir/R4/patient-operation-match.html): who could be meant, best first, each with search.score and a grade.
 * `onlyCertainMatches`: only those that share an identifier and contradict nothing, and no more than one: two are no certain match.
 */
export async function match(call: OperationCall): Promise<Resource> {
  refuseOthers(call, ['resource', 'onlyCertainMatches', 'count']);
  const { parts, input, base, posted } = call;
  const asked = posted ?? input.all('resource')[0];
  if (!isObject(asked) || asked['resourceType'] !== 'Patient') throw wrongParameter('resource', 'a Patient is needed');
  const searches = candidateSearches(asked);
  if (searches.length === 0) throw wrongParameter('resource', 'it has no identifier, name, birthDate or telecom to go by');
  const count = input.text('count') ?? String(DEFAULT_COUNT);
  if (!/^[1-9]\d{0,5}$/.test(count)) throw wrongParameter('count', 'it is not a whole number above zero');
  const candidates = new Map<string, FoundResource>();
  for (const search of searches) {
    const query = parseSearch('Patient', [...search, ['_count', String(MOST_CANDIDATES)]], { base });
    if (!query.ok) throw new Refusal(query.problems);
    for (const found of (await searchResources(parts.database, query.value, { base })).resources) candidates.set(found.id, found);
  }
  const scored = [...candidates.values()]
    .map(resourceOf)
    // Who was merged into another is found under the other.
    .filter(({ active, link }) => active !== false || link === undefined)
    .map((resource) => ({ resource, ...scorePatient(asked, resource) }))
    .filter(({ grade }) => grade !== 'certainly-not')
    .sort((a, b) => b.score - a.score);
  const certain = scored.filter(({ grade }) => grade === 'certain');
  const wanted = input.text('onlyCertainMatches') === 'true' ? (certain.length === 1 ? certain : []) : scored;
  const entry = wanted.slice(0, Math.min(Number(count), MOST_COUNT)).map(({ resource, score, grade }) => ({
    fullUrl: `${base}/Patient/${resource.id ?? ''}`,
    resource,
    search: { extension: [{ url: MATCH_GRADE, valueCode: grade }], mode: 'match', score },
  }));
  return { resourceType: 'Bundle', type: 'searchset', total: entry.length, ...(entry.length === 0 ? {} : { entry }) };
}
