import { row } from './row.ts';

/** What goes wrong when the CDM is checked, analysed and connected. */
export const QUALITY = {
  'quality-unknown': row(400, 'AR', 'error', 'invalid', 'There is no check or table "{name}".', 'Write names as the list of checks has them, such as isRequired and person.'),
  'cohort-not-covered': row(422, 'AR', 'error', 'not-supported', 'The cohort definition cannot be run: {reason}.', 'Change the definition at this path; "npx polyseme cohort covered" lists what is not covered. ATLAS itself runs the whole of it on this database.'),
  'cohort-no-concept-set': row(422, 'AR', 'error', 'not-found', 'The cohort definition names concept set {id}, which it does not have.', 'Export the definition from ATLAS again, with its concept sets.'),
};
