import { FUNCTIONS } from '../expression/functions.ts';
import { expressionRuntime } from '../expression/runtime.ts';

type TextFunction = (value: unknown, ...rest: readonly unknown[]) => unknown;

const isFunction = (value: unknown): value is TextFunction => typeof value === 'function';

/**
 * The functions of texts, for resources that nobody has validated: what is no text where one belongs is as if it were not there. (A v2
 * message holds nothing but texts, so its maps need not ask.)
 */
export const textFunctions: Readonly<Record<string, TextFunction>> = Object.fromEntries(
  Object.entries(FUNCTIONS).flatMap(([name, { on }]) => {
    const given: unknown = Reflect.get(expressionRuntime, name);
    if (on !== 'text' || !isFunction(given)) return [];
    const guarded: TextFunction = (value, ...rest) => given(typeof value === 'string' ? value : undefined, ...rest);
    return [[name, guarded]];
  }),
);
