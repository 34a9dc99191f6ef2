/** The laboratory reports of messages.ts to FHIR as a Liquid template; `id`, `instant` and `day` are filters in JavaScript. */
export const LIQUID = `{%- assign patientId = 'Patient' | id: pid[3][0], pid[3][3] -%}
{%- assign patient = 'Patient/' | append: patientId -%}
{%- assign stay = 'Encounter' | id: patient, pv1[19][0], 'VN' -%}
{%- assign request = 'ServiceRequest' | id: patient, obr[2][0], obr[4][0] -%}
{%- assign issued = obr[22][0] | instant -%}
{%- assign at = pv1[3] -%}
{%- capture both -%}
"subject": { "reference": {{ patient | json }} }, "encounter": { "reference": "Encounter/{{ stay }}" }
{%- endcapture -%}
{%- capture report -%}
"code": { "coding": [{ "system": "http://loinc.org", "code": {{ obr[4][0] | json }}, "display": {{ obr[4][1] | json }} }], "text": {{ obr[4][1] | json }} },
"category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB" }] }],
{{ both }}
{%- endcapture -%}
{%- capture placer -%}
{ "system": "urn:polyseme:CITYHOSP:{{ obr[2][1] }}", "value": {{ obr[2][0] | json }}, "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PLAC" }] } }
{%- endcapture -%}
{%- capture filler -%}
{ "system": "urn:polyseme:CITYHOSP:{{ obr[3][1] }}", "value": {{ obr[3][0] | json }}, "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "FILL" }] } }
{%- endcapture -%}
{%- assign reportId = 'DiagnosticReport' | id: patient, obr[3][0], obr[4][0], obr[7][0] -%}
[{
  "resourceType": "Patient", "id": {{ patientId | json }},
  "identifier": [{
    "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR" }] },
    "system": "urn:polyseme:CITYHOSP:CITYHOSP", "value": {{ pid[3][0] | json }}, "assigner": { "display": "CITYHOSP" } }],
  "active": true,
  "name": [{ "family": {{ pid[5][0] | json }}, "given": [{{ pid[5][1] | json }}, {{ pid[5][2] | json }}] }],
  "telecom": [{ "system": "phone", "value": "+{{ pid[13][4] }} {{ pid[13][5] }} {{ pid[13][6] }}", "use": "home" }],
  "gender": {% if pid[8][0] == 'F' %}"female"{% else %}"male"{% endif %}, "birthDate": {{ pid[7][0] | day | json }},
  "address": [{ "line": [{{ pid[11][0] | json }}], "city": {{ pid[11][2] | json }}, "state": {{ pid[11][3] | json }}, "postalCode": {{ pid[11][4] | json }}, "country": {{ pid[11][5] | json }} }]
}, {
  "resourceType": "Encounter", "id": {{ stay | json }},
  "identifier": [{
    "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "VN" }] },
    "system": "urn:polyseme:CITYHOSP:CITYHOSP", "value": {{ pv1[19][0] | json }}, "assigner": { "display": "CITYHOSP" } }],
  "status": "in-progress",
  "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP", "display": "inpatient encounter" },
  "subject": { "reference": {{ patient | json }} },
  "participant": [{
    "type": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "ATND", "display": "attender" }] }],
    "individual": {
      "type": "Practitioner", "identifier": { "value": {{ pv1[7][0] | json }}, "system": "urn:polyseme:CITYHOSP:practitioner" },
      "display": "{{ pv1[7][2] }} {{ pv1[7][1] }}" } }],
  "period": { "start": {{ pv1[44][0] | instant | json }} },
  "location": [{
    "location": {
      "type": "Location",
      "identifier": { "system": "urn:polyseme:CITYHOSP:location", "value": "{{ at[3] }}-{{ at[0] }}-{{ at[1] }}-{{ at[2] }}" },
      "display": "{{ at[3] }} {{ at[0] }} {{ at[1] }} {{ at[2] }}" },
    "status": "active" }]
}, {
  "resourceType": "ServiceRequest", "id": {{ request | json }}, "identifier": [{{ placer }}, {{ filler }}], "status": "completed", "intent": "order",
  {{ report }}
}
{%- assign made = '' -%}
{%- for each in obx -%}
{%- assign unit = each[6][0] -%}
{%- assign range = each[7][0] | split: '-' -%}
{%- assign observation = 'Observation' | id: patient, obr[3][0], each[3][0], each[4][0], each[14][0] -%}
{%- assign made = made | append: observation | append: ' ' -%}
{%- capture measured -%}"unit": {{ unit | json }}, "system": "http://unitsofmeasure.org", "code": {{ unit | json }}{%- endcapture -%}
, {
  "resourceType": "Observation", "id": {{ observation | json }}, "status": "final",
  "code": { "coding": [{ "system": "http://loinc.org", "code": {{ each[3][0] | json }}, "display": {{ each[3][1] | json }} }], "text": {{ each[3][1] | json }} },
  {{ both }},
  "valueQuantity": { "value": {{ each[5][0] }}, {{ measured }} },
  "interpretation": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": {{ each[8][0] | json }}, "display": "Normal" }] }],
  "referenceRange": [{ "low": { "value": {{ range[0] }}, {{ measured }} }, "high": { "value": {{ range[1] }}, {{ measured }} }, "text": {{ each[7][0] | json }} }],
  "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory" }] }],
  "basedOn": [{ "reference": "ServiceRequest/{{ request }}" }],
  "effectiveDateTime": {{ each[14][0] | instant | json }}, "issued": {{ issued | json }}
}
{%- endfor -%}
{%- assign ids = made | split: ' ' -%}
, {
  "resourceType": "DiagnosticReport", "id": {{ reportId | json }}, "identifier": [{{ filler }}, {{ placer }}], "status": "final",
  {{ report }},
  "effectiveDateTime": {{ obr[7][0] | instant | json }}, "issued": {{ issued | json }},
  "basedOn": [{ "reference": "ServiceRequest/{{ request }}" }],
  "result": [{% for each in ids %}{% unless forloop.first %}, {% endunless %}{ "reference": "Observation/{{ each }}" }{% endfor %}]
}, {
  "resourceType": "Provenance", "id": {{ 'Provenance' | id: msh[9][0], msh[6][0], msh[8][0], msh[8][1] | json }},
  "target": [{ "reference": {{ patient | json }} }, { "reference": "Encounter/{{ stay }}" }, { "reference": "ServiceRequest/{{ request }}" }
    {%- for each in ids %}, { "reference": "Observation/{{ each }}" }{% endfor %}, { "reference": "DiagnosticReport/{{ reportId }}" }],
  "recorded": {{ msh[6][0] | instant | json }},
  "activity": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0003", "code": {{ msh[8][1] | json }} }], "text": "{{ msh[8][0] }} {{ msh[8][1] }}" },
  "agent": [{
    "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author", "display": "Author" }] },
    "who": { "type": "Organization", "identifier": { "system": "urn:polyseme:CITYHOSP:sender", "value": "CITYHOSP" }, "display": "{{ msh[3][0] }} {{ msh[2][0] }}" } }],
  "entity": [{
    "role": "source",
    "what": { "identifier": { "system": "urn:polyseme:CITYHOSP:message", "value": {{ msh[9][0] | json }} }, "display": "{{ msh[8][0] }} {{ msh[8][1] }} {{ msh[11][0] }}" } }]
}]`;
