import { Counter, Gauge, type Registry } from 'prom-client';
import type { ReceiverPulse } from '../../database/outgoing/view.ts';

/** A receiver's name is the id of its Subscription, which clients choose: as many as there are must not fill the monitoring. */
const MOST_RECEIVERS = 200;
const OTHERS = '(others)';

/** Returns what shows how receivers of subscriptions are doing; `now` is what lags are measured to. */
export function outgoingMetrics(register: Registry): (pulses: readonly ReceiverPulse[], now: Date) => void {
  const common = (name: string, help: string) => ({
    name: `polyseme_outgoing_${name}`,
    help,
    labelNames: ['receiver'],
    registers: [register],
  });
  const sent = new Counter(common('sent_total', 'Events that the receiver of a subscription took.'));
  const repeated = new Counter(common('repeated_total', 'Deliveries of events that had been tried before.'));
  const waiting = new Gauge(common('waiting', 'Events that wait to be sent.'));
  const parked = new Gauge(common('parked', 'Events that the receiver did not take and that an operator has to look at.'));
  const skipped = new Gauge(common('skipped', 'Events that are not sent, each with its reason.'));
  const lag = new Gauge(common('lag_seconds', 'How long the oldest change waits to be sent; 0 when none does.'));
  const failing = new Gauge(common('failures', 'Deliveries that failed in a row.'));
  return (pulses, now) => {
    for (const each of [sent, repeated, waiting, parked, skipped, lag, failing]) each.reset();
    const lags = new Map<string, number>();
    for (const [index, pulse] of pulses.entries()) {
      const receiver = index < MOST_RECEIVERS ? pulse.name : OTHERS;
      sent.inc({ receiver }, pulse.sent);
      repeated.inc({ receiver }, pulse.repeated);
      waiting.inc({ receiver }, pulse.waiting);
      parked.inc({ receiver }, pulse.parked);
      skipped.inc({ receiver }, pulse.skipped);
      failing.inc({ receiver }, pulse.failures);
      const seconds = pulse.oldestWaiting === undefined ? 0 : Math.max(0, (now.getTime() - Date.parse(pulse.oldestWaiting)) / 1000);
      lags.set(receiver, Math.max(lags.get(receiver) ?? 0, seconds));
    }
    for (const [receiver, seconds] of lags) lag.set({ receiver }, seconds);
  };
}
