/** What a delivery over MLLP came to, for people. */
import type { DeliveryReport } from '../../mllp/delivery.ts';
import { plural, problemText, type Terminal, table } from '../terminal.ts';

/** True when every message was sent and accepted. */
export const isWhole = (report: DeliveryReport): boolean =>
  report.rejectedCount === 0 && report.unsent === 0 && report.failure === undefined && !report.interrupted;

const MOST_SAID = 20;

/** Says what was not accepted and why, and prints counts by acknowledgement code and the latency. */
export function sayDelivery(report: DeliveryReport, terminal: Terminal): void {
  for (const { count, sample } of report.rejectedFor.slice(0, MOST_SAID)) {
    const { from, controlId, code, reasons } = sample;
    const told = `${code || 'not sent'} ${reasons.join(', ')}`.trimEnd();
    terminal.say(`${plural(count, 'message')}: ${told}; first: ${from} (control id ${controlId || 'none'})`);
  }
  if (report.rejectedFor.length > MOST_SAID) terminal.say(`first ${MOST_SAID} of ${report.rejectedFor.length} reasons; --json has all`);
  if (report.failure) {
    for (const each of report.failure) terminal.say(problemText(each));
    terminal.say(`Given up after retries; ${plural(report.unsent, 'message')} read and not sent, nor what follows.`);
  }
  if (report.interrupted) terminal.say('Ended as asked, after the messages under way.');
  const { latency, seconds, acknowledged } = report;
  if (acknowledged === 0) {
    terminal.out('Nothing was acknowledged.');
    return;
  }
  const rate = seconds > 0 ? acknowledged / seconds : 0;
  terminal.out(
    table(
      ['answer', 'messages'],
      Object.entries(report.codes).map(([code, messages]) => [code || 'no MSA-1', messages]),
    ),
  );
  terminal.out(
    `\n${plural(acknowledged, 'message')} in ${seconds.toFixed(1)} s (${rate.toFixed(1)}/s); ${plural(report.retries, 'retry', 'retries')}`,
  );
  terminal.out(
    `latency  p50 ${latency.p50Ms.toFixed(1)} ms  p95 ${latency.p95Ms.toFixed(1)} ms  p99 ${latency.p99Ms.toFixed(1)} ms  max ${latency.maxMs.toFixed(1)} ms`,
  );
}
