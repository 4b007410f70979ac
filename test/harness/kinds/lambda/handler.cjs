// As people write them for Node.js runtimes of AWS Lambda; nothing here knows of rfaas.
'use strict'
let coldStarts = 0
const started = new Date(++coldStarts)

exports.handler = async (event, context) => {
  const remaining = context.getRemainingTimeInMillis()
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hello: event.queryStringParameters?.name ?? 'world' }),
    started,
    dropped: undefined,
    function: context.functionName,
    memory: context.memoryLimitInMB,
    version: context.functionVersion,
    hasId: /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(context.awsRequestId),
    remaining,
  }
}

exports.callbackStyle = function (event, context, callback) {
  context.callbackWaitsForEmptyEventLoop = false
  setTimeout(function () {
    if (event.fail) callback(new TypeError('no ' + event.fail))
    else callback(null, { sum: event.a + event.b })
  }, 1)
}

exports.legacy = function (event, context) {
  context.succeed('done with ' + event.key1)
}

exports.nothing = async () => {}

exports.rejects = async () => {
  const error = new Error('Boom')
  error.statusCode = 418
  throw error
}
