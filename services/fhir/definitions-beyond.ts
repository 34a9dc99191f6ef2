/**
 * Resource types that are not of R4 and are stored all the same, in the notation of definitions.generated.ts: ViewDefinition of SQL on FHIR v2
 * (https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html). `select` and its likes hold themselves.
 */
export const TYPES_BEYOND = `
@ViewDefinition R DomainResource
+url 0 1 uri
+identifier 0 1 Identifier
+version 0 1 string
+name 0 1 string
+title 0 1 string
+!status 0 1 code publication-status
+experimental 0 1 boolean
+date 0 1 dateTime
+publisher 0 1 string
+contact 0 * ContactDetail
+description 0 1 markdown
+useContext 0 * UsageContext
+jurisdiction 0 * CodeableConcept
purpose 0 1 markdown
copyright 0 1 markdown
copyrightLabel 0 1 string
+resource 1 1 code
profile 0 * canonical
fhirVersion 0 * code
constant 0 * ViewDefinition.constant
where 0 * ViewDefinition.where
select 1 * ViewDefinition.select
@ViewDefinition.constant B BackboneElement
name 1 1 string
value[x] 1 1 base64Binary|boolean|canonical|code|date|dateTime|decimal|id|instant|integer|oid|string|positiveInt|time|unsignedInt|uri|url|uuid
@ViewDefinition.where B BackboneElement
path 1 1 string
description 0 1 string
@ViewDefinition.select B BackboneElement
column 0 * ViewDefinition.select.column
select 0 * #ViewDefinition.select
forEach 0 1 string
forEachOrNull 0 1 string
repeat 0 * string
unionAll 0 * #ViewDefinition.select
@ViewDefinition.select.column B BackboneElement
name 1 1 string
path 1 1 string
description 0 1 markdown
collection 0 1 boolean
type 0 1 uri
tag 0 * ViewDefinition.select.column.tag
@ViewDefinition.select.column.tag B BackboneElement
name 1 1 string
value 1 1 string`;

/** Their stable numbers, far above those of R4. */
export const NUMBERS_BEYOND: ReadonlyMap<string, number> = new Map([['ViewDefinition', 10_001]]);
