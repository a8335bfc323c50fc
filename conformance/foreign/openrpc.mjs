// Reads an OpenRPC document from stdin as tools for it do: judged by the meta-schema, parsed, its references followed.
// Prints a line for each method, as one who knows OpenRPC and nothing of Sabir sees it.

import { text } from 'node:stream/consumers'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { openrpcDocument: metaSchema } = require('@open-rpc/meta-schema')
const { default: jsonSchema } = require('@json-schema-tools/meta-schema')
const { parseOpenRPCDocument, validateOpenRPCDocument, MethodCallValidator } = require('@open-rpc/schema-utils-js')
const Ajv = require('ajv')
const addFormats = require('ajv-formats')

const document = JSON.parse(await text(process.stdin))

// The meta-schema is itself written in the schema of schemas that json-schema.tools keeps.
const ajv = new Ajv({ strict: false, validateSchema: false, allErrors: true })
addFormats(ajv)
ajv.addSchema(jsonSchema, 'https://meta.json-schema.tools')
if (!ajv.validate(metaSchema, document)) throw new Error('the meta-schema refuses it: ' + JSON.stringify(ajv.errors))
const verdict = validateOpenRPCDocument(document)
if (verdict !== true) throw new Error('schema-utils refuses it: ' + verdict)

// Following references that lead back to themselves never ends in these tools, so such a document is only read.
const parsed = await parseOpenRPCDocument(document, { dereference: !process.argv.includes('--recursive') })
const names = new Set()
for (const method of parsed.methods) {
  if (names.has(method.name)) throw new Error('two methods are called ' + method.name)
  names.add(method.name)
  const codes = (method.errors ?? []).map((e) => e.code)
  if (new Set(codes).size !== codes.length) throw new Error(method.name + ': two errors have one code')
  const params = method.params.map((p) => p.name + (p.required ? '' : '?'))
  console.log(`${method.name}(${params.join(', ')}): ${method.result.name} ${method.result.schema.type ?? 'any'}`)
}

for (const [method, params, fits] of JSON.parse(process.env.CALLS || '[]')) {
  const faults = new MethodCallValidator(parsed).validate(method, params)
  if (Array.isArray(faults) !== true || (faults.length === 0) !== fits) throw new Error(`${method}: ${JSON.stringify(params)}: ${JSON.stringify(faults)}`)
}
