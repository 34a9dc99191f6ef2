import { row } from './row.ts';

/** What goes wrong when the CDM is checked, analysed and connected. */
export const QUALITY = {
  'quality-unknown': row(400, 'AR', 'error', 'invalid', 'There is no check or table "{name}".', 'Write names as the list of checks has them, such as isRequired and person.'),
};
