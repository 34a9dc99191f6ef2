/** What a message becomes, as the door tells it: rules of elements are numbers there, and the rules themselves here. */
import type { PreviewElement, Preview as ToldPreview, PreviewResource as ToldResource } from '../../pipeline/specs/preview.ts';
import { ask } from '../doors.ts';
import type { RulePlace, ShownElement } from '../messages/answers.ts';

export interface ShownPreviewElement extends ShownElement {
  /** The rule that made it, then those around it. */
  readonly rules: readonly RulePlace[];
}

export interface PreviewResource extends Omit<ToldResource, 'elements'> {
  readonly elements: readonly ShownPreviewElement[];
}

export interface Preview extends Omit<ToldPreview, 'resources'> {
  readonly resources: readonly PreviewResource[];
}

/** Asks what a message becomes. Throws DoorError. */
export async function askPreview(body: unknown, signal: AbortSignal): Promise<Preview> {
  const told = await ask<ToldPreview>('POST', '/admin/maps/preview', body, signal);
  const withRules = ({ rule, rules, ...element }: PreviewElement): ShownPreviewElement => ({
    ...element,
    rule: rule === undefined ? undefined : told.places[rule],
    rules: rules.flatMap((each) => told.places[each] ?? []),
  });
  return { ...told, resources: told.resources.map((each) => ({ ...each, elements: each.elements.map(withRules) })) };
}
