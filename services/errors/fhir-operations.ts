import { row } from './row.ts';

/** Errors of what the FHIR door does beyond storing: patch, XML, FHIRPath, operations, packages. */
export const FHIR_OPERATIONS = {
  'fhir-patch-form': row(400, 'AE', 'error', 'structure', 'The patch cannot be read: {reason}.', 'Send JSON Patch (RFC 6902) as application/json-patch+json, or FHIRPath Patch as a Parameters resource (http://hl7.org/fhir/R4/fhirpatch.html).'),
  'fhir-patch-path': row(422, 'AE', 'error', 'processing', 'Operation {number} of the patch does not fit the resource: {reason}.', 'Read the resource as it is now, and write the path for that; nothing of the patch was applied.'),
  'fhir-patch-test': row(422, 'AE', 'error', 'processing', 'The test in operation {number} of the patch does not hold.', 'Read the resource as it is now and decide again; nothing of the patch was applied.'),
  'fhir-patch-identity': row(422, 'AE', 'error', 'business-rule', 'The patch would change the type or the id of the resource.', 'Create another resource instead.'),
  'fhirpath-invalid': row(422, 'AE', 'error', 'invalid', 'A FHIRPath expression cannot be evaluated: {reason}.', 'Correct the expression; http://hl7.org/fhirpath/N1 is the language.'),
  'fhirpath-costly': row(422, 'AE', 'error', 'too-costly', 'FHIRPath took longer than {timeoutMs} ms or more memory than it may.', 'Write a simpler expression, or apply it to a smaller resource.'),
  'fhir-not-xml': row(400, 'AE', 'fatal', 'structure', 'The body is not FHIR XML: {reason}.', 'Send one resource in the namespace http://hl7.org/fhir without a document type; the position says where reading stopped.'),
  'fhir-xml-unwritable': row(406, 'AE', 'error', 'not-supported', 'This answer cannot be written as XML: {reason}.', 'Read it as JSON; narratives have to be well-formed XHTML (no &nbsp;), texts without control characters.'),
  'fhir-operation': row(404, 'AE', 'error', 'not-supported', 'The operation {operation} is not offered on {type}.', '/fhir/R4/metadata lists the operations of each type.'),
  'fhir-operation-parameter': row(400, 'AE', 'error', 'invalid', 'Parameter {parameter} of the operation cannot be used: {reason}.', 'See the OperationDefinition that /fhir/R4/metadata names, and send the parameter as it says.'),
  'fhir-operation-costly': row(422, 'AE', 'error', 'too-costly', 'The operation would look at more than {maximum} resources.', 'Narrow it: fewer codes, a shorter period, one patient.'),
  'fhir-statistics-mixed': row(422, 'AE', 'error', 'business-rule', 'The values have several units ({units}): no statistics are made of them.', 'Ask for one code, or for a period in which one unit was used.'),
  'fhir-profile-unknown': row(422, 'AE', 'error', 'not-found', 'The profile {profile} is not loaded here.', 'Load the package that has it: "npx polyseme package load FILE.tgz".'),
  'fhir-profile-cardinality': row(422, 'AE', 'error', 'required', 'The profile {profile} wants {element} {wanted}; it is there {count} times.', 'Add or leave out elements as the profile says.'),
  'fhir-profile-value': row(422, 'AE', 'error', 'value', 'The profile {profile} wants another value of {element}.', 'Give the value that the profile fixes, or one that holds its pattern.'),
  'fhir-profile-type': row(422, 'AE', 'error', 'structure', 'The profile {profile} does not allow the type {type} for {element}.', 'Use one of the types that the profile names.'),
  'fhir-profile-slice': row(422, 'AE', 'error', 'structure', 'The profile {profile} allows only its own slices of {element}; this is none of them.', 'Change the element so that it fits one of the slices, or leave it out.'),
  'fhir-profile-rule': row(422, 'AE', 'error', 'invariant', 'The rule {key} of the profile {profile} is broken ({rule}).', 'Change the resource so that the rule holds.'),
  'fhir-profile-advice': row(200, 'AA', 'warning', 'invariant', 'The rule {key} of the profile {profile} is not kept ({rule}).', 'It is advice of best practice: nothing is refused for it.'),
  'fhir-profile-code': row(422, 'AE', 'error', 'code-invalid', 'No code of {element} is in the value set {set}, which the profile {profile} requires.', 'Use a code of the value set.'),
  'fhir-profile-code-other': row(200, 'AA', 'warning', 'code-invalid', 'No code of {element} is in the value set {set}, which the profile {profile} extends.', 'Use a code of the value set where one fits.'),
  'fhir-profile-unchecked': row(200, 'AA', 'information', 'incomplete', 'Not checked against the profile {profile}: {what}.', 'Check it by other means, or load what is missing with "npx polyseme package load".'),
  'package-unreadable': row(422, 'AR', 'fatal', 'structure', '{file} is no FHIR package: {reason}.', 'Give the .tgz of a FHIR package, as packages.fhir.org and the pages of implementation guides offer them.'),
  'package-unknown': row(404, 'AR', 'error', 'not-found', 'No package {name} is loaded.', 'Run "npx polyseme package list" to see those there are.'),
};
