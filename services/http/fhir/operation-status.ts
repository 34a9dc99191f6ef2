import { numberedOf } from '../../database/outgoing/take.ts';
import { readResource } from '../../database/resources/resources.ts';
import { problem, Refusal } from '../../errors.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import { statusParameters } from '../../fhir/subscription/notification.ts';
import { readSubscription } from '../../fhir/subscription/subscription.ts';
import { type OperationCall, refuseOthers } from './operation.ts';

const STATES = ['requested', 'active', 'error', 'off'] as const;

/**
 * Subscription $status of one Subscription (http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition-backport-subscription-status.html): a
 * searchset with the status, and how many events were numbered for it.
 */
export async function subscriptionStatus(call: OperationCall): Promise<Resource> {
  refuseOthers(call, []);
  const { parts, id, base } = call;
  const stored = await readResource(parts.database, 'Subscription', id);
  const reference = `Subscription/${id}`;
  if (stored === undefined) throw new Refusal([problem('resource-not-found', { reference })]);
  if (stored.deleted) throw new Refusal([problem('resource-deleted', { reference })]);
  const read = readJson(stored.body);
  const body = read.ok ? read.value : {};
  const asked = readSubscription(body);
  const state = {
    reference: `${base}/${reference}`,
    topic: asked.ok ? asked.value.topic : undefined,
    status: STATES.find((each) => each === body['status']) ?? 'off',
    events: await numberedOf(parts.database, id),
  };
  const resource = { ...statusParameters(state, 'query-status', [], false), id };
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    total: 1,
    entry: [{ fullUrl: `${base}/${reference}/$status`, resource, search: { mode: 'match' } }],
  };
}
