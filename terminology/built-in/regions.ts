import { iso31661, iso31662 } from 'iso-3166';
import type { JsonObject } from '../provider.ts';

const enumerated = (url: string, name: string, title: string, concept: readonly JsonObject[]): JsonObject => ({
  resourceType: 'CodeSystem',
  url,
  name,
  title,
  status: 'active',
  language: 'en',
  caseSensitive: true,
  content: 'complete',
  concept,
});

/** ISO 3166-1: countries by two letters, three letters and three digits (http://hl7.org/fhir/R4/valueset-country.html). */
export const countries = (): JsonObject =>
  enumerated('urn:iso:std:iso:3166', 'ISO3166', 'ISO 3166-1: codes of countries', [
    ...(['alpha2', 'alpha3', 'numeric'] as const).flatMap((kind) =>
      iso31661.filter(({ state }) => state === 'assigned').map((each) => ({ code: each[kind], display: each.name })),
    ),
  ]);

/** ISO 3166-2: states and provinces of countries, such as US-CA. */
export const subdivisions = (): JsonObject =>
  enumerated(
    'urn:iso:std:iso:3166:-2',
    'ISO3166Part2',
    'ISO 3166-2: codes of subdivisions of countries',
    iso31662.map(({ code, name }) => ({ code, display: name })),
  );

/** Of Appendix B of the Postal Service's Publication 28: states, possessions, and what stands in their place for the armed forces. */
const STATES =
  'AL Alabama,AK Alaska,AS American Samoa,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware,DC District of Columbia,FM Federated States of Micronesia,FL Florida,GA Georgia,GU Guam,HI Hawaii,ID Idaho,IL Illinois,IN Indiana,IA Iowa,KS Kansas,KY Kentucky,LA Louisiana,ME Maine,MH Marshall Islands,MD Maryland,MA Massachusetts,MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,NE Nebraska,NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,NC North Carolina,ND North Dakota,MP Northern Mariana Islands,OH Ohio,OK Oklahoma,OR Oregon,PW Palau,PA Pennsylvania,PR Puerto Rico,RI Rhode Island,SC South Carolina,SD South Dakota,TN Tennessee,TX Texas,UT Utah,VT Vermont,VA Virginia,VI Virgin Islands,WA Washington,WV West Virginia,WI Wisconsin,WY Wyoming,AA Armed Forces Americas (except Canada),AE Armed Forces Europe,AP Armed Forces Pacific';

/** Two-letter codes of the United States Postal Service (https://pe.usps.com/text/pub28/28apb.htm). */
export const usStates = (): JsonObject =>
  enumerated(
    'https://www.usps.com/',
    'USPSState',
    'State codes of the United States Postal Service',
    STATES.split(',').map((each) => ({ code: each.slice(0, 2), display: each.slice(3) })),
  );

/** ISO 4217: currencies that Node's tables know, old ones too. */
export function currencies(): JsonObject {
  const names = new Intl.DisplayNames(['en'], { type: 'currency' });
  return enumerated(
    'urn:iso:std:iso:4217',
    'ISO4217',
    'ISO 4217: codes of currencies',
    Intl.supportedValuesOf('currency').map((code) => ({ code, display: names.of(code) ?? code })),
  );
}
