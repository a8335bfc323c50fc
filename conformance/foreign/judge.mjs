// Judges values by schemas, as ajv does: a job a line on stdin, complaints on stdout. judge.py is the same in Python.

import readline from 'node:readline'
import Ajv from 'ajv'
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const drafts = { 'draft-07': Ajv, '2020-12': Ajv2020 }

for await (const line of readline.createInterface({ input: process.stdin })) {
  const job = JSON.parse(line)
  for (const [draft, Validator] of Object.entries(drafts)) {
    // strictTypes would have a type beside each const, and strictRequired the properties of an allOf.
    const ajv = new Validator({ strict: true, strictTypes: false, allErrors: true })
    addFormats(ajv)
    ajv.addSchema(job.schema, 'job')
    for (const item of job.cases) {
      const validate = ajv.getSchema(`job#/definitions/${item.of}`)
      const fits = validate(item.value)
      if (fits !== item.fits) console.log(JSON.stringify({ draft, case: item, faults: validate.errors }))
    }
  }
}
