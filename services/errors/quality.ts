import { row } from './row.ts';

/** What goes wrong when the CDM is checked, analysed, connected and read. */
export const QUALITY = {
  'quality-unknown': row(400, 'AR', 'error', 'invalid', 'There is no check or table "{name}".', 'Write names as the list of checks has them, such as isRequired and person.'),
  'cohort-not-covered': row(422, 'AR', 'error', 'not-supported', 'The cohort definition cannot be run: {reason}.', 'Change the definition at this path; "npx polyseme cohort covered" lists what is not covered. ATLAS itself runs the whole of it on this database.'),
  'cohort-no-concept-set': row(422, 'AR', 'error', 'not-found', 'The cohort definition names concept set {id}, which it does not have.', 'Export the definition from ATLAS again, with its concept sets.'),
  'person-unknown': row(404, 'AR', 'error', 'not-found', 'The CDM has no such person.', 'Find the person by number or identifier; a record that was merged into another one has no person of its own.'),
  'quality-running': row(409, 'AR', 'error', 'conflict', 'The quality checks are running already.', 'Wait until that run is done: the page shows how far it is.'),
  'sql-unavailable': row(503, 'AR', 'error', 'not-supported', 'SQL is not offered here: {reason}.', 'Give the account in POLYSEME_DATABASE_URL the right CREATEROLE and a password login from this server, or read the database with psql, R or Python by an account of your own.'),
  'sql-failed': row(422, 'AR', 'error', 'invalid', 'The database does not run the statement: {reason}.', 'Correct it; one SELECT, WITH or VALUES over the schemas cdm, results and views is run.'),
  'sql-timeout': row(408, 'AR', 'error', 'timeout', 'The statement was ended by the database after {seconds} seconds.', 'Ask for less: a smaller range, fewer tables; or run it by psql, R or Python, which have no such limit.'),
  'sql-stopped': row(409, 'AR', 'error', 'conflict', 'The statement was stopped.', 'Run it again when you want its answer.'),
  'sql-too-large': row(413, 'AR', 'error', 'too-long', 'The answer holds more than {limit} bytes at once.', 'Ask for fewer or shorter columns, or download it as CSV.'),
  'sql-locks': row(422, 'AR', 'error', 'forbidden', 'The statement takes a lock that others would wait for; its session was ended.', 'Leave out pg_advisory_lock and its like: what is run here only reads.'),
  'sql-busy': row(503, 'AR', 'error', 'throttled', '{most} statements run at this moment; no more are taken.', 'Try again when one of them has ended.'),
  'saved-query-changed': row(409, 'AR', 'error', 'conflict', 'Somebody else changed the query "{name}": it is at version {version}.', 'Open it again to see what it is now, or save yours under another name.'),
  'saved-query-unknown': row(404, 'AR', 'error', 'not-found', 'There is no saved query of that name.', 'See the list of saved queries; somebody may have removed it.'),
};
