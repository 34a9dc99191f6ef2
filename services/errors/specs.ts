import { row } from './row.ts';

/** Errors of the life of a spec: drafts, plans, publication, replay. */
export const SPECS = {
  'spec-forbidden': row(403, 'AR', 'error', 'forbidden', 'This needs the role {role}, which the token does not have.', 'Make a token that has it: npx polyseme token create NAME --role {role}.'),
  'spec-request-invalid': row(400, 'AR', 'error', 'structure', 'The request cannot be read: {reason}.', 'Send JSON as the README of services/http describes it for this address.'),
  'spec-path-invalid': row(400, 'AR', 'error', 'value', '"{path}" is no path of a spec.', 'Write it below the folder of maps, of letters, digits, - _ . and /, ending in .yaml: v2-to-fhir/messages/oru-r01.yaml.'),
  'spec-file-unknown': row(404, 'AR', 'error', 'not-found', 'There is no file "{path}" here.', 'List the files with GET /maps/files, or of a draft with GET /maps/drafts/ID.'),
  'spec-draft-unknown': row(404, 'AR', 'error', 'not-found', 'There is no draft {id}.', 'Run "npx polyseme map draft list" to see those there are.'),
  'spec-draft-ended': row(409, 'AR', 'error', 'conflict', 'Draft {id} is {state} and does not change any more.', 'Make another draft.'),
  'spec-draft-empty': row(422, 'AR', 'error', 'required', 'Draft {id} changes nothing.', 'Change a file of it first.'),
  'spec-revision-missing': row(428, 'AR', 'error', 'required', 'If-Match is missing: what was changed by others meanwhile would be lost.', 'Send the ETag that the last read of the draft answered.'),
  'spec-draft-conflict': row(412, 'AR', 'error', 'conflict', '"{path}" was changed in revision {revision}, after the one that was read.', 'Merge the three texts of the answer (base, theirs, yours) and send the result with the ETag of now.'),
  'spec-draft-outdated': row(409, 'AR', 'error', 'conflict', '"{path}" was published anew since the draft was begun.', 'Merge what is published into the draft (GET /maps/drafts/ID shows both hashes) and send the file with ?base= and the hash that is published.'),
  'spec-version-published': row(409, 'AR', 'error', 'conflict', '{name} was published with another text.', 'Published versions never change: raise the version of the map.'),
  'spec-check-fails': row(422, 'AR', 'error', 'business-rule', 'The specs have {errors} errors; {failed} cases fail.', 'Run check on the draft: it lists each with place and cure.'),
  'spec-plan-unknown': row(404, 'AR', 'error', 'not-found', 'There is no plan {id}.', 'Run "npx polyseme map plan --list" to see those there are.'),
  'spec-plan-missing': row(409, 'AR', 'error', 'business-rule', 'There is no finished plan of this draft.', 'Plan first: it shows what publishing would change.'),
  'spec-plan-old': row(409, 'AR', 'error', 'business-rule', 'The plan is older than {what}.', 'Plan again, and publish what that one shows.'),
  'spec-plan-failed': row(500, 'AR', 'error', 'exception', 'The plan could not be finished: {reason}.', 'Plan again; report it if it fails again.'),
  'spec-plan-busy': row(503, 'AR', 'error', 'throttled', 'Another plan is being made ({id}).', 'Wait for it, or cancel it.'),
  'spec-removals': row(409, 'AR', 'error', 'business-rule', 'The plan has {counts}, which nobody acknowledged.', 'Look at them, then send these counts with the request to publish.'),
  'spec-release-unknown': row(404, 'AR', 'error', 'not-found', 'There is no release {id}.', 'Run "npx polyseme map history" to see those there are.'),
  'spec-release-active': row(409, 'AR', 'error', 'conflict', 'Release {id} is active already.', 'Name another release to go back to.'),
  'spec-nothing-published': row(409, 'AR', 'error', 'business-rule', 'Nothing was ever published here: the folder of maps runs.', 'Publish a draft first.'),
  'spec-release-broken': row(500, 'AR', 'fatal', 'exception', 'Release {id} cannot be compiled by this version: {reason}.', 'Run the version of Polyseme that published it, or go back to another release.'),
  'spec-replay-unknown': row(404, 'AR', 'error', 'not-found', 'There is no replay {id}.', 'Run "npx polyseme map replay --list" to see those there are.'),
  'spec-audit-broken': row(500, 'AR', 'error', 'security', 'The audit log was changed at entry {id}.', 'Compare the database with a backup; keep both for whoever investigates it.'),
};
