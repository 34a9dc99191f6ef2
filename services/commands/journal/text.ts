/** The journal as a person reads it. */
import type { MessageState } from '../../database/journal/take.ts';
import { cureOf, type Listing, type MessageTrace, type ParkedGroup } from '../../database/journal/view.ts';
import { ERRORS } from '../../errors.ts';
import { plural, table } from '../terminal.ts';

/** Returns one line per message, and how many there are beyond them. */
export function listingText({ messages, total, mostCounted }: Listing): string {
  if (messages.length === 0) return 'No message is found by these filters.';
  const rows = messages.map((each) => [
    String(each.id),
    each.receivedAt,
    each.source,
    each.type || 'unknown',
    each.controlId ?? '',
    each.status,
    each.code,
  ]);
  const text = table(['id', 'received', 'source', 'type', 'control id', 'status', 'problem'], rows);
  if (messages.length >= total) return `${text}\n${plural(total, 'message')}`;
  const all = total >= mostCounted ? `more than ${(mostCounted - 1).toLocaleString('en')}` : total.toLocaleString('en');
  return `${text}\nfirst ${messages.length.toLocaleString('en')} of ${all}; --limit shows more, filters find fewer`;
}

/** Returns each cause with its count, times, a sample and the cure. */
export function groupsText(groups: readonly ParkedGroup[]): string {
  if (groups.length === 0) return 'No message is parked that these filters find.';
  return groups
    .map(({ code, count, first, last, sampleId, sampleText, sources }) =>
      [
        `${plural(count, 'message')}: ${code || 'no problem recorded'}`,
        `  sample: ${sampleId}: ${sampleText}`,
        `  cure:   ${cureOf(code)}`,
        `  from:   ${first} to ${last}`,
        `  by:     ${sources.slice(0, 5).join(', ')}${sources.length > 5 ? ` and ${sources.length - 5} more` : ''}`,
        `  retry:  npx polyseme journal retry --code ${code}`,
      ].join('\n'),
    )
    .join('\n\n');
}

/** Returns the whole of one message; content and identifiers only when asked for: they are patient data. */
export function messageText(message: MessageState, { settledAt, repeats, made }: MessageTrace, withContent: boolean): string {
  const lines = [
    `message ${message.id}: ${message.status === 'received' ? 'received, waits to be processed' : message.status}`,
    `  type        ${message.messageType || 'unknown'}`,
    `  control id  ${message.controlId ?? 'none'}${message.conflict ? ' (used before for another content)' : ''}`,
    `  source      ${message.source} by ${message.channel}`,
    `  received    ${message.receivedAt}`,
    `  settled     ${settledAt ?? 'not yet'}${message.attempts > 1 ? `, after ${message.attempts} attempts` : ''}`,
    `  came again  ${plural(repeats, 'time')}`,
    `  map         ${message.spec || 'none'}`,
    `  bytes       ${message.content.length.toLocaleString('en')}`,
  ];
  const problems = message.problems.map(
    ({ code, text, at }) =>
      `${ERRORS[code]?.severity ?? 'error'}: ${text}${at === undefined ? '' : `\n  at:   ${at}`}\n  cure: ${cureOf(code)}\n  code: ${code}`,
  );
  const resources = (made ?? []).map(
    ({ type, id, version, isCurrent }) => `  ${type}/${id} version ${version}${isCurrent ? '' : ' (replaced since)'}`,
  );
  const found =
    made === undefined ? ['what it made could not be found in time'] : [`made ${plural(made.length, 'resource')}`, ...resources];
  const content = withContent
    ? [`patients ${message.patientKeys.join(', ')}`, textOf(message.content)]
    : ['content: --content shows it (patient data)'];
  return [...lines, ...problems, ...found, ...content].join('\n');
}

const textOf = (content: Uint8Array): string => new TextDecoder('utf-8').decode(content).replace(/\r\n?/g, '\n').trimEnd();

/** As messageText, for a machine; the content as base64. */
export function messageJson(message: MessageState, trace: MessageTrace, withContent: boolean): string {
  const { content, patientKeys, problems, ...state } = message;
  const cured = problems.map((each) => ({ ...each, cure: cureOf(each.code) }));
  const more = withContent ? { patientKeys, content: Buffer.from(content).toString('base64') } : {};
  return JSON.stringify({ ...state, ...trace, bytes: content.length, problems: cured, ...more }, undefined, 2);
}
