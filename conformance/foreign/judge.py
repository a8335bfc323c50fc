"""Judges values by schemas, as jsonschema does: a job on stdin, complaints on stdout. judge.mjs is the same in JavaScript."""

import json
import sys

from jsonschema import Draft7Validator, Draft202012Validator

for line in sys.stdin:
    job = json.loads(line)
    for draft in Draft7Validator, Draft202012Validator:
        draft.check_schema(job["schema"])
        for case in job["cases"]:
            whole = {"definitions": job["schema"]["definitions"], "allOf": [{"$ref": "#/definitions/" + case["of"]}]}
            validator = draft(whole, format_checker=draft.FORMAT_CHECKER)
            faults = [error.message for error in validator.iter_errors(case["value"])]
            if (not faults) != case["fits"]:
                print(json.dumps({"draft": draft.__name__, "case": case, "faults": faults}))
