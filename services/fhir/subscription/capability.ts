import { RESOURCE_TYPES } from '../definitions.ts';
import type { JsonObject } from '../resource.ts';
import { BACKPORT, HL7V2_PAYLOAD, topicOf } from './subscription.ts';

/** What the CapabilityStatement says of Subscriptions: the topics of the backport, and which channels there are. */
export const subscriptionCapability = (): JsonObject => ({
  extension: [...RESOURCE_TYPES.keys()].map((type) => ({
    url: `${BACKPORT}/capabilitystatement-subscriptiontopic-canonical`,
    valueCanonical: topicOf(type),
  })),
  supportedProfile: [`${BACKPORT}/backport-subscription`],
  documentation:
    'Criteria are searches that the resource alone decides: no chains, _has, _list or _lastUpdated. Channels: websocket, which only pings for a search, and notifies by $get-ws-binding-token and bind-with-token for the topics listed ($events keeps the last 10,000 of a week); ' +
    `rest-hook with an empty, JSON or XML payload; rest-hook with backport notifications for the topics listed, message to http(s) with the same in FHIR messages; message to mllp://host:port or mllps://host:port with payload ${HL7V2_PAYLOAD}, ` +
    'which forwards the HL7v2 messages that made the resources. Deliveries come at least once and in order per patient, with an Idempotency-Key. ' +
    'Addresses have to be allowed by the operator.',
});
