/** The laboratory reports of messages.ts to FHIR as a JSONata expression; `id`, `instant` and `day` are functions in JavaScript. */
export const JSONATA = `(
  $v2 := 'http://terminology.hl7.org/CodeSystem/v2-0203';
  $typed := function($code) { { 'coding': [{ 'system': $v2, 'code': $code }] } };
  $numbered := function($code, $value) { {
    'type': $typed($code), 'system': 'urn:polyseme:CITYHOSP:CITYHOSP', 'value': $value, 'assigner': { 'display': 'CITYHOSP' } } };
  $order := function($code, $field) { {
    'system': 'urn:polyseme:CITYHOSP:' & $field[1], 'value': $field[0], 'type': $typed($code) } };
  $concept := function($field) { {
    'coding': [{ 'system': 'http://loinc.org', 'code': $field[0], 'display': $field[1] }], 'text': $field[1] } };
  $msh := msh; $pid := pid; $pv1 := pv1; $obr := obr;
  $patientId := $id('Patient', [$pid[3][0], $pid[3][3]]);
  $patient := 'Patient/' & $patientId;
  $subject := { 'reference': $patient };
  $stay := $id('Encounter', [$patient, $pv1[19][0], 'VN']);
  $encounter := { 'reference': 'Encounter/' & $stay };
  $requestId := $id('ServiceRequest', [$patient, $obr[2][0], $obr[4][0]]);
  $request := { 'reference': 'ServiceRequest/' & $requestId };
  $issued := $instant($obr[22][0]);
  $location := $pv1[3];
  $observations := $map(obx, function($obx) { (
    $unit := $obx[6][0]; $range := $split($obx[7][0], '-');
    $measured := { 'unit': $unit, 'system': 'http://unitsofmeasure.org', 'code': $unit };
    {
      'resourceType': 'Observation',
      'id': $id('Observation', [$patient, $obr[3][0], $obx[3][0], $obx[4][0], $obx[14][0]]),
      'status': 'final',
      'code': $concept($obx[3]),
      'subject': $subject,
      'encounter': $encounter,
      'valueQuantity': $merge([{ 'value': $number($obx[5][0]) }, $measured]),
      'interpretation': [{ 'coding': [{
        'system': 'http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation', 'code': $obx[8][0], 'display': 'Normal' }] }],
      'referenceRange': [{
        'low': $merge([{ 'value': $number($range[0]) }, $measured]),
        'high': $merge([{ 'value': $number($range[1]) }, $measured]),
        'text': $obx[7][0] }],
      'category': [{ 'coding': [{ 'system': 'http://terminology.hl7.org/CodeSystem/observation-category', 'code': 'laboratory' }] }],
      'basedOn': [$request],
      'effectiveDateTime': $instant($obx[14][0]),
      'issued': $issued
    }) });
  $made := $append([
    {
      'resourceType': 'Patient', 'id': $patientId, 'identifier': [$numbered('MR', $pid[3][0])], 'active': true,
      'name': [{ 'family': $pid[5][0], 'given': [$pid[5][1], $pid[5][2]] }],
      'telecom': [{ 'system': 'phone', 'value': '+' & $pid[13][4] & ' ' & $pid[13][5] & ' ' & $pid[13][6], 'use': 'home' }],
      'gender': $pid[8][0] = 'F' ? 'female' : 'male', 'birthDate': $day($pid[7][0]),
      'address': [{ 'line': [$pid[11][0]], 'city': $pid[11][2], 'state': $pid[11][3], 'postalCode': $pid[11][4], 'country': $pid[11][5] }]
    },
    {
      'resourceType': 'Encounter', 'id': $stay, 'identifier': [$numbered('VN', $pv1[19][0])], 'status': 'in-progress',
      'class': { 'system': 'http://terminology.hl7.org/CodeSystem/v3-ActCode', 'code': 'IMP', 'display': 'inpatient encounter' },
      'subject': $subject,
      'participant': [{
        'type': [{ 'coding': [{
          'system': 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', 'code': 'ATND', 'display': 'attender' }] }],
        'individual': {
          'type': 'Practitioner', 'identifier': { 'value': $pv1[7][0], 'system': 'urn:polyseme:CITYHOSP:practitioner' },
          'display': $pv1[7][2] & ' ' & $pv1[7][1] } }],
      'period': { 'start': $instant($pv1[44][0]) },
      'location': [{
        'location': {
          'type': 'Location',
          'identifier': {
            'system': 'urn:polyseme:CITYHOSP:location',
            'value': $location[3] & '-' & $location[0] & '-' & $location[1] & '-' & $location[2] },
          'display': $location[3] & ' ' & $location[0] & ' ' & $location[1] & ' ' & $location[2] },
        'status': 'active' }]
    },
    {
      'resourceType': 'ServiceRequest', 'id': $requestId, 'identifier': [$order('PLAC', $obr[2]), $order('FILL', $obr[3])],
      'status': 'completed', 'intent': 'order',
      'category': [{ 'coding': [{ 'system': 'http://terminology.hl7.org/CodeSystem/v2-0074', 'code': 'LAB' }] }],
      'code': $concept($obr[4]), 'subject': $subject, 'encounter': $encounter
    }], $append($observations, [{
      'resourceType': 'DiagnosticReport', 'id': $id('DiagnosticReport', [$patient, $obr[3][0], $obr[4][0], $obr[7][0]]),
      'identifier': [$order('FILL', $obr[3]), $order('PLAC', $obr[2])], 'status': 'final',
      'category': [{ 'coding': [{ 'system': 'http://terminology.hl7.org/CodeSystem/v2-0074', 'code': 'LAB' }] }],
      'code': $concept($obr[4]), 'subject': $subject, 'encounter': $encounter, 'effectiveDateTime': $instant($obr[7][0]),
      'issued': $issued, 'basedOn': [$request], 'result': [$observations.{ 'reference': 'Observation/' & id }]
    }]));
  $append($made, [{
    'resourceType': 'Provenance', 'id': $id('Provenance', [$msh[9][0], $msh[6][0], $msh[8][0], $msh[8][1]]),
    'target': [$made.{ 'reference': resourceType & '/' & id }], 'recorded': $instant($msh[6][0]),
    'activity': {
      'coding': [{ 'system': 'http://terminology.hl7.org/CodeSystem/v2-0003', 'code': $msh[8][1] }],
      'text': $msh[8][0] & ' ' & $msh[8][1] },
    'agent': [{
      'type': { 'coding': [{
        'system': 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', 'code': 'author', 'display': 'Author' }] },
      'who': {
        'type': 'Organization', 'identifier': { 'system': 'urn:polyseme:CITYHOSP:sender', 'value': 'CITYHOSP' },
        'display': $msh[3][0] & ' ' & $msh[2][0] } }],
    'entity': [{ 'role': 'source', 'what': {
      'identifier': { 'system': 'urn:polyseme:CITYHOSP:message', 'value': $msh[9][0] },
      'display': $msh[8][0] & ' ' & $msh[8][1] & ' ' & $msh[11][0] } }]
  }])
)`;
