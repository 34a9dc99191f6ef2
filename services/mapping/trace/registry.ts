/** Every rule of a traced module: where it stands, what it says, and what it stands in. Fast modules have none of this. */
import type { Position } from '../diagnostics.ts';
import type { Rule } from '../rules.ts';

/** How a rule stands in the one around it. */
export type Role = 'resource' | 'part' | 'alternative' | 'case' | 'default' | 'instead' | 'type';

export interface TracedRule {
  readonly id: number;
  readonly at: Position;
  /** What it fills: 'Patient.name'. */
  readonly target: string;
  /** '=PID-5', a literal, or the form ('switch: =OBX-2', '{ … }'). */
  readonly text: string;
  readonly role: Role;
  readonly parent: number | undefined;
}

/** Returns the rule in few words. */
export function ruleText(rule: Rule): string {
  const map = rule.options.map === undefined ? '' : `, map: ${rule.options.map.value}`;
  switch (rule.kind) {
    case 'literal':
    case 'expression':
      return `${rule.node.value}${map}`;
    case 'object':
      return `{ ${rule.entries.map((each) => each.name).join(', ')} }`;
    case 'switch':
      return `switch: ${rule.subject.value}`;
    default:
      return `${rule.kind} of ${rule.items.length}`;
  }
}
