import { codeSystemOf } from '../fhir/code-system.ts';
import type { CodeSystemProvider, JsonObject } from '../provider.ts';
import { composedSystem, type Grammar } from './composed.ts';
import { languages } from './languages.ts';
import { mediaTypes } from './media-types.ts';
import { countries, currencies, subdivisions, usStates } from './regions.ts';
import { ucum } from './ucum.ts';

const GRAMMARS: readonly (() => Grammar)[] = [ucum, mediaTypes, languages];
const RESOURCES: readonly (() => JsonObject)[] = [countries, subdivisions, usStates, currencies];

let made: readonly CodeSystemProvider[] | undefined;

/** Returns the code systems that are there without being loaded: those that are a grammar or a short public list. Made once in a thread. */
export function builtInSystems(): readonly CodeSystemProvider[] {
  made ??= [...GRAMMARS.map((each) => composedSystem(each())), ...RESOURCES.map((each) => codeSystemOf(each()))];
  return made;
}
