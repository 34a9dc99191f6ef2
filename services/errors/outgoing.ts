import { row } from './row.ts';

/** What goes wrong on the way to others: subscriptions, receivers, addresses. */
export const OUTGOING = {
  'subscription-refused': row(400, 'AE', 'error', 'not-supported', 'The subscription cannot be served: {reason}.', 'Change the Subscription; /fhir/R4/metadata says what is supported. Status "off" keeps it as it is, unserved.'),
  'subscription-not-listened': row(409, 'AE', 'error', 'business-rule', '{reference} is not one to a topic by websocket that is active.', 'Ask for a binding token of Subscriptions with the backport profile, channel type websocket and status active.'),
  'subscription-events-gone': row(410, 'AE', 'error', 'not-found', 'Events from number {since} on are asked for; the first that is kept is {first}.', 'Ask with eventsSinceNumber={first}, and find what happened before by a search or _history.'),
  'outgoing-address-refused': row(422, 'AE', 'error', 'security', 'Nothing is sent to this address: {reason}.', 'The operator of this server allows addresses by POLYSEME_OUTGOING_ALLOW and, for names in private networks, POLYSEME_OUTGOING_PRIVATE.'),
  'outgoing-unreachable': row(503, 'AE', 'error', 'transient', 'The receiver cannot be reached: {reason}.', 'It is tried again by itself, ever more rarely; check the receiver, its address and certificate.'),
  'outgoing-not-answered': row(504, 'AE', 'error', 'timeout', 'The receiver did not answer within {seconds} seconds.', 'It is sent again by itself; the receiver should drop what it has by the Idempotency-Key.'),
  'outgoing-failed': row(502, 'AE', 'error', 'processing', 'The receiver answered {answer}.', 'It is sent again by itself, and parked when that does not help; see what the receiver says of it.'),
  'outgoing-rejected': row(502, 'AE', 'error', 'processing', 'The receiver refused it: {answer}.', 'Correct what the receiver objects to, then "npx polyseme outgoing retry ID", or skip it.'),
  'outgoing-redirected': row(502, 'AE', 'error', 'security', 'The receiver answered {answer}, a redirect: those are not followed, for they would carry data and credentials elsewhere.', 'Put the address that it leads to into Subscription.channel.endpoint, then "npx polyseme outgoing retry".'),
  'outgoing-no-content': row(410, 'AE', 'error', 'not-found', 'What was to be sent is no longer here: version {version} of {reference}.', 'It was erased. Skip it with "npx polyseme outgoing skip".'),
  'outgoing-no-message': row(200, 'AA', 'information', 'informational', 'The change was not made by an HL7v2 message: there is none to forward.', 'Nothing; subscribe with payload application/fhir+json to hear of changes made by FHIR requests.'),
  'outgoing-no-map': row(422, 'AE', 'error', 'not-supported', 'No map makes an HL7v2 message of {type}.', 'Write one under mappings/fhir-to-v2, subscribe to another type, or receive FHIR.'),
  'outgoing-not-expressible': row(422, 'AE', 'error', 'not-supported', 'The message cannot say all that the resource says: {what}.', 'Add a rule for it to the map under mappings/fhir-to-v2, or list it under "ignore" there with the reason; then "npx polyseme outgoing retry ID".'),
  'outgoing-linked-missing': row(422, 'AE', 'error', 'not-found', 'A resource that the message needs is not there: {name}, of type {type}.', 'Write it, or correct the reference, then "npx polyseme outgoing retry ID".'),
  'receiver-file-syntax': row(500, 'AR', 'fatal', 'invalid', 'The file of receivers is not read: {reason}.', 'Correct the YAML at this place; fixtures/receivers.yaml is an example.'),
  'receiver-setting-unknown': row(500, 'AR', 'fatal', 'invalid', '"{name}" is no setting here; {hint}.', 'Correct the name at this place; fixtures/receivers.yaml shows every setting.'),
  'receiver-setting-invalid': row(500, 'AR', 'fatal', 'invalid', '{name}: {reason}.', 'Correct the value at this place; fixtures/receivers.yaml shows every setting.'),
  'outgoing-too-late': row(504, 'AE', 'error', 'timeout', 'The receiver could not be reached for {hours} hours.', 'Once it is back: "npx polyseme outgoing retry --receiver ID --yes".'),
  'outgoing-subscription-off': row(200, 'AA', 'information', 'informational', 'The subscription was ended before this was sent.', 'Nothing, or activate the Subscription and "npx polyseme outgoing retry".'),
  'outgoing-overtaken': row(200, 'AA', 'information', 'informational', 'Version {version} of {reference} is not sent: the receiver took version {had} meanwhile.', 'Nothing: the later message said all that was so by then, and what was not so any more.'),
  'outgoing-skipped': row(200, 'AA', 'information', 'informational', 'An operator skipped it: {reason}.', 'It is not sent.'),
  'outgoing-no-event': row(404, 'AR', 'error', 'not-found', 'There is no parked event {id}.', 'Run "npx polyseme outgoing list" to see those there are.'),
  'outgoing-what': row(400, 'AR', 'error', 'invalid', 'It is not said which events are meant.', 'Name ids, or --receiver ID, or --all; one of the three.'),
  'outgoing-setting': row(400, 'AR', 'error', 'invalid', '{name}: "{entry}" {reason}.', 'Write addresses such as https://host/path, mllp://10.1.2.3:2575 or mllps://host:port, networks such as 10.0.0.0/8, with commas between.'),
};
