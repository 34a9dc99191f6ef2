/** What the commands of the life of a map have in common. */
import { problem, Refusal } from '../../errors.ts';
import type { Desk } from '../../pipeline/specs/drafts.ts';
import { configOfProcess } from '../command.ts';
import { openStore } from '../house.ts';

export const LIFE_EXAMPLES = `
  $ npx polyseme map draft new "units of the new analyser" v2-to-fhir/messages/oru-r01.yaml   what the folder says, as a draft
  $ npx polyseme map draft check 3
  $ npx polyseme map plan 3                          what publishing draft 3 would change, over everything recorded
  $ npx polyseme map plan 3 --sample 10000 --json
  $ npx polyseme map publish 3 --plan 7 --because "units" --resources-gone 0 --rows-gone 12
  $ npx polyseme map replay --watch                  how far what was recorded is made anew
  $ npx polyseme map rollback 4 --because "wrong units"
  $ npx polyseme map history
  $ npx polyseme map drift                           how the folder of maps differs from what is published
`;

export type Exit = (code: number) => void;
export interface Json {
  readonly json?: boolean;
}

export const examples = (name: string): string =>
  LIFE_EXAMPLES.split('\n')
    .filter((line) => line.includes(` map ${name}`))
    .join('\n');
export const CODES = ['0  done', '1  refused or failed; what and the cure are said'];

/** Opens what drafts need: the database and the folder of maps. */
export async function withDesk(work: (desk: Desk) => Promise<void>): Promise<void> {
  const config = configOfProcess();
  await using store = await openStore(config);
  await work({ database: store.database, dir: config.mappingsDir, needsSecondPerson: config.fourEyes?.publication });
}

export const numbered = (text: string, what: 'draft' | 'plan' | 'release'): number => {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Refusal([problem(`spec-${what}-unknown`, { id: text.slice(0, 20) })]);
  return Number(text);
};

export const asJson = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) => (each instanceof Map ? Object.fromEntries(each) : each), 2);

/** Returns what says how far something is every two seconds. */
export function everyNow(say: (looked: number, total: number) => void): (looked: number, total: number) => void {
  let last = performance.now();
  return (looked, total) => {
    if (performance.now() - last < 2_000) return;
    last = performance.now();
    say(looked, total);
  };
}
