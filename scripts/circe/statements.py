"""Reads cohort definitions from standard input, one JSON a line, and writes what circe makes of each, one JSON text a line.

pip install ohdsi-circepy  (https://pypi.org/project/ohdsi-circepy/: circe-be in Python)
"""

import json
import sys

from circe import api, build_cohort_query, cohort_expression_from_json

options = api.BuildExpressionQueryOptions()
options.cdm_schema = "cdm"
options.vocabulary_schema = "cdm"
options.target_table = "circe_cohort"
options.result_schema = "pg_temp"
options.cohort_id = 1
options.generate_stats = False
for line in sys.stdin:
    print(json.dumps(build_cohort_query(cohort_expression_from_json(line), options)), flush=True)
