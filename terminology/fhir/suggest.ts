import type { JsonObject } from '../provider.ts';
import type { Suggestion } from '../suggester.ts';
import { OMOP_SYSTEM, systemOfVocabulary } from '../systems.ts';
import { refuse } from './issue.ts';
import { textAt } from './json.ts';
import type { Library } from './library.ts';
import { type Parameter, parameterObject, parameterText } from './settings.ts';

const MOST = 100;
const USUAL = 10;

/**
 * $suggest, an operation of ours: returns the standard OMOP concepts that a code without one may mean, best first, each with its score and why.
 * Parameters: `code` with `system`, or `coding`; `text`; `domain`, `unit`, `specimen` and `value` (number or text) of what is sent with it;
 * `count`.
 */
export function suggest(library: Library, parameters: readonly Parameter[]): JsonObject {
  const coding = parameterObject(parameters, 'coding');
  const text = (name: string): string | undefined => parameterText(parameters, name);
  const code = textAt(coding, 'code') ?? text('code');
  const words = text('text') ?? textAt(coding, 'display') ?? text('display');
  if (code === undefined && words === undefined)
    throw refuse(400, 'required', 'Say what to find concepts for: text, code with system, or coding');
  const value = text('value');
  if (value !== undefined && value !== 'number' && value !== 'text')
    throw refuse(400, 'invalid', "The parameter 'value' is neither number nor text");
  const count = text('count') ?? String(USUAL);
  if (!/^[1-9]\d{0,2}$/.test(count) || Number(count) > MOST)
    throw refuse(400, 'invalid', `The parameter 'count' is not a number from 1 to ${MOST}`);
  const suggester = library.suggester();
  if (suggester === undefined) throw refuse(404, 'not-found', 'No OMOP vocabulary is loaded');
  const asked = {
    system: textAt(coding, 'system') ?? text('system'),
    code,
    text: words,
    domain: text('domain'),
    unit: text('unit'),
    specimen: text('specimen'),
    value,
  } as const;
  return { resourceType: 'Parameters', parameter: suggester.suggest(asked, Number(count)).map(suggestionPart) };
}

const suggestionPart = ({ concept, score, reasons }: Suggestion): JsonObject => ({
  name: 'suggestion',
  part: [
    { name: 'concept', valueCoding: { system: OMOP_SYSTEM, code: String(concept.concept_id), display: concept.concept_name } },
    { name: 'source', valueCoding: { system: systemOfVocabulary(concept.vocabulary_id), code: concept.concept_code } },
    { name: 'domain', valueCode: concept.domain_id },
    { name: 'score', valueDecimal: score },
    ...reasons.map((reason) => ({ name: 'reason', valueString: reason })),
  ],
});
