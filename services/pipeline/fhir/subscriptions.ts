/** Subscriptions as requests of clients: taken when this server can do what they ask and may send where they say, refused else. */
import { guardedEndpoint, NOTHING_OUT, type OutgoingRules } from '../../config/outgoing.ts';
import { lockCurrent } from '../../database/resources/resources.ts';
import { harmless, type Problem, problem, Refusal } from '../../errors.ts';
import { contentText, readJson } from '../../fhir/format/json.ts';
import { readSubscription } from '../../fhir/subscription/subscription.ts';
import { type Parts, write } from '../../pipeline.ts';
import type { Change } from '../apply/change.ts';

type Asked = Omit<Change, 'messageId'>;

/**
 * Returns changes with the Subscriptions among them as the server has them: one that asks to be served becomes active, or stays requested
 * until its receiver was greeted (backport). `buildable`: types that messages are built of. Throws Refusal for what cannot be served; what is off is kept as it is.
 */
export function acceptSubscriptions(
  rules: OutgoingRules | undefined,
  changes: readonly Asked[],
  buildable: readonly string[],
): readonly Asked[] {
  if (!changes.some(({ resource }) => resource.resourceType === 'Subscription')) return changes;
  return changes.map((change) => {
    const { resource } = change;
    if (resource.resourceType !== 'Subscription' || change.delete || resource['status'] === 'off') return change;
    const problems = refusalsOf(rules ?? NOTHING_OUT, resource, buildable);
    if (problems.length > 0) throw new Refusal(problems);
    const { error: _error, ...rest } = resource;
    const asked = readSubscription(resource);
    const status = asked.ok && asked.value.way === 'notification' ? 'requested' : 'active';
    return { ...change, resource: { ...rest, resourceType: 'Subscription', id: resource.id, status } };
  });
}

function refusalsOf(rules: OutgoingRules, resource: Change['resource'], buildable: readonly string[]): readonly Problem[] {
  const asked = readSubscription(resource);
  if (!asked.ok || !harmless(asked.problems)) return asked.problems;
  const { way, type } = asked.value;
  if (way === 'socket' || way === 'stream') return [];
  if (way === 'built' && !buildable.includes(type)) return [problem('outgoing-no-map', { type }, 'Subscription.criteria')];
  const endpoint = guardedEndpoint(rules, asked.value.endpoint);
  return endpoint.ok ? [] : endpoint.problems.map((each) => ({ ...each, at: 'Subscription.channel.endpoint' }));
}

/**
 * Writes the status of a Subscription (http://hl7.org/fhir/R4/subscription-definitions.html#Subscription.status) as the server found it; `error`
 * says why, without anything of the receiver's words. Nothing when it is gone, off, or so already.
 */
export async function writeSubscriptionStatus(parts: Parts, id: string, status: 'active' | 'error' | 'off', error?: string): Promise<void> {
  const reference = { type: 'Subscription', id };
  const changed = (body: string | undefined): Change['resource'] | undefined => {
    const read = readJson(body ?? '');
    if (!read.ok || read.value['status'] === 'off' || (read.value['status'] === status && read.value['error'] === error)) return undefined;
    const { error: _error, ...rest } = read.value;
    return { ...rest, resourceType: 'Subscription', id, status, ...(error === undefined ? {} : { error }) };
  };
  const asked = await parts.database.transaction(async (tx) =>
    changed((await lockCurrent(tx, [reference])).get(`Subscription/${id}`)?.body),
  );
  if (asked === undefined) return;
  const entry = {
    source: 'polyseme',
    channel: 'fhir',
    content: Buffer.from(contentText(asked)),
    controlId: undefined,
    messageType: 'PUT Subscription',
    patientKeys: [],
  } as const;
  await write(parts, entry, async (tx) => {
    const resource = changed((await lockCurrent(tx, [reference])).get(`Subscription/${id}`)?.body);
    const common = { update: 'replace', deletes: [], spec: '', problems: [], unmapped: [] } as const;
    return resource === undefined ? [] : [{ ...common, resource }];
  });
}
