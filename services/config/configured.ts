/** The sources that the settings of the process ask for. */
import type { Config } from '../config.ts';
import { type Result, success } from '../errors.ts';
import { standardRules } from './rules.ts';
import { readSources } from './source-file.ts';
import { openSources, type Sources } from './sources.ts';

/** Returns the sources of the file that POLYSEME_SOURCES names, read now; without it everybody may send, by the settings of the process. */
export function configuredSources(config: Config): Result<Sources> {
  const { sourceTimezone: timezone, sourceAuthority: authority, maxMessageBytes, mllp, tls } = config;
  const rules = standardRules({ timezone, authority, maxMessageBytes });
  return config.sourcesFile === undefined ? success(openSources(rules)) : readSources(config.sourcesFile, { rules, mllp, tls });
}
