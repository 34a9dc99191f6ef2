/** Concepts of SNOMED CT's metadata and top level that a release cannot be without: identifiers are facts, the rest is invented elsewhere. */
const MODEL = '900000000000012004';
const lines = `
138875005||SNOMED CT Concept|SNOMED RT+CTV3
404684003|138875005|Clinical finding|finding
71388002|138875005|Procedure|procedure
123037004|138875005|Body structure|body structure
105590001|138875005|Substance|substance
410607006|138875005|Organism|organism
373873005|138875005|Pharmaceutical / biologic product|product
362981000|138875005|Qualifier value|qualifier value
900000000000441003|138875005|SNOMED CT Model Component|metadata
900000000000442005|900000000000441003|Core metadata concept|core metadata concept
900000000000454005|900000000000441003|Foundation metadata concept|foundation metadata concept
106237007|900000000000441003|Linkage concept|linkage concept
410662002|106237007|Concept model attribute|attribute
762705008|410662002|Concept model object attribute|attribute
762706009|410662002|Concept model data attribute|attribute
116680003|106237007|Is a|attribute
363698007|762705008|Finding site|attribute
116676008|762705008|Associated morphology|attribute
246075003|762705008|Causative agent|attribute
260686004|762705008|Method|attribute
405813007|762705008|Procedure site - Direct|attribute
127489000|762705008|Has active ingredient|attribute
1142135004|762706009|Has presentation strength numerator value|attribute
900000000000443000|900000000000442005|Module|core metadata concept
900000000000207008|900000000000443000|SNOMED CT core module|core metadata concept
900000000000012004|900000000000443000|SNOMED CT model component module|core metadata concept
900000000000444006|900000000000442005|Definition status|core metadata concept
900000000000073002|900000000000444006|Defined|core metadata concept
900000000000074008|900000000000444006|Primitive|core metadata concept
900000000000446008|900000000000442005|Description type|core metadata concept
900000000000003001|900000000000446008|Fully specified name|core metadata concept
900000000000013009|900000000000446008|Synonym|core metadata concept
900000000000550004|900000000000446008|Definition|core metadata concept
900000000000447004|900000000000442005|Case significance|core metadata concept
900000000000448009|900000000000447004|Entire term case insensitive|core metadata concept
900000000000449001|900000000000442005|Characteristic type|core metadata concept
900000000000011006|900000000000449001|Inferred relationship|core metadata concept
900000000000450001|900000000000442005|Modifier|core metadata concept
900000000000451002|900000000000450001|Existential restriction modifier|core metadata concept
900000000000453004|900000000000442005|Identifier scheme|core metadata concept
30051010000102|900000000000453004|LOINC Code System|core metadata concept
900000000000455006|900000000000454005|Reference set|foundation metadata concept
900000000000506000|900000000000455006|Language type reference set|foundation metadata concept
900000000000507009|900000000000506000|English|foundation metadata concept
900000000000509007|900000000000507009|US English|foundation metadata concept
900000000000508004|900000000000507009|GB English|foundation metadata concept
900000000000511003|900000000000454005|Acceptability|foundation metadata concept
900000000000548007|900000000000511003|Preferred|foundation metadata concept
900000000000549004|900000000000511003|Acceptable|foundation metadata concept
900000000000521006|900000000000455006|Association type reference set|foundation metadata concept
900000000000522004|900000000000521006|Historical association reference set|foundation metadata concept
900000000000527005|900000000000522004|SAME AS association reference set|foundation metadata concept
900000000000526001|900000000000522004|REPLACED BY association reference set|foundation metadata concept
900000000000528000|900000000000522004|WAS A association reference set|foundation metadata concept
900000000000523009|900000000000522004|POSSIBLY EQUIVALENT TO association reference set|foundation metadata concept
1186924009|900000000000522004|PARTIALLY EQUIVALENT TO association reference set|foundation metadata concept
900000000000480006|900000000000455006|Attribute value type reference set|foundation metadata concept
900000000000489007|900000000000480006|Concept inactivation indicator reference set|foundation metadata concept
900000000000481005|900000000000454005|Concept inactivation value|foundation metadata concept
900000000000484002|900000000000481005|Ambiguous component|foundation metadata concept
446609009|900000000000455006|Simple type reference set|foundation metadata concept
723264001|446609009|Lateralizable body structure reference set|foundation metadata concept
450970008|446609009|General Practice / Family Practice reference set|foundation metadata concept
900000000000496009|900000000000455006|Simple map type reference set|foundation metadata concept
446608001|900000000000496009|ICD-O simple map reference set|foundation metadata concept
609331003|900000000000455006|Extended map type reference set|foundation metadata concept
447562003|609331003|ICD-10 complex map reference set|foundation metadata concept
447561005|900000000000454005|Correlation not specified|foundation metadata concept
447637006|900000000000454005|Map source concept is properly classified|foundation metadata concept
733073007|900000000000455006|OWL axiom reference set|foundation metadata concept
900000000000534007|900000000000455006|Module dependency reference set|foundation metadata concept
900000000000456007|900000000000455006|Reference set descriptor|foundation metadata concept
900000000000538005|900000000000455006|Description format reference set|foundation metadata concept
900000000000540000|900000000000454005|Plain text|foundation metadata concept
449608002|900000000000454005|Referenced component|foundation metadata concept
900000000000461009|900000000000454005|Component type|foundation metadata concept
723560006|900000000000455006|MRCM domain international reference set|foundation metadata concept
723604009|900000000000455006|MRCM attribute domain international reference set|foundation metadata concept
723592007|900000000000455006|MRCM attribute range international reference set|foundation metadata concept
723563008|900000000000455006|MRCM module scope reference set|foundation metadata concept
723597001|900000000000454005|Mandatory concept model rule|foundation metadata concept
723596005|900000000000454005|All SNOMED CT content|foundation metadata concept`;

export const METADATA = lines
  .trim()
  .split('\n')
  .map((line) => {
    const [id = '', parent = '', name = '', tag = ''] = line.split('|');
    return { id, parent, name, tag };
  });

const COMMON = 'id effectiveTime active moduleId refsetId referencedComponentId';

/** The small files of a release: a row or two each, everything after `active`. */
export const REFSETS: readonly { readonly path: string; readonly columns: string; readonly rows: readonly string[] }[] = [
  {
    path: 'Metadata/der2_ssRefset_ModuleDependencySnapshot',
    columns: `${COMMON} sourceEffectiveTime targetEffectiveTime`,
    rows: [`900000000000207008\t900000000000534007\t${MODEL}\t20260101\t20260101`],
  },
  {
    path: 'Metadata/der2_cciRefset_RefsetDescriptorSnapshot',
    columns: `${COMMON} attributeDescription attributeType attributeOrder`,
    rows: [`${MODEL}\t900000000000456007\t723264001\t449608002\t900000000000461009\t0`],
  },
  {
    path: 'Metadata/der2_ciRefset_DescriptionTypeSnapshot',
    columns: `${COMMON} descriptionFormat descriptionLength`,
    rows: [`${MODEL}\t900000000000538005\t900000000000003001\t900000000000540000\t255`],
  },
  {
    path: 'Metadata/der2_sssssssRefset_MRCMDomainSnapshot',
    columns: `${COMMON} domainConstraint parentDomain proximalPrimitiveConstraint proximalPrimitiveRefinement domainTemplateForPrecoordination domainTemplateForPostcoordination guideURL`,
    rows: [
      `${MODEL}\t723560006\t404684003\t<< 404684003\t\t<< 404684003\t\t[[+id(<< 404684003)]]\t[[+scg(<< 404684003)]]\thttp://snomed.org/dom404684003`,
    ],
  },
  {
    path: 'Metadata/der2_cissccRefset_MRCMAttributeDomainSnapshot',
    columns: `${COMMON} domainId grouped attributeCardinality attributeInGroupCardinality ruleStrengthId contentTypeId`,
    rows: [`${MODEL}\t723604009\t363698007\t404684003\t1\t0..*\t0..1\t723597001\t723596005`],
  },
  {
    path: 'Metadata/der2_ssccRefset_MRCMAttributeRangeSnapshot',
    columns: `${COMMON} rangeConstraint attributeRule ruleStrengthId contentTypeId`,
    rows: [`${MODEL}\t723592007\t363698007\t<< 123037004\t<< 404684003: [0..*] { [0..1] 363698007 = << 123037004 }\t723597001\t723596005`],
  },
  {
    path: 'Metadata/der2_cRefset_MRCMModuleScopeSnapshot',
    columns: `${COMMON} mrcmRuleRefsetId`,
    rows: [`${MODEL}\t723563008\t900000000000207008\t723560006`],
  },
];
