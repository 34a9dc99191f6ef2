import type { Config } from '../../config.ts';
import type { Check } from '../../database/embedded/checks.ts';
import { ERRORS, type Problem, Refusal } from '../../errors.ts';
import { loadMaps } from '../../mapping/maps.ts';
import { configuredReceivers } from './receivers.ts';

/** Returns the checks of the file of receivers and of the certificates that it names: every fault with its place; none without a file. */
export function receiversCheck(config: Config): readonly Check[] {
  const file = config.receiversFile;
  if (file === undefined) return [];
  const wrong = ({ code, text, at }: Problem): Check => ({
    name: 'receivers',
    ok: false,
    detail: `${at ?? file}: ${text}`,
    cure: ERRORS[code].cure,
  });
  // What can be built for a receiver is a matter of the maps.
  const maps = loadMaps(config.mappingsDir);
  if (!maps.ok) return maps.problems.slice(0, 1).map(wrong);
  try {
    const names = configuredReceivers(config, { maps: maps.value }).map(({ name }) => name);
    return [{ name: 'receivers', ok: true, detail: `${names.length} in ${file}: ${names.join(', ')}` }];
  } catch (error) {
    if (error instanceof Refusal) return error.problems.map(wrong);
    throw error;
  }
}
