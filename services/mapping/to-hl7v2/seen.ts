/** Which leaves of a resource a map has read: what is valued and neither read nor ignored is missing in the message. */
import { Decimal } from '../../fhir/resource.ts';
import { expressionRuntime } from '../expression/runtime.ts';

/** A resource that notes what is read of it. */
export interface Watched {
  readonly value: unknown;
  /** Paths with indexes (name[1].family) of what was not read and is not ignored. */
  unread(ignored: readonly string[]): readonly string[];
}

/** Above 0 while a condition is asked: what only decides is not told. */
let asking = 0;

/** Returns what `work` gives; nothing that it looks at counts as read. */
export function asked<T>(work: () => T): T {
  asking += 1;
  try {
    return work();
  } finally {
    asking -= 1;
  }
}

/** A list whose filters are conditions. */
class Asked extends Array<unknown> {
  override filter(test: (value: unknown, index: number, array: unknown[]) => unknown): unknown[] {
    return super.filter((value, index, array) => asked(() => test(value, index, array)));
  }
}

/** The functions of expressions that give lists, so that where() and exists() ask and do not read. */
export const askingLists = {
  each: (list: readonly unknown[], name: string): unknown[] => Asked.from(expressionRuntime.each(list, name)),
  list: (value: unknown, name: string): unknown[] => Asked.from(expressionRuntime.list(value, name)),
  one: (value: unknown): unknown[] => Asked.from(expressionRuntime.one(value)),
  extension: (value: unknown, url: string): unknown[] =>
    Asked.from(expressionRuntime.each(expressionRuntime.one(value), 'extension')).filter(
      (each) => expressionRuntime.get(each, 'url') === url,
    ),
};

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null && !(value instanceof Decimal);

/** What is frozen (values that conversions share) cannot be watched: a copy is. */
function copied(value: object): object {
  if (Array.isArray(value)) return value.map((each: unknown) => (isContainer(each) ? copied(each) : each));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]: [string, unknown]) => [name, isContainer(each) ? copied(each) : each]),
  );
}

/** Returns `original` as it is read, noting each leaf. */
export function watched(original: object): Watched {
  const resource = copied(original);
  const seen = new WeakMap<object, Set<string>>();
  const wrappers = new WeakMap<object, object>();
  const wrap = (target: object): object => {
    const known = wrappers.get(target);
    if (known !== undefined) return known;
    const own = new Set<string>();
    seen.set(target, own);
    const made = new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name);
        if (typeof name === 'symbol' || !Object.hasOwn(object, name)) return value;
        if (isContainer(value)) return wrap(value);
        if (asking === 0) own.add(name);
        return value;
      },
    });
    wrappers.set(target, made);
    return made;
  };
  return {
    value: wrap(resource),
    unread: (ignored) => {
      const found: string[] = [];
      const look = (object: object, path: string, plain: string): void => {
        for (const [name, value] of Object.entries(object)) {
          const isItem = Array.isArray(object);
          const place = isItem ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
          const bare = isItem ? plain : plain === '' ? name : `${plain}.${name}`;
          if (!isItem && isIgnored(bare, ignored)) continue;
          if (isContainer(value)) look(value, place, bare);
          else if (value !== undefined && value !== null && seen.get(object)?.has(name) !== true) found.push(place);
        }
      };
      look(resource, '', '');
      return found;
    },
  };
}

const isIgnored = (path: string, ignored: readonly string[]): boolean =>
  ignored.some((each) => each === path || (each.startsWith('*.') && `.${path}`.endsWith(each.slice(1))));
